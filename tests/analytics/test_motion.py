"""What moves, what is light, what is noise, what is another picture."""

import numpy as np
import pytest

from analytics.motion import CELL_PX, Change, MotionWatch, grown, moving_cells, relit, sample, share_moving
from tests.analytics.pictures import Box, noisy, texture, with_box

STEP_S = 0.2


def square(number: int) -> Box:
    return (100 + 8 * number, 150, 140 + 8 * number, 190)


def test_a_moving_square_is_found_where_it_is() -> None:
    """From the second picture on each place of the square lies in a box; nothing else of the picture does."""
    watch, still = MotionWatch(), texture()
    assert watch.look(still, 0.0).change is Change.CUT
    for number in range(30):
        left, top, right, bottom = square(number)
        seen = watch.look(with_box(still, square(number)), STEP_S * (number + 1))
        assert seen.change is Change.MOVING
        inside = (seen.boxes_px[:, :2] <= (left, top)).all(axis=1) & (seen.boxes_px[:, 2:] >= (right, bottom)).all(
            axis=1
        )
        assert inside.any()
    assert seen.boxes_px[:, 3].max() < 300
    assert seen.boxes_px[:, 0].min() >= 32


def test_a_still_picture_is_still() -> None:
    """The same picture again is no motion."""
    watch = MotionWatch()
    watch.look(texture(), 0.0)
    seen = watch.look(texture(), STEP_S)
    assert (seen.change, seen.share, len(seen.boxes_px)) == (Change.STILL, 0.0, 0)


@pytest.mark.parametrize("sigma", [1.5, 3, 6, 10])
def test_camera_noise_is_still(sigma: float) -> None:
    """A sensor's noise, also a strong one at night, is learned within seconds."""
    watch, dice = MotionWatch(), np.random.default_rng(1)
    changes = [watch.look(noisy(texture(), sigma, dice), STEP_S * number).change for number in range(100)]
    assert changes[60:].count(Change.STILL) >= 39


@pytest.mark.parametrize("sigma", [0, 3, 8])
def test_a_square_is_found_in_noise(sigma: float) -> None:
    """Learning the noise does not hide what moves in it."""
    watch, dice = MotionWatch(), np.random.default_rng(2)
    for number in range(60):
        watch.look(noisy(texture(), sigma, dice), STEP_S * number)
    for number in range(20):
        picture = noisy(with_box(texture(), square(number)), sigma, dice)
        assert watch.look(picture, 12 + STEP_S * number).change is Change.MOVING


@pytest.mark.parametrize(("gain", "offset"), [(1.3, 0), (0.6, 0), (1.0, 40), (0.8, -15), (1.2, 20)])
def test_light_is_not_motion(gain: float, offset: float) -> None:
    """A cloud, a lamp, an exposure that adapts: told apart from motion, and no box."""
    watch = MotionWatch()
    watch.look(texture(), 0.0)
    relit_picture = np.clip(texture() * gain + offset, 0, 255).astype(np.uint8)
    seen = watch.look(relit_picture, STEP_S)
    assert (seen.change, len(seen.boxes_px)) == (Change.LIGHT, 0)
    assert watch.look(relit_picture, 2 * STEP_S).change is Change.STILL


def test_somebody_walks_in_while_the_light_changes() -> None:
    """What moves is still named when the light changes at that moment."""
    watch = MotionWatch()
    watch.look(texture(), 0.0)
    seen = watch.look(with_box((texture() * 1.3).astype(np.uint8), square(0), 10), STEP_S)
    assert seen.change is Change.LIGHT
    assert len(seen.boxes_px) == 1


def test_another_picture_is_a_cut() -> None:
    """A camera that was turned, and one that changed its size, start anew."""
    watch = MotionWatch()
    watch.look(texture(), 0.0)
    assert watch.look(texture(seed=1), STEP_S).change is Change.CUT
    assert watch.look(texture(seed=1), 2 * STEP_S).change is Change.STILL
    assert watch.look(texture(320, 192, seed=1), 3 * STEP_S).change is Change.CUT


def test_what_stands_joins_the_background() -> None:
    """A parked car is motion for a while, and then part of the picture; in seconds, not in pictures."""
    for fps in (5, 2):
        watch = MotionWatch()
        watch.look(texture(), 0.0)
        parked = with_box(texture(), square(0))
        changes = [watch.look(parked, (number + 1) / fps).change for number in range(60 * fps)]
        lasted_s = changes.index(Change.STILL) / fps
        assert 10 < lasted_s < 40


@pytest.mark.parametrize("size", [(16, 16), (31, 200), (200, 31), (2, 2)])
def test_a_picture_smaller_than_a_cell(size: tuple[int, int]) -> None:
    """Nothing moves in it, and nothing breaks."""
    watch = MotionWatch()
    assert watch.look(texture(*size), 0.0).change is Change.CUT
    seen = watch.look(texture(*size, seed=1), STEP_S)
    assert seen.change is Change.STILL
    assert share_moving(np.array([[0, 0, 9, 9]], np.float32), seen.cells).tolist() == [0.0]


def test_kernels_take_many_cameras_at_once() -> None:
    """Leading axes are kept and do not change what is found."""
    dice = np.random.default_rng(4)
    luma = dice.integers(0, 256, (3, 128, 192), np.uint8)
    small = sample(luma).astype(np.float32)
    assert small.shape == (3, 32, 48)
    changed = small > 200
    assert np.array_equal(moving_cells(changed)[1], moving_cells(changed[1]))
    assert np.allclose(relit(small, small[::-1])[2], relit(small[2], small[0]), atol=1e-3)


def test_grown_reaches_the_eight_neighbours() -> None:
    """One cell becomes nine, fewer at the edge."""
    cells = np.zeros((5, 5), np.bool_)
    cells[2, 2] = True
    assert grown(cells)[1:4, 1:4].all()
    assert grown(cells).sum() == 9
    corner = np.zeros((5, 5), np.bool_)
    corner[0, 0] = True
    assert grown(corner).sum() == 4


def test_share_moving() -> None:
    """Which part of a box moves, also of boxes that leave the picture or have no size."""
    cells = np.zeros((4, 4), np.bool_)
    cells[0:2, 0:2] = True
    tested = np.array(
        [[0, 0, 64, 64], [0, 0, 128, 64], [70, 70, 120, 120], [-50, -50, 20, 20], [900, 900, 950, 950], [5, 5, 5, 5]],
        np.float32,
    )
    assert share_moving(tested, cells).tolist() == [1, 0.5, 0, 1, 0, 1]
    assert CELL_PX == 32
