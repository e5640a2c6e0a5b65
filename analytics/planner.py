"""What a detector should look at in one frame: nothing, some rectangles, or all of it - whichever costs least.

Cost is pixels of detector input. On a small busy frame one look at all of it is cheaper than many at parts; on a
large frame a few rectangles at full detail cost a fraction of the whole.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from analytics.detections import Floats
from analytics.detector import InputSizes
from analytics.letterbox import View

REGIONS_WORTH = 0.8
"""Regions must cost less than this share of a full look: they know less of what is around."""
ENLARGE_MOST = 2.0
REGION_LEAST_PX = 160
"""Of detector input: below it an object lacks its surroundings."""
CONTEXT = 0.35
"""Of a box's longer side, added all around it ..."""
CONTEXT_MOST_PX = 48
"""... but no more of detector input: what moves in one large patch is a crowd, not a giant."""
SIZES_STEP_PX = 64
"""Regions come in few sizes, so that a runtime prepares few."""

Rect = tuple[float, float, float, float]


class Look(StrEnum):
    SKIP = "skip"
    REGIONS = "regions"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Plan:
    """``views`` is what to look at; empty for `Look.SKIP`."""

    look: Look
    views: tuple[View, ...]

    @property
    def pixels(self) -> int:
        """What it costs."""
        return sum(view.pixels for view in self.views)

    @property
    def rects(self) -> Floats:
        """Return (n, 4): the parts of the frame that are looked at."""
        sides = [(view.left_px, view.top_px, view.right_px, view.bottom_px) for view in self.views]
        return np.array(sides, np.float32).reshape(-1, 4)


NOTHING = Plan(Look.SKIP, ())


class Planner:
    """Plans for frames of one size and one detector."""

    def __init__(self, size_px: tuple[int, int], sizes: InputSizes) -> None:
        self.size_px = size_px
        self._sizes = sizes
        width, height = (side // 2 * 2 for side in size_px)
        self._whole: Rect = (0, 0, width, height)
        self._scale = min(max(sizes.long_px / max(size_px), sizes.min_scale), ENLARGE_MOST)
        self.full = Plan(Look.FULL, tuple(self._views(self._whole, step_px=sizes.stride_px)))

    def plan(self, boxes_px: Floats, *, everything: bool) -> Plan:
        """Choose for a frame in which ``boxes_px`` (n, 4) move; ``everything`` asks for all of it."""
        if everything:
            return self.full
        wanted = [self._around(box) for box in boxes_px.tolist()]
        if not wanted:
            return NOTHING
        views = tuple(view for rect in self._merged(wanted) for view in self._views(rect))
        regions = Plan(Look.REGIONS, views)
        return regions if regions.pixels < REGIONS_WORTH * self.full.pixels else self.full

    def parts(self, boxes_px: Floats, *, most: float) -> Plan:
        """Return looks at as many of ``boxes_px`` (n, 4), the first first, as cost ``most`` of a full look at most.

        One at least is looked at, however large; where all of the frame costs no more, that is the look.
        """
        room = most * self.full.pixels
        merged = self._merged([self._around(box) for box in boxes_px.tolist()])
        centres = ((boxes_px[:, :2] + boxes_px[:, 2:]) / 2).astype(np.float32)
        views: list[View] = []
        for rect in sorted(merged, key=lambda rect: _first_inside(rect, centres)):
            more = self._views(rect)
            cost = sum(view.pixels for view in more)
            if cost <= room or not views:
                room -= cost
                views += more
        parts = Plan(Look.REGIONS, tuple(views))
        if views and parts.pixels < self.full.pixels:
            return parts
        return self.full if len(boxes_px) else NOTHING

    def _around(self, box: Sequence[float]) -> Rect:
        """Return a box with its surroundings, no smaller than a region may be, inside the frame where possible."""
        left, top, right, bottom = box
        margin = min(CONTEXT * max(right - left, bottom - top), CONTEXT_MOST_PX / self._scale)
        least = REGION_LEAST_PX / self._scale
        wide, high = max(right - left + 2 * margin, least), max(bottom - top + 2 * margin, least)
        return self._placed((left + right) / 2, (top + bottom) / 2, wide, high)

    def _placed(self, x: float, y: float, wide: float, high: float) -> Rect:
        _, _, width, height = self._whole
        wide, high = min(wide, width), min(high, height)
        left = min(max(x - wide / 2, 0), width - wide)
        top = min(max(y - high / 2, 0), height - high)
        return (left, top, left + wide, top + high)

    def _merged(self, rects: list[Rect]) -> list[Rect]:
        """Join rectangles as long as looking at both together costs less than at each alone."""
        left = list(rects)
        done: list[Rect] = []
        while left:
            rect = left.pop()
            for index, other in enumerate(left):
                union = _union(rect, other)
                if self._cost(union) <= self._cost(rect) + self._cost(other):
                    left[index] = union
                    break
            else:
                done.append(rect)
        return done

    def _cost(self, rect: Rect) -> int:
        wide, high = (rect[2] - rect[0]) * self._scale, (rect[3] - rect[1]) * self._scale
        if self._sizes.any_size:
            return _up(wide, SIZES_STEP_PX) * _up(high, SIZES_STEP_PX)
        side = self._sizes.long_px
        return math.ceil(wide / side - 0.01) * math.ceil(high / side - 0.01) * side * side

    def _views(self, rect: Rect, *, step_px: int = SIZES_STEP_PX) -> list[View]:
        if self._sizes.any_size:
            wide, high = (rect[2] - rect[0]) * self._scale, (rect[3] - rect[1]) * self._scale
            return [self._view(rect, _up(wide, step_px), _up(high, step_px))]
        return self._tiles(rect)

    def _tiles(self, rect: Rect) -> list[View]:
        """Cover a rectangle with the one square that the weights take."""
        side = self._sizes.long_px
        reach = side / self._scale
        columns = max(1, math.ceil((rect[2] - rect[0]) / reach - 0.01))
        rows = max(1, math.ceil((rect[3] - rect[1]) / reach - 0.01))
        wide, high = (rect[2] - rect[0]) / columns, (rect[3] - rect[1]) / rows
        return [
            self._view(
                self._placed(
                    rect[0] + (i + 0.5) * wide, rect[1] + (j + 0.5) * high, max(wide, reach), max(high, reach)
                ),
                side,
                side,
            )
            for j in range(rows)
            for i in range(columns)
        ]

    def _view(self, rect: Rect, width_px: int, height_px: int) -> View:
        """Return the view of a rectangle grown to fill the detector's picture as far as the frame reaches."""
        centre_x, centre_y = (rect[0] + rect[2]) / 2, (rect[1] + rect[3]) / 2
        wide = max(rect[2] - rect[0], width_px / self._scale)
        high = max(rect[3] - rect[1], height_px / self._scale)
        left, top, right, bottom = self._placed(centre_x, centre_y, wide, high)
        left_px, top_px = math.floor(left / 2) * 2, math.floor(top / 2) * 2
        right_px = min(math.ceil(right / 2) * 2, int(self._whole[2]))
        bottom_px = min(math.ceil(bottom / 2) * 2, int(self._whole[3]))
        scale = min(width_px / (right_px - left_px), height_px / (bottom_px - top_px))
        inner_width = min(_even((right_px - left_px) * scale), width_px)
        inner_height = min(_even((bottom_px - top_px) * scale), height_px)
        return View(left_px, top_px, right_px, bottom_px, inner_width, inner_height, width_px, height_px)


def _first_inside(rect: Rect, centres: Floats) -> int:
    """Return the number of the first of ``centres`` (n, 2) that lies in ``rect``; n when none does."""
    inside = (centres >= np.array(rect[:2])).all(axis=1) & (centres <= np.array(rect[2:])).all(axis=1)
    return int(np.flatnonzero(inside)[0]) if inside.any() else len(centres)


def _union(one: Rect, other: Rect) -> Rect:
    return (min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3]))


def _up(length: float, step: int) -> int:
    return max(step, math.ceil(length / step - 0.01) * step)


def _even(length: float) -> int:
    return max(2, round(length / 2) * 2)
