"""One live camera: its footage on the server's clock, packetised once for all who watch."""

import asyncio
import time
from bisect import bisect_left
from dataclasses import dataclass
from typing import Protocol

from ingest.camera_server.footage import TICKS_PER_S, AccessUnit, Footage
from ingest.rtsp_server.rtp import SENDER_REPORT_EVERY_S, RtpStamper, interleave


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
