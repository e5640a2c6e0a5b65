"""Recording on motion or on events, with what came shortly before (from the packet ring) and shortly after.

Recording begins and ends with a key frame, so that a second trigger goes on exactly where the first one's files end.
"""

import threading
from collections.abc import Callable

from ingest.packet import Packet
from ingest.recorder import Recorder
from ingest.ring import PacketRing

KEY_FRAME_WAIT_S = 10.0
"""A stream without key frames is cut so long after it should have ended."""


class TriggeredRecorder:
    """Stands before a `Recorder` in the link's thread; `trigger` may be called from any."""

    def __init__(
        self,
        recorder: Recorder,
        *,
        pre_s: float,
        post_s: float,
        bytes_max: int,
        moving: Callable[[], bool] | None = None,
    ) -> None:
        """``moving`` is asked with each packet; without it only `trigger` has something recorded."""
        self.recorder = recorder
        self._pre_s, self._post_s, self._moving = pre_s, post_s, moving
        self._ring = PacketRing(pre_s, bytes_max)
        self._lock = threading.Lock()
        self._waiting_s: float | None = None
        self._until_s: float | None = None
        self._last: Packet | None = None

    @property
    def wanted(self) -> bool:
        """Whether something is to be recorded now."""
        return self._until_s is not None

    def trigger(self, at_s: float) -> None:
        """Record around ``at_s`` on the monotonic clock, with the next packet on."""
        with self._lock:
            self._waiting_s = at_s if self._waiting_s is None else max(self._waiting_s, at_s)

    def put(self, packet: Packet) -> None:
        self._ring.add(packet)
        with self._lock:
            at_s, self._waiting_s = self._waiting_s, None
        if self._moving is not None and self._moving():
            at_s = packet.monotonic_s
        if at_s is not None and at_s + self._post_s >= packet.monotonic_s:
            going = self._until_s is not None
            self._until_s = max(self._until_s or 0.0, at_s + self._post_s)
            if not going:
                self._begin(at_s - self._pre_s)
                return
        if self._until_s is None:
            return
        over_s = packet.monotonic_s - self._until_s
        if over_s > 0 and (packet.key or over_s > KEY_FRAME_WAIT_S):
            self._until_s = None
            self.recorder.end()
            return
        self._record(packet)

    def end(self) -> None:
        """The stream ended: what comes next does not follow it."""
        self._ring.clear()
        self._until_s = self._last = None
        self.recorder.end()

    def _begin(self, since_s: float) -> None:
        """Record what the ring holds from the last key frame at or before ``since_s`` on, once."""
        packets = self._ring.packets()
        first = 0
        for index, packet in enumerate(packets):
            if packet is self._last:
                first = index + 1
            elif packet.key and packet.monotonic_s <= since_s:
                first = max(first, index)
        for packet in packets[first:]:
            self._record(packet)

    def _record(self, packet: Packet) -> None:
        self._last = packet
        self.recorder.put(packet)
