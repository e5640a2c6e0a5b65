"""Any stretch of a camera's recording as one plain MP4, without re-encoding and without writing a file.

Only the index is built; the pictures are copied out of the segments while they are sent, so a clip starts at
once, its length is known, and a browser may ask for parts of it.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise
from pathlib import Path

from ingest.fmp4 import DEFAULT_DURATION, file_type, full_box, movie, sample_entry
from ingest.packet import TICKS_PER_S, Packet
from ingest.recorder import FOLDER
from ingest.segment_file import NotASegment, read, started_at
from models.errors import BadInput, NotFound

CLIP_MAX_S = 3600.0
SEGMENT_MAX_S = 120.0
"""No segment is longer: a camera with this long a GOP is cut by the packet ring's and viewers' limits first."""
CHUNK_BYTES = 256 << 10


@dataclass(frozen=True, slots=True)
class Placed:
    """One picture of a clip. ``at`` is its decode time in ticks since the epoch; ``where`` holds its bytes."""

    at: int
    shift: int
    key: bool
    size: int
    entry: bytes
    where: Path | bytes
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Clip:
    """A file that exists only while it is read."""

    started_at: datetime
    ended_at: datetime
    head: bytes
    parts: tuple[tuple[Path | bytes, int, int], ...]

    @property
    def size_bytes(self) -> int:
        return len(self.head) + sum(length for _, _, length in self.parts)

    def read(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Yield the bytes from ``start`` up to ``end``."""
        left = (self.size_bytes if end is None else end) - start
        for where, offset, length in ((self.head, 0, len(self.head)), *self.parts):
            if start >= length:
                start -= length
                continue
            take = min(length - start, left)
            yield from _pieces(where, offset + start, take)
            start, left = 0, left - take
            if left <= 0:
                return


def _pieces(where: Path | bytes, offset: int, length: int) -> Iterator[bytes]:
    if isinstance(where, bytes):
        yield where[offset : offset + length]
        return
    with where.open("rb") as file:
        file.seek(offset)
        while length > 0 and (piece := file.read(min(length, CHUNK_BYTES))):
            length -= len(piece)
            yield piece


def _ticks(moment: datetime) -> int:
    return round(moment.timestamp() * TICKS_PER_S)


def files(media_dir: Path, camera_id: str, since: datetime, until: datetime) -> list[Path]:
    """Return the segments that may hold something of the range, by the starts in their names."""
    earliest = since - timedelta(seconds=SEGMENT_MAX_S)
    day, found = earliest.date(), []
    while day <= until.date():
        folder = media_dir / FOLDER / camera_id / f"{day:%Y%m%d}"
        if folder.is_dir():
            for path in folder.iterdir():
                try:
                    if earliest <= started_at(path) < until:
                        found.append(path)
                except NotASegment:
                    continue
        day += timedelta(days=1)
    return sorted(found)


def _stored(paths: Iterable[Path]) -> Iterator[Placed]:
    for path in paths:
        try:
            contents, base = read(path), _ticks(started_at(path))
        except (NotASegment, OSError):
            continue  # retention may have taken it a moment ago
        for one in contents.samples:
            shift = one.present_90k - one.decode_90k
            yield Placed(base + one.decode_90k, shift, one.key, one.size, contents.entry, path, one.offset)


def _held(packets: Sequence[Packet]) -> Iterator[Placed]:
    """The ring of a camera that is not recorded."""
    if packets and packets[0].sets.complete:
        base = _ticks(packets[0].received_at) - packets[0].decode_90k
        entry = sample_entry(packets[0].sets)
        for one in packets:
            if one.sets is packets[0].sets:
                shift = one.present_90k - one.decode_90k
                yield Placed(base + one.decode_90k, shift, one.key, len(one.data), entry, one.data)


def _within(samples: Iterable[Placed], since: int, until: int) -> list[Placed]:
    """Keep what lies in the range, from the last key frame before it on."""
    kept: list[Placed] = []
    for sample in samples:
        one = sample
        if one.at >= until:
            break
        if one.key and one.at <= since:
            kept.clear()
        if kept and one.at <= kept[-1].at:
            one = replace(one, at=kept[-1].at + 1)  # the wall clock was set back: keep the order, lose no picture
        if kept or one.key:
            kept.append(one)
    return kept


def cut(media_dir: Path, camera_id: str, since: datetime, until: datetime, *, held: Sequence[Packet] = ()) -> Clip:
    """Return the clip of a range; `NotFound` when nothing of it was recorded, `BadInput` for a range that cannot be."""
    if not since < until or (until - since).total_seconds() > CLIP_MAX_S:
        raise BadInput("to", f"a time after `from` and at most {CLIP_MAX_S:.0f} s later")
    source = _stored(files(media_dir, camera_id, since, until))
    samples = _within(source, _ticks(since), _ticks(until)) or _within(_held(held), _ticks(since), _ticks(until))
    if not samples or samples[-1].at + TICKS_PER_S < _ticks(since):
        raise NotFound("recording", camera_id)
    return _assemble(samples)


def _runs(values: Iterable[int]) -> list[tuple[int, int]]:
    return [(sum(1 for _ in same), value) for value, same in groupby(values)]


def _assemble(samples: list[Placed]) -> Clip:
    steps = [later.at - one.at for one, later in pairwise(samples)]
    # a hole in the recording becomes a standing picture, so that a clip's time is the wall's time
    durations = [*steps, steps[-1] if steps and steps[-1] < TICKS_PER_S else DEFAULT_DURATION]
    chunks = _chunks(samples)
    entries = list(dict.fromkeys(one.entry for one in samples))
    head_size = len(_head(samples, durations, chunks, entries, first_offset=0))
    head = _head(samples, durations, chunks, entries, first_offset=head_size)
    origin = datetime.fromtimestamp(samples[0].at / TICKS_PER_S, tz=UTC)
    parts = tuple((chunk[0].where, chunk[0].offset, sum(one.size for one in chunk)) for chunk in chunks)
    return Clip(origin, origin + timedelta(seconds=sum(durations) / TICKS_PER_S), head, parts)


def _chunks(samples: list[Placed]) -> list[list[Placed]]:
    """Group pictures that lie side by side in one file."""
    chunks: list[list[Placed]] = []
    for one in samples:
        last = chunks[-1][-1] if chunks else None
        if last and isinstance(one.where, Path) and last.where == one.where and last.offset + last.size == one.offset:
            chunks[-1].append(one)
        else:
            chunks.append([one])
    return chunks


def _head(
    samples: list[Placed], durations: list[int], chunks: list[list[Placed]], entries: list[bytes], *, first_offset: int
) -> bytes:
    def table(kind: bytes, version: int, rows: list[tuple[int, int]], signs: str) -> bytes:
        packed = b"".join(struct.pack(signs, *row) for row in rows)
        return full_box(kind, version, 0, struct.pack(">I", len(rows)), packed)

    tables = table(b"stts", 0, _runs(durations), ">II")
    if any(one.shift for one in samples):
        tables += table(b"ctts", 1, _runs(one.shift for one in samples), ">Ii")
    keys = [index for index, one in enumerate(samples, 1) if one.key]
    tables += full_box(b"stss", 0, 0, struct.pack(f">I{len(keys)}I", len(keys), *keys))
    sizes = [one.size for one in samples]
    tables += full_box(b"stsz", 0, 0, struct.pack(f">II{len(sizes)}I", 0, len(sizes), *sizes))
    places: list[int] = []
    rows: list[tuple[int, int, int]] = []
    offset = first_offset
    for number, chunk in enumerate(chunks, 1):
        places.append(offset)
        offset += sum(one.size for one in chunk)
        row = len(chunk), entries.index(chunk[0].entry) + 1
        if not rows or rows[-1][1:] != row:
            rows.append((number, *row))
    tables += full_box(b"stsc", 0, 0, struct.pack(">I", len(rows)), *(struct.pack(">III", *row) for row in rows))
    tables += full_box(b"co64", 0, 0, struct.pack(f">I{len(places)}Q", len(places), *places))
    width, height = struct.unpack(">HH", entries[0][32:36])
    moov = movie(entries, (width, height), tables, duration_90k=sum(durations))
    bytes_in = sum(sizes)
    return file_type(fragmented=False) + moov + struct.pack(">I4sQ", 1, b"mdat", bytes_in + 16)
