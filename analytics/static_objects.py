"""Things that were left, and things that were taken away: what stands differently in the picture than it did.

Two backgrounds, a slow and a fast one (Porikli, 2007), say what has come to rest. Its outline says which it is: in
the picture now, it is a thing that was left; in the background before, one that was taken; in neither, it is light.
"""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from analytics.kernels import Backgrounds, correlation, faded, sobel, standing
from analytics.motion import relit
from models.rule import Rule, RuleKind

LEARN_S = 10.0
"""A new view is learnt for so long before anything stands in it."""
SLOW_S = 30.0
FAST_S = 1.5
THRESHOLD = 18.0
ENTER_S = 2.0
"""What has not stood for so long is no candidate."""
GLOBAL_SHARE = 0.2
"""With more of the picture changed, light is considered ..."""
ANEW_SHARE = 0.5
"""... and with more than this left after that, it is another view."""
LIGHT_KEEPS = 0.5
ABSORB_S = 300.0
"""So long after the rules have had their say, what stands belongs to the view."""
GONE_S = 3.0
CANDIDATES_MOST = 16
LEAST_SAMPLES = 16
"""Of the coarse plane, some 32 by 32 pixels of 1080p; what is smaller has no outline to judge by."""
GAP_MOST_S = 12.0
NEVER_NEAR = 9.0
"""Heights of the picture: nobody is there."""
SAMPLES_A_HOLD = 60
SAME_PLACE = 0.3
"""Overlap of boxes from one look to the next."""
BAGGAGE = frozenset({"backpack", "handbag", "suitcase", "umbrella", "bag", "box", "luggage", "bottle", "teddy bear"})
"""Classes that explain nothing: they are what is looked for."""

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
Box = tuple[float, float, float, float]


class Limits(NamedTuple):
    """Thresholds, measured in benchmarks/bench_tamper.py."""

    outline: float = 1.25
    """So many times stronger must the outline be on one side of the change."""
    outline_least: float = 8.0
    alike: float = 0.8
    """More alike than this before and after is the same place in other light."""
    growth: float = 1.3
    """A shadow creeps; a thing is as large as it was half of the time ago."""
    slender: float = 12.0
    """A sliver that is so many times longer than wide is the edge of a shadow."""
    size_most: float = 0.2
    """Of the picture."""
    explained: float = 0.5
    """So much of it lies in the box of something tracked, or of what rested there."""


class Sample(NamedTuple):
    """One candidate at one look. Lengths are in heights of the picture, areas in shares of it."""

    t_s: float
    age_s: float
    area: float
    size: float
    """The longer side."""
    slender: float
    """The longer side by the mean width."""
    outline_now: float
    outline_before: float
    alike: float
    gap: float
    """To the nearest person or vehicle."""
    explained: float


def judge(series: Sequence[Sample], limits: Limits, rule: Rule) -> bool:
    """Tell whether the last sample of a candidate raises ``rule``, by what has been seen of it."""
    last = series[-1]
    still_s = rule.param("still_s")
    if last.age_s < still_s or last.size < rule.param("size_min") or last.area > limits.size_most:
        return False
    if last.explained >= limits.explained or last.alike > limits.alike or last.slender > limits.slender:
        return False
    earlier = [sample.area for sample in series if last.t_s - sample.t_s >= still_s / 2]
    if not earlier or last.area > earlier[-1] * limits.growth:
        return False
    stronger, weaker = last.outline_now, last.outline_before
    if rule.kind is RuleKind.REMOVED_OBJECT:
        stronger, weaker = weaker, stronger
    if stronger < limits.outline_least or stronger < weaker * limits.outline:
        return False
    return rule.kind is RuleKind.REMOVED_OBJECT or _alone_s(series, rule.param("owner_radius")) >= rule.param("owner_s")


def unclear(series: Sequence[Sample], limits: Limits) -> bool:
    """Tell whether a candidate is light, a shadow that creeps, or the like: it belongs to the view."""
    last = series[-1]
    clear = max(last.outline_now, last.outline_before)
    vague = clear < limits.outline_least or clear < limits.outline * min(last.outline_now, last.outline_before)
    earlier = [sample.area for sample in series if last.t_s - sample.t_s >= last.age_s / 2]
    grows = bool(earlier) and last.area > earlier[-1] * limits.growth
    return (
        vague
        or grows
        or last.alike > limits.alike
        or max(last.area / limits.size_most, last.slender / limits.slender) > 1
    )


def _alone_s(series: Sequence[Sample], radius: float) -> float:
    last = series[-1]
    since_s = last.t_s - last.age_s
    for sample in reversed(series):
        if sample.gap <= radius:
            since_s = max(since_s, sample.t_s)
            break
    return last.t_s - since_s


class Known(NamedTuple):
    """What the tracker knows of things that explain a change; boxes in 0..1 of the picture."""

    now: Sequence[Box]
    rested: Sequence[Box]
    """Where such things stood before, and may have gone from."""

    @classmethod
    def nothing(cls) -> "Known":
        return cls((), ())


@dataclass(slots=True)
class Candidate:
    """Something that stands; ``box`` in 0..1 of the picture, ``mask`` of the coarse plane."""

    box: Box
    mask: Mask
    seen_s: float
    age_s: float
    series: deque[Sample] = field(default_factory=deque)
    raised: set[int] = field(default_factory=set)
    """Rules that have told of it."""


class StaticWatch:
    """One camera's two backgrounds and what stands between them."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.candidates: list[Candidate] = []
        self._slow: Floats | None = None
        self._fast = self._value = self._age = np.empty((0, 0), np.float32)
        self._began_s = self._last_s = 0.0

    def look(self, plane: Floats, time_s: float, known: Known, *, hold_s: float) -> list[Candidate]:
        """Take a coarse plane; return what stands, each with its samples of the last ``hold_s`` and a little more."""
        slow = self._slow
        if slow is None or slow.shape != plane.shape:
            self._anew(plane, time_s)
            return []
        step_s = min(max(time_s - self._last_s, 0.0), GAP_MOST_S)
        self._last_s = time_s
        if time_s - self._began_s < LEARN_S:
            self._slow, self._fast = faded(slow, plane, 1 - math.exp(-step_s / FAST_S)), plane
            self._value = plane
            return []
        slow = self._under_this_light(plane, slow, time_s)
        before = Backgrounds(slow, self._fast, self._value, self._age)
        other, self._value, self._age = standing(plane, before, threshold=THRESHOLD, step_s=step_s)
        self._fast = faded(self._fast, plane, 1 - math.exp(-step_s / FAST_S))
        self._slow = np.where(other, slow, faded(slow, plane, 1 - math.exp(-step_s / SLOW_S)))
        self._find(plane, self._slow, time_s, known, hold_s)
        for candidate in [one for one in self.candidates if self._belongs(one, hold_s)]:
            self._absorb(candidate, plane)
        return self.candidates

    def _anew(self, plane: Floats, time_s: float) -> None:
        self._slow = self._fast = self._value = plane
        self._age = np.zeros_like(plane)
        self._began_s = self._last_s = time_s
        self.candidates = []

    def _under_this_light(self, plane: Floats, slow: Floats, time_s: float) -> Floats:
        share = float((np.abs(plane - slow) > THRESHOLD).mean())
        if share <= GLOBAL_SHARE:
            return slow
        lit = np.asarray(relit(plane, slow), np.float32)
        left = float((np.abs(plane - lit) > THRESHOLD).mean())
        if left <= share * LIGHT_KEEPS:
            self._fast = self._value = plane
            return lit
        if share > ANEW_SHARE:
            self._anew(plane, time_s)
            assert self._slow is not None
            return self._slow
        return slow

    def _find(self, plane: Floats, slow: Floats, time_s: float, known: Known, hold_s: float) -> None:
        stands = self._age >= ENTER_S
        joined = cv2.morphologyEx(stands.view(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
        count, labels, stats, _centres = cv2.connectedComponentsWithStats(joined, connectivity=8)
        # OpenCV: labelling has no array form
        largest = 1 + np.argsort(-stats[1:count, cv2.CC_STAT_AREA], kind="stable")[:CANDIDATES_MOST]
        scenes: tuple[_Scene, _Scene] | None = None
        for number in largest.tolist():
            if stats[number, cv2.CC_STAT_AREA] < LEAST_SAMPLES:
                break
            if scenes is None:
                scenes = _Scene(plane, sobel(plane)), _Scene(slow, sobel(slow))
            mask = labels == number
            candidate = self._candidate(mask, stats[number], plane.shape, time_s)
            sample = _sample(candidate, *scenes, known, time_s)
            _keep(candidate.series, sample, hold_s)
        self.candidates = [one for one in self.candidates if time_s - one.seen_s <= GONE_S]

    def _candidate(self, mask: Mask, stats: NDArray[np.int32], shape: tuple[int, ...], time_s: float) -> Candidate:
        height, width = shape
        left, top, wide, high = (int(value) for value in stats[:4])
        box = (left / width, top / height, (left + wide) / width, (top + high) / height)
        age_s = float(np.sort(self._age[mask])[int(mask.sum()) // 4])
        for candidate in self.candidates:
            if candidate.seen_s < time_s and overlap(candidate.box, box) >= SAME_PLACE:
                candidate.box, candidate.mask, candidate.seen_s, candidate.age_s = box, mask, time_s, age_s
                return candidate
        fresh = Candidate(box, mask, time_s, age_s)
        self.candidates.append(fresh)
        return fresh

    def _belongs(self, candidate: Candidate, hold_s: float) -> bool:
        if candidate.age_s < hold_s:
            return False
        late = candidate.age_s >= hold_s + ABSORB_S
        return late or (not candidate.raised and unclear(candidate.series, self.limits))

    def _absorb(self, candidate: Candidate, plane: Floats) -> None:
        assert self._slow is not None
        wide = cv2.dilate(candidate.mask.view(np.uint8), np.ones((3, 3), np.uint8)).astype(np.bool_)
        self._slow = np.where(wide, plane, self._slow)
        self._age = np.where(wide, np.float32(0), self._age)
        self.candidates.remove(candidate)


def _keep(series: deque[Sample], sample: Sample, hold_s: float) -> None:
    """Add a sample, in place of the last one where they lie too close for a rule that holds for minutes."""
    if len(series) > 1 and series[-1].t_s - series[-2].t_s < hold_s / SAMPLES_A_HOLD:
        sample = sample._replace(gap=min(sample.gap, series.pop().gap))
    series.append(sample)
    while sample.t_s - series[0].t_s > hold_s + GAP_MOST_S:
        series.popleft()


class _Scene(NamedTuple):
    plane: Floats
    edges: Floats


def _sample(candidate: Candidate, now: _Scene, before: _Scene, known: Known, time_s: float) -> Sample:
    height, width = now.plane.shape
    left, top, right, bottom = candidate.box
    near = np.s_[
        max(round(top * height) - 2, 0) : round(bottom * height) + 2,
        max(round(left * width) - 2, 0) : round(right * width) + 2,
    ]
    outline = _outline(candidate.mask)[1:-1, 1:-1]
    longer = max(bottom - top, (right - left) * width / height)
    within = candidate.mask[near]
    return Sample(
        t_s=time_s,
        age_s=candidate.age_s,
        area=float(candidate.mask.mean()),
        size=longer,
        slender=(longer * height) ** 2 / max(int(candidate.mask.sum()), 1),
        outline_now=float(now.edges[outline].mean()) if outline.any() else 0.0,
        outline_before=float(before.edges[outline].mean()) if outline.any() else 0.0,
        alike=float(correlation(_only(now.plane[near], within), _only(before.plane[near], within))),
        gap=min((gap(candidate.box, box, width / height) for box in known.now), default=NEVER_NEAR),
        explained=_explained(candidate.box, known),
    )


def overlap(one: Box, other: Box) -> float:
    """Return intersection over union."""
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    both = max(wide, 0.0) * max(high, 0.0)
    return both / max(_area(one) + _area(other) - both, 1e-9)


def gap(one: Box, other: Box, aspect: float) -> float:
    """Return how far two boxes are apart, in heights of the picture; 0 where they touch."""
    across = max(one[0] - other[2], other[0] - one[2], 0.0) * aspect
    down = max(one[1] - other[3], other[1] - one[3], 0.0)
    return math.hypot(across, down)


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _explained(box: Box, known: Known) -> float:
    """Return how much of a candidate lies in what is tracked now, or how well it fits what stood there before."""
    covered = 0.0
    for other in known.now:
        wide = min(box[2], other[2]) - max(box[0], other[0])
        high = min(box[3], other[3]) - max(box[1], other[1])
        covered = max(covered, max(wide, 0.0) * max(high, 0.0) / max(_area(box), 1e-9))
    # a thief stands before what he takes, yet is no box of its size
    rested = max((overlap(box, other) for other in known.rested), default=0.0)
    return max(covered, 1.0 if rested >= SAME_PLACE else 0.0)


def _outline(mask: Mask) -> Mask:
    kernel = np.ones((3, 3), np.uint8)
    as_bytes = mask.view(np.uint8)
    ring: Mask = cv2.dilate(as_bytes, kernel).astype(np.bool_) & ~cv2.erode(as_bytes, kernel).astype(np.bool_)
    return ring


def _only(plane: Floats, inside: Mask) -> Floats:
    """Return what lies inside, and the mean of it everywhere else."""
    return np.where(inside, plane, plane[inside].mean() if inside.any() else np.float32(0)).astype(np.float32)
