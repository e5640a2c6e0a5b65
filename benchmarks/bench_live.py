"""L1: from the camera's clock to the browser's glass, over WebRTC and over MSE; what one more viewer costs.

The camera encodes its pictures on the fly and writes the time into each as black and white blocks; Chromium reads
them back from the playing picture as it is handed to the compositor. All of it is on one machine, so that both read
the same clock. The worker is its link, gate, fan-out, WebSocket and WHEP in a process of its own, without analytics,
recorder and the API's relay.
"""

import asyncio
import json
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from websockets.asyncio.client import connect

from benchmarks import live_path
from benchmarks.harness import Report
from ingest.address import networks
from ingest.clients import StreamClient
from ingest.failures import LinkFailure
from ingest.rtsp import RtspClient
from ingest.whep_client import WhepClient
from models.camera import CameraSource, Scheme

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
GOALS_MS = {"whep": 400.0, "mse": 1000.0}
NAMES = {"whep": "WebRTC (WHEP)", "mse": "MSE (fMP4 over WebSocket)"}
SETTLE_S, WATCH_S = 4.0, 12.0
FIRST_PICTURE_MS = 15_000
VIEWERS = 20
WINDOW_S = 12.0
SAME_S = 4.0
ENDED_WITHIN_S = 10


def main() -> int:
    """Measure the glass first, then the viewers."""
    report = Report("bench_live")
    with process("camera") as camera_port, process("worker", str(camera_port)) as port:
        glass(report, port)
        cost(report, port)
        sameness(report, camera_port, port)
    return report.failed and 1


@contextmanager
def process(*words: str) -> Iterator[int]:
    """Run one of the two processes; yield its port."""
    command = [sys.executable, "-m", "benchmarks.live_path", *words]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as one:
        assert one.stdin is not None
        assert one.stdout is not None
        try:
            yield int(one.stdout.readline())
        finally:
            one.stdin.close()
            try:
                one.wait(ENDED_WITHIN_S)
            except subprocess.TimeoutExpired:
                one.kill()


def glass(report: Report, port: int) -> None:
    """Report the time from a picture's making to its showing."""
    for way, goal_ms in GOALS_MS.items():
        taken, problem = watched(port, way)
        scale = f"{live_path.WIDTH_PX}x{live_path.HEIGHT_PX} at {live_path.FPS}/s, encoding included, loopback"
        for name, share in (("median", 50), ("p95", 95)):
            value = float(np.percentile(taken, share)) if taken else None
            note = f"{len(taken)} pictures" if taken else problem
            report.add(f"glass to glass, {NAMES[way]}, {name}", value, "ms", goal=goal_ms, scale=scale, note=note)


def watched(port: int, way: str) -> tuple[list[float], str]:
    """Return the latencies that Chromium saw, or why it saw none."""
    path = next((found for name in CHROMIUM_NAMES if (found := shutil.which(name))), None)
    if path is None:
        return [], "Chromium is not installed"
    try:
        from playwright.sync_api import Error, sync_playwright  # noqa: PLC0415 (its absence is an answer)
    except ImportError:
        return [], "the package playwright is not installed"
    try:
        with sync_playwright() as player:
            browser = player.chromium.launch(executable_path=path, args=ARGUMENTS)
            try:
                page = browser.new_page()
                page.goto(f"http://127.0.0.1:{port}/")
                page.evaluate("way => { start(way); }", way)
                page.wait_for_function("() => taken.length > 0 || problem", timeout=FIRST_PICTURE_MS)
                page.wait_for_timeout(SETTLE_S * 1000)
                page.evaluate("() => { taken.length = 0; }")
                page.wait_for_timeout(WATCH_S * 1000)
                taken: list[float] = page.evaluate("() => taken")
                problem = page.evaluate("() => problem")
            finally:
                browser.close()
    except Error as error:
        return [], f"Chromium: {str(error).splitlines()[0][:120]}"
    return taken, str(problem or "no picture")


def used(port: int) -> dict[str, Any]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/cpu", timeout=5) as answer:
        said: dict[str, Any] = json.load(answer)
    return said


def cpu_ms(port: int) -> float:
    """Return what the worker's process takes, in milliseconds a second."""
    before = used(port)
    time.sleep(WINDOW_S)
    after = used(port)
    return float((after["cpu_s"] - before["cpu_s"]) * 1000 / (after["at_s"] - before["at_s"]))


def cost(report: Report, port: int) -> None:
    """Report what each of many viewers adds: with none, with all of them, with none again."""
    alone_ms = cpu_ms(port)
    with readers(port) as pictures:
        until(lambda: used(port)["viewers"] == VIEWERS)
        began = pictures[0]
        with_all_ms = cpu_ms(port)
        rate = (pictures[0] - began) / WINDOW_S / VIEWERS
    until(lambda: used(port)["viewers"] == 0)
    alone_ms = (alone_ms + cpu_ms(port)) / 2
    scale = f"{VIEWERS} plain WebSocket readers of {live_path.BITRATE / 1e6:g} Mbit/s"
    note = f"{alone_ms:.1f} ms/s without viewers, {with_all_ms:.1f} with; {rate:.1f} pictures/s each"
    report.add(
        "CPU of each added MSE viewer", (with_all_ms - alone_ms) / VIEWERS, "ms/s", goal=1, scale=scale, note=note
    )
    report.add("pictures that viewers missed", used(port)["lost"], "", goal=0, scale=scale)


def until(true: Callable[[], object]) -> None:
    deadline_s = time.monotonic() + ENDED_WITHIN_S
    while not true() and time.monotonic() < deadline_s:
        time.sleep(0.05)


@contextmanager
def readers(port: int) -> Iterator[list[int]]:
    """Let many viewers read in a thread of their own; yield the count of what came."""
    pictures, over = [0], threading.Event()

    async def read() -> None:
        async with connect(f"ws://127.0.0.1:{port}/live", compression=None, max_size=None, proxy=None) as live:
            while not over.is_set():
                message = await live.recv()
                pictures[0] += isinstance(message, bytes)

    async def run() -> None:
        await asyncio.gather(*(read() for _ in range(VIEWERS)))

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    try:
        yield pictures
    finally:
        over.set()
        thread.join()


def sameness(report: Report, camera_port: int, port: int) -> None:
    """Report how many pictures reached a viewer with other bytes than the camera sent."""
    camera = CameraSource(
        scheme=Scheme.RTSP,
        host="127.0.0.1",
        port=camera_port,
        path=f"/{live_path.CAMERA}",
        username=live_path.USERNAME,
    )
    worker = CameraSource(scheme=Scheme.WHEP, host="127.0.0.1", port=port, path="/whep")
    sent, pulled = list[bytes](), list[bytes]()
    with (
        listened(RtspClient(camera, "open", ("127.0.0.1", camera_port)), sent),
        listened(WhepClient(worker, "", ("127.0.0.1", port), networks(["127.0.0.0/8"])), pulled),
    ):
        until(lambda: len(sent) > live_path.FPS * live_path.GOP_S and pulled)
        fragments = asyncio.run(receive(port))
        time.sleep(1)  # the camera's own client must have seen all that the others did
        of_webrtc = list(pulled[-len(fragments) - live_path.FPS : -live_path.FPS // 2])
    # a viewer's first fragment is the backlog: several pictures at once
    of_mse = [fragment[fragment.index(b"mdat") + 4 :] for fragment in fragments[1:]]
    for way, shown in (("mse", of_mse), ("whep", of_webrtc)):
        value = sum(body not in set(sent) for body in shown) if len(shown) > live_path.FPS else None
        note = f"{len(shown)} pictures compared with the camera's, byte for byte"
        report.add(f"re-encodes, {NAMES[way]}", value, "", goal=0, note=note)


@contextmanager
def listened(client: StreamClient, pictures: list[bytes]) -> Iterator[None]:
    """Add what a client gets to ``pictures``, in a thread of its own."""
    over = threading.Event()

    def listen() -> None:
        try:
            client.open(ENDED_WITHIN_S)
            for unit in client.units():
                if unit is not None:
                    pictures.append(unit.data)
                if over.is_set():
                    break
        except LinkFailure as failure:
            print(failure, file=sys.stderr)
        finally:
            client.close()

    thread = threading.Thread(target=listen)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


async def receive(port: int) -> list[bytes]:
    """Return the fragments of some seconds."""
    shown = []
    async with connect(f"ws://127.0.0.1:{port}/live", compression=None, max_size=None, proxy=None) as live:
        deadline_s = time.monotonic() + SAME_S
        while time.monotonic() < deadline_s:
            message = await live.recv()
            if isinstance(message, bytes) and message[4:8] == b"moof":
                shown.append(message)
    return shown


if __name__ == "__main__":
    sys.exit(main())
