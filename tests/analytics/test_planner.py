"""What to look at: always all that moves, never more than a full look costs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.detector import InputSizes
from analytics.planner import REGIONS_WORTH, Look, Planner

SIZES = [(640, 360), (768, 576), (1920, 1080), (704, 577), (3840, 2160), (360, 640)]
WANTS = [InputSizes(long_px=416), InputSizes(long_px=640, min_scale=1.0), InputSizes(long_px=416, any_size=False)]


@st.composite
def scenes(draw: st.DrawFn) -> tuple[tuple[int, int], InputSizes, np.ndarray]:
    """A frame size, a detector, and up to a dozen boxes in the frame."""
    width, height = draw(st.sampled_from(SIZES))
    rows = []
    for _ in range(draw(st.integers(0, 12))):
        left, top = draw(st.floats(0, width - 8)), draw(st.floats(0, height - 8))
        wide, high = draw(st.floats(1, 600)), draw(st.floats(1, 600))
        rows.append([left, top, min(left + wide, width), min(top + high, height)])
    return (width, height), draw(st.sampled_from(WANTS)), np.array(rows, np.float32).reshape(-1, 4)


def _check_view(size_px: tuple[int, int], wants: InputSizes, plan_rect: np.ndarray) -> None:
    assert (plan_rect[:, :2] >= 0).all()
    assert (plan_rect[:, 2] <= size_px[0]).all()
    assert (plan_rect[:, 3] <= size_px[1]).all()


@settings(max_examples=80)
@given(scenes())
def test_all_that_moves_is_looked_at(scene: tuple[tuple[int, int], InputSizes, np.ndarray]) -> None:
    """Every moving box lies in one region, or in the tiles of one; views lie in the frame and are even."""
    size_px, wants, moving = scene
    planner = Planner(size_px, wants)
    plan = planner.plan(moving, everything=False)
    assert (plan.look is Look.SKIP) == (len(moving) == 0)
    _check_view(size_px, wants, plan.rects)
    edge = (size_px[0] // 2 * 2, size_px[1] // 2 * 2)
    for box in np.minimum(moving, np.array(edge * 2, np.float32)):
        covered = [
            (max(box[0], rect[0]), max(box[1], rect[1]), min(box[2], rect[2]), min(box[3], rect[3]))
            for rect in plan.rects
        ]
        whole = any(np.allclose(part, box, atol=2) for part in covered)
        assert whole or (not wants.any_size and _tiled(box, plan.rects))
    for view in plan.views:
        numbers = (view.left_px, view.top_px, view.right_px, view.bottom_px, view.inner_width_px, view.inner_height_px)
        assert all(number % 2 == 0 for number in numbers)
        assert 0 < view.inner_width_px <= view.width_px
        assert 0 < view.inner_height_px <= view.height_px
        if wants.any_size:
            assert view.width_px % wants.stride_px == view.height_px % wants.stride_px == 0
        else:
            assert (view.width_px, view.height_px) == (wants.long_px, wants.long_px)


def _tiled(box: np.ndarray, rects: np.ndarray) -> bool:
    """Tell whether every point of a box lies in a rectangle."""
    xs, ys = np.linspace(box[0], box[2], 9), np.linspace(box[1], box[3], 9)
    points = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 1, 2)
    inside = (points >= rects[None, :, :2] - 2) & (points <= rects[None, :, 2:] + 2)
    return bool(np.all(np.any(np.all(inside, axis=2), axis=1)))


@settings(max_examples=50)
@given(scenes())
def test_never_dearer_than_a_full_look(scene: tuple[tuple[int, int], InputSizes, np.ndarray]) -> None:
    """Regions are chosen only where they cost clearly less."""
    size_px, wants, moving = scene
    planner = Planner(size_px, wants)
    plan = planner.plan(moving, everything=False)
    assert plan.pixels <= planner.full.pixels
    if plan.look is Look.REGIONS:
        assert plan.pixels < REGIONS_WORTH * planner.full.pixels


@pytest.mark.parametrize("size_px", [*SIZES, (16, 16), (2, 2), (1279, 719), (4096, 64)])
@pytest.mark.parametrize("wants", WANTS)
def test_a_full_look_covers_the_frame(size_px: tuple[int, int], wants: InputSizes) -> None:
    """All of the frame, in one picture or in tiles, at no less than the least scale."""
    planner = Planner(size_px, wants)
    plan = planner.plan(np.array([[0, 0, 5, 5]], np.float32), everything=True)
    assert plan.look is Look.FULL
    frame = np.array([0, 0, size_px[0] // 2 * 2, size_px[1] // 2 * 2], np.float32)
    assert _tiled(frame, plan.rects)
    for view in plan.views:
        scale = view.inner_width_px / (view.right_px - view.left_px)
        assert scale >= wants.min_scale * 0.95


def test_one_walker_in_a_large_frame_is_one_small_region() -> None:
    """At full detail, for a fraction of the whole."""
    planner = Planner((1920, 1080), InputSizes(long_px=416))
    plan = planner.plan(np.array([[900, 500, 950, 620]], np.float32), everything=False)
    assert plan.look is Look.REGIONS
    assert plan.pixels < planner.full.pixels / 4


def test_a_crowd_in_a_small_frame_is_looked_at_whole() -> None:
    """Many parts would cost more than all of it."""
    planner = Planner((640, 360), InputSizes(long_px=416))
    crowd = np.array([[x, y, x + 40, y + 90] for x in range(0, 600, 90) for y in (20, 200)], np.float32)
    assert planner.plan(crowd, everything=False).look is Look.FULL


def test_a_box_that_left_the_frame() -> None:
    """A track predicted beyond the edge asks for the edge, not for nothing."""
    planner = Planner((1920, 1080), InputSizes(long_px=416))
    plan = planner.plan(np.array([[2000, 500, 2080, 700], [-300, -300, -200, -100]], np.float32), everything=False)
    assert plan.look is Look.REGIONS
    _check_view((1920, 1080), InputSizes(long_px=416), plan.rects)
