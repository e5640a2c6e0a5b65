"""RTP over UDP: a pair of ports of our own, and packets put back into order."""

import contextlib
import select
import socket
from collections.abc import Iterator

RECEIVE_BUFFER_BYTES = 2 << 20
"""A key frame of a 4K camera arrives as one burst of several hundred packets."""
DATAGRAM_MAX_BYTES = 65_536
WINDOW_MAX = 64
PAIR_ATTEMPTS = 64


class PortPair:
    """Two neighbouring UDP ports; after `connect` only the camera's own packets get in."""

    def __init__(self, rtp: socket.socket, rtcp: socket.socket) -> None:
        self.rtp, self.rtcp = rtp, rtcp
        self.port: int = rtp.getsockname()[1]
        self._peer: str | None = None

    @classmethod
    def bind(cls, host: str) -> "PortPair":
        """Take an even port and the next one on the address the camera reaches us at."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        for _ in range(PAIR_ATTEMPTS):
            first = socket.socket(family, socket.SOCK_DGRAM)
            second = socket.socket(family, socket.SOCK_DGRAM)
            try:
                first.bind((host, 0))
                port = first.getsockname()[1]
                if port % 2 == 0:
                    second.bind((host, port + 1))
                    for one in (first, second):
                        one.setblocking(False)
                    first.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
                    return cls(first, second)
            except OSError:
                pass  # the odd neighbour is taken: try another pair
            first.close()
            second.close()
        raise OSError("no free pair of UDP ports")

    def connect(self, peer: str, ports: tuple[int, int] | None) -> None:
        """Listen to ``peer`` alone; ``ports`` are what it said it sends from, if it did."""
        self._peer = peer
        if ports:
            self.rtp.connect((peer, ports[0]))
            self.rtcp.connect((peer, ports[1]))
            for one in (self.rtp, self.rtcp):
                with contextlib.suppress(OSError):
                    one.send(b"")  # opens the way through a stateful firewall

    def wait(self, control: int, timeout_s: float) -> set[int]:
        """Return which of our sockets and the RTSP connection ``control`` can be read."""
        poll = select.poll()
        for number in (self.rtp.fileno(), self.rtcp.fileno(), control):
            poll.register(number, select.POLLIN)
        return {number for number, _ in poll.poll(timeout_s * 1000)}

    def received(self, which: socket.socket, limit: int) -> Iterator[bytes]:
        """Yield what has arrived, at most ``limit`` datagrams."""
        for _ in range(limit):
            try:
                datagram, sender = which.recvfrom(DATAGRAM_MAX_BYTES)
            except (BlockingIOError, ConnectionRefusedError):
                return
            if sender[0] == self._peer:
                yield datagram

    def close(self) -> None:
        self.rtp.close()
        self.rtcp.close()


class Reorder:
    """Gives packets in sequence; waits for a missing one until ``WINDOW_MAX`` later ones are here."""

    def __init__(self) -> None:
        self._next: int | None = None
        self._early: dict[int, bytes] = {}

    def push(self, packet: bytes) -> Iterator[bytes]:
        if len(packet) < 4:
            return
        seq = (packet[2] << 8) | packet[3]
        if self._next is None:
            self._next = seq
        ahead = (seq - self._next) & 0xFFFF
        if ahead >= 0x8000:
            if ahead < 0x10000 - WINDOW_MAX:  # far behind: the camera started its numbers anew
                self._early.clear()
                self._next = seq
            else:
                return  # too late, or twice
        elif ahead >= WINDOW_MAX * 4:
            yield from self._flush()
            self._next = seq
        self._early[seq] = packet
        if len(self._early) > WINDOW_MAX:
            first = min(self._early, key=self._distance)
            self._next = first
        while self._next in self._early:
            yield self._early.pop(self._next)
            self._next = (self._next + 1) & 0xFFFF

    def _distance(self, seq: int) -> int:
        return (seq - (self._next or 0)) & 0xFFFF

    def _flush(self) -> Iterator[bytes]:
        for seq in sorted(self._early, key=self._distance):
            yield self._early.pop(seq)
