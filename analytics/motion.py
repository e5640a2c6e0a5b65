"""Motion on every fourth pixel of a frame's Y plane: whether there is anything for a detector to look at.

The dense kernels are plain array functions, batched over leading axes. Per camera, `MotionWatch` keeps a running
background and tells apart things that move, light that changes and a picture that is another one altogether.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from analytics.arrays import Array, namespace_of
from models.frame import Plane

STEP_PX = 4
CELL = 8
"""Samples on the side of one cell: 32 pixels of the frame."""
CELL_PX = STEP_PX * CELL
CELL_LEAST = 4
"""Changed samples that make a cell moving."""
THRESHOLD_LEAST = 14.0
THRESHOLD_NOISES = 4.5
"""Threshold in mean absolute differences of a still picture."""
NOISE_FADE = 0.05
NOISE_STEP = 4
"""Every so many samples tell how noisy a picture is in which something moves."""
MEAN_OF_MEDIAN = 1.183
"""What the mean of normal noise is to its median, both without signs."""
BACKGROUND_S = 8.0
"""Time constant of the background: what stands longer belongs to it."""
GLOBAL_SHARE = 0.3
"""With more of the picture changed than this, light is considered."""
CUT_SHARE = 0.7
"""More than this is another picture: a cut, a moved camera."""
LIGHT_KEEPS = 0.5
"""It was light if a change of gain and offset explains all but so much of the change."""
CLIPPED = (6.0, 249.0)
"""Samples beyond are black or white whatever the light."""
GAIN = (0.25, 4.0)
"""A picture of one grey is not the old one in other light."""

Boxes = NDArray[np.int64]
Floats = NDArray[np.float32]
NO_BOXES: Boxes = np.empty((0, 4), np.int64)


class Change(StrEnum):
    """What a picture is to the ones before it."""

    STILL = "still"
    MOVING = "moving"
    LIGHT = "light"
    """The light changed; boxes may still name things that move."""
    CUT = "cut"
    """The first picture, or nothing like the last one: everything learned is void."""


@dataclass(frozen=True, slots=True)
class Motion:
    """``boxes_px`` (n, 4) in the frame; ``cells`` is the grid of moving 32-pixel cells."""

    change: Change
    share: float
    boxes_px: Boxes
    cells: NDArray[np.bool_]


def sample(luma: Array) -> Array:
    """Return every fourth pixel of (..., height, width), cut to whole cells."""
    height, width = luma.shape[-2] // CELL_PX * CELL_PX, luma.shape[-1] // CELL_PX * CELL_PX
    return luma[..., :height:STEP_PX, :width:STEP_PX]


def difference(small: Array, background: Array) -> Array:
    """Return by how much each sample differs from the background."""
    return namespace_of(small).abs(small - background)


def noise_between(small: Floats, background: Floats) -> float:
    """Return the mean absolute difference of what does not move, as long as that is more than half of the picture.

    A light that grows everywhere alike is no noise.
    """
    apart = (small[::NOISE_STEP, ::NOISE_STEP] - background[::NOISE_STEP, ::NOISE_STEP]).reshape(-1)
    return _middle(np.abs(apart - _middle(apart))) * MEAN_OF_MEDIAN


def _middle(values: Floats) -> float:
    """Return the median, the higher one of two; a fifth of what NumPy's own costs."""
    at = len(values) // 2
    return float(np.partition(values, at)[at])


def moving_cells(changed: Array) -> Array:
    """Return which cells of (..., height, width) hold enough changed samples, grown by one cell all around."""
    xp = namespace_of(changed)
    *lead, height, width = changed.shape
    rows = xp.sum(xp.reshape(xp.asarray(changed, dtype=xp.uint8), (*lead, height // CELL, CELL, width)), axis=-2)
    count = xp.sum(xp.reshape(rows, (*lead, height // CELL, width // CELL, CELL)), axis=-1)
    return grown(count >= CELL_LEAST)


def grown(cells: Array) -> Array:
    """Return ``cells`` (..., rows, columns) with the neighbours of each, diagonals included."""
    xp = namespace_of(cells)
    blank_row = xp.zeros_like(cells[..., :1, :])
    tall = (
        cells | xp.concat([cells[..., 1:, :], blank_row], axis=-2) | xp.concat([blank_row, cells[..., :-1, :]], axis=-2)
    )
    blank_column = xp.zeros_like(tall[..., :1])
    right = xp.concat([tall[..., 1:], blank_column], axis=-1)
    left = xp.concat([blank_column, tall[..., :-1]], axis=-1)
    return tall | right | left


def relit(small: Array, background: Array) -> Array:
    """Give the background the gain and offset that bring it nearest to ``small``; clipped samples have no vote."""
    xp = namespace_of(small)
    low, high = CLIPPED
    votes = xp.asarray((small > low) & (small < high) & (background > low) & (background < high), dtype=small.dtype)
    total = xp.sum(votes, axis=(-2, -1), keepdims=True) + 1e-3
    mean_small = xp.sum(small * votes, axis=(-2, -1), keepdims=True) / total
    mean_background = xp.sum(background * votes, axis=(-2, -1), keepdims=True) / total
    centred = (background - mean_background) * votes
    spread = xp.sum(centred * centred, axis=(-2, -1), keepdims=True)
    gain = xp.sum(centred * (small - mean_small), axis=(-2, -1), keepdims=True) / (spread + 1e-3)
    gain = xp.clip(gain, *GAIN)
    return xp.clip((background - mean_background) * gain + mean_small, 0.0, 255.0)


class MotionWatch:
    """One camera's background. Frames may come at any rate: all rates are per second."""

    def __init__(self) -> None:
        self._background: Floats | None = None
        self.small: Floats = np.empty((0, 0), np.float32)
        """The samples of the last picture."""
        self._noise = 0.0
        self._last_s = 0.0

    def look(self, luma: Plane, time_s: float) -> Motion:
        """Compare a Y plane with the background and learn from it."""
        small = self.small = sample(luma).astype(np.float32)
        background = self._background
        if background is None or background.shape != small.shape:
            return self._cut(small, time_s)
        if not small.size:  # smaller than one cell
            return Motion(Change.STILL, 0.0, NO_BOXES, np.zeros(_grid(small), np.bool_))
        threshold = max(THRESHOLD_LEAST, THRESHOLD_NOISES * self._noise)
        apart = difference(small, background)
        changed = apart > threshold
        share = float(changed.mean())
        change = Change.MOVING
        if share > GLOBAL_SHARE:
            background = relit(small, background)
            changed = difference(small, background) > threshold
            left = float(changed.mean())
            if left <= share * LIGHT_KEEPS:
                change, share = Change.LIGHT, left
            elif share > CUT_SHARE:
                return self._cut(small, time_s)
            else:
                assert self._background is not None
                background, changed = self._background, apart > threshold
        cells = moving_cells(changed)
        if change is Change.MOVING and not cells.any():
            change = Change.STILL
            self._learn_noise(float(apart.mean()))
        elif change is Change.MOVING:
            self._learn_noise(max(self._noise, noise_between(small, background)))
        fade = np.float32(1 - math.exp(-max(time_s - self._last_s, 0.0) / BACKGROUND_S))
        self._background = background + fade * (small - background)
        self._last_s = time_s
        return Motion(change, share, _boxes(cells), cells)

    def _learn_noise(self, noise: float) -> None:
        self._noise = noise if self._noise == 0 else self._noise + NOISE_FADE * (noise - self._noise)

    def _cut(self, small: Floats, time_s: float) -> Motion:
        self._background, self._last_s, self._noise = small, time_s, 0.0
        return Motion(Change.CUT, 1.0, NO_BOXES, np.zeros(_grid(small), np.bool_))


def _grid(small: Floats) -> tuple[int, int]:
    return small.shape[0] // CELL, small.shape[1] // CELL


def _boxes(cells: NDArray[np.bool_]) -> Boxes:
    """Return one box per group of touching cells. OpenCV: labelling has no array form, and the grid is tiny."""
    if not cells.any():
        return NO_BOXES
    count, _labels, stats, _centres = cv2.connectedComponentsWithStats(cells.view(np.uint8), connectivity=8)
    left, top, width, height = stats[1:count, :4].T.astype(np.int64)
    return np.stack([left, top, left + width, top + height], axis=1) * CELL_PX


def share_moving(boxes_px: NDArray[np.float32], cells: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return (n,): which share of each box's cells moves."""
    total = np.zeros((cells.shape[0] + 1, cells.shape[1] + 1))
    total[1:, 1:] = cells.cumsum(axis=0).cumsum(axis=1)
    edges = boxes_px / CELL_PX
    low = np.floor(edges[:, :2]).astype(np.int64)
    high = np.maximum(np.ceil(edges[:, 2:]).astype(np.int64), low + 1)
    limit = np.array(cells.shape[::-1])
    (left, top), (right, bottom) = np.clip(low, 0, limit).T, np.clip(high, 0, limit).T
    moving = total[bottom, right] - total[top, right] - total[bottom, left] + total[top, left]
    share: NDArray[np.float64] = moving / np.maximum((right - left) * (bottom - top), 1)
    return share
