"""A4: what a still scene costs, and what motion first wins on a large picture, on real frames of vtest.avi.

The still scene is the clip's median picture with fresh noise and slowly drifting light. The large one is the clip at
its own scale in the middle of a 1080p picture, as a camera with a wide view sees people.
"""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from analytics.detections import Detections, overlaps
from analytics.detector import Answer, DetectorSpec, InputSizes
from analytics.detectors.network import NetworkDetector
from analytics.letterbox import View
from analytics.motion import MotionWatch
from analytics.pipeline import Pipeline
from analytics.planner import Planner
from analytics.watch import CameraWatch
from benchmarks import vtest
from benchmarks.harness import Report
from models.frame import Frame, Plane
from models.rule import Rule, RuleKind
from tests.support.clock import FakeClock

STILL_SIZE = (768, 576)
LARGE_SIZE = (1920, 1080)
STILL_FRAMES, STILL_FPS = 1500, 5.0
NOISE, DRIFT = 3.0, 6.0
LARGE_EVERY, LARGE_FRAMES = 3, 210
WARM_UP_FRAMES = 30
RECALL_MAY_LOSE = 0.01
SCORE_FROM = 0.3
ZONE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
"""The whole picture."""


class CountingDetector:
    """Implements `Detector`: finds nothing, counts what it is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self._answers: list[Answer] = []
        self.spec = DetectorSpec(
            name="nothing",
            backend="none",
            device="CPU",
            precision="f32",
            digest="",
            licence="",
            labels=("person",),
            sizes=InputSizes(long_px=416),
            conf_high=0.5,
            conf_low=0.4,
            nms_iou=0.6,
        )

    def free(self) -> int:
        return 1

    def submit(self, ticket: int, frame: Frame, views: Sequence[View]) -> None:  # noqa: ARG002 - the protocol's
        self.asked += 1
        self._answers.append(Answer(ticket, Detections.none()))

    def poll(self) -> list[Answer]:
        answers, self._answers = self._answers, []
        return answers

    def on_ready(self, wake: Callable[[], None]) -> None:
        """Do nothing: answers are there at once."""

    def forget(self, camera_id: str) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


def main() -> int:
    """Measure both."""
    report = Report("bench_motion")
    still_scene(report)
    motion_alone(report)
    clip = vtest.clip()
    with vtest.weights("nanodet") as folder:
        if clip is None or folder is None:
            report.add("A4 1080p, motion first", None, "", note="needs vtest.avi and the weights of nanodet")
        else:
            with vtest.detector("nanodet", folder, everything=True) as looker:
                large_picture(report, looker)
    return report.failed and 1


def still_scene(report: Report) -> None:
    """Report cost and looks of a scene in which nothing happens for five minutes."""
    detector = CountingDetector()
    clock = FakeClock()
    pipeline = Pipeline(detector, clock=clock, on_finding=lambda _finding: None, detect_fps=STILL_FPS, threaded=False)
    pipeline.add_camera("still", [whole_picture("still")])
    frames = still_frames()
    cpu_s, count = 0.0, 0
    for number in range(STILL_FRAMES):
        clock.advance(1 / STILL_FPS)
        frame = replace(next(frames), seq=number, monotonic_s=clock.monotonic_s(), captured_at=clock.utc_now())
        began_s = time.process_time()
        pipeline.put(frame)
        pipeline.run_once()
        pipeline.run_once()
        cpu_s += time.process_time() - began_s
        count += 1
    skipped = 100 * (1 - detector.asked / count)
    scale = f"{STILL_SIZE[0]}x{STILL_SIZE[1]}, {count} frames at {STILL_FPS:g} fps"
    report.add("A4 still scene, whole pipeline", 1000 * cpu_s / count, "ms/frame", goal=1.5, scale=scale)
    report.add("A4 still scene, never reach the detector", skipped, "%", goal=95, better="more", scale=scale)
    pipeline.close()


def still_frames() -> Iterator[Frame]:
    """Yield one scene again and again, each time with other noise and, slowly, other light."""
    width, height = STILL_SIZE
    clip = vtest.clip()
    if clip:
        some = [frame.y.astype(np.uint8) for frame in vtest.frames(clip, every=40)]
        scene = np.median(np.stack(some), axis=0)
    else:
        scene = np.add.outer(np.arange(height) % 64, np.arange(width) % 96) + 40.0
    random = np.random.default_rng(1)
    noises = [random.normal(0, NOISE, scene.shape) for _ in range(8)]
    chroma = np.full((height // 2, width // 2), 128, np.uint8)
    number = 0
    while True:
        light = DRIFT * np.sin(number / 200)
        luma = np.clip(scene + np.roll(noises[number % 8], number * 7, axis=1) + light, 0, 255).astype(np.uint8)
        yield planes_frame(luma, chroma, number)
        number += 1


def motion_alone(report: Report) -> None:
    """Report what motion costs by itself."""
    random = np.random.default_rng(2)
    pictures: list[Plane] = [random.integers(90, 110, LARGE_SIZE[::-1], dtype=np.uint8) for _ in range(4)]
    watch = MotionWatch()
    cpu_s = []
    for number in range(120):
        began_s = time.process_time()
        watch.look(pictures[number % 4], number / 5)
        cpu_s.append(time.process_time() - began_s)
    scale = f"{LARGE_SIZE[0]}x{LARGE_SIZE[1]}"
    report.add("A5 motion, one picture", 1000 * float(np.median(cpu_s)), "ms/frame", goal=2, scale=scale)


@dataclass(slots=True)
class Way:
    """One way to look at the large picture."""

    found: list[Detections]
    pixels: int = 0
    looks: int = 0
    cpu_s: float = 0.0


def large_picture(report: Report, looker: NetworkDetector) -> None:
    """Report recall and cost of motion first beside full looks at full resolution and at the detector's own."""
    truth, clip = vtest.truth(), vtest.clip()
    assert truth is not None
    assert clip is not None
    canvas = Canvas()
    frames, expected = [], []
    for frame in vtest.frames(clip, every=LARGE_EVERY, limit=LARGE_FRAMES):
        frames.append(canvas.around(frame))
        expected.append(truth[frame.seq][:, 1:5] + canvas.shift)
    native = Planner(LARGE_SIZE, replace(looker.spec.sizes, min_scale=1.0)).full.views
    small = Planner(LARGE_SIZE, replace(looker.spec.sizes, min_scale=0.1)).full.views
    ways = {
        "full resolution": full(looker, frames, native),
        "shrunk to the detector's size": full(looker, frames, small),
        "motion first": motion_first(looker, frames),
    }
    first, judged = ways["motion first"], slice(WARM_UP_FRAMES // LARGE_EVERY, None)
    recalls = {name: recall(way.found[judged], expected[judged]) for name, way in ways.items()}
    whole = ways["full resolution"]
    scale = f"{len(frames)} frames {LARGE_SIZE[0]}x{LARGE_SIZE[1]}, {looker.spec.precision}"
    for name, way in ways.items():
        goal = recalls["full resolution"] - RECALL_MAY_LOSE if way is first else None
        pixels = f"{way.pixels / len(frames) / 1e6:.2f} MP of detector input a frame, {way.looks} looks"
        report.add(f"A4 recall, {name}", recalls[name], "", goal=goal, better="more", scale=scale)
        report.add(f"A4 cost, {name}", 1000 * way.cpu_s / len(frames), "ms CPU", scale=scale, note=pixels)
    report.add("A4 cost of motion first, share of full", first.cpu_s / whole.cpu_s, "", goal=0.25, scale=scale)


class Canvas:
    """A still 1080p background: the clip's first picture mirrored around itself, in the middle of which it plays."""

    def __init__(self) -> None:
        width, height = LARGE_SIZE
        self._left, self._top = (width - STILL_SIZE[0]) // 2, (height - STILL_SIZE[1]) // 2
        self.shift = np.array([self._left, self._top] * 2, np.float32)
        self._still: list[Plane] = []

    def around(self, frame: Frame) -> Frame:
        """Return ``frame`` with the background around it."""
        planes = []
        for index, plane in enumerate((frame.y, frame.u, frame.v)):
            part = 1 if index == 0 else 2
            top, left = self._top // part, self._left // part
            if len(self._still) <= index:
                bottom = LARGE_SIZE[1] // part - plane.shape[0] - top
                right = LARGE_SIZE[0] // part - plane.shape[1] - left
                blank = np.full((LARGE_SIZE[1] // part, LARGE_SIZE[0] // part), np.median(plane), np.uint8)
                mirrored = np.pad(
                    plane[::4, ::4].repeat(4, 0).repeat(4, 1)[: plane.shape[0], : plane.shape[1]],
                    ((top, bottom), (left, right)),
                    mode="symmetric",
                )
                self._still.append(np.minimum(mirrored, blank) if index == 0 else blank)
            whole = self._still[index].copy()
            whole[top : top + plane.shape[0], left : left + plane.shape[1]] = plane
            planes.append(whole)
        return replace(frame, y=planes[0], u=planes[1], v=planes[2])


def full(looker: NetworkDetector, frames: Sequence[Frame], views: Sequence[View]) -> Way:
    """Look at all of every frame."""
    way = Way([])
    began_s = time.process_time()
    vtest.look_at_all(looker, frames, lambda _frame, found: way.found.append(found), views_of=lambda _frame: views)
    way.cpu_s = time.process_time() - began_s
    way.pixels, way.looks = sum(view.pixels for view in views) * len(frames), len(frames)
    return way


def motion_first(looker: NetworkDetector, frames: Sequence[Frame]) -> Way:
    """Look where the camera's watch says: what moves, what is tracked, all of it now and then; at full resolution."""
    spec = replace(looker.spec, sizes=replace(looker.spec.sizes, min_scale=1.0))
    watch = CameraWatch.of("large", [whole_picture("large")], spec, vtest.FPS)
    way = Way([])
    began_s = time.process_time()
    for frame in frames:
        watch.consider(frame)
        job, watch.wanting = watch.wanting, None
        if job is None:
            way.found.append(Detections.none())
            continue
        found = vtest.look_at(looker, frame, job.plan.views)
        watch.conclude(job, found[found.score >= spec.conf_low])
        way.found.append(found)
        way.looks += 1
        way.pixels += job.plan.pixels
    way.cpu_s = time.process_time() - began_s
    return way


def recall(found: Sequence[Detections], expected: Sequence[NDArray[np.float32]]) -> float:
    """Return the share of people for whom there is a sure enough box."""
    hits = total = 0
    for boxes, people in zip(found, expected, strict=True):
        sure = vtest.people(boxes)
        near = overlaps(people, sure[sure.score >= SCORE_FROM].xyxy)
        hits += int((near.max(axis=1, initial=0) >= 0.5).sum())
        total += len(people)
    return hits / total


def whole_picture(camera_id: str) -> Rule:
    return Rule(id=1, version=1, camera_id=camera_id, name="all", kind=RuleKind.INTRUSION, points=ZONE)


def planes_frame(luma: Plane, chroma: Plane, number: int) -> Frame:
    return Frame(
        camera_id="still",
        seq=number,
        captured_at=vtest.START,
        monotonic_s=number / STILL_FPS,
        pts_s=number / STILL_FPS,
        y=luma,
        u=chroma,
        v=chroma,
        key=number == 0,
    )


if __name__ == "__main__":
    sys.exit(main())
