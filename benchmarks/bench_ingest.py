"""I1: what one camera costs: 1080p main stream recorded, 360p sub-stream analysed; beside motion and a bare decoder.

Busy is the worst case, a scene in which something moves in every picture; still is what most cameras see most of the
time. CPU is that of the cameras' process alone, per camera and second: links, recording, decoding, analytics.
"""

import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alertwall import homes
from analytics import weights
from benchmarks import clips, peers
from benchmarks.camera_load import NO_NETWORK, Order, run
from benchmarks.harness import Report
from models.errors import AlertwallError

DETECTOR = "nanodet"
GOAL_MS = 25.0
MANY, SOME, FEW = 8, 6, 2
FIRST = 2
CALM_S = 12.0
"""The ring is full, and the first picture no longer counts as motion."""
SHORT_S = 10.0
MOTION_WARM_S = 10.0
LOOPS = 5


def main() -> int:
    """Measure from the lightest to the heaviest."""
    report = Report("bench_ingest")
    names = {"busy": clips.MAIN, "busy-sub": clips.SUB, "still": clips.STILL_MAIN, "still-sub": clips.STILL_SUB}
    files = {name: clips.made(footage) for name, footage in names.items()}
    limit_ms = {name: peers.decode_ms(path, loops=LOOPS, seconds=clips.SECONDS) for name, path in files.items()}
    with peers.served(files) as port:
        with_sub(report, port, limit_ms)
        main_only(report, port, limit_ms)
    return report.failed and 1


def with_sub(report: Report, port: int, limit_ms: dict[str, float]) -> None:
    """Measure main stream recorded and sub-stream analysed, without the detector's network and with it."""
    found_dir, absent = weights_dir()
    for scene, count in (("still", MANY), ("busy", SOME)):
        said = measured(port, scene, count, sub=True, first=FIRST if scene == "still" else 0)
        cost(report, f"{scene}, motion and gate, no detector", said, count, limit_ms[f"{scene}-sub"])
        sound(report, scene, said)
        if "memory_first_mb" in said:
            added_mb = (said["memory_mb"] - said["memory_first_mb"]) / (count - FIRST)
            note = "10 s of both streams' packets, two decoders"
            report.add("memory of each added camera", added_mb, "MB", goal=15, scale=f"{FIRST} to {count}", note=note)
    for scene, count, goal in (("still", MANY, GOAL_MS), ("busy", FEW, None)):
        metric = f"{scene}, with {DETECTOR}"
        if absent:
            report.add(metric, None, "ms/s", note=absent)
            continue
        said = measured(port, scene, count, sub=True, detector=DETECTOR, weights_dir=found_dir)
        cost(report, metric, said, count, limit_ms[f"{scene}-sub"], goal=goal)


def main_only(report: Report, port: int, limit_ms: dict[str, float]) -> None:
    """Measure one 1080p stream, recorded and analysed, beside motion on the same streams."""
    for scene in ("still", "busy"):
        said = measured(port, scene, FEW, sub=False)
        ours_ms = said["cpu_ms_per_camera_s"]
        note = f"decoder alone {limit_ms[scene]:.0f} ms"
        if shutil.which("motion") is None:
            report.add(f"{scene}, 1080p main only", ours_ms, "ms/s", note=f"{note}; motion is not installed")
            continue
        urls = [f"rtsp://127.0.0.1:{port}/{scene}@m{number}" for number in range(FEW)]
        with folder() as place:
            motion_ms = peers.motion_ms(urls, (1920, 1080), place, warm_s=MOTION_WARM_S, window_s=SHORT_S)
        scale = f"{FEW} cameras; limit: motion 4.5.1, which analyses every picture at full size"
        report.add(f"{scene}, 1080p main only", ours_ms, "ms/s", limit=motion_ms, scale=scale, note=note)
        report.add(f"{scene}, 1080p main only, of motion's", ours_ms / motion_ms, "", goal=0.5)


def measured(
    port: int, scene: str, count: int, *, sub: bool, detector: str = NO_NETWORK, weights_dir: str = "", first: int = 0
) -> dict[str, Any]:
    streams: Sequence[tuple[str, str | None]] = [
        (f"/{scene}@{number}", f"/{scene}-sub@{number}" if sub else None) for number in range(count)
    ]
    with folder() as place:
        return run(
            Order(
                port=port,
                streams=streams,
                folder=str(place),
                detector=detector,
                weights_dir=weights_dir,
                first=first,
                warm_s=CALM_S if scene == "still" else SHORT_S / 2,
                window_s=SHORT_S,
            )
        )


def cost(
    report: Report, metric: str, said: dict[str, Any], count: int, limit_ms: float, *, goal: float | None = GOAL_MS
) -> None:
    """Report CPU beside what a bare decoder takes for every picture of the sub-stream."""
    threads = ", ".join(f"{name} {ms:g}" for name, ms in sorted(said["threads_ms_per_camera_s"].items()) if ms >= 0.1)
    scale = f"{count} cameras; limit: ffmpeg -threads 1 decodes all of the sub-stream"
    report.add(metric, said["cpu_ms_per_camera_s"], "ms/s", goal=goal, limit=limit_ms, scale=scale, note=threads)


def sound(report: Report, scene: str, said: dict[str, Any]) -> None:
    """Report whether all of it was recorded."""
    report.add(f"{scene}, recording gaps", said["gaps"], "", goal=0)
    report.add(f"{scene}, longest time between stored pictures", said["longest_hole_s"], "s", goal=1)
    rate = said["pictures_per_camera_s"]
    report.add(f"{scene}, pictures received", rate, "/s", goal=0.99 * clips.FPS, limit=clips.FPS, better="more")


def weights_dir() -> tuple[str, str]:
    """Return where the weights are, or why they are not."""
    place = homes.weights_home()
    try:
        weights.get(DETECTOR, place)
    except (AlertwallError, OSError) as error:
        return "", str(error)
    return str(place), ""


@contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="aw-bench-") as place:
        yield Path(place)


if __name__ == "__main__":
    sys.exit(main())
