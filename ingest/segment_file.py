"""Reads what `ingest.recorder` wrote: where each picture of a segment lies, even while the segment is being written."""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ingest.packet import TICKS_PER_S
from models.timeline import Segment

MOOV_MAX_BYTES = 1 << 20
MOOF_MAX_BYTES = 8 << 20
_KEY_BIT = 0x00010000
_SAMPLE = struct.Struct(">IIIi")


class NotASegment(ValueError):
    """The file was not written by a recorder of ours, or holds nothing yet."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One picture: its times count from the segment's start."""

    decode_90k: int
    present_90k: int
    duration_90k: int
    key: bool
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Contents:
    """``entry`` is the sample entry box; ``whole_bytes`` is where the last whole fragment ends."""

    entry: bytes
    samples: list[Stored]
    whole_bytes: int

    @property
    def end_90k(self) -> int:
        return self.samples[-1].decode_90k + self.samples[-1].duration_90k if self.samples else 0


def started_at(path: Path) -> datetime:
    """Return the start that a segment's name tells; `NotASegment` for other names."""
    if not path.stem.isdigit() or path.suffix != ".mp4" or len(path.stem) > 16:
        raise NotASegment(path.name)
    return datetime.fromtimestamp(int(path.stem) / 1000, UTC)


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if size < 8 or at + size > len(data):
            return
        yield data[at + 4 : at + 8], data[at + 8 : at + size]
        at += size


def _find(data: bytes, *path: bytes) -> bytes:
    for kind in path:
        found = next((body for name, body in _boxes(data) if name == kind), None)
        if found is None:
            raise NotASegment(f"no {kind.decode()} box")
        data = found
    return data


def _fragment(moof: bytes, data_offset: int) -> Iterator[Stored]:
    traf = _find(moof, b"traf")
    decode = int.from_bytes(_find(traf, b"tfdt")[4:12], "big")
    run = _find(traf, b"trun")
    count = int.from_bytes(run[4:8], "big")
    if int.from_bytes(run[1:4], "big") != 0xF01 or len(run) < 12 + 16 * count:
        raise NotASegment("a fragment of another writer")
    for duration, size, flags, shift in _SAMPLE.iter_unpack(run[12 : 12 + 16 * count]):
        yield Stored(decode, decode + shift, duration, not flags & _KEY_BIT, data_offset, size)
        decode += duration
        data_offset += size


def read(path: Path) -> Contents:
    """Index a segment; what was cut off at its end is left out. `NotASegment` or `OSError` when it cannot be read."""
    samples: list[Stored] = []
    entry = b""
    with path.open("rb") as file:
        end = os.fstat(file.fileno()).st_size
        at = whole = 0
        moof: tuple[bytes, int] | None = None
        while at + 8 <= end:
            file.seek(at)
            head = file.read(8)
            size, kind = int.from_bytes(head[:4], "big"), head[4:]
            if size < 8 or at + size > end:
                break
            if kind == b"moov" and size <= MOOV_MAX_BYTES:
                stsd = _find(file.read(size - 8), b"trak", b"mdia", b"minf", b"stbl", b"stsd")
                entry = stsd[8:]
            elif kind == b"moof" and size <= MOOF_MAX_BYTES:
                moof = file.read(size - 8), at + size
            elif kind == b"mdat" and moof:
                samples += _fragment(moof[0], moof[1] + 8)
                moof, whole = None, at + size
            at += size
    if not entry:
        raise NotASegment(path.name)
    return Contents(entry, samples, whole)


def recover(media_dir: Path, path: Path, camera_id: str) -> Segment | None:
    """Make a segment of a file that a killed recorder left; a file without a whole fragment is removed."""
    try:
        begun, contents = started_at(path), read(path)
    except NotASegment:
        return None
    if not contents.samples:
        path.unlink(missing_ok=True)
        return None
    os.truncate(path, contents.whole_bytes)
    return Segment(
        camera_id=camera_id,
        started_at=begun,
        ended_at=begun + timedelta(seconds=contents.end_90k / TICKS_PER_S),
        path=str(path.relative_to(media_dir)),
        size_bytes=contents.whole_bytes,
        codec="h265" if contents.entry[4:8] == b"hvc1" else "h264",
    )
