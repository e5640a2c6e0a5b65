"""The last seconds of one camera in memory, always from a key frame on."""

import threading
from collections import deque

from ingest.packet import TICKS_PER_S, Packet


class PacketRing:
    """Bounded by seconds and by bytes; whole GOPs leave at the front. Safe from any thread."""

    def __init__(self, seconds: float, bytes_max: int) -> None:
        self._ticks, self._bytes_max = round(seconds * TICKS_PER_S), bytes_max
        self._gops: deque[list[Packet]] = deque()
        self._bytes = 0
        self._lock = threading.Lock()

    def add(self, packet: Packet) -> None:
        with self._lock:
            if packet.key:
                self._gops.append([])
            elif not self._gops:
                return
            self._gops[-1].append(packet)
            self._bytes += len(packet.data)
            while len(self._gops) > 1 and (
                self._bytes > self._bytes_max or packet.present_90k - self._gops[1][0].present_90k >= self._ticks
            ):
                self._bytes -= sum(len(old.data) for old in self._gops.popleft())
            if self._bytes > self._bytes_max:  # one endless GOP
                self._gops.clear()
                self._bytes = 0

    def packets(self) -> list[Packet]:
        """Return all, oldest first; the first is a key frame."""
        with self._lock:
            return [packet for gop in self._gops for packet in gop]

    def clear(self) -> None:
        with self._lock:
            self._gops.clear()
            self._bytes = 0

    @property
    def size_bytes(self) -> int:
        return self._bytes
