"""On which side of which line a point lies, and which steps cross which lines, all at once.

A line is directed, from its first point to its second, in a picture whose y grows downwards: positive is right.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analytics.arrays import Array

RIGHT, LEFT = 1, -1
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Wires:
    """``m`` lines made ready.

    (x, y) times ``turn`` (2, m), plus ``offset`` (m,), is positive right of the line; ``ends`` (4, m) are x and
    y of the first points and of the second.
    """

    turn: Array
    offset: Array
    ends: Array


def wires(lines: Sequence[Sequence[Point]]) -> Wires:
    """Make lines, two points each, ready for `side` and `crosses`."""
    points = np.array([[list(point) for point in line] for line in lines], np.float64).reshape(-1, 2, 2)
    (x0, y0), (x1, y1) = points[:, 0].T, points[:, 1].T
    turn, offset = np.stack([y0 - y1, x1 - x0]), (y1 - y0) * x0 - (x1 - x0) * y0
    ends = np.stack([x0, y0, x1, y1])
    return Wires(turn, offset, ends)


def side(points: Array, lines: Wires) -> Array:
    """Return (..., n, m): how far right of each line each of (..., n, 2) is, times the line's length.

    Element by element: the last bits of a matrix product depend on how many points there are.
    """
    x, y = points[..., None, :, 0], points[..., None, :, 1]
    beside: Array = lines.turn[0, :, None] * x
    beside += lines.turn[1, :, None] * y
    beside += lines.offset[:, None]
    return beside.mT


def crosses(before: Array, after: Array, lines: Wires) -> Array:
    """Return (..., n, m): whether the step from ``before`` (..., n, 2) to ``after`` crosses each line.

    A point on a line counts as right of it, so that a path over it crosses exactly once however it is cut.
    """
    changes = (side(before, lines) >= 0) != (side(after, lines) >= 0)
    return changes & meets(before[..., None, :], after[..., None, :], lines.ends)


def meets(before: Array, after: Array, ends: Array) -> Array:
    """Return whether each line through a step (..., 2) runs between both ``ends`` (4, ...) of a line, or over one."""
    step = after - before
    x, y = step[..., 0], step[..., 1]
    offset = y * before[..., 0] - x * before[..., 1]
    first = x * ends[1, ...] - y * ends[0, ...] + offset
    second = x * ends[3, ...] - y * ends[2, ...] + offset
    return first * second <= 0
