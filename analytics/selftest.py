"""The picture that a detector must understand before it may look at cameras.

A wrong mean, a swapped colour or the wrong decoder raises no error anywhere: scores just sink. One known picture
shows it when the weights are loaded.
"""

import threading
import time
from pathlib import Path

import cv2
import numpy as np

from analytics.detections import Detections, overlaps
from analytics.detector import Detector
from analytics.planner import Planner
from analytics.sidecar import SHIPPED, SelfTest
from models.clock import SystemClock
from models.errors import AlertwallError
from models.frame import Frame, Plane

PICTURE = SHIPPED / "selftest.jpg"
TIMEOUT_S = 60.0
POLL_S = 0.2


class SelfTestFailed(AlertwallError):
    """The detector does not see what is in the known picture: weights, sidecar or device are wrong."""


def frame_of(picture: Path) -> Frame:
    """Read a picture file as a frame."""
    bgr = cv2.imread(str(picture), cv2.IMREAD_COLOR)
    if bgr is None:
        raise SelfTestFailed(f"{picture.name} cannot be read")
    height, width = (side // 2 * 2 for side in bgr.shape[:2])
    planes: Plane = np.asarray(cv2.cvtColor(bgr[:height, :width], cv2.COLOR_BGR2YUV_I420), np.uint8)
    chroma = planes[height:].reshape(2, height // 2, width // 2)
    now = SystemClock()
    return Frame(
        camera_id="self-test",
        seq=0,
        captured_at=now.utc_now(),
        monotonic_s=now.monotonic_s(),
        pts_s=0,
        y=planes[:height],
        u=chroma[0],
        v=chroma[1],
        key=True,
    )


def check(detector: Detector, wanted: SelfTest, *, picture: Path = PICTURE) -> None:
    """Raise `SelfTestFailed`, with what was seen instead, unless ``detector`` finds what it must in the picture."""
    name, found = detector.spec.name, look(detector, frame_of(picture))
    labels = np.array(detector.spec.labels)[found.class_id]
    for thing in wanted.objects:
        there = overlaps(found.xyxy, np.array([thing.box_px], np.float32))[:, 0] >= wanted.min_iou
        scores = found.score[there & (labels == thing.label)]
        score = float(scores.max()) if len(scores) else 0.0
        if abs(score - thing.score) > wanted.tolerance:
            seen = ", ".join(f"{label} {certain:.2f}" for label, certain in zip(labels, found.score, strict=True))
            raise SelfTestFailed(
                f"{name}: needs a {thing.label} of {thing.score:.2f} at {thing.box_px}, has {score:.2f} there "
                f"(all: {seen or 'nothing'}); is the sidecar's normalisation right?"
            )


def look(detector: Detector, frame: Frame) -> Detections:
    """Return what ``detector`` finds in all of ``frame``; waits for it."""
    ready = threading.Event()
    detector.on_ready(ready.set)
    detector.submit(0, frame, Planner(frame.size_px, detector.spec.sizes).full.views)
    give_up_s = time.monotonic() + TIMEOUT_S
    while not (answers := detector.poll()):
        if not ready.wait(POLL_S) and time.monotonic() > give_up_s:
            raise SelfTestFailed(f"{detector.spec.name}: no answer within {TIMEOUT_S:g} s")
        ready.clear()
    detector.on_ready(lambda: None)
    if answers[0].failure:
        raise SelfTestFailed(f"{detector.spec.name}: {answers[0].failure}")
    return answers[0].found
