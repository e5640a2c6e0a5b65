"""From the frame to the detector's picture and back."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.detections import Detections
from analytics.detector import InputSizes
from analytics.letterbox import CANVASES_KEPT, PAD_LUMA, Letterbox, View
from analytics.planner import Planner
from tests.analytics.pictures import boxes, frame, texture, with_box

FRAMES = [(640, 384), (768, 576), (1920, 1080), (705, 577), (360, 640)]


@settings(max_examples=80)
@given(st.sampled_from(FRAMES), st.booleans(), st.floats(0.05, 0.9), st.floats(0.05, 0.9), st.floats(0.02, 0.1))
def test_coordinates_come_back(size_px: tuple[int, int], any_size: bool, x: float, y: float, side: float) -> None:
    """A box of the frame, put into a view's picture by hand, comes back within a pixel."""
    width, height = size_px
    box = np.array([x * width, y * height, (x + side) * width, (y + side) * height])
    planner = Planner(size_px, InputSizes(long_px=416, any_size=any_size))
    for view in planner.plan(box[None].astype(np.float32), everything=False).views:
        low, high = (view.left_px, view.top_px), (view.right_px, view.bottom_px)
        if (box[:2] < low).any() or (box[2:] > high).any():
            continue
        scale = np.array([view.inner_width_px / (high[0] - low[0]), view.inner_height_px / (high[1] - low[1])] * 2)
        shown = (box - np.array([*low, *low])) * scale
        assert view.to_frame(boxes(tuple(shown))).xyxy[0] == pytest.approx(box, abs=0.5)


def test_a_square_is_where_its_box_says() -> None:
    """What is drawn into a frame is found in the filled picture at the place that maps back to it."""
    drawn = (200.0, 100.0, 300.0, 220.0)
    shown = frame(with_box(np.full((720, 1280), 60, np.uint8), drawn, 230))
    (view,) = Planner((1280, 720), InputSizes(long_px=416)).full.views
    out = np.empty((view.height_px, view.width_px, 3), np.uint8)
    Letterbox(colour="bgr").fill(shown, view, out)
    bright = np.argwhere(out[: view.inner_height_px, : view.inner_width_px, 1] > 150)
    (top, left), (bottom, right) = bright.min(axis=0), bright.max(axis=0) + 1
    assert view.to_frame(boxes((left, top, right, bottom))).xyxy[0] == pytest.approx(drawn, abs=3)
    grey = out[view.inner_height_px :]
    assert grey.size == 0 or np.ptp(grey) == 0


@pytest.mark.parametrize("colour", ["bgr", "rgb"])
def test_colours_are_the_camera_s(colour: str) -> None:
    """A red picture is red in the order that the network wants; what is beside it is grey."""
    red = np.full((64, 96, 3), (0, 0, 255), np.uint8)
    planes = cv2.cvtColor(red, cv2.COLOR_BGR2YUV_I420)
    chroma = np.asarray(planes[64:], np.uint8).reshape(2, 32, 48)
    shown = replace(frame(np.asarray(planes[:64], np.uint8)), u=chroma[0], v=chroma[1])
    out = np.empty((128, 128, 3), np.uint8)
    Letterbox(colour=colour).fill(shown, View(0, 0, 96, 64, 128, 86, 128, 128), out)
    assert out[40, 40].tolist() == pytest.approx([0, 0, 255] if colour == "bgr" else [255, 0, 0], abs=8)
    assert out[120, 40].tolist() == pytest.approx([PAD_LUMA] * 3, abs=20)
    assert np.ptp(out[120, 40].astype(int)) <= 2


def test_no_box_leaves_the_view() -> None:
    """Boxes are cut at the view's edge; what lies beside the picture, has no size, or no numbers, is dropped."""
    view = View(100, 50, 300, 150, 200, 100, 224, 128)
    found = boxes(
        (-20, -20, 30, 30),
        (190, 90, 260, 140),
        (205, 10, 222, 60),
        (50, 50, 50, 80),
        (float("nan"), 0, 10, 10),
        (0, 0, float("inf"), 10),
        (60, 60, 40, 80),
        score=[0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3],
    )
    kept = view.to_frame(found)
    assert kept.xyxy.tolist() == [[100, 50, 130, 80], [290, 140, 300, 150]]
    assert kept.score.tolist() == pytest.approx([0.9, 0.8])
    assert len(view.to_frame(Detections.none())) == 0


def test_old_pixels_do_not_show() -> None:
    """A canvas is used again and again; nothing of the last picture is left beside a smaller one."""
    letterbox, out = Letterbox(colour="bgr"), np.empty((128, 128, 3), np.uint8)
    letterbox.fill(frame(np.full((128, 128), 250, np.uint8)), View(0, 0, 128, 128, 128, 128, 128, 128), out)
    letterbox.fill(frame(np.full((128, 128), 16, np.uint8)), View(0, 0, 128, 64, 128, 64, 128, 128), out)
    assert out[:60].max() < 10
    assert np.ptp(out[70:]) == 0


def test_few_canvases_are_kept() -> None:
    """Pictures of ever new sizes do not fill the memory."""
    letterbox = Letterbox(colour="bgr")
    for side in range(64, 64 + 4 * CANVASES_KEPT, 2):
        view = View(0, 0, 64, 64, side, side, side, side)
        letterbox.fill(frame(texture(64, 64)), view, np.empty((side, side, 3), np.uint8))
    assert len(letterbox._canvases) == CANVASES_KEPT
