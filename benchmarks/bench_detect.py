"""A1 and A2: pictures a second from letterbox to tracks, beside benchmark_app on the same graph, size and precision.

Rounds of both take turns on one machine, so that what else runs there hits both; the ratio is the median of rounds.
CPU time for each picture stands beside it: it says the same where nothing else runs, and holds where something does.
`--seconds 3 --rounds 6 --threads 2` are the defaults.
"""

import argparse
import importlib.util
import re
import resource
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import openvino as ov

from analytics import selftest, sidecar
from analytics.detections import Detections
from analytics.detectors.network import NetworkDetector
from analytics.detectors.openvino_engine import with_normalisation
from analytics.planner import Planner
from analytics.tracker import Tracker, TrackerSettings
from benchmarks import vtest
from benchmarks.harness import Report
from models.frame import Frame
from tests.support.shared_data import shared

NETWORK = "nanodet"
FRAMES = 60
WARM_UP = 8
FEW, MANY, CPU_ROUNDS = 10, 110, 3
A1_GOAL, A2_GOAL = 0.90, 1.5
PRECISIONS = ("auto", "f32")
THROUGHPUT = re.compile(r"Throughput:\s*([\d.]+)\s*FPS")


def main() -> int:
    """Measure with the weights that are here."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--threads", type=int, default=2)
    wanted = parser.parse_args()
    report = Report("bench_detect")
    frames = pictures()
    with vtest.weights(NETWORK) as folder:
        if folder is None:
            report.add("A1 letterbox to tracks", None, "img/s", note=f"get the weights: alertwall models get {NETWORK}")
            return 0
        done: set[str] = set()
        for precision in PRECISIONS:
            with vtest.detector(NETWORK, folder, precision=precision, threads=wanted.threads) as looker:
                if looker.spec.precision not in done:
                    done.add(looker.spec.precision)
                    beside_benchmark_app(report, looker, folder, frames, wanted)
    with vtest.weights("yolo11n") as folder:
        if folder is not None:
            beside_ultralytics(report, folder, frames, wanted)
    return report.failed and 1


def pictures() -> Sequence[Frame]:
    """Return frames to look at: the clip's, else the self-test picture."""
    clip = vtest.clip()
    return list(vtest.frames(clip, limit=FRAMES)) if clip else [selftest.frame_of(selftest.PICTURE)]


def beside_benchmark_app(
    report: Report, looker: NetworkDetector, folder: Path, frames: Sequence[Frame], wanted: argparse.Namespace
) -> None:
    """Report A1 for one precision."""
    spec = looker.spec
    size = Planner(frames[0].size_px, spec.sizes).full.views[0]
    with tempfile.TemporaryDirectory(prefix="aw-bench-") as made:
        graph = Path(made) / "graph.xml"
        ov.save_model(static_graph(folder, size.width_px, size.height_px), graph, compress_to_fp16=False)
        rounds = []
        letterbox_to_tracks(looker, frames, 1.0)
        their_cpu_ms = benchmark_app_cpu_ms(graph, spec.precision, wanted)
        for _ in range(wanted.rounds):
            theirs = benchmark_app(graph, spec.precision, wanted, "-t", str(wanted.seconds))
            ours, cpu_ms = letterbox_to_tracks(looker, frames, wanted.seconds)
            rounds.append((ours / theirs, ours, theirs, cpu_ms))
    ratio, ours, theirs, cpu_ms = (statistics.median(column) for column in zip(*rounds, strict=True))
    scale = f"{spec.precision}, {size.width_px}x{size.height_px}, {wanted.threads} threads"
    spread = f"rounds {min(row[0] for row in rounds):.2f} to {max(row[0] for row in rounds):.2f}"
    report.add(
        f"A1 share of benchmark_app, {NETWORK}", ratio, "", goal=A1_GOAL, better="more", scale=scale, note=spread
    )
    report.add(f"A1 letterbox to tracks, {NETWORK}", ours, "img/s", limit=theirs, better="more", scale=scale)
    report.add(f"A1 letterbox to tracks, {NETWORK}, CPU", cpu_ms, "ms/img", limit=their_cpu_ms, scale=scale)


def static_graph(folder: Path, width_px: int, height_px: int) -> ov.Model:
    """Return our graph, normalisation included, for pictures of one size: benchmark_app takes no other."""
    known = sidecar.find(NETWORK, folder)
    model = with_normalisation(ov.Core().read_model(folder / known.file), known)
    model.reshape([1, height_px, width_px, 3])
    return model


def letterbox_to_tracks(looker: NetworkDetector, frames: Sequence[Frame], seconds: float) -> tuple[float, float]:
    """Return pictures a second and CPU milliseconds a picture of all that is done with a frame."""
    tracker = Tracker(TrackerSettings(conf_high=looker.spec.conf_high), classes=len(looker.spec.labels))
    count, until_s, cpu_s = 0, 0.0, 0.0

    def track(_frame: Frame, found: Detections) -> None:
        nonlocal count
        tracker.update(found, count / 25)
        count += 1

    def endless() -> Iterator[Frame]:
        nonlocal until_s, cpu_s, count
        yield from islice(cycle(frames), WARM_UP)
        count, until_s, cpu_s = 0, time.perf_counter() + seconds, time.process_time()
        for frame in cycle(frames):
            if time.perf_counter() >= until_s:
                return
            yield frame

    vtest.look_at_all(looker, endless(), track)
    elapsed_s = time.perf_counter() - until_s + seconds
    return count / elapsed_s, 1000 * (time.process_time() - cpu_s) / max(count, 1)


def benchmark_app(graph: Path, precision: str, wanted: argparse.Namespace, *more: str) -> float:
    """Return the pictures a second that OpenVINO's own tool reports, with our streams and threads."""
    program = Path(sysconfig.get_path("scripts")) / "benchmark_app"
    streams = min(2, wanted.threads)
    command = [str(program), "-m", str(graph), "-d", "CPU", "-hint", "none", "-infer_precision", precision]
    command += ["-nstreams", str(streams), "-nthreads", str(wanted.threads), "-nireq", "2", *more]
    said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    found = THROUGHPUT.search(said.stdout)
    if found is None:
        raise SystemExit(f"benchmark_app: {said.stdout[-1000:]}{said.stderr[-1000:]}")
    return float(found.group(1))


def benchmark_app_cpu_ms(graph: Path, precision: str, wanted: argparse.Namespace) -> float:
    """Return its CPU time for each picture: that of many less that of few, so that loading does not count."""
    each_ms = []
    for _ in range(CPU_ROUNDS):
        few_s, many_s = (children_cpu_s(graph, precision, wanted, count) for count in (FEW, MANY))
        each_ms.append(1000 * (many_s - few_s) / (MANY - FEW))
    return statistics.median(each_ms)


def children_cpu_s(graph: Path, precision: str, wanted: argparse.Namespace, count: int) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    benchmark_app(graph, precision, wanted, "-niter", str(count))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def beside_ultralytics(report: Report, folder: Path, frames: Sequence[Frame], wanted: argparse.Namespace) -> None:
    """Report A2: the same weights, ours on OpenVINO."""
    metric = "A2 times ultralytics predict, yolo11n"
    weights = shared("yolo11n.pt")
    if importlib.util.find_spec("ultralytics") is None or weights is None:
        report.add(metric, None, "", goal=A2_GOAL, better="more", note="ultralytics or its weights are not installed")
        return
    from ultralytics import YOLO  # noqa: PLC0415 - optional

    network = YOLO(str(weights))
    colour = [vtest.bgr(frame) for frame in frames]
    network.predict(colour[0], imgsz=640, verbose=False)
    with vtest.detector("yolo11n", folder, threads=wanted.threads) as looker:
        letterbox_to_tracks(looker, frames, 1.0)
        rounds = []
        for _ in range(wanted.rounds):
            count, began_s, began_cpu_s = 0, time.perf_counter(), time.process_time()
            for picture in cycle(colour):
                network.predict(picture, imgsz=640, verbose=False)
                count += 1
                if time.perf_counter() - began_s >= wanted.seconds:
                    break
            theirs = count / (time.perf_counter() - began_s)
            their_cpu_ms = 1000 * (time.process_time() - began_cpu_s) / count
            ours, cpu_ms = letterbox_to_tracks(looker, frames, wanted.seconds)
            rounds.append((ours / theirs, ours, theirs, cpu_ms, their_cpu_ms))
        ratio, ours, theirs, cpu_ms, their_cpu_ms = (float(np.median(column)) for column in zip(*rounds, strict=True))
        scale = f"{looker.spec.precision}, {wanted.threads} threads"
    report.add(metric, ratio, "", goal=A2_GOAL, better="more", scale=scale, note=f"{ours:.1f} to {theirs:.1f} img/s")
    report.add("A2 letterbox to tracks, yolo11n, CPU", cpu_ms, "ms/img", limit=their_cpu_ms, scale=scale)


if __name__ == "__main__":
    sys.exit(main())
