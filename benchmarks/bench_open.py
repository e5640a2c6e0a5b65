"""I3: from the wish to see a camera to its first decoded picture; and forty cameras when a worker starts.

A camera's picture begins with a key frame, so a part of the time is the camera's: half the key frame interval in the
middle, all of it at worst. The footage has one every 0.2 s where our own time is measured, one a second for the forty.
"""

import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from statistics import median

import av
import cv2

from benchmarks import clips, peers
from benchmarks.camera_load import Order, run
from benchmarks.harness import Report
from ingest.address import networks
from ingest.link import CameraLink, LinkConfig
from ingest.live import LiveFanout
from ingest.stream import OpenLimiter
from models.camera import CameraSource, Scheme
from models.clock import SystemClock
from models.frame import DecodeMode

TIMES, PEER_TIMES = 20, 6
AT_ONCE, FORTY = 8, 40
WITHIN_S = 20.0


def main() -> int:
    """One after the other, eight at once, forty at once."""
    report = Report("bench_open")
    files = {"often": clips.made(clips.KEYED_OFTEN), "second": clips.made(clips.KEYED_EACH_SECOND)}
    with peers.served(files) as port:
        one(report, port)
        eight(report, port)
        forty(report, port)
    return report.failed and 1


def one(report: Report, port: int) -> None:
    """Open one camera again and again."""
    for name, interval_s, goal in (("often", 0.2, 0.6), ("second", 1.0, None)):
        ours = again(open_ours, port, name, TIMES, interval_s)
        theirs = again(open_pyav, port, name, PEER_TIMES, interval_s)
        scale = f"key frame every {interval_s:g} s, {TIMES} times; limit: PyAV as it comes"
        metric = f"open to first picture, key each {interval_s:g} s"
        report.add(f"{metric}, median", median(ours), "s", goal=goal, limit=median(theirs), scale=scale)
        report.add(f"{metric}, worst", max(ours), "s", goal=goal, limit=max(theirs), scale=scale)


def again(open_one: Callable[[int, str], float], port: int, name: str, times: int, interval_s: float) -> list[float]:
    """Return the seconds of each; each begins at another moment between two key frames."""
    seconds = []
    for number in range(times):
        time.sleep(interval_s * number / times)
        seconds.append(open_one(port, f"{name}@{number}"))
    return seconds


def eight(report: Report, port: int) -> None:
    """Open eight at the same time, as OpenCV and PyAV do and as we do."""
    names = [f"often@e{number}" for number in range(AT_ONCE)]
    ours = max(together(open_ours, port, names))
    scale = f"{AT_ONCE} cameras, key frame every 0.2 s; until the last has its first picture"
    pyav_s, opencv_s = max(together(open_pyav, port, names)), max(together(open_cv, port, names))
    report.add("eight at once, beside PyAV", ours, "s", limit=pyav_s, scale=scale)
    report.add("eight at once, beside OpenCV", ours, "s", limit=opencv_s, scale=scale)


def forty(report: Report, port: int) -> None:
    """Open forty as a starting worker does: links, recorders, analytics."""
    with tempfile.TemporaryDirectory(prefix="aw-bench-") as folder:
        streams = [(f"/second@f{number}", None) for number in range(FORTY)]
        opened_s: list[float] = run(Order(port=port, streams=streams, folder=folder, warm_s=1.0, window_s=1.0))[
            "open_s"
        ]
    names = [f"second@f{number}" for number in range(FORTY)]
    scale = f"{FORTY} cameras, key frame each second; limit: PyAV in {FORTY} threads"
    last_s = opened_s[-1] if len(opened_s) == FORTY else None
    report.add("cameras opened", len(opened_s), "", goal=FORTY, better="more", scale=scale)
    limit_s = max(together(open_pyav, port, names))
    report.add("forty cameras, last first picture", last_s, "s", goal=5, limit=limit_s, scale=scale)
    report.add("forty cameras, median first picture", median(opened_s), "s", scale=scale)


def together(open_one: Callable[[int, str], float], port: int, names: Sequence[str]) -> list[float]:
    """Return the seconds of each, all opened at once."""
    seconds: list[float] = []
    threads = [threading.Thread(target=lambda name=name: seconds.append(open_one(port, name))) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return seconds


def open_ours(port: int, name: str) -> float:
    """Return the seconds to the first frame that analytics would get."""
    seen = threading.Event()
    link = CameraLink(
        LinkConfig(
            camera_id="one",
            worker_id="bench",
            source=CameraSource(scheme=Scheme.RTSP, host="127.0.0.1", port=port, path=f"/{name}"),
            allowed_networks=networks(["127.0.0.0/8"]),
        ),
        clock=SystemClock(),
        on_state=lambda _state: None,
        on_frame=lambda _frame: seen.set(),
        mode=lambda: DecodeMode.QUIET,
        recorder=None,
        live=LiveFanout(),
        opens=OpenLimiter(AT_ONCE),
    )
    began_s = time.monotonic()
    link.start()
    if not seen.wait(WITHIN_S):
        raise SystemExit(f"{name} does not open")
    took_s = time.monotonic() - began_s
    link.stop()
    link.join(WITHIN_S)
    return took_s


def open_pyav(port: int, name: str) -> float:
    """Return the same through libavformat with its own settings."""
    began_s = time.monotonic()
    url = f"rtsp://127.0.0.1:{port}/{name}"
    with av.open(url, options={"rtsp_transport": "tcp"}, timeout=WITHIN_S) as container:
        next(container.decode(video=0))
        return time.monotonic() - began_s


def open_cv(port: int, name: str) -> float:
    """Return the same through OpenCV."""
    began_s = time.monotonic()
    camera = cv2.VideoCapture(f"rtsp://127.0.0.1:{port}/{name}", cv2.CAP_FFMPEG)
    done, _ = camera.read()
    took_s = time.monotonic() - began_s
    camera.release()
    if not done:
        raise SystemExit(f"{name} does not open in OpenCV")
    return took_s


if __name__ == "__main__":
    sys.exit(main())
