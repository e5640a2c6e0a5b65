"""H.264 and H.265 on the byte level: NAL units, parameter sets, codec names.

Access units travel as length-prefixed NAL units (four bytes each, ISO/IEC 14496-15), which is what MP4
files, browsers and the decoder want; only WebRTC asks for start codes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

START_CODE = b"\x00\x00\x00\x01"
MAX_PICTURE_PX = 8192
"""Wider or higher than this is a broken or hostile parameter set."""


class Codec(StrEnum):
    H264 = "h264"
    H265 = "h265"


H264_IDR, H264_SPS, H264_PPS = 5, 7, 8
H265_VPS, H265_SPS, H265_PPS = 32, 33, 34
H265_IRAP = range(16, 24)


def nal_type(codec: Codec, first_byte: int) -> int:
    """Return the NAL unit type (ITU-T H.264 7.3.1, H.265 7.3.1.2)."""
    return first_byte & 0x1F if codec is Codec.H264 else (first_byte >> 1) & 0x3F


def is_key_nal(codec: Codec, first_byte: int) -> bool:
    """Tell whether this NAL unit is a slice of a picture that can be decoded alone."""
    kind = nal_type(codec, first_byte)
    return kind == H264_IDR if codec is Codec.H264 else kind in H265_IRAP


def is_parameter_set(codec: Codec, first_byte: int) -> bool:
    kind = nal_type(codec, first_byte)
    return kind in (H264_SPS, H264_PPS) if codec is Codec.H264 else kind in (H265_VPS, H265_SPS, H265_PPS)


def split_start_codes(stream: bytes) -> list[bytes]:
    """Split an Annex B byte stream into NAL units."""
    nals: list[bytes] = []
    at = stream.find(b"\x00\x00\x01")
    while at >= 0:
        end = stream.find(b"\x00\x00\x01", at + 3)
        nal = stream[at + 3 : end if end >= 0 else len(stream)]
        if end >= 0:
            nal = nal.rstrip(b"\x00")  # trailing zeros belong to the next start code
        if nal:
            nals.append(nal)
        at = end
    return nals


def split_lengths(unit: bytes) -> Iterator[bytes]:
    """Split a length-prefixed access unit into NAL units; a cut-off tail is left out."""
    at, end = 0, len(unit)
    while at + 4 <= end:
        size = int.from_bytes(unit[at : at + 4], "big")
        if size == 0 or at + 4 + size > end:
            return
        yield unit[at + 4 : at + 4 + size]
        at += 4 + size


def join_lengths(nals: Iterable[bytes]) -> bytes:
    """Put NAL units into one length-prefixed access unit."""
    return b"".join(part for nal in nals for part in (len(nal).to_bytes(4, "big"), nal))


def with_start_codes(nals: Iterable[bytes]) -> bytes:
    """Put NAL units into one Annex B access unit."""
    return b"".join(part for nal in nals for part in (START_CODE, nal))


class _Bits:
    """Reads a raw byte sequence payload; emulation prevention bytes are already out."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = len(data) * 8

    def take(self, count: int) -> int:
        if count > self._left:
            raise ValueError("parameter set ends too early")
        self._left -= count
        return (self._value >> self._left) & ((1 << count) - 1)

    def flag(self) -> bool:
        return self.take(1) == 1

    def unsigned(self) -> int:
        """Exp-Golomb code, H.264 9.1."""
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > 32:
                raise ValueError("Exp-Golomb code too long")
        return (1 << zeros) - 1 + (self.take(zeros) if zeros else 0)

    def signed(self) -> int:
        value = self.unsigned()
        return (value + 1) // 2 if value & 1 else -(value // 2)


def _payload(nal: bytes, header: int) -> bytes:
    return nal[header:].replace(b"\x00\x00\x03", b"\x00\x00")


@dataclass(frozen=True, slots=True)
class Picture:
    """What a sequence parameter set says about the pictures."""

    width_px: int
    height_px: int
    chroma_format: int = 1
    bit_depth_luma: int = 8
    bit_depth_chroma: int = 8

    def __post_init__(self) -> None:
        if not (0 < self.width_px <= MAX_PICTURE_PX and 0 < self.height_px <= MAX_PICTURE_PX):
            raise ValueError(f"picture of {self.width_px} x {self.height_px}")


_H264_WITH_CHROMA = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})


def _skip_scaling_list(bits: _Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.signed()) % 256
        last = following or last


def _skip_scaling_matrix(bits: _Bits, lists: int) -> None:
    if bits.flag():
        for index in range(lists):
            if bits.flag():
                _skip_scaling_list(bits, 16 if index < 6 else 64)


def _skip_picture_order(bits: _Bits) -> None:
    order = bits.unsigned()
    if order == 0:
        bits.unsigned()
    elif order == 1:
        bits.take(1)
        bits.signed()
        bits.signed()
        for _ in range(min(bits.unsigned(), 255)):
            bits.signed()


def h264_picture(sps: bytes) -> Picture:
    """Read an H.264 sequence parameter set (7.3.2.1.1); `ValueError` when it is not one."""
    bits = _Bits(_payload(sps, 1))
    profile = bits.take(8)
    bits.take(16)  # constraint flags, level
    bits.unsigned()  # id
    chroma, luma_depth, chroma_depth = 1, 8, 8
    if profile in _H264_WITH_CHROMA:
        chroma = bits.unsigned()
        if chroma == 3:
            bits.take(1)
        luma_depth, chroma_depth = 8 + bits.unsigned(), 8 + bits.unsigned()
        bits.take(1)
        _skip_scaling_matrix(bits, 8 if chroma != 3 else 12)
    bits.unsigned()  # frame number length
    _skip_picture_order(bits)
    bits.unsigned()  # reference frames
    bits.take(1)
    width, height = (bits.unsigned() + 1) * 16, bits.unsigned() + 1
    frames_only = bits.flag()
    height *= 16 if frames_only else 32
    if not frames_only:
        bits.take(1)
    bits.take(1)
    if bits.flag():
        unit_x = 1 if chroma in (0, 3) else 2
        unit_y = (2 if chroma == 1 else 1) * (1 if frames_only else 2)
        left, right, top, bottom = (bits.unsigned() for _ in range(4))
        width -= (left + right) * unit_x
        height -= (top + bottom) * unit_y
    return Picture(width, height, chroma, luma_depth, chroma_depth)


def h265_picture(sps: bytes) -> Picture:
    """Read an H.265 sequence parameter set (7.3.2.2.1); `ValueError` when it is not one."""
    bits = _Bits(_payload(sps, 2))
    bits.take(4)
    sub_layers = bits.take(3)
    bits.take(1)
    bits.take(96)  # profile, tier, level
    if sub_layers:
        present = [(bits.flag(), bits.flag()) for _ in range(sub_layers)]
        bits.take(2 * (8 - sub_layers))
        for profile_present, level_present in present:
            bits.take(88 * profile_present + 8 * level_present)
    bits.unsigned()  # id
    chroma = bits.unsigned()
    if chroma == 3:
        bits.take(1)
    width, height = bits.unsigned(), bits.unsigned()
    if bits.flag():
        unit_x, unit_y = (2 if chroma in (1, 2) else 1), (2 if chroma == 1 else 1)
        left, right, top, bottom = (bits.unsigned() for _ in range(4))
        width -= (left + right) * unit_x
        height -= (top + bottom) * unit_y
    return Picture(width, height, chroma, 8 + bits.unsigned(), 8 + bits.unsigned())


PPS_MAX = 16
"""Encoders with several picture parameter sets use a handful."""


def _pps_id(codec: Codec, nal: bytes) -> int:
    header = 1 if codec is Codec.H264 else 2
    return _Bits(nal[header : header + 8]).unsigned()


@dataclass(frozen=True, slots=True)
class ParameterSets:
    """What a decoder must know before the first slice. ``vps`` is H.265 alone; ``pps`` are told apart by their ids."""

    codec: Codec
    sps: bytes = b""
    pps: tuple[bytes, ...] = ()
    vps: bytes = b""

    @property
    def complete(self) -> bool:
        return bool(self.sps and self.pps and (self.vps or self.codec is Codec.H264))

    @property
    def picture(self) -> Picture:
        return h264_picture(self.sps) if self.codec is Codec.H264 else h265_picture(self.sps)

    def nals(self) -> list[bytes]:
        return [nal for nal in (self.vps, self.sps, *self.pps) if nal]

    def updated(self, nal: bytes) -> ParameterSets:
        """Return the sets with ``nal`` taken in: the same object when it changes nothing or is broken."""
        if nal in (self.sps, self.vps) or nal in self.pps:
            return self
        kind = nal_type(self.codec, nal[0])
        h264 = self.codec is Codec.H264
        try:
            if kind == (H264_SPS if h264 else H265_SPS):
                changed = replace(self, sps=nal)
                return changed if changed.picture else self
            if kind == (H264_PPS if h264 else H265_PPS):
                own = _pps_id(self.codec, nal)
                others = tuple(pps for pps in self.pps if _pps_id(self.codec, pps) != own)
                return replace(self, pps=(*others, nal)[-PPS_MAX:])
        except ValueError:
            return self
        return replace(self, vps=nal) if kind == H265_VPS and not h264 else self

    @property
    def codec_string(self) -> str:
        """RFC 6381 name for MIME types, such as ``avc1.42c01e``."""
        if self.codec is Codec.H264:
            return f"avc1.{self.sps[1:4].hex()}"
        general = _payload(self.sps, 2)[1:13]
        space = ("", "A", "B", "C")[general[0] >> 6]
        compatibility = int(f"{int.from_bytes(general[1:5], 'big'):032b}"[::-1], 2)
        tier = "H" if general[0] & 0x20 else "L"
        constraints = "".join(f".{byte:X}" for byte in general[5:11].rstrip(b"\x00"))
        return f"hvc1.{space}{general[0] & 0x1F}.{compatibility:X}.{tier}{general[11]}{constraints}"

    def decoder_record(self) -> bytes:
        """Return the body of the ``avcC`` or ``hvcC`` box (ISO/IEC 14496-15 5.3.3.1.2, 8.3.3.1.2)."""
        if self.codec is Codec.H264:
            record = bytes([1, *self.sps[1:4], 0xFF, 0xE1]) + len(self.sps).to_bytes(2, "big") + self.sps
            record += bytes([len(self.pps)]) + b"".join(len(pps).to_bytes(2, "big") + pps for pps in self.pps)
            if self.sps[1] in (100, 110, 122, 144):
                picture = self.picture
                depths = 0xF8 | picture.bit_depth_luma - 8, 0xF8 | picture.bit_depth_chroma - 8
                record += bytes([0xFC | picture.chroma_format, *depths, 0])
            return record
        picture, general = self.picture, _payload(self.sps, 2)
        layers = ((general[0] >> 1) & 7) + 1
        record = b"\x01" + general[1:13] + b"\xf0\x00\xfc" + bytes([0xFC | picture.chroma_format])
        record += bytes([0xF8 | picture.bit_depth_luma - 8, 0xF8 | picture.bit_depth_chroma - 8, 0, 0])
        record += bytes([(layers << 3) | ((general[0] & 1) << 2) | 3, 3])
        for kind, nals in ((H265_VPS, (self.vps,)), (H265_SPS, (self.sps,)), (H265_PPS, self.pps)):
            record += bytes([0x80 | kind, 0, len(nals)])
            record += b"".join(len(nal).to_bytes(2, "big") + nal for nal in nals)
        return record
