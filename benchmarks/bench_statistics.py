"""Statistics and rehearsals: what counting adds to a look at 100 tracks, and how fast recordings are rehearsed."""

import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from alertwall.rehearsal import Rehearsal
from alertwall.rehearsal_report import Job
from analytics.detectors import open_detector
from analytics.statistics import LOOKS_AT_ONCE, Statistics
from benchmarks import vtest
from benchmarks.bench_rules import FPS, SIZE_PX, TRACKS, rules, walks
from benchmarks.clips import MAIN, Footage, made
from benchmarks.harness import Report
from ingest.disk import DiskWriter
from ingest.recorder import Recorder
from models.frame import Frame
from models.rule import Rule, RuleKind
from tests.support.clock import FakeClock
from tests.support.rtsp import packets_of

COST_GOAL_US = 50
ZONES_USED, WIRES_USED = 4, 2
LOOPS = 15
"""A minute of footage of four seconds."""
SUB_SIZE_PX = (640, 360)
NETWORK = "nanodet"


def cost(report: Report) -> None:
    """Report the CPU time of one look, batches included."""
    random = np.random.default_rng(1)
    drawn = rules(random)
    used = [one for one in drawn if one.kind is RuleKind.INTRUSION][:ZONES_USED]
    used += [one for one in drawn if one.kind is RuleKind.LINE_CROSSING][:WIRES_USED]
    looks = [replace(look, hits=np.full(TRACKS, 9)) for look in walks(random)]
    plane = np.zeros((SIZE_PX[1], SIZE_PX[0]), np.uint8)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    frames = [
        Frame(
            camera_id="c",
            seq=n,
            captured_at=start + timedelta(seconds=n / FPS),
            monotonic_s=n / FPS,
            pts_s=n / FPS,
            y=plane,
            u=plane,
            v=plane,
        )
        for n in range(len(looks))
    ]
    counting = Statistics("c", used, ("person",))
    took = []
    for begin in range(LOOKS_AT_ONCE, len(looks) - LOOKS_AT_ONCE, LOOKS_AT_ONCE):
        begun_s = time.process_time()
        for number in range(begin, begin + LOOKS_AT_ONCE):
            counting.look(looks[number], frames[number])
        took.append((time.process_time() - begun_s) / LOOKS_AT_ONCE)
    scale = f"{TRACKS} tracks, {ZONES_USED} zones, {WIRES_USED} tripwires"
    note = f"median of {len(took)} batches; the best {min(took) * 1e6:.0f}"
    report.add(
        "detection statistics, one look", float(np.median(took)) * 1e6, "us", goal=COST_GOAL_US, scale=scale, note=note
    )


def speed(report: Report, detector: str, weights: Path, film: Footage, name: str) -> None:
    """Report how many times faster than it was recorded a minute is rehearsed, draft and live rule side by side."""
    with tempfile.TemporaryDirectory() as kept:
        folder, clock = Path(kept), FakeClock()
        began = clock.utc_now()
        disk = DiskWriter(folder)
        recorder = Recorder(
            "c", folder, disk, clock=clock, on_segment=lambda _: None, on_trouble=lambda *_: None, min_free_bytes=0
        )
        for packet in packets_of(made(film), clock=clock, loops=LOOPS):
            recorder.put(packet)
        recorder.end()
        disk.wait(30)
        disk.close()
        middle = ((0.3, 0.3), (0.7, 0.3), (0.7, 1.0), (0.3, 1.0))
        rule = Rule(id=1, version=1, camera_id="c", name="zone", kind=RuleKind.INTRUSION, points=middle, cool_down_s=5)
        job = Job(
            camera_id="c",
            since=began,
            until=clock.utc_now(),
            draft=rule,
            live=rule,
            media_dir=kept,
            weights_dir=str(weights),
            detector=detector,
            size_px=SUB_SIZE_PX,
        )
        outcome = Rehearsal(job, open_detector(detector, weights_dir=weights)).run()
    note = f"{outcome.footage_s:.0f} s of 1080p; the draft raised {outcome.draft.total}, the live rule as many"
    report.add(f"rehearsal, {name}, {detector}", outcome.speed, "x", better="more", note=note)


def main() -> int:
    report = Report("bench_statistics")
    cost(report)
    still = replace(MAIN, still=True)
    for film, name in ((MAIN, "everything moves"), (still, "still scene")):
        speed(report, "moving-object", Path(), film, name)
    with vtest.weights(NETWORK) as folder:
        if folder is not None:
            speed(report, NETWORK, folder, MAIN, "everything moves")
    return 1 if report.failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
