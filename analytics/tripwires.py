"""On which side of which line a point lies, and which steps cross which lines, all at once.

A line is directed, from its first point to its second, in a picture whose y grows downwards: positive is right.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analytics.arrays import Array, namespace_of

RIGHT, LEFT = 1, -1
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Wires:
    """``m`` lines made ready.

    (x, y) times ``turn`` (2, m), plus ``offset`` (m,), is positive right of the line; ``ends`` (3, 2m) are x, y, 1.
    """

    turn: Array
    offset: Array
    ends: Array


def wires(lines: Sequence[Sequence[Point]]) -> Wires:
    """Make lines, two points each, ready for `side` and `crosses`."""
    points = np.array([[list(point) for point in line] for line in lines], np.float64).reshape(-1, 2, 2)
    (x0, y0), (x1, y1) = points[:, 0].T, points[:, 1].T
    turn, offset = np.stack([y0 - y1, x1 - x0]), (y1 - y0) * x0 - (x1 - x0) * y0
    ends = np.stack([np.concatenate([x0, x1]), np.concatenate([y0, y1]), np.ones(2 * len(points))])
    return Wires(turn, offset, ends)


def side(points: Array, lines: Wires) -> Array:
    """Return (..., n, m): how far right of each line each of (..., n, 2) is, times the line's length."""
    return points @ lines.turn + lines.offset


def crosses(before: Array, after: Array, lines: Wires) -> Array:
    """Return (..., n, m): whether the step from ``before`` (..., n, 2) to ``after`` crosses each line.

    A point on a line counts as right of it, so that a path over it crosses exactly once however it is cut.
    """
    xp = namespace_of(before)
    changes = (side(before, lines) >= 0) != (side(after, lines) >= 0)
    step = after - before
    offset = step[..., 1] * before[..., 0] - step[..., 0] * before[..., 1]
    normal = xp.stack([-step[..., 1], step[..., 0], offset], axis=-1)
    ends = normal @ lines.ends
    count = changes.shape[-1]
    return changes & (ends[..., :count] * ends[..., count:] <= 0)
