"""The picture of a finding."""

import cv2
import numpy as np
import pytest

from analytics.snapshot import WIDEST_PX, jpeg
from tests.analytics.pictures import frame, texture, with_box


@pytest.mark.parametrize("size", [(640, 360), (705, 577), (1279, 719), (1920, 1080), (3840, 2160), (2, 2), (64, 1000)])
def test_any_size_is_a_picture(size: tuple[int, int]) -> None:
    """Odd sides lose a pixel, wide pictures are shrunk with their shape kept."""
    width, height = size
    shown = cv2.imdecode(np.frombuffer(jpeg(frame(texture(width, height))), np.uint8), cv2.IMREAD_COLOR)
    assert shown is not None
    assert shown.shape[1] == min(width // 2 * 2, WIDEST_PX)
    assert shown.shape[0] / shown.shape[1] == pytest.approx(height / width, rel=0.02)


def test_nothing_is_drawn_into_it() -> None:
    """The picture is the camera's."""
    luma = with_box(texture(), (100, 100, 200, 200))
    shown = cv2.imdecode(np.frombuffer(jpeg(frame(luma)), np.uint8), cv2.IMREAD_GRAYSCALE)
    assert shown is not None
    full = np.clip((luma.astype(np.float64) - 16) * 255 / 219, 0, 255)
    assert np.abs(shown.astype(np.float64) - full).mean() < 4
