"""Whether somebody has been at a camera: its picture against what it has slowly learnt of its own view.

Covered, defocused, moved, frozen or black, each told from changes of light, which keep edges where they are. A look
gives one `Sample` of numbers; `judge` turns a stretch of samples into a verdict, now or when it is asked why again.
"""

import math
import zlib
from collections import deque
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from analytics.arrays import Array
from analytics.kernels import (
    Pooled,
    block_correlation,
    blocks,
    correlation,
    faded,
    laplacian,
    phase_correlation,
    pooled,
    pools,
    sobel,
)
from analytics.motion import STEP_PX
from models.frame import Frame
from models.rule import TamperFault

LEARN_S = 10.0
"""A new view is learnt for so long before anything is said of it."""
FOLLOW_S = 60.0
"""Time constant of the reference: the light of a day is followed, a cover is not."""
RELEARN_S = 60.0
"""A view that has been another one for so long, and shows no fault, is the view: night, snow, a building site."""
MOVED_LEARN_S = 60.0
"""So long after a camera was turned, what it shows now is its view."""
GAP_MOST_S = 12.0
"""Looks further apart than this are two stories: at rest there is one at each key frame."""
LEAST_ROWS = 24
"""Of samples; a smaller picture is not judged."""
EDGE_LEAST = 6.0
"""Mean edge strength of a block that has something to recognise ..."""
EDGE_NOISES = 2.5
"""... and so many times what changes there from look to look."""
CLIPPED_FROM = 240.0
"""A block as bright as this is blinded, not covered."""
STRIPE_PX = 16
"""Every so many rows are compared bit by bit: a sensor's noise is in all of them."""
LOOP_S = 3.0
"""A picture that was there so shortly ago is no new one: a repeated GOP."""

USUAL_FADES = 0.995
LEARN_LOOKS = 8
FOLLOW_MOST = 0.1
FOLLOW_EVERY_S = 2.0
CONTRAST_LEAST = 2.0
ODD_LOST = 0.33
SUSPECT_BELOW = 0.85
SUSPECT_LOST = 0.25
"""Below and above these it is worth to look for a shift, which costs as much as all else."""
SHIFT_MOST = 0.4
"""Of the picture; a larger shift is another view."""

Floats = NDArray[np.float32]


class Limits(NamedTuple):
    """Thresholds, measured in benchmarks/bench_tamper.py. Shares are of the blocks that have something to recognise."""

    lost: float = 0.35
    """Correlation of a block's edges below which it is not recognised."""
    flat: float = 0.4
    """Such a block is covered if it has less than so much of its edges left."""
    covered: float = 0.33
    steady: float = 0.6
    """So many of the covered blocks were covered at the look before: a lorry drives on."""
    sharp: float = 0.66
    """Finest detail beside contrast, of what it usually is ..."""
    sharp_relit: float = 0.4
    """... and where the light has changed too, by more than ``relit``: a lens out of focus keeps the mean."""
    relit: float = 12.0
    faint: float = 0.3
    """With less than so much of the usual edges it is dark, and nothing is said of the focus."""
    dim: float = 8.0
    """With less contrast than this in the whole picture, neither."""
    layout: float = 0.8
    """Out of focus, dark and bright are where they were."""
    shift_px: float = 5.0
    shift_agree: float = 0.5
    """Correlation of all edges once the shift is taken out ..."""
    shift_gain: float = 0.1
    """... and by how much that is better than without."""
    strange: float = 0.7
    """So much not recognised is another view ..."""
    strange_edges: float = 0.35
    """... if it has so much of the usual edges ..."""
    static: float = 0.5
    """... and looks like itself from look to look."""
    textured: float = 0.2
    """With fewer blocks that have something to recognise, nothing can be said of cover, focus or place."""
    black_mean: float = 28.0
    black_spread: float = 4.0
    black_drop: float = 20.0
    """It was so much brighter: a dusk is followed, a dead sensor is not."""
    frozen_keys: float = 2.0
    """So many key frames, each encoded anew, without a new picture ..."""
    frozen_returns: float = 3.0
    """... or so many pictures that came back after others ..."""
    frozen_long_s: float = 60.0
    """... or nothing new for so long."""
    frozen_usual: float = 3.0
    """And so many times longer than is usual there: some cameras repeat a picture until they have a new one."""
    frozen_spread: float = 3.0
    """A night without any light is the same again and again."""


class Sample(NamedTuple):
    """What one look found. Shares and medians are over blocks with something to recognise."""

    t_s: float
    mean: float
    spread: float
    usual_mean: float
    textured: float
    agree: float
    """Correlation of all edges with the reference's."""
    lost: float
    flat: float
    steady: float
    edges: float
    sharp: float
    layout: float
    static: float
    shift_x_px: float
    shift_y_px: float
    shift_agree: float
    stale_s: float
    stale_keys: float
    stale_returns: float
    stale_usual_s: float


class Verdict(NamedTuple):
    fault: TamperFault
    since_s: float


ORDER = (TamperFault.BLACK, TamperFault.FROZEN, TamperFault.COVERED, TamperFault.MOVED, TamperFault.DEFOCUSED)
"""The surest name first, where several would do."""


def faults_of(sample: Sample, limits: Limits) -> frozenset[TamperFault]:
    """Return every fault that one look would be called by."""
    found = set()
    if (
        sample.mean <= limits.black_mean
        and sample.spread <= limits.black_spread
        and sample.usual_mean - sample.mean >= limits.black_drop
    ):
        found.add(TamperFault.BLACK)
    if _frozen(sample, limits):
        found.add(TamperFault.FROZEN)
    if sample.textured < limits.textured:
        return frozenset(found)
    relit = abs(sample.mean - sample.usual_mean) > limits.relit
    soft = sample.sharp <= (limits.sharp_relit if relit else limits.sharp)
    visible = sample.edges >= limits.faint and sample.spread >= limits.dim
    blurred = soft and visible and sample.layout >= limits.layout
    shift_px = math.hypot(sample.shift_x_px, sample.shift_y_px)
    if (
        shift_px >= limits.shift_px
        and sample.shift_agree >= limits.shift_agree
        and sample.shift_agree - sample.agree >= limits.shift_gain
    ):
        found.add(TamperFault.MOVED)
    elif sample.flat >= limits.covered and sample.steady >= limits.steady and not blurred:
        found.add(TamperFault.COVERED)
    elif (
        sample.lost >= limits.strange
        and sample.edges >= limits.strange_edges
        and sample.static >= limits.static
        and not blurred
    ):
        found.add(TamperFault.MOVED)
    elif blurred:
        found.add(TamperFault.DEFOCUSED)
    return frozenset(found)


def _frozen(sample: Sample, limits: Limits) -> bool:
    sure = (
        sample.stale_keys >= limits.frozen_keys
        or sample.stale_returns >= limits.frozen_returns
        or sample.stale_s >= limits.frozen_long_s
    )
    usual = sample.stale_s >= limits.frozen_usual * sample.stale_usual_s
    return sure and usual and sample.spread >= limits.frozen_spread


def judge(series: Sequence[Sample], limits: Limits, *, hold_s: float, labels: Collection[str]) -> Verdict | None:
    """Return which fault the last sample shows and has shown for ``hold_s``; no labels are all of them."""
    if not series:
        return None
    last = series[-1]
    faults = faults_of(last, limits)
    for fault in ORDER:
        if fault not in faults or (labels and fault not in labels):
            continue
        since_s = last.t_s - last.stale_s if fault is TamperFault.FROZEN else _since(series, fault, limits)
        if last.t_s - since_s >= hold_s:
            return Verdict(fault, since_s)
    return None


def _since(series: Sequence[Sample], fault: TamperFault, limits: Limits) -> float:
    since_s = series[-1].t_s
    for sample in reversed(series):
        if since_s - sample.t_s > GAP_MOST_S or fault not in faults_of(sample, limits):
            break
        since_s = sample.t_s
    return since_s


class Novelty:
    """Tells pictures that were never there from those that were, bit by bit."""

    def __init__(self) -> None:
        self.new_s = -math.inf
        self.keys = 0
        """Key frames since then that showed nothing new."""
        self.returns = 0
        """Pictures since then that are not the one before, and yet were there."""
        self.usual_s = 0.0
        """The longest stretch without a new picture, slowly forgotten."""
        self._pts_s = -math.inf
        self._seen: deque[tuple[float, int]] = deque()

    def look(self, frame: Frame, *, suspect: bool) -> None:
        """Take the next frame; while ``suspect`` what is seen counts as no usual stretch."""
        if frame.pts_s == self._pts_s:
            return
        self._pts_s = frame.pts_s
        mark = zlib.crc32(frame.y[::STRIPE_PX].tobytes())
        now_s = frame.monotonic_s
        last = self._seen[-1][1] if self._seen else None
        if all(mark != known for _, known in self._seen):
            if self.new_s > -math.inf and not suspect:
                self.usual_s = max(now_s - self.new_s, self.usual_s * USUAL_FADES)
            self.new_s, self.keys, self.returns = now_s, 0, 0
        else:
            self.keys += frame.key
            self.returns += mark != last
        self._seen.append((now_s, mark))
        while len(self._seen) > 1 and now_s - self._seen[0][0] > LOOP_S:
            self._seen.popleft()


class Look(NamedTuple):
    """The features of one picture."""

    plane: Floats
    bright: Pooled
    edges: Pooled
    fine: Floats
    detail: Floats
    """Blocks: mean strength of the finest detail, the sensor's noise taken out."""
    changes: Floats
    """Blocks: mean change of the edges since the look before."""


class _Sizes:
    """What belongs to one size of picture."""

    def __init__(self, small: Floats, plane: Floats) -> None:
        self.shape = (small.shape, plane.shape)
        height, width = plane.shape
        self.scale_px = STEP_PX * small.shape[0] / height
        self.whole, self.inner = pools(height, width), pools(height - 2, width - 2)
        self.fine = pools(*laplacian(small).shape)
        window = np.outer(np.hanning(height), np.hanning(width))
        self.window = window.astype(np.float32)


class Reference:
    """What a camera's view usually is: means of the features of single pictures, never features of mean pictures."""

    def __init__(self, time_s: float) -> None:
        self.began_s = self.learnt_s = time_s
        self.looks = 0
        self._means: Look | None = None
        self.edges: Pooled | None = None

    @property
    def means(self) -> Look:
        assert self._means is not None
        return self._means

    def learn(self, look: Look, share: float, sizes: _Sizes, time_s: float) -> None:
        """Take in so much of a look."""
        self.looks += 1
        self.learnt_s = time_s
        old = self._means or look
        edges = pooled(faded(old.edges.plane, look.edges.plane, share), sizes.inner)
        # the mean of edges stands for `edges.mean` too, yet noise makes one picture's stronger than those of a mean
        self.edges = edges
        strength = faded(old.edges.mean, look.edges.mean, share)
        bright = Pooled(
            look.plane,
            faded(old.bright.mean, look.bright.mean, share),
            faded(old.bright.variance, look.bright.variance, share),
        )
        self._means = Look(
            plane=faded(old.plane, look.plane, share),
            bright=bright,
            edges=Pooled(edges.plane, strength, edges.variance),
            fine=look.fine,
            detail=faded(old.detail, look.detail, share),
            changes=faded(old.changes, look.changes, share),
        )


class TamperWatch:
    """One camera's reference and its last looks. It says what it sees; `analytics.scene` knows the rules."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.series: deque[Sample] = deque()
        self.relearnt = 0
        """How often the view was given up and learnt anew."""
        self._sizes: _Sizes | None = None
        self._reference: Reference | None = None
        self._novelty = Novelty()
        self._before: Look | None = None
        self._flat: NDArray[np.bool_] | None = None
        self._odd_s: float | None = None
        self._moved_s: float | None = None

    def watch(self, frame: Frame) -> None:
        """Take every frame, also those that are not looked at: whether it is a new one."""
        frozen = bool(self.series) and TamperFault.FROZEN in faults_of(self.series[-1], self.limits)
        self._novelty.look(frame, suspect=frozen)

    def look(self, small: Floats, plane: Floats, time_s: float, *, keep_s: float) -> Sample | None:
        """Compare a picture (every fourth pixel, and its coarse plane) with the reference and learn from it.

        None while the view is learnt. Samples of the last ``keep_s`` are kept in `series`.
        """
        if min(plane.shape) < LEAST_ROWS:
            return None
        if self._sizes is None or self._sizes.shape != (small.shape, plane.shape):
            self._sizes = _Sizes(small, plane)
            self._before = None
            self._start(time_s)
        sizes, reference = self._sizes, self._reference or self._start(time_s)
        look = _look(small, plane, self._before, sizes)
        before, self._before = self._before, look
        if time_s - reference.began_s < LEARN_S or reference.looks < LEARN_LOOKS:
            reference.learn(look, 1 / (reference.looks + 1), sizes, time_s)
            return None
        sample = self._compare(look, before, reference, sizes, time_s)
        self.series.append(sample)
        while time_s - self.series[0].t_s > keep_s + GAP_MOST_S:
            self.series.popleft()
        self._follow(sample, look, reference, sizes)
        return sample

    def _start(self, time_s: float) -> Reference:
        self._reference = reference = Reference(time_s)
        self._flat = self._odd_s = self._moved_s = None
        self.series.clear()
        return reference

    def _follow(self, sample: Sample, look: Look, reference: Reference, sizes: _Sizes) -> None:
        """Learn from a picture without a fault, slowly; give up a view that is gone for good."""
        faults, now_s = faults_of(sample, self.limits), sample.t_s
        odd = not faults and (sample.lost >= ODD_LOST or sample.textured < self.limits.textured)
        self._moved_s = (self._moved_s or now_s) if TamperFault.MOVED in faults else None
        self._odd_s = (self._odd_s or now_s) if odd else None
        gone_moved = self._moved_s is not None and now_s - self._moved_s >= MOVED_LEARN_S
        if gone_moved or (self._odd_s is not None and now_s - self._odd_s >= RELEARN_S):
            self.relearnt += 1
            self._start(now_s)
        elif not faults and not odd and now_s - reference.learnt_s >= FOLLOW_EVERY_S:
            share = 1 - math.exp(-(now_s - reference.learnt_s) / FOLLOW_S)
            reference.learn(look, min(share, FOLLOW_MOST), sizes, now_s)

    def _compare(self, look: Look, before: Look | None, reference: Reference, sizes: _Sizes, time_s: float) -> Sample:
        limits, usual, edges = self.limits, reference.means, reference.edges
        assert edges is not None
        known = usual.edges.mean > np.maximum(EDGE_LEAST, EDGE_NOISES * usual.changes)
        total = max(int(known.sum()), 1)
        same = block_correlation(look.edges, edges, sizes.inner)
        left = look.edges.mean / np.maximum(usual.edges.mean, 1e-3)
        lost = known & (same < limits.lost)
        flat = lost & (left < limits.flat) & (look.bright.mean < CLIPPED_FROM)
        steady, self._flat = _overlap(flat, self._flat), flat
        lost_share = float(lost.sum()) / total
        agree = static = 1.0
        shift = (0.0, 0.0, 1.0)
        if _median(same[known], 1.0) < SUSPECT_BELOW or lost_share > SUSPECT_LOST:
            agree = float(correlation(look.edges.plane, edges.plane))
            shift = _shifted(look, usual, edges, sizes)
            if before is not None:
                static = _median(block_correlation(look.edges, before.edges, sizes.inner)[known], 1.0)
        mean = float(look.bright.mean.mean())
        square = float((look.bright.variance + look.bright.mean * look.bright.mean).mean())
        novelty = self._novelty
        return Sample(
            t_s=time_s,
            mean=mean,
            spread=math.sqrt(max(square - mean * mean, 0.0)),
            usual_mean=float(usual.bright.mean.mean()),
            textured=float(known.sum()) / known.size,
            agree=agree,
            lost=lost_share,
            flat=float(flat.sum()) / total,
            steady=steady,
            edges=_median(left[known], 1.0),
            sharp=_median((_sharpness(look) / np.maximum(_sharpness(usual), 1e-3))[known], 1.0),
            layout=float(correlation(look.bright.mean, usual.bright.mean)),
            static=static,
            shift_x_px=shift[0],
            shift_y_px=shift[1],
            shift_agree=shift[2],
            stale_s=max(time_s - novelty.new_s, 0.0) if novelty.new_s > -math.inf else 0.0,
            stale_keys=float(novelty.keys),
            stale_returns=float(novelty.returns),
            stale_usual_s=novelty.usual_s,
        )


def _look(small: Floats, plane: Floats, before: Look | None, sizes: _Sizes) -> Look:
    edges, fine = pooled(sobel(plane), sizes.inner), laplacian(small)
    detail = blocks(np.abs(fine), sizes.fine)
    changes = np.zeros_like(detail)
    if before is not None:
        changes = blocks(np.abs(edges.plane - before.edges.plane), sizes.inner)
        noise = blocks(np.abs(fine - before.fine), sizes.fine)
        # two pictures' noise is between them; strengths add up as squares do
        detail = np.sqrt(np.maximum(detail * detail - noise * noise / 2, 0))
    return Look(plane, pooled(plane, sizes.whole), edges, fine, detail, changes)


def _sharpness(look: Look) -> Floats:
    """Return the finest detail beside the contrast of each block: light changes both alike, focus only the former."""
    return np.asarray(look.detail / (np.sqrt(look.bright.variance) + CONTRAST_LEAST), np.float32)


def _shifted(look: Look, usual: Look, edges: Pooled, sizes: _Sizes) -> tuple[float, float, float]:
    """Return by how many pixels of the frame the view has moved, and how well the edges agree after that."""
    surface = phase_correlation(look.plane, usual.plane, sizes.window)
    height, width = surface.shape
    row, column = (int(at) for at in np.unravel_index(int(surface.argmax()), surface.shape))
    down = row - height if row > height // 2 else row
    right = column - width if column > width // 2 else column
    if max(abs(down) / height, abs(right) / width) > SHIFT_MOST:
        return 0.0, 0.0, 0.0
    here, there = _overlapping(look.edges.plane, down, right), _overlapping(edges.plane, -down, -right)
    return right * sizes.scale_px, down * sizes.scale_px, float(correlation(here, there))


def _overlapping(plane: Floats, down: int, right: int) -> Floats:
    """Return the part of a picture that is still in view once the view has moved."""
    height, width = plane.shape
    rows = slice(max(down, 0), height + min(down, 0))
    return plane[rows, max(right, 0) : width + min(right, 0)]


def _overlap(now: NDArray[np.bool_], before: NDArray[np.bool_] | None) -> float:
    """Return which share of the blocks in either set is in both."""
    if before is None:
        return 0.0
    either = int((now | before).sum())
    return int((now & before).sum()) / either if either else 1.0


def _median(values: Array, empty: float) -> float:
    return float(np.sort(values)[len(values) // 2]) if len(values) else empty


def series_json(series: Sequence[Sample]) -> dict[str, Any]:
    """Return samples as JSON that gives the very same numbers back."""
    return {"columns": list(Sample._fields), "rows": [list(map(float, sample)) for sample in series]}


def series_of(said: dict[str, Any]) -> list[Sample]:
    """Return what `series_json` made."""
    return [Sample(**dict(zip(said["columns"], row, strict=True))) for row in said["rows"]]
