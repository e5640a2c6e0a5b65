"""RTP payloads to access units for H.264 (RFC 6184) and H.265 (RFC 7798).

0                   1                   2                   3
|V=2|P|X|  CC   |M|     PT      |       sequence number         |
|                           timestamp                           |
|                             SSRC                              |
"""

import struct
from collections import deque
from dataclasses import dataclass

from ingest.h26x import Codec, ParameterSets, is_key_nal, is_parameter_set, nal_type
from ingest.rtsp.sdp import VideoMedia

UNIT_MAX_BYTES = 8 << 20
"""More than this for one picture is a broken or hostile camera; the picture is dropped."""
_FIXED_HEADER = 12
_HEADER = struct.Struct(">BBHI").unpack_from
_H264_STAP_A, _H264_FU_A = 24, 28
_H265_AP, _H265_FU = 48, 49
_H264_LEFT_OUT = frozenset({9, 12})  # access unit delimiter, filler
_H265_LEFT_OUT = frozenset({35, 38})


@dataclass(frozen=True, slots=True)
class AccessUnit:
    """One picture: length-prefixed NAL units without parameter sets, which stand beside it.

    ``ticks`` is the 32-bit RTP timestamp; ``damaged`` means that some of its packets were lost.
    """

    ticks: int
    key: bool
    data: bytes
    sets: ParameterSets
    damaged: bool


def payload_bounds(packet: memoryview | bytes) -> tuple[int, int] | None:
    """Return where the payload starts and ends; None when this is not RTP version 2 or is cut off."""
    size = len(packet)
    if size <= _FIXED_HEADER or packet[0] & 0xC0 != 0x80:
        return None
    start = _FIXED_HEADER + 4 * (packet[0] & 0x0F)
    if packet[0] & 0x10:
        if start + 4 > size:
            return None
        start += 4 + 4 * ((packet[start + 2] << 8) | packet[start + 3])
    end = size - packet[-1] if packet[0] & 0x20 else size
    return (start, end) if start < end else None


class UnitBuilder:
    """Takes packets in order; gives an access unit when its last packet is in.

    A unit ends with the marker bit or when the timestamp changes. Parameter sets that come as a picture of
    their own (seen from several makers) are kept for the next one.
    """

    def __init__(self, media: VideoMedia) -> None:
        self._codec = media.codec
        self._payload_type = media.payload_type
        self.sets = media.sets
        self.ssrc: int | None = None
        self.packets_lost = 0
        self.units_lost = 0
        self._next_seq: int | None = None
        self._ticks: int | None = None
        self._nals: list[bytes] = []
        self._size = 0
        self._key = False
        self._fragment: list[bytes] | None = None
        self._damaged = False
        self.ready: deque[AccessUnit] = deque()

    def push(self, view: memoryview, start: int, end: int) -> None:
        """Take the RTP packet that lies at ``view[start:end]``; what is complete with it goes to `ready`."""
        if end - start <= _FIXED_HEADER + 2:
            return
        first, marked, seq, ticks = _HEADER(view, start)
        # three of four packets of a large picture are its middle fragments: this is their short way
        if (
            first == 0x80
            and marked == self._payload_type
            and seq == self._next_seq
            and ticks == self._ticks
            and self._fragment is not None
            and self._codec is Codec.H264
            and view[start + 12] & 0x1F == _H264_FU_A
            and not view[start + 13] & 0xC0
        ):
            self._next_seq = (seq + 1) & 0xFFFF
            self._fragment.append(view[start + 14 : end].tobytes())
            self._size += end - start
            if self._size > UNIT_MAX_BYTES:
                self._fragment, self._damaged = None, True
            return
        packet = view[start:end]
        bounds = payload_bounds(packet)
        if bounds is None or marked & 0x7F != self._payload_type:
            return
        if self._next_seq is not None and seq != self._next_seq:
            missing = (seq - self._next_seq) & 0xFFFF
            self.packets_lost += missing if missing < 0x8000 else 0
            self._fragment, self._damaged = None, True
        self._next_seq = (seq + 1) & 0xFFFF
        if ticks != self._ticks:
            if self._ticks is not None and self._nals:
                self._finish(late=True)
            self._ticks = ticks
            self.ssrc = int.from_bytes(packet[8:12], "big")
        self._take(packet[bounds[0] : bounds[1]])
        if marked & 0x80:
            self._finish(late=False)

    @property
    def highest_seq(self) -> int:
        return ((self._next_seq or 0) - 1) & 0xFFFF

    def _take(self, payload: memoryview) -> None:
        first = payload[0]
        if self._codec is Codec.H264:
            kind = first & 0x1F
            if kind == _H264_FU_A:
                if len(payload) > 2:
                    self._take_fragment(bytes([(first & 0xE0) | (payload[1] & 0x1F)]), payload[1], payload[2:])
            elif kind == _H264_STAP_A:
                self._take_aggregate(payload[1:])
            else:
                self._add(bytes(payload))
            return
        kind = (first >> 1) & 0x3F
        if len(payload) <= 3:
            return
        if kind == _H265_FU:
            header = bytes([(first & 0x81) | ((payload[2] & 0x3F) << 1), payload[1]])
            self._take_fragment(header, payload[2], payload[3:])
        elif kind == _H265_AP:
            self._take_aggregate(payload[2:])
        else:
            self._add(bytes(payload))

    def _take_fragment(self, header: bytes, flags: int, body: memoryview) -> None:
        if flags & 0x80:
            self._fragment = [header]
        if self._fragment is None:
            self._damaged = True  # its start was lost
            return
        self._fragment.append(bytes(body))
        self._size += len(body)
        if self._size > UNIT_MAX_BYTES:
            self._fragment, self._damaged = None, True
        elif flags & 0x40:
            nal, self._fragment = b"".join(self._fragment), None
            self._size -= len(nal) - 1
            self._add(nal)

    def _take_aggregate(self, body: memoryview) -> None:
        at = 0
        while at + 2 < len(body):
            size = (body[at] << 8) | body[at + 1]
            if size:
                self._add(bytes(body[at + 2 : at + 2 + size]))
            at += 2 + size

    def _add(self, nal: bytes) -> None:
        if is_parameter_set(self._codec, nal[0]):
            self.sets = self.sets.updated(nal)
            return
        left_out = _H264_LEFT_OUT if self._codec is Codec.H264 else _H265_LEFT_OUT
        if nal_type(self._codec, nal[0]) in left_out:
            return
        self._size += len(nal) + 4
        if self._size > UNIT_MAX_BYTES:
            self._damaged = True
            return
        self._key = self._key or is_key_nal(self._codec, nal[0])
        self._nals.append(nal)

    def _has_picture(self) -> bool:
        h264 = self._codec is Codec.H264
        return any((1 <= nal[0] & 0x1F <= 5) if h264 else (nal[0] >> 1) & 0x3F < 32 for nal in self._nals)

    def _finish(self, *, late: bool) -> None:
        if self._fragment is not None:
            self._fragment, self._damaged = None, True
        if not self._has_picture():
            if self._damaged and not late:
                self.units_lost += 1
                self._damaged = False
                self._clear()
            return
        # with a single loss between two pictures it is not known which lost something: both are marked
        unit = AccessUnit(
            self._ticks or 0,
            self._key,
            b"".join(part for nal in self._nals for part in (len(nal).to_bytes(4, "big"), nal)),
            self.sets,
            self._damaged,
        )
        self.units_lost += self._damaged
        self._damaged = False
        self._clear()
        self.ready.append(unit)

    def _clear(self) -> None:
        self._nals = []
        self._size = 0
        self._key = False
