"""Points in polygons, against shapely."""

from itertools import pairwise

import numpy as np
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from analytics.zones import inside, outlines

Point = tuple[float, float]
unit = st.floats(0, 1, allow_nan=False, width=32)
points = st.tuples(unit, unit)
polygons = st.lists(points, min_size=3, max_size=9, unique=True)
EDGE = 1e-6


@settings(max_examples=60)
@given(st.lists(polygons, min_size=1, max_size=4), st.lists(points, min_size=1, max_size=20))
def test_inside_agrees_with_shapely(outline: list[list[Point]], tested: list[Point]) -> None:
    """Every simple polygon holds exactly the points that shapely says, those on an edge left out."""
    shapes = [shapely.Polygon(polygon) for polygon in outline]
    assume(any(shape.is_valid for shape in shapes))
    found = inside(np.array(tested), outlines(outline))
    for column, shape in enumerate(shapes):
        for row, (x, y) in enumerate(tested):
            point = shapely.Point(x, y)
            if shape.is_valid and shape.boundary.distance(point) > EDGE:
                assert found[row, column] == shape.contains(point)


@settings(max_examples=100)
@given(st.lists(points, min_size=3, max_size=3, unique=True), st.floats(-2, 2), st.floats(0, 1), st.booleans())
def test_an_edge_belongs_to_one_side(corners: list[Point], lean: float, share: float, turned: bool) -> None:
    """Of two triangles on either side of a shared edge, drawn in whichever sense, at most one has a point on it."""
    a, b, c = (np.array(corner) for corner in corners)
    assume(shapely.Polygon(corners).area > EDGE)
    tip = a + b - c + lean * (b - a)
    second = [b, a, tip] if turned else [a, b, tip]
    shapes = [[tuple(corner) for corner in shape] for shape in ([a, b, c], second)]
    assume(0 < share < 1)  # a corner has more than two sides
    on_edge = (a + (b - a) * share)[None]
    assert inside(on_edge, outlines(shapes)).sum() <= 1


def test_a_grid_of_squares_has_every_point_once() -> None:
    """Squares that tile the picture share their edges; each corner and edge point belongs to one of them."""
    steps = [0.0, 0.25, 0.5, 0.75, 1.0]
    squares = [[(x0, y0), (x1, y0), (x1, y1), (x0, y1)] for x0, x1 in pairwise(steps) for y0, y1 in pairwise(steps)]
    turned = [square[::-1] if index % 3 else square for index, square in enumerate(squares)]
    tested = np.array([(x, y) for x in steps[:-1] for y in steps[:-1]])
    assert inside(tested, outlines(turned)).sum(axis=1).tolist() == [1] * len(tested)
    assert inside(tested, outlines(squares)).sum(axis=1).tolist() == [1] * len(tested)


def test_many_cameras_at_once() -> None:
    """Leading axes are kept, and each camera's points are judged alike."""
    triangle = [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)]
    tested = np.random.default_rng(1).random((3, 5, 2))
    together = inside(tested, outlines([triangle, triangle[::-1]]))
    assert together.shape == (3, 5, 2)
    assert np.array_equal(together[1], inside(tested[1], outlines([triangle, triangle[::-1]])))
    assert np.array_equal(together[..., 0], together[..., 1])


def test_nothing_to_judge() -> None:
    """No polygons and no points are no error."""
    assert inside(np.zeros((3, 2)), outlines([])).shape == (3, 0)
    assert inside(np.zeros((0, 2)), outlines([[(0, 0), (1, 0), (0, 1)]])).shape == (0, 1)


def test_a_ring_with_300_teeth() -> None:
    """More edges beside a point than one byte counts change nothing."""
    teeth = [(1.0 - (index % 2) * 0.5, index / 600) for index in range(601)]
    comb = [(0.0, 0.0), *teeth, (0.0, 1.0)]
    tested = [(0.1, 0.5), (0.99, 0.5 + 1 / 1200)]
    shape = shapely.Polygon(comb)
    assert inside(np.array(tested), outlines([comb]))[:, 0].tolist() == [
        shape.contains(shapely.Point(point)) for point in tested
    ]
