"""What a camera recorded, read back as the packets that its link once gave, at the times of the wall clock."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ingest.clip import files
from ingest.h26x import Codec, ParameterSets
from ingest.packet import TICKS_PER_S, Packet
from ingest.segment_file import NotASegment, read, started_at

_ENTRY_BYTES = 86
"""The fields of a visual sample entry, its own head included, before the boxes inside."""
_HVCC_HEAD_BYTES = 22


def packets(media_dir: Path, camera_id: str, since: datetime, until: datetime) -> Iterator[Packet]:
    """Yield what was recorded in the range, from the last key frame before it on, in order of time.

    Times on the monotonic clock are seconds since the epoch. Files that are gone meanwhile are left out.
    """
    sets: dict[bytes, ParameterSets] = {}
    seq, last = 0, 0
    first, end = _ticks(since), _ticks(until)
    for path in files(media_dir, camera_id, since, until):
        try:
            contents, base = read(path), _ticks(started_at(path))
        except (NotASegment, OSError):
            continue
        if base + contents.end_90k <= first:
            continue
        known = sets.setdefault(contents.entry, parameter_sets(contents.entry))
        begin = max(
            (n for n, one in enumerate(contents.samples) if one.key and base + one.decode_90k <= first), default=0
        )
        try:
            with path.open("rb") as file:
                for one in contents.samples[begin:]:
                    decode = base + one.decode_90k
                    if decode >= end:
                        return
                    if decode <= last:
                        continue  # the wall clock was set back
                    file.seek(one.offset)
                    data = file.read(one.size)
                    if len(data) < one.size:
                        break
                    seq, last = seq + 1, decode
                    present = base + one.present_90k
                    yield Packet(
                        seq=seq,
                        present_90k=present,
                        decode_90k=decode,
                        received_at=datetime.fromtimestamp(present / TICKS_PER_S, UTC),
                        monotonic_s=present / TICKS_PER_S,
                        key=one.key,
                        data=data,
                        sets=known,
                    )
        except OSError:
            continue


def parameter_sets(entry: bytes) -> ParameterSets:
    """Return what a sample entry of `ingest.fmp4` says; `NotASegment` when it is of another writer."""
    codec = Codec.H265 if entry[4:8] == b"hvc1" else Codec.H264
    record = entry[_ENTRY_BYTES + 8 :]
    found = ParameterSets(codec)
    try:
        for nal in _h264_nals(record) if codec is Codec.H264 else _h265_nals(record):
            found = found.updated(nal)
    except IndexError:
        raise NotASegment("a sample entry that is cut off") from None
    return found


def _h264_nals(record: bytes) -> Iterator[bytes]:
    at = 5
    for mask in (0x1F, 0xFF):
        count, at = record[at] & mask, at + 1
        for _ in range(count):
            size = int.from_bytes(record[at : at + 2], "big")
            yield record[at + 2 : at + 2 + size]
            at += 2 + size


def _h265_nals(record: bytes) -> Iterator[bytes]:
    at = _HVCC_HEAD_BYTES + 1
    for _ in range(record[_HVCC_HEAD_BYTES]):
        count, at = int.from_bytes(record[at + 1 : at + 3], "big"), at + 3
        for _ in range(count):
            size = int.from_bytes(record[at : at + 2], "big")
            yield record[at + 2 : at + 2 + size]
            at += 2 + size


def _ticks(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 9 // 100
