"""Which points lie in which polygons, all at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analytics.arrays import Array, namespace_of

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Outlines:
    """The edges of ``polygons`` polygons, made ready: edge after edge, in each edge polygon after polygon.

    Edges run downwards from (``start_x``, ``start_y``) to ``end_y``, going ``lean`` to the right for each step down;
    all are (edges, polygons, 1). Short polygons are filled up with edges of no length, to a power of two of edges.
    """

    polygons: int
    edges: int
    start_x: Array
    start_y: Array
    end_y: Array
    lean: Array


def outlines(polygons: Sequence[Sequence[Point]]) -> Outlines:
    """Make polygons ready for `inside`."""
    longest = max((len(polygon) for polygon in polygons), default=1)
    longest = 1 << (longest - 1).bit_length()
    edges = np.zeros((longest, len(polygons), 4))
    for index, polygon in enumerate(polygons):
        corners = np.array(polygon, np.float64)
        edges[:, index, :] = np.tile(corners[0], 2)
        edges[: len(corners), index, :] = np.concatenate([corners, np.roll(corners, -1, axis=0)], axis=1)
    # every edge runs downwards, whichever way round its polygon is drawn: neighbours share the edge, not its sense
    edges = np.where(edges[..., 1:2] > edges[..., 3:4], edges[..., [2, 3, 0, 1]], edges)
    x0, y0, x1, y1 = (edges[..., place, None] for place in range(4))
    down = np.where(y1 > y0, y1 - y0, 1.0)
    return Outlines(len(polygons), longest, x0, y0, y1, np.where(y1 > y0, (x1 - x0) / down, 0.0))


def inside(points: Array, zones: Outlines) -> Array:
    """Return (..., n, polygons): whether each of ``points`` (..., n, 2) lies in each polygon.

    A ray to the right crosses an outline an odd number of times from inside. Element by element, no matrix product
    (whose last bits depend on how many points there are); a point on an edge belongs to one side only, so that of two
    polygons that share the edge exactly one has it.
    """
    xp = namespace_of(points)
    x, y = points[..., None, None, :, 0], points[..., None, None, :, 1]
    meets = y - zones.start_y
    meets *= zones.lean
    meets += zones.start_x
    crossed = meets > x
    crossed &= zones.start_y <= y
    crossed &= zones.end_y > y
    left = zones.edges
    while left > 1:
        left //= 2
        crossed = crossed[..., :left, :, :] ^ crossed[..., left:, :, :]
    within: Array = xp.reshape(crossed, (*crossed.shape[:-3], zones.polygons, crossed.shape[-1])).mT
    return within
