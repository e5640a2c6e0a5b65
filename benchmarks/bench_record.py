"""I2: what it costs to receive and record a stream as it is, beside `ffmpeg -c copy`; and a hundred of them at once.

All cameras of the server send their key frames at the same moment, which is harder than a street of real ones.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import clips, peers
from benchmarks.camera_load import holes, memory_mb
from benchmarks.harness import Report
from ingest.address import networks
from ingest.disk import DiskWriter
from ingest.live import LiveFanout
from ingest.recorder import Recorder
from ingest.ring import PacketRing
from ingest.stream import OpenLimiter, StreamConfig, StreamLink
from models.camera import CameraSource, Scheme
from models.clock import SystemClock
from models.timeline import GapCause

EIGHT = 8
HUNDRED = 100
RING_S, RING_BYTES = 10.0, 24 << 20
STARTED_WITHIN_S = 30.0
ENDED_WITHIN_S = 5.0
WARM_S, WINDOW_S = 6.0, 15.0
HUNDRED_WINDOW_S = 40.0
HOLE_S = 1.0


@dataclass(frozen=True, slots=True)
class Order:
    """So many cameras with the same footage, recorded for so long."""

    port: int
    name: str
    count: int
    folder: str
    warm_s: float
    window_s: float


def main() -> int:
    """Measure eight large streams, then a hundred."""
    if "--record" in sys.argv:
        sys.stdout.write(json.dumps(record(Order(**json.load(sys.stdin)))))
        return 0
    report = Report("bench_record")
    files = {"large": clips.made(clips.MAIN), "passthrough": clips.made(clips.PASSTHROUGH)}
    with peers.served(files) as port:
        eight(report, port)
        hundred(report, port)
    return report.failed and 1


def eight(report: Report, port: int) -> None:
    said = run(Order(port, "large", EIGHT, "", WARM_S, WINDOW_S))
    copy_ms = None
    if shutil.which("ffmpeg"):
        urls = [f"rtsp://127.0.0.1:{port}/large@f{number}" for number in range(EIGHT)]
        with tempfile.TemporaryDirectory(prefix="aw-bench-") as place:
            copy_ms = peers.copy_ms(urls, Path(place), warm_s=WARM_S, window_s=WINDOW_S)
    scale = f"{EIGHT} x 1080p at 4 Mbit/s; limit: ffmpeg -c copy into the same segments, one process each"
    report.add("demux and record one 1080p stream", said["cpu_ms"], "ms/s", goal=6, limit=copy_ms, scale=scale)


def hundred(report: Report, port: int) -> None:
    said = run(Order(port, "passthrough", HUNDRED, "", WARM_S, HUNDRED_WINDOW_S))
    scale = f"{HUNDRED} x 720p at 2 Mbit/s in one process for {HUNDRED_WINDOW_S:.0f} s"
    report.add("passthrough streams up", said["up"], "", goal=HUNDRED, better="more", scale=scale)
    report.add("times of more than 1 s between stored pictures", said["holes"], "", goal=0, scale=scale)
    report.add("longest time between stored pictures", said["longest_s"], "s", goal=HOLE_S, scale=scale)
    rate, limit = said["stored_per_camera_s"], clips.FPS
    report.add("pictures stored per camera", rate, "/s", goal=0.99 * limit, limit=limit, better="more", scale=scale)
    note = f"{said['damaged']} damaged, {said['troubles']} recording stops"
    report.add("pictures lost by us", said["dropped"], "", goal=0, scale=scale, note=note)
    report.add("one stream of a hundred", said["cpu_ms"], "ms/s", scale=scale)
    report.add("memory of a hundred", said["memory_mb"], "MB", scale=scale)


def run(order: Order) -> dict[str, Any]:
    """Record in a process of its own, into a folder that goes with it."""
    command = [sys.executable, "-m", "benchmarks.bench_record", "--record"]
    with tempfile.TemporaryDirectory(prefix="aw-bench-") as place:
        said = json.dumps(asdict(order) | {"folder": place})
        limit_s = STARTED_WITHIN_S + order.warm_s + order.window_s + 60
        done = subprocess.run(command, input=said, stdout=subprocess.PIPE, text=True, timeout=limit_s, check=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def record(order: Order) -> dict[str, Any]:
    """Do what a worker's cameras do with a stream that is not decoded: ring, live fan-out, recorder."""
    clock, folder, opens = SystemClock(), Path(order.folder), OpenLimiter(8)
    disk = DiskWriter(folder)
    troubles: list[GapCause | None] = []
    links: list[StreamLink] = []
    recorders: list[Recorder] = []
    for number in range(order.count):
        recorder = Recorder(
            f"c{number}",
            folder,
            disk,
            clock=clock,
            on_segment=lambda _segment: None,
            on_trouble=lambda cause, _detail, _at: troubles.append(cause),
            min_free_bytes=0,
        )
        source = CameraSource(scheme=Scheme.RTSP, host="127.0.0.1", port=order.port, path=f"/{order.name}@{number}")
        link = StreamLink(
            f"c{number}/main",
            StreamConfig(source=source, allowed_networks=networks(["127.0.0.0/8"])),
            clock=clock,
            takers=[PacketRing(RING_S, RING_BYTES).add, LiveFanout().put, recorder.put],
            on_status=lambda _status: None,
            on_end=recorder.end,
            opens=opens,
        )
        links.append(link)
        recorders.append(recorder)
        link.start()
    deadline_s = time.monotonic() + STARTED_WITHIN_S
    while any(link.last_packet is None for link in links) and time.monotonic() < deadline_s:
        time.sleep(0.05)
    time.sleep(order.warm_s)
    cpu_s, began_s = time.process_time(), time.monotonic()
    begun_at = clock.utc_now().timestamp()
    time.sleep(order.window_s)
    window_s = time.monotonic() - began_s
    cpu_s = time.process_time() - cpu_s
    ended_at, memory = clock.utc_now().timestamp(), memory_mb()
    up = sum(link.last_packet is not None and clock.monotonic_s() - link.last_packet.monotonic_s < 1 for link in links)
    for link in links:
        link.stop()
    for link in links:
        link.join(ENDED_WITHIN_S)
    disk.close()
    stored = holes(folder, begun_at, ended_at)
    return {
        "cpu_ms": cpu_s * 1000 / window_s / order.count,
        "memory_mb": memory,
        "up": up,
        "damaged": sum(link.damaged_total for link in links),
        "dropped": sum(recorder.packets_dropped for recorder in recorders),
        "troubles": len(troubles),
        "holes": sum(hole_s > HOLE_S for hole_s in stored.holes_s),
        "longest_s": max(stored.holes_s, default=order.window_s),
        "stored_per_camera_s": stored.pictures / window_s / order.count,
    }


if __name__ == "__main__":
    sys.exit(main())
