"""What a WebRTC peer sends, taken as it is: RTP packets to access units, never decoded and never encoded again.

This is the one place that reaches into aiortc. Its receiver has a jitter buffer whose frames go to a decoder thread;
`UnitSink` takes the buffer's place, keeps what it is given, and gives the decoder nothing. Retransmission, statistics
and key frame requests stay aiortc's own. tests/ingest/test_whip.py notices when a new aiortc has another shape.
"""

import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator

from aiortc import (
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCRtpTransceiver,
)
from aiortc.exceptions import InternalError, InvalidAccessError, InvalidStateError, OperationError
from aiortc.rtp import RtpPacket

from ingest.failures import LinkFailure
from ingest.h26x import Codec, ParameterSets
from ingest.rtsp import AccessUnit
from ingest.rtsp.sdp import VideoMedia
from ingest.rtsp.units import UnitBuilder

SDP_MAX_BYTES = 64 << 10
QUEUE_MAX_UNITS = 256
QUEUE_MAX_BYTES = 16 << 20
"""A reader this far behind starts again at the next key frame."""
REORDER_MAX_PACKETS = 512
REORDER_MAX_S = 0.3
"""How long a lost packet may take to be sent again before the picture goes on without it."""
KEY_WITHIN_S = 4.0
"""Without a key frame for so long one is asked for: recordings are cut at them, viewers begin at them."""
ASK_AGAIN_S = 0.5
OTHER_SENDER_AFTER_S = 2.0
SILENT_AFTER_S = 5.0
TURN_S = 0.5
BAD_SDP = (
    ValueError,
    KeyError,
    IndexError,
    AttributeError,
    AssertionError,
    TypeError,
    InternalError,
    InvalidAccessError,
    InvalidStateError,
    OperationError,
)
"""What aiortc makes of a description that is none."""
_PAYLOAD_TYPE = 96
_JITTER_BUFFER = "_RTCRtpReceiver__jitter_buffer"
_RTP_HEADER = struct.Struct(">BBHII").pack


class UnitQueue:
    """From the loop of the peers to the thread of a link: bounded, and what it drops ends at a key frame."""

    def __init__(self) -> None:
        self.units_dropped = 0
        self._changed = threading.Condition()
        self._units: deque[AccessUnit] = deque()
        self._bytes = 0
        self._waits_for_key = True
        self._ended: str | None = None

    def put(self, unit: AccessUnit) -> bool:
        """Queue a unit; False when a key frame has to come first."""
        with self._changed:
            if self._waits_for_key and not unit.key:
                self.units_dropped += 1
                return False
            self._waits_for_key = False
            if len(self._units) >= QUEUE_MAX_UNITS or self._bytes + len(unit.data) > QUEUE_MAX_BYTES:
                self.units_dropped += len(self._units) + (not unit.key)
                self._units.clear()
                self._bytes = 0
                if not unit.key:
                    self._waits_for_key = True
                    return False
            self._units.append(unit)
            self._bytes += len(unit.data)
            self._changed.notify_all()
        return True

    def end(self, reason: str) -> None:
        """Say that nothing more comes; the first reason counts."""
        with self._changed:
            self._ended = self._ended or reason
            self._changed.notify_all()

    def wait(self, timeout_s: float) -> bool:
        """Wait for a unit without taking it; False when none came or none will."""
        with self._changed:
            self._changed.wait_for(lambda: self._units or self._ended is not None, timeout_s)
            return bool(self._units)

    def get(self, timeout_s: float) -> AccessUnit | None:
        """Return the next unit, or None when none came in time."""
        with self._changed:
            self._changed.wait_for(lambda: self._units or self._ended is not None, timeout_s)
            if not self._units:
                return None
            unit = self._units.popleft()
            self._bytes -= len(unit.data)
            return unit

    @property
    def ended(self) -> str | None:
        return self._ended


def units_of(queue: UnitQueue, peer: str, silent: str) -> Iterator[AccessUnit | None]:
    """Yield what comes, and None while nothing does; end with `LinkFailure` when the peer left or is ``silent``."""
    last_s = time.monotonic()
    while True:
        unit = queue.get(TURN_S)
        now_s = time.monotonic()
        if unit is not None:
            last_s = now_s
        elif queue.ended is not None:
            raise LinkFailure(peer, queue.ended)
        elif now_s - last_s >= SILENT_AFTER_S:
            raise LinkFailure(peer, silent)
        yield unit


class UnitSink:
    """Stands where aiortc has its jitter buffer: packets in, access units to ``take``.

    ``take`` returns False when it cannot go on without a key frame.
    """

    def __init__(self, take: Callable[[AccessUnit], bool], *, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._take, self._clock_s = take, clock_s
        self._builder = _builder()
        self._lost_before = 0
        self._held: dict[int, RtpPacket] = {}
        self._next_seq: int | None = None
        self._ssrc: int | None = None
        self._gap_s: float | None = None
        self._asked_s = self._key_s = float("-inf")
        self.last_s = float("-inf")
        """When the last packet came."""
        self.wants_key = True
        self.requests_total = 0

    @property
    def packets_lost(self) -> int:
        return self._lost_before + self._builder.packets_lost

    def add(self, packet: RtpPacket) -> tuple[bool, None]:
        """Take a packet; tell aiortc whether to ask for a key frame, and that there is nothing to decode."""
        now_s = self._clock_s()
        if packet.ssrc != self._ssrc:
            if self._ssrc is not None and now_s - self.last_s < OTHER_SENDER_AFTER_S:
                return False, None  # a second layer of the same picture; one is enough
            self._ssrc, self._next_seq, self._gap_s = packet.ssrc, None, None
            self._held.clear()
            self._lost_before, self._builder = self.packets_lost, _builder()
        self.last_s = now_s
        self._order(packet, now_s)
        while self._builder.ready:
            unit = self._builder.ready.popleft()
            if unit.damaged:
                self.wants_key = True
            elif unit.key:
                self._key_s, self.wants_key = now_s, False
            if not self._take(unit):
                self.wants_key = True
        due = self.wants_key or now_s - self._key_s > KEY_WITHIN_S
        if not due or now_s - self._asked_s < ASK_AGAIN_S:
            return False, None
        self._asked_s = now_s
        self.requests_total += 1
        return True, None

    def _order(self, packet: RtpPacket, now_s: float) -> None:
        seq = packet.sequence_number
        if self._next_seq is None:
            self._next_seq = seq
        if seq != self._next_seq:
            if (seq - self._next_seq) & 0xFFFF >= 0x8000:
                return  # too late, or twice
            self._held[seq] = packet
            self._gap_s = now_s if self._gap_s is None else self._gap_s
            if len(self._held) < REORDER_MAX_PACKETS and now_s - self._gap_s < REORDER_MAX_S:
                return
            expected = self._next_seq  # it will not come: the builder sees the gap and marks the picture
            self._next_seq = min(self._held, key=lambda one: (one - expected) & 0xFFFF)
            self._flush()
        else:
            self._push(packet)
            self._flush()
        self._gap_s = now_s if self._held else None

    def _flush(self) -> None:
        while self._held and (packet := self._held.pop(self._next_seq or 0, None)) is not None:
            self._push(packet)

    def _push(self, packet: RtpPacket) -> None:
        self._next_seq = (packet.sequence_number + 1) & 0xFFFF
        marked = (0x80 if packet.marker else 0) | _PAYLOAD_TYPE
        header = _RTP_HEADER(0x80, marked, packet.sequence_number, packet.timestamp, packet.ssrc)
        whole = header + packet.payload
        self._builder.push(memoryview(whole), 0, len(whole))


def _builder() -> UnitBuilder:
    return UnitBuilder(VideoMedia(Codec.H264, _PAYLOAD_TYPE, "", ParameterSets(Codec.H264)))


def new_connection() -> RTCPeerConnection:
    """Return a connection that asks no server on the internet who we are, which is aiortc's default."""
    return RTCPeerConnection(RTCConfiguration(iceServers=[]))


def receive_h264(connection: RTCPeerConnection, sink: UnitSink) -> RTCRtpTransceiver:
    """Prepare to receive H.264 alone into ``sink``; to be called before any description is set."""
    transceiver = connection.addTransceiver("video", direction="recvonly")
    capabilities = RTCRtpReceiver.getCapabilities("video")
    assert capabilities is not None
    wanted = ("video/h264", "video/rtx")
    transceiver.setCodecPreferences([one for one in capabilities.codecs if one.mimeType.lower() in wanted])
    if not hasattr(transceiver.receiver, _JITTER_BUFFER):
        raise AttributeError("this aiortc keeps its jitter buffer elsewhere")
    setattr(transceiver.receiver, _JITTER_BUFFER, sink)
    return transceiver
