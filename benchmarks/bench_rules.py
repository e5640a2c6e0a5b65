"""A5: what a look at 100 tracks costs with ten zones and ten tripwires, beside a loop over OpenCV's point test."""

import statistics
import time
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from analytics.rules import RuleBook
from analytics.tracker import Tracks
from benchmarks.harness import Report
from models.rule import Rule, RuleKind

TRACKS, ZONES, WIRES = 100, 10, 10
OTHERS = (RuleKind.LOITERING, RuleKind.WRONG_WAY, RuleKind.SPEED, RuleKind.CROWD)
OTHERS_EACH = 2
CORNERS = 8
LOOKS = 2000
FPS = 5.0
SIZE_PX = (1920, 1080)
STEP = 0.01
"""Of the picture, per look."""


def rules(random: np.random.Generator) -> list[Rule]:
    """Return zones of eight corners around a middle, and lines across the picture."""
    made = []
    for number in range(ZONES):
        middle, radius = random.uniform(0.3, 0.7, 2), random.uniform(0.1, 0.3, CORNERS)
        turn = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)
        points = np.stack([np.cos(turn), np.sin(turn)], axis=1) * radius[:, None] + middle
        made.append(_rule(number, RuleKind.INTRUSION, points))
    return [*made, *(_rule(ZONES + n, RuleKind.LINE_CROSSING, random.uniform(0, 1, (2, 2))) for n in range(WIRES))]


def _rule(number: int, kind: RuleKind, points: NDArray[np.float64]) -> Rule:
    corners = tuple((float(x), float(y)) for x, y in points)
    return Rule(id=number, version=1, camera_id="c", name=f"r{number}", kind=kind, points=corners)


def others(random: np.random.Generator) -> list[Rule]:
    """Return rules of the other kinds, each about four corners around a middle."""
    made: list[Rule] = []
    for _ in range(OTHERS_EACH):
        for kind in OTHERS:
            x, y = random.uniform(0.3, 0.7, 2)
            half = random.uniform(0.1, 0.25)
            corners = np.array([(x - half, y - half), (x + half, y - half), (x + half, y + half), (x - half, y + half)])
            made.append(_rule(ZONES + WIRES + len(made), kind, corners))
    return made


def walks(random: np.random.Generator) -> list[Tracks]:
    """Return what the tracker would give for people who walk about, a record per look."""
    at = random.uniform(0, 1, (TRACKS, 2))
    heading = random.normal(0, STEP, (TRACKS, 2))
    looks = []
    for look in range(LOOKS):
        at = np.clip(at + heading + random.normal(0, STEP / 4, at.shape), 0, 1)
        heading = np.where((at <= 0) | (at >= 1), -heading, heading)
        foot = at * np.array(SIZE_PX)
        boxes = np.concatenate([foot - np.array([20, 90]), foot + np.array([20, 0])], axis=1).astype(np.float32)
        looks.append(tracks(boxes, look / FPS))
    return looks


def tracks(boxes: NDArray[np.float32], time_s: float) -> Tracks:
    """Return tracks that are all seen now."""
    count = len(boxes)
    return Tracks(
        id=np.arange(count),
        xyxy=boxes,
        votes=np.ones((count, 1), np.float32),
        score=np.full(count, 0.8, np.float32),
        born_s=np.zeros(count),
        seen_s=np.full(count, time_s),
        missed_s=np.zeros(count),
        resting_since_s=np.full(count, time_s),
        moved=np.ones(count, np.bool_),
    )


def median_us(work: Callable[[int], object], times: int) -> float:
    """Return what one of ``times`` looks costs, microseconds."""
    took = []
    for number in range(times):
        begun_s = time.perf_counter()
        work(number)
        took.append(time.perf_counter() - begun_s)
    return statistics.median(took) * 1e6


def main() -> int:
    report = Report("bench_rules")
    random = np.random.default_rng(1)
    drawn, looks = rules(random), walks(random)
    seen = np.ones(TRACKS, np.bool_)
    raised = 0

    book = RuleBook(drawn, labels=("person",), tells_classes=True)

    def ours(number: int) -> None:
        nonlocal raised
        raised += len(book.judge(looks[number], seen, SIZE_PX, number / FPS))

    contours = [
        (np.array(rule.points, np.float32) * np.array(SIZE_PX, np.float32))[:, None]
        for rule in drawn
        if rule.kind is RuleKind.INTRUSION
    ]

    def opencv(number: int) -> None:
        for x, y in looks[number].anchor.tolist():
            for contour in contours:
                cv2.pointPolygonTest(contour, (x, y), measureDist=False)

    all_kinds = RuleBook([*drawn, *others(random)], labels=("person",), tells_classes=True)

    def every_kind(number: int) -> None:
        all_kinds.judge(looks[number], seen, SIZE_PX, number / FPS)

    scale = f"{TRACKS} tracks, {ZONES} zones, {WIRES} tripwires"
    mine_us, theirs_us = median_us(ours, LOOKS), median_us(opencv, LOOKS // 10)
    note = f"limit: OpenCV's point test in a loop, zones alone; {raised} verdicts in {LOOKS} looks"
    report.add("A5 rules, one look", mine_us, "us", goal=150, limit=theirs_us, scale=scale, note=note)
    scale = f"{scale}, {len(OTHERS)} more kinds, {OTHERS_EACH} of each"
    report.add("rules of all kinds, one look", median_us(every_kind, LOOKS // 2), "us", scale=scale)
    return 1 if report.failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
