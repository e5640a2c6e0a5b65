"""Which points lie in which polygons, all at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analytics.arrays import Array

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Outlines:
    """The edges of ``polygons`` polygons, made ready: edge after edge, in each edge polygon after polygon.

    Edges run downwards from (``start_x``, ``start_y``), going ``lean`` to the right for each step down; these are
    (edges, polygons, 1), and ``corner_y`` (edges + 1, polygons, 1) are the corners in order, the first one twice.
    Short polygons are filled up with edges of no length, to a power of two of edges.
    """

    polygons: int
    edges: int
    start_x: Array
    start_y: Array
    lean: Array
    corner_y: Array


def outlines(polygons: Sequence[Sequence[Point]]) -> Outlines:
    """Make polygons ready for `inside`."""
    longest = max((len(polygon) for polygon in polygons), default=1)
    longest = 1 << (longest - 1).bit_length()
    corners = np.zeros((longest + 1, len(polygons), 2))
    for index, polygon in enumerate(polygons):
        corners[:, index] = polygon[0]
        corners[: len(polygon), index] = polygon
    # every edge runs downwards, whichever way round its polygon is drawn: neighbours share the edge, not its sense
    first, second = corners[:-1], corners[1:]
    upwards = first[..., 1:] > second[..., 1:]
    start, end = np.where(upwards, second, first), np.where(upwards, first, second)
    x0, y0, x1, y1 = (ends[..., place, None] for ends in (start, end) for place in (0, 1))
    lean = (x1 - x0) / np.where(y1 > y0, y1 - y0, np.inf)
    return Outlines(len(polygons), longest, x0, y0, lean, corners[..., 1, None].copy())


def inside(points: Array, zones: Outlines) -> Array:
    """Return (..., n, polygons): whether each of ``points`` (..., n, 2) lies in each polygon.

    A ray to the right crosses an outline an odd number of times from inside. Element by element, no matrix product
    (whose last bits depend on how many points there are); a point on an edge belongs to one side only, so that of two
    polygons that share the edge exactly one has it.
    """
    x, y = points[..., None, None, :, 0], points[..., None, None, :, 1]
    below = zones.corner_y <= y
    crossed = below[..., 1:, :, :] ^ below[..., :-1, :, :]
    meets = y - zones.start_y
    meets *= zones.lean
    meets += zones.start_x
    crossed &= meets > x
    left = zones.edges
    while left > 1:
        left //= 2
        crossed = crossed[..., :left, :, :] ^ crossed[..., left:, :, :]
    within: Array = crossed[..., 0, :, :].mT
    return within
