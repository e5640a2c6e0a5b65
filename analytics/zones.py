"""Which points lie in which polygons, all at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analytics.arrays import Array, namespace_of

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Outlines:
    """The edges of ``polygons`` polygons, made ready: edge after edge, in each edge polygon after polygon.

    Edges run downwards. ``turn`` (edges x polygons, 2) times (x, y), plus ``offset``, is positive where the edge lies
    to the picture's right; ``start_y`` and ``end_y`` (edges x polygons, 1) are the edge's own heights. Short polygons
    are filled up with edges of no length.
    """

    polygons: int
    edges: int
    turn: Array
    offset: Array
    start_y: Array
    end_y: Array


def outlines(polygons: Sequence[Sequence[Point]]) -> Outlines:
    """Make polygons ready for `inside`."""
    longest = max((len(polygon) for polygon in polygons), default=0)
    edges = np.zeros((longest, len(polygons), 4))
    for index, polygon in enumerate(polygons):
        corners = np.array(polygon, np.float64)
        edges[:, index, :] = np.tile(corners[0], 2)
        edges[: len(corners), index, :] = np.concatenate([corners, np.roll(corners, -1, axis=0)], axis=1)
    # every edge runs downwards, whichever way round its polygon is drawn: neighbours share the edge, not its sense
    edges = np.where(edges[..., 1:2] > edges[..., 3:4], edges[..., [2, 3, 0, 1]], edges)
    x0, y0, x1, y1 = edges.reshape(-1, 4).T
    turn, offset = np.stack([y0 - y1, x1 - x0], axis=1), (y1 - y0) * x0 - (x1 - x0) * y0
    return Outlines(len(polygons), longest, turn, offset[:, None], y0[:, None], y1[:, None])


def inside(points: Array, zones: Outlines) -> Array:
    """Return (..., n, polygons): whether each of ``points`` (..., n, 2) lies in each polygon.

    A ray to the right crosses an outline an odd number of times from inside. One matrix product, no division; a
    point on an edge belongs to one side only, so that of two polygons that share the edge exactly one has it.
    """
    xp = namespace_of(points)
    *lead, count, _ = points.shape
    down = points.mT
    y = down[..., 1:, :]
    crossed = (zones.start_y <= y) & (zones.end_y > y) & (zones.turn @ down + zones.offset > 0)
    ones = xp.asarray(crossed, dtype=xp.uint8)
    times = xp.sum(xp.reshape(ones, (*lead, zones.edges, zones.polygons, count)), axis=-3, dtype=xp.uint8)
    return (times % 2 == 1).mT
