"""Anything that moves, by background subtraction: needs no weights, cannot tell what it sees.

The choice when weights cannot be had. It is told apart from a network by its one label and by `tells_classes`.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np

from analytics.detections import Detections
from analytics.detector import Answer, DetectorSpec, InputSizes
from analytics.letterbox import View
from models.frame import Frame, Plane

NAME = "moving-object"
LABEL = "moving-object"
SHRINK = 2
CAMERAS_KEPT = 512
HISTORY_FRAMES = 200
VARIANCE_GATE = 25.0
LEAST_AREA_PX = 300
"""Of the frame; smaller blobs are leaves and noise."""
LARGEST_SHARE = 0.5
"""Of the picture; a larger blob is a change of light, not an object."""
BODY = (5, 9)
"""Pixels (across, down) that join legs and bodies; people are taller than wide."""
SURELY_FOREGROUND = 255
"""What the subtractor writes; shadows get less."""


class MovingObjectDetector:
    """Implements `Detector` with one background per camera; looks at whole frames whatever the views say."""

    def __init__(self) -> None:
        self._backgrounds: OrderedDict[str, Any] = OrderedDict()
        self._answers: deque[Answer] = deque()
        self._wake: Callable[[], None] = lambda: None
        self._body = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, BODY)
        self._spec = DetectorSpec(
            name=NAME,
            backend="opencv",
            device="CPU",
            precision="u8",
            digest="",
            licence="Apache-2.0",
            labels=(LABEL,),
            sizes=InputSizes(long_px=384, min_scale=0.5),
            conf_high=0.3,
            conf_low=0.15,
            nms_iou=0.6,
            tells_classes=False,
        )

    @property
    def spec(self) -> DetectorSpec:
        return self._spec

    def free(self) -> int:
        return 1 if not self._answers else 0

    def submit(self, ticket: int, frame: Frame, views: Sequence[View]) -> None:  # noqa: ARG002 - see the class
        self._answers.append(Answer(ticket, self._look(frame)))
        self._wake()

    def poll(self) -> list[Answer]:
        answers = list(self._answers)
        self._answers.clear()
        return answers

    def on_ready(self, wake: Callable[[], None]) -> None:
        self._wake = wake

    def forget(self, camera_id: str) -> None:
        self._backgrounds.pop(camera_id, None)

    def close(self) -> None:
        self._backgrounds.clear()

    def _look(self, frame: Frame) -> Detections:
        small = cv2.resize(frame.y, None, fx=1 / SHRINK, fy=1 / SHRINK, interpolation=cv2.INTER_AREA)
        subtractor, fresh = self._background(frame.camera_id)
        moving = subtractor.apply(small)
        if fresh:
            return Detections.none()
        solid = cv2.threshold(moving, SURELY_FOREGROUND - 1, 255, cv2.THRESH_BINARY)[1]
        solid = cv2.morphologyEx(cv2.medianBlur(solid, 3), cv2.MORPH_CLOSE, self._body)
        return _blobs(np.asarray(solid, np.uint8))

    def _background(self, camera_id: str) -> tuple[Any, bool]:
        known = self._backgrounds.get(camera_id)
        if known is not None:
            self._backgrounds.move_to_end(camera_id)
            return known, False
        if len(self._backgrounds) >= CAMERAS_KEPT:
            self._backgrounds.popitem(last=False)
        made = cv2.createBackgroundSubtractorMOG2(HISTORY_FRAMES, VARIANCE_GATE, detectShadows=True)
        self._backgrounds[camera_id] = made
        return made, True


def _blobs(solid: Plane) -> Detections:
    count, _labels, stats, _centres = cv2.connectedComponentsWithStats(solid, connectivity=8)
    blobs = stats[1:count].astype(np.float32)
    left, top, width, height, area = blobs.T
    fits = (area * SHRINK**2 >= LEAST_AREA_PX) & (width * height <= LARGEST_SHARE * solid.size)
    xyxy = np.stack([left, top, left + width, top + height], axis=1)[fits] * SHRINK
    score = np.clip(area / np.maximum(width * height, 1), 0, 0.99)[fits]
    return Detections(xyxy.astype(np.float32), score.astype(np.float32), np.zeros(len(score), np.int64))
