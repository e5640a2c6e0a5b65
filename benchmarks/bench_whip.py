"""What a camera that pushes over WebRTC costs: received, decrypted and recorded as it is; and what its publisher costs.

Publishers are processes of their own, four at once; the receiver does what a worker does without analytics.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks import clips
from benchmarks.harness import Report
from ingest.clients import StreamClient
from ingest.disk import DiskWriter
from ingest.live import LiveFanout
from ingest.recorder import Recorder
from ingest.ring import PacketRing
from ingest.stream import OpenLimiter, StreamConfig, StreamLink
from ingest.whip import Publishers, WhipClient
from models.camera import CameraSource, Scheme
from models.clock import SystemClock

COUNT = 4
D1 = clips.Footage(720, 576, 1500, gop=clips.FPS)
FULL = clips.Footage(1920, 1080, 4000, gop=clips.FPS)
RING_S, RING_BYTES = 10.0, 24 << 20
STARTED_WITHIN_S = 30.0
WARM_S, WINDOW_S = 4.0, 15.0
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU of one camera, in milliseconds a second."""

    receiver_ms: float
    publisher_ms: float
    pictures: float
    lost: int


def main() -> int:
    """Measure 1080p and D1."""
    if "--receive" in sys.argv:
        receive(Path(sys.argv[-1]))
        return 0
    report = Report("bench_whip")
    for name, footage in (("1080p", FULL), ("D1", D1)):
        cost = measure(clips.made(footage))
        scale = f"{COUNT} publishers at {footage.bitrate_kbps / 1000:g} Mbit/s over loopback"
        note = f"{cost.pictures:.1f} pictures/s each, {cost.lost} packets lost"
        report.add(f"receive and record one {name} WHIP camera", cost.receiver_ms, "ms/s", scale=scale, note=note)
        report.add(f"its publisher, {name} passthrough", cost.publisher_ms, "ms/s", scale=scale)
    return report.failed and 1


def measure(path: Path) -> Cost:
    """Publish to a receiver in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="aw-bench-") as place, contextlib.ExitStack() as running:
        command = [sys.executable, "-m", "benchmarks.bench_whip", "--receive", place]
        receiver = running.enter_context(ended(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        assert receiver.stdout is not None
        assert receiver.stdin is not None
        port = int(receiver.stdout.readline())
        publishers = [
            running.enter_context(
                ended(
                    [
                        sys.executable,
                        "-m",
                        "ingest.whip_publisher",
                        "--file",
                        str(path),
                        "--url",
                        f"http://127.0.0.1:{port}/c{number}",
                    ],
                    stderr=subprocess.DEVNULL,
                )
            )
            for number in range(COUNT)
        ]
        receiver.stdin.write(b"\n")
        receiver.stdin.flush()
        receiver.stdout.readline()  # all are up
        begun_ms, begun_s = sum(cpu_ms(one.pid) for one in publishers), time.monotonic()
        said: dict[str, Any] = json.loads(receiver.stdout.readline())
        spent_ms = sum(cpu_ms(one.pid) for one in publishers) - begun_ms
        publisher_ms = spent_ms / (time.monotonic() - begun_s) / COUNT
    return Cost(said["cpu_ms"], publisher_ms, said["pictures"], said["lost"])


@contextlib.contextmanager
def ended(command: list[str], **options: Any) -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen(command, **options) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.wait(10)


def cpu_ms(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / TICKS_A_SECOND


def receive(folder: Path) -> None:
    """Take what is pushed; say the port, that all are up, and what it cost."""
    links: dict[str, StreamLink] = {}
    publishers = Publishers(on_arrival=lambda camera_id: links[camera_id].retry_now())

    async def publish(request: Request) -> Response:
        camera_id = request.path_params["camera_id"]
        session, answer = await publishers.answer(camera_id, (await request.body()).decode())
        return Response(answer, 201, {"Location": f"/{camera_id}/{session}"}, media_type="application/sdp")

    app = Starlette(routes=[Route("/{camera_id}", publish, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    disk = DiskWriter(folder)
    links.update({f"c{number}": link_of(f"c{number}", publishers, folder, disk) for number in range(COUNT)})
    for link in links.values():
        link.start()
    print(server.servers[0].sockets[0].getsockname()[1], flush=True)
    sys.stdin.readline()
    deadline_s = time.monotonic() + STARTED_WITHIN_S
    while any(link.last_packet is None for link in links.values()) and time.monotonic() < deadline_s:
        time.sleep(0.05)
    time.sleep(WARM_S)
    print("up", flush=True)
    cpu_s, began_s = time.process_time(), time.monotonic()
    pictures = sum(link.meter.pictures_total for link in links.values())
    time.sleep(WINDOW_S)
    window_s = time.monotonic() - began_s
    said = {
        "cpu_ms": (time.process_time() - cpu_s) * 1000 / window_s / COUNT,
        "pictures": (sum(link.meter.pictures_total for link in links.values()) - pictures) / window_s / COUNT,
        "lost": sum(publishers.packets_lost(camera_id) for camera_id in links),
    }
    print(json.dumps(said), flush=True)
    for link in links.values():
        link.stop()
    for link in links.values():
        link.join(5)
    disk.close()
    publishers.stop(5)
    server.should_exit = True
    thread.join(5)


def link_of(camera_id: str, publishers: Publishers, folder: Path, disk: DiskWriter) -> StreamLink:
    """Return a link that does what a worker's does with a stream that is not decoded."""
    clock = SystemClock()
    recorder = Recorder(
        camera_id,
        folder,
        disk,
        clock=clock,
        on_segment=lambda _segment: None,
        on_trouble=lambda _cause, _detail, _at: None,
        min_free_bytes=0,
    )

    def dial(_source: object, _password: object, _networks: object) -> StreamClient:
        return WhipClient(publishers, camera_id)

    return StreamLink(
        f"{camera_id}/main",
        StreamConfig(source=CameraSource(scheme=Scheme.WHIP, host="", port=0, path="/"), allowed_networks=()),
        clock=clock,
        takers=[PacketRing(RING_S, RING_BYTES).add, LiveFanout().put, recorder.put],
        on_status=lambda _status: None,
        on_end=recorder.end,
        opens=OpenLimiter(8),
        dial=dial,
    )


if __name__ == "__main__":
    sys.exit(main())
