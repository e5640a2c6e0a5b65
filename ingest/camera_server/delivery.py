"""How one client gets its packets: over the RTSP connection or as datagrams, with the faults it ordered."""

import asyncio
import random
import time
from collections.abc import Callable

from ingest.camera_server.faults import Faults
from ingest.camera_server.stream import Sending
from ingest.rtsp_server.datagrams import Datagrams
from ingest.rtsp_server.rtp import RtpStamper, interleave

BACKLOG_MAX_BYTES = 4 << 20
"""A client that reads too slowly waits for the next key frame instead of growing our memory."""


class Delivery:
    """A `Watcher` for one client. Starts with a key frame, and again after a backlog."""

    def __init__(self, transport: asyncio.WriteTransport, on_dropped: Callable[[], None]) -> None:
        self.channel: int | None = None
        self.datagrams: Datagrams | None = None
        self.faults = Faults()
        self.waits_for_key = True
        self._transport, self._on_dropped = transport, on_dropped
        self._dice = random.Random()  # noqa: S311 - not a secret
        self._first_s: float | None = None
        self._last_key: tuple[bytes, ...] = ()
        self._frozen: tuple[tuple[bytes, ...], RtpStamper] | None = None

    def push(self, sending: Sending) -> None:
        if self._transport.is_closing() or (self.waits_for_key and not sending.unit.key):
            return
        self.waits_for_key = False
        now_s = time.monotonic()
        if self._first_s is None:
            self._first_s = now_s
        played_s = now_s - self._first_s
        if self.faults.die is not None and played_s > self.faults.die:
            self._transport.abort()
        elif self.faults.stall is None or played_s <= self.faults.stall:
            self._send(sending, played_s)

    def _send(self, sending: Sending, played_s: float) -> None:
        packets, ready = sending.packets, True
        if sending.unit.key:
            self._last_key = sending.unit.payloads
        if self.faults.freeze is not None and played_s > self.faults.freeze:
            packets, ready = self._frozen_packets(sending), False
        if self.faults.per_packet:
            packets, ready = self.faults.damaged(packets, self._dice), False
        if self.datagrams:
            if self.faults.udp_lost:
                return
            self._send_datagrams(self.datagrams, packets, sending.report)
        elif self.channel is not None:
            blob = sending.interleaved if ready and self.channel == 0 else interleave(packets, self.channel)
            self._send_interleaved(blob, sending.report, self.channel)

    def _frozen_packets(self, sending: Sending) -> list[bytes]:
        if self._frozen is None:
            own = RtpStamper()
            own.ssrc, own.origin, own.seq = sending.stamper.ssrc, sending.stamper.origin, sending.stamper.seq
            self._frozen = self._last_key, own
        picture, stamper = self._frozen
        return stamper.packets(picture, sending.ticks)

    def _send_datagrams(self, datagrams: Datagrams, packets: list[bytes], report: bytes | None) -> None:
        try:
            for packet in packets:
                datagrams.rtp.send(packet)
            if report:
                datagrams.rtcp.send(report)
        except OSError:
            self._on_dropped()  # full buffer or closed port: UDP loses

    def _send_interleaved(self, blob: bytes, report: bytes | None, channel: int) -> None:
        if self._transport.get_write_buffer_size() > BACKLOG_MAX_BYTES:
            self.waits_for_key = True
            self._on_dropped()
            return
        self._transport.write(blob)
        if report:
            self._transport.write(interleave([report], channel + 1))
