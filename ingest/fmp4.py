"""Fragmented MP4 (ISO/IEC 14496-12) written by hand: one track, the same bytes for recordings and for live viewers.

A fragment costs some 10 us here against 100 us through a general muxer, and its layout is known to `ingest.clip`.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from ingest.h26x import Codec, ParameterSets
from ingest.packet import TICKS_PER_S

TRACK_ID = 1
DEFAULT_DURATION = TICKS_PER_S // 25
_KEY_FLAGS = 0x02000000  # depends on no other sample
_OTHER_FLAGS = 0x01010000  # depends on others, not a sync sample
_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_TRUN_SAMPLE = struct.Struct(">IIIi")


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture in a file: what it is made of comes in ``data`` or lies elsewhere (then ``data`` is empty)."""

    decode_90k: int
    present_90k: int
    duration_90k: int
    key: bool
    size: int
    data: bytes = b""


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return (len(body) + 8).to_bytes(4, "big") + kind + body


def full_box(kind: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    return box(kind, (version << 24 | flags).to_bytes(4, "big"), *parts)


def sample_entry(sets: ParameterSets) -> bytes:
    """Return the ``avc1`` or ``hvc1`` box with the decoder's configuration."""
    picture = sets.picture
    h264 = sets.codec is Codec.H264
    head = struct.pack(">6xH16xHHIIIH", 1, picture.width_px, picture.height_px, 0x480000, 0x480000, 0, 1)
    head += bytes(32) + struct.pack(">Hh", 24, -1)
    return box(b"avc1" if h264 else b"hvc1", head, box(b"avcC" if h264 else b"hvcC", sets.decoder_record()))


def file_type(*, fragmented: bool) -> bytes:
    brands = b"isom" + (b"iso6mp41" if fragmented else b"iso2mp41")
    return box(b"ftyp", b"iso6" if fragmented else b"isom", struct.pack(">I", 0x200), brands)


def movie(
    entries: Sequence[bytes],
    size_px: tuple[int, int],
    tables: bytes,
    *,
    duration_90k: int = 0,
    tail: bytes = b"",
) -> bytes:
    """Return a ``moov`` with one video track; ``tables`` are the sample tables after ``stsd``."""
    width, height = size_px
    duration = min(duration_90k, 0xFFFFFFFF)
    mvhd = struct.pack(">IIIIIH10x", 0, 0, TICKS_PER_S, duration, 0x10000, 0x100)
    mvhd += _MATRIX + bytes(24) + struct.pack(">I", TRACK_ID + 1)
    tkhd = struct.pack(">IIIII8xHHHH", 0, 0, TRACK_ID, 0, duration, 0, 0, 0, 0) + _MATRIX
    tkhd += struct.pack(">II", width << 16, height << 16)
    mdhd = struct.pack(">IIIIHH", 0, 0, TICKS_PER_S, duration, 0x55C4, 0)
    handler = struct.pack(">I4s12x", 0, b"vide") + b"video\x00"
    where = box(b"dinf", full_box(b"dref", 0, 0, struct.pack(">I", 1), full_box(b"url ", 0, 1)))
    described = full_box(b"stsd", 0, 0, struct.pack(">I", len(entries)), *entries)
    media = box(
        b"mdia",
        full_box(b"mdhd", 0, 0, mdhd),
        full_box(b"hdlr", 0, 0, handler),
        box(b"minf", full_box(b"vmhd", 0, 1, bytes(8)), where, box(b"stbl", described, tables)),
    )
    track = box(b"trak", full_box(b"tkhd", 0, 3, tkhd), media)
    return box(b"moov", full_box(b"mvhd", 0, 0, mvhd), track, tail)


def init_segment(sets: ParameterSets) -> bytes:
    """Return what stands before the first fragment: ``ftyp`` and a ``moov`` without samples."""
    picture = sets.picture
    empty = b"".join(full_box(kind, 0, 0, bytes(4)) for kind in (b"stts", b"stsc", b"stco"))
    empty += full_box(b"stsz", 0, 0, bytes(8))
    extends = full_box(b"trex", 0, 0, struct.pack(">IIIII", TRACK_ID, 1, DEFAULT_DURATION, 0, _OTHER_FLAGS))
    tail = box(b"mvex", extends)
    size_px = picture.width_px, picture.height_px
    return file_type(fragmented=True) + movie([sample_entry(sets)], size_px, empty, tail=tail)


def fragment(number: int, samples: Sequence[Sample], *, origin_90k: int = 0) -> bytes:
    """Return ``moof`` and ``mdat`` for samples that follow each other; times count from ``origin_90k``."""
    count = len(samples)
    size = 8 + 16 + 8 + 16 + 20 + 20 + 16 * count
    rows = b"".join(
        _TRUN_SAMPLE.pack(
            sample.duration_90k,
            sample.size,
            _KEY_FLAGS if sample.key else _OTHER_FLAGS,
            sample.present_90k - sample.decode_90k,
        )
        for sample in samples
    )
    head = struct.pack(
        ">I4s" "I4sII" "I4s" "I4sII" "I4sIQ" "I4sIII",
        size, b"moof",
        16, b"mfhd", 0, number,
        size - 24, b"traf",
        16, b"tfhd", 0x020000, TRACK_ID,
        20, b"tfdt", 0x01000000, samples[0].decode_90k - origin_90k,
        20 + 16 * count, b"trun", 0x01000F01, count, size + 8,
    )  # fmt: skip
    bytes_in = sum(sample.size for sample in samples)
    return b"".join((head, rows, struct.pack(">I4s", bytes_in + 8, b"mdat"), *(sample.data for sample in samples)))
