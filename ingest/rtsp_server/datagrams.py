"""The UDP side of one client: a pair of sockets of ours connected to its pair of ports."""

import asyncio
import random
import socket
from collections.abc import Callable
from dataclasses import dataclass

FIRST_PORT, LAST_PORT = 20_000, 60_000
BIND_ATTEMPTS = 64


@dataclass(frozen=True, slots=True)
class Datagrams:
    """RTP goes out through the first, RTCP both ways through the second."""

    rtp: socket.socket
    rtcp: socket.socket
    port: int

    @classmethod
    def bind(cls, host: str, peer: str, ports: tuple[int, int]) -> "Datagrams":
        """Bind an even port and the next; `OSError` when the client's ports cannot be reached from here."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        refused = OSError("no free pair of UDP ports")
        for _ in range(BIND_ATTEMPTS):
            pair: list[socket.socket] = []
            first = random.randrange(FIRST_PORT, LAST_PORT, 2)  # noqa: S311 - not a secret
            try:
                for offset, port in enumerate(ports):
                    datagram = socket.socket(family, socket.SOCK_DGRAM)
                    pair.append(datagram)
                    datagram.setblocking(False)
                    datagram.bind((host, first + offset))
                    datagram.connect((peer, port))
            except OSError as error:
                refused = error
                for datagram in pair:
                    datagram.close()
                continue
            return cls(pair[0], pair[1], first)
        raise refused

    def listen(self, on_heard: Callable[[], None]) -> None:
        """Call ``on_heard`` for each of the client's receiver reports: they keep the link alive (RFC 2326 A)."""
        loop = asyncio.get_running_loop()

        def heard(datagram: socket.socket) -> None:
            on_heard()
            try:
                datagram.recv(2048)
            except OSError:
                return  # the client's port is closed; it will be missed on the RTSP connection

        for datagram in (self.rtp, self.rtcp):
            loop.add_reader(datagram, heard, datagram)

    def close(self) -> None:
        loop = asyncio.get_running_loop()
        for datagram in (self.rtp, self.rtcp):
            loop.remove_reader(datagram)
            datagram.close()
