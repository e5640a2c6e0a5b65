"""One live camera: its footage on the server's clock, packetised once for all who watch."""

import asyncio
import secrets
import struct
import time
from bisect import bisect_left
from dataclasses import dataclass
from typing import Protocol

from ingest.camera_server.footage import TICKS_PER_S, AccessUnit, Footage

PAYLOAD_TYPE = 96
SENDER_REPORT_EVERY_S = 5.0
_NTP_EPOCH_S = 2_208_988_800
_HEADER = struct.Struct(">BBHII")
_SENDER_REPORT = struct.Struct(">BBHIIIIII")


class RtpStamper:
    """Puts RTP headers (RFC 3550 5.1) before payloads and counts them for sender reports (6.4.1)."""

    def __init__(self) -> None:
        self.ssrc = secrets.randbits(32)
        self.seq = secrets.randbits(16)
        self.origin = secrets.randbits(30)
        self._last_ticks = self.origin
        self._packets = self._octets = 0

    def packets(self, payloads: tuple[bytes, ...], ticks: int) -> list[bytes]:
        """Return the packets of one access unit; the last has the marker bit."""
        stamp = self._last_ticks = (self.origin + ticks) & 0xFFFFFFFF
        seq, ssrc, last = self.seq, self.ssrc, len(payloads) - 1
        out = []
        for index, payload in enumerate(payloads):
            seq = (seq + 1) & 0xFFFF
            marker = 0x80 if index == last else 0
            out.append(_HEADER.pack(0x80, marker | PAYLOAD_TYPE, seq, stamp, ssrc) + payload)
            self._octets += len(payload)
        self.seq = seq
        self._packets += len(payloads)
        return out

    def sender_report(self) -> bytes:
        now = time.time() + _NTP_EPOCH_S
        fraction = int(now % 1 * 2**32)
        counts = self._packets & 0xFFFFFFFF, self._octets & 0xFFFFFFFF
        return _SENDER_REPORT.pack(0x80, 200, 6, self.ssrc, int(now), fraction, self._last_ticks, *counts)


@dataclass(frozen=True, slots=True)
class Sending:
    """One access unit on its way: ``packets`` for datagrams, ``interleaved`` for TCP on channels 0 and 1."""

    unit: AccessUnit
    stamper: RtpStamper
    ticks: int
    packets: list[bytes]
    interleaved: bytes
    report: bytes | None


class Watcher(Protocol):
    def push(self, sending: Sending) -> None:
        """Take one access unit; must not block."""


def interleave(packets: list[bytes], channel: int) -> bytes:
    """Frame packets for the RTSP connection (RFC 2326 10.12)."""
    prefix = b"$" + bytes([channel])
    return b"".join(part for packet in packets for part in (prefix, len(packet).to_bytes(2, "big"), packet))


class LiveStream:
    """Sends while somebody watches; where it is in the loop depends on the clock alone, as with a real camera."""

    def __init__(self, footage: Footage, started_s: float) -> None:
        self.footage = footage
        self.stamper = RtpStamper()
        self._started_s = started_s
        self._due_s = [unit.due_s for unit in footage.units]
        self._watchers: set[Watcher] = set()
        self._task: asyncio.Task[None] | None = None

    def add(self, watcher: Watcher) -> None:
        self._watchers.add(watcher)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name=f"camera-{self.footage.path.name}")

    def discard(self, watcher: Watcher) -> None:
        self._watchers.discard(watcher)

    def close(self) -> None:
        self._watchers.clear()
        if self._task:
            self._task.cancel()

    async def _run(self) -> None:
        footage = self.footage
        played_s = time.monotonic() - self._started_s
        loop = int(played_s // footage.duration_s)
        index = bisect_left(self._due_s, played_s - loop * footage.duration_s)
        next_report_s = 0.0
        while self._watchers:
            if index >= len(footage.units):
                loop, index = loop + 1, 0
            unit = footage.units[index]
            index += 1
            wait_s = self._started_s + loop * footage.duration_s + unit.due_s - time.monotonic()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            ticks = unit.pts_90k + round(loop * footage.duration_s * TICKS_PER_S)
            packets = self.stamper.packets(unit.payloads, ticks)
            report = None
            if time.monotonic() >= next_report_s:
                next_report_s = time.monotonic() + SENDER_REPORT_EVERY_S
                report = self.stamper.sender_report()
            sending = Sending(unit, self.stamper, ticks, packets, interleave(packets, 0), report)
            for watcher in tuple(self._watchers):
                watcher.push(sending)
        self._task = None
