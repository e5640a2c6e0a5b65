"""From a frame's planes to a detector's input picture, and boxes back again.

The three planes are shrunk first and turned into colour after, on the small picture: half the work of the other
order, and a large frame is never held in colour.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from analytics.detections import Detections
from models.frame import Frame, Plane

PAD_LUMA = 114
"""The grey that detectors of this kind were trained with around the picture."""
NEUTRAL_CHROMA = 128
CANVASES_KEPT = 16
LEAST_SIDE_PX = 1.0
"""Of the frame; what is left of a box at a view's edge may be thinner, and is nothing."""


@dataclass(frozen=True, slots=True)
class View:
    """A rectangle of the frame and the picture it becomes: shrunk to the inner size, padded right and below.

    All numbers are even: the colour planes have half as many pixels.
    """

    left_px: int
    top_px: int
    right_px: int
    bottom_px: int
    inner_width_px: int
    inner_height_px: int
    width_px: int
    height_px: int

    @property
    def pixels(self) -> int:
        """What it costs: pixels that the detector sees."""
        return self.width_px * self.height_px

    def to_frame(self, found: Detections) -> Detections:
        """Return boxes of the detector's picture as boxes of the frame, cut at the view's edges.

        What a network makes up beside the picture, or without numbers, is no box.
        """
        found = found[np.flatnonzero(np.isfinite(found.xyxy).all(axis=1))]
        across = (self.right_px - self.left_px) / self.inner_width_px
        down = (self.bottom_px - self.top_px) / self.inner_height_px
        scale = np.array([across, down, across, down], np.float32)
        shift = np.array([self.left_px, self.top_px] * 2, np.float32)
        low = np.array([self.left_px, self.top_px] * 2, np.float32)
        high = np.array([self.right_px, self.bottom_px] * 2, np.float32)
        cut = Detections(np.clip(found.xyxy * scale + shift, low, high), found.score, found.class_id)
        sides = cut.xyxy[:, 2:] - cut.xyxy[:, :2]
        return cut[np.flatnonzero((sides >= LEAST_SIDE_PX).all(axis=1))]


class Letterbox:
    """Fills detector inputs from frames; keeps its canvases, so it belongs to one thread."""

    def __init__(self, *, colour: str) -> None:
        self._code = {"bgr": cv2.COLOR_YUV2BGR_I420, "rgb": cv2.COLOR_YUV2RGB_I420}[colour]
        self._canvases: dict[tuple[int, int], Plane] = {}

    def fill(self, frame: Frame, view: View, out: NDArray[np.uint8]) -> None:
        """Write what ``view`` shows of ``frame`` into ``out`` (height, width, 3)."""
        width, height = view.width_px, view.height_px
        canvas = self._canvas(width, height)
        luma = canvas[:height]
        chroma = canvas[height:].reshape(2, height // 2, width // 2)
        rows, columns = slice(view.top_px, view.bottom_px), slice(view.left_px, view.right_px)
        half_rows = slice(view.top_px // 2, view.bottom_px // 2)
        half_columns = slice(view.left_px // 2, view.right_px // 2)
        inner = (view.inner_width_px, view.inner_height_px)
        half = (view.inner_width_px // 2, view.inner_height_px // 2)
        _shrink(frame.y[rows, columns], luma, inner, PAD_LUMA)
        _shrink(frame.u[half_rows, half_columns], chroma[0], half, NEUTRAL_CHROMA)
        _shrink(frame.v[half_rows, half_columns], chroma[1], half, NEUTRAL_CHROMA)
        cv2.cvtColor(canvas, self._code, dst=out)

    def _canvas(self, width: int, height: int) -> Plane:
        canvas = self._canvases.get((width, height))
        if canvas is None:
            if len(self._canvases) >= CANVASES_KEPT:
                self._canvases.pop(next(iter(self._canvases)))
            canvas = self._canvases[width, height] = np.empty((height * 3 // 2, width), np.uint8)
        return canvas


def _shrink(plane: Plane, into: Plane, inner: tuple[int, int], pad: int) -> None:
    width, height = inner
    cv2.resize(plane, inner, dst=into[:height, :width], interpolation=cv2.INTER_LINEAR)
    into[height:] = pad
    into[:height, width:] = pad
