"""Steps across lines, against shapely, and paths that cross them once."""

import numpy as np
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from analytics.tripwires import crosses, side, wires

Point = tuple[float, float]
unit = st.floats(0, 1, allow_nan=False, width=32)
points = st.tuples(unit, unit)
lines = st.tuples(points, points).filter(lambda line: shapely.LineString(line).length > 0.01)
NEAR = 1e-6


@settings(max_examples=120)
@given(st.lists(lines, min_size=1, max_size=4), st.lists(st.tuples(points, points), min_size=1, max_size=8))
def test_crossing_agrees_with_shapely(drawn: list[tuple[Point, Point]], steps: list[tuple[Point, Point]]) -> None:
    """A step crosses a line exactly where shapely says that the two segments cross; touching is left out."""
    before, after = np.array([step[0] for step in steps]), np.array([step[1] for step in steps])
    found = crosses(before, after, wires(drawn))
    for column, line in enumerate(drawn):
        wire = shapely.LineString(line)
        for row, step in enumerate(steps):
            path = shapely.LineString(step)
            ends = [*wire.boundary.geoms, shapely.Point(step[0]), shapely.Point(step[1])]
            touching = any(shape.distance(end) < NEAR for end in ends[:2] for shape in (path,))
            touching |= any(wire.distance(end) < NEAR for end in ends[2:])
            if not touching:
                assert found[row, column] == wire.crosses(path)


@settings(max_examples=80)
@given(lines, points)
def test_right_is_right(line: tuple[Point, Point], point: Point) -> None:
    """Looking from the first point to the second, in a picture whose y grows downwards, positive is right."""
    (x0, y0), (x1, y1) = line
    ring = shapely.LinearRing([(x0, -y0), (x1, -y1), (point[0], -point[1])])
    assume(shapely.Polygon(ring).area > NEAR)
    assert (side(np.array([point]), wires([line]))[0, 0] > 0) == (not ring.is_ccw)


away = st.floats(0.01, 0.5)
slant = st.floats(-1, 1)


@settings(max_examples=80)
@given(
    lines, st.floats(0.1, 0.9), st.tuples(away, away, slant), st.booleans(), st.lists(st.integers(1, 999), max_size=6)
)
def test_a_path_crosses_once_however_it_is_cut(
    line: tuple[Point, Point], share: float, walk: tuple[float, float, float], back: bool, cuts: list[int]
) -> None:
    """A straight walk across is one crossing, also when a picture catches it on or close to the line."""
    first, second = np.array(line)
    before, after, lean = walk
    along = second - first
    across = np.array([-along[1], along[0]]) + lean * along * min(share, 1 - share)
    middle = first + share * along
    start, end = middle - before * across, middle + after * across
    if back:
        start, end = end, start
    path = start + (end - start) * np.array(sorted([0, *cuts, 1000]))[:, None] / 1000
    assert crosses(path[:-1], path[1:], wires([line])).sum() == 1


def test_a_stop_on_the_line_counts_once() -> None:
    """Somebody seen exactly on the line has crossed it once, and not at all when he turns back to its right."""
    line = wires([((0.5, 1.0), (0.5, 0.0))])
    through = np.array([[0.4, 0.5], [0.5, 0.5], [0.6, 0.5]])
    assert crosses(through[:-1], through[1:], line).sum() == 1
    back = np.array([[0.6, 0.5], [0.5, 0.5], [0.6, 0.5]])
    assert crosses(back[:-1], back[1:], line).sum() == 0


def test_no_lines() -> None:
    """No lines are no error."""
    none = wires([])
    assert side(np.zeros((2, 2)), none).shape == (2, 0)
    assert crosses(np.zeros((2, 2)), np.ones((2, 2)), none).shape == (2, 0)
