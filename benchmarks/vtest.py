"""The clip vtest.avi (people crossing a yard, 768x576, 10 a second) and its ground truth, where a machine has them."""

import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from alertwall import homes
from analytics.detections import Detections, overlaps
from analytics.detectors import open_detector
from analytics.detectors.network import NetworkDetector
from analytics.letterbox import View
from analytics.planner import Planner
from analytics.sidecar import find, intact
from models.frame import Frame
from tests.support.shared_data import shared

FPS = 10.0
START = datetime(2026, 1, 1, tzinfo=UTC)
TRUTH_FRAMES = 397
REPORT_FROM = 0.05
"""Boxes below change no average precision."""
YOLO11N = """
name = "yolo11n"
title = "YOLO11n 640, trained on COCO"
family = "yolo8"
file = "yolo11n.onnx"
licence = "AGPL-3.0"
input = { long_px = 640, colour = "rgb", mean = [0, 0, 0], std = [255, 255, 255] }
output = { conf_high = 0.4, conf_low = 0.25, nms_iou = 0.6, classes_total = 80 }
classes = { 0 = "person" }
"""

Truth = dict[int, NDArray[np.float32]]
"""Frame number from 0 -> rows of id, left, top, right, bottom."""
Found = list[tuple[NDArray[np.float32], NDArray[np.float32]]]
"""Per frame: boxes (n, 4) and scores (n,)."""


def clip() -> Path | None:
    return shared("vtest.avi")


def frames(path: Path, *, camera_id: str = "vtest", every: int = 1, limit: int | None = None) -> Iterator[Frame]:
    """Yield every ``every``-th frame, timed by the clip's own rate."""
    with av.open(str(path)) as container:
        for number, picture in enumerate(container.decode(video=0)):
            if limit is not None and number >= limit:
                return
            if number % every == 0:
                yield frame_of(picture, number, fps=FPS, camera_id=camera_id)


def frame_of(picture: av.VideoFrame, number: int, *, fps: float, camera_id: str) -> Frame:
    planes = np.asarray(picture.to_ndarray(format="yuv420p"), np.uint8)
    height, width = picture.height, picture.width
    chroma = planes[height:].reshape(2, height // 2, width // 2)
    return Frame(
        camera_id=camera_id,
        seq=number,
        captured_at=START + timedelta(seconds=number / fps),
        monotonic_s=number / fps,
        pts_s=number / fps,
        y=planes[:height],
        u=chroma[0],
        v=chroma[1],
        key=number == 0,
    )


def bgr(frame: Frame) -> NDArray[np.uint8]:
    """Return a frame as other libraries want it."""
    chroma = np.concatenate([frame.u.reshape(-1), frame.v.reshape(-1)]).reshape(-1, frame.y.shape[1])
    colour = cv2.cvtColor(np.concatenate([frame.y, chroma]), cv2.COLOR_YUV2BGR_I420)
    return np.asarray(colour, np.uint8)


def truth() -> Truth | None:
    """Return the ground truth of the clip's first half."""
    path = shared("vtest_gt_frames_1-397.txt")
    if path is None:
        return None
    rows = np.loadtxt(path, delimiter=",", dtype=np.float32)
    boxes: Truth = {}
    for number in range(int(rows[:, 0].max())):
        at = rows[rows[:, 0] == number + 1]
        corner, size = at[:, 2:4] - 1, at[:, 4:6]
        boxes[number] = np.concatenate([at[:, 1:2], corner, corner + size], axis=1)
    return boxes


@contextmanager
def weights(name: str) -> Iterator[Path | None]:
    """Yield a folder with the weights called ``name``: fetched ones, or those beside the checkout; None without."""
    if name == "nanodet":
        home = homes.weights_home()
        yield home if intact(home / find(name, home).file) else None
        return
    path = shared(f"{name}.onnx")
    if path is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="aw-weights-") as made:
        folder = Path(made)
        shutil.copy(path, folder / path.name)
        (folder / f"{name}.toml").write_text(YOLO11N, "utf-8")
        yield folder


@contextmanager
def detector(
    name: str, folder: Path, *, precision: str = "auto", threads: int = 1, everything: bool = False
) -> Iterator[NetworkDetector]:
    """Open a network; with ``everything`` it reports unsure boxes too."""
    opened = open_detector(name, weights_dir=folder, precision=precision, threads=threads)
    assert isinstance(opened, NetworkDetector)
    if everything:
        opened.report_from(REPORT_FROM)
    try:
        yield opened
    finally:
        opened.close()


def look_at_all(
    looker: NetworkDetector,
    pictures: Iterator[Frame] | Sequence[Frame],
    on_found: Callable[[Frame, Detections], None],
    *,
    views_of: Callable[[Frame], Sequence[View]] | None = None,
) -> None:
    """Pass every frame through ``looker``, as many at once as it takes; answers come in the order of frames."""
    ready = threading.Event()
    looker.on_ready(ready.set)
    asked: dict[int, Frame] = {}
    answered: dict[int, Detections] = {}
    turn = 0
    planner: Planner | None = None

    def take() -> None:
        nonlocal turn
        for answer in looker.poll():
            assert not answer.failure, answer.failure
            answered[answer.ticket] = answer.found
        while turn in answered:
            on_found(asked.pop(turn), answered.pop(turn))
            turn += 1

    for ticket, frame in enumerate(pictures):
        while looker.free() < 1:
            ready.wait(0.5)
            ready.clear()
            take()
        if planner is None or planner.size_px != frame.size_px:
            planner = Planner(frame.size_px, looker.spec.sizes)
        asked[ticket] = frame
        looker.submit(ticket, frame, views_of(frame) if views_of else planner.full.views)
    while asked:
        ready.wait(0.5)
        ready.clear()
        take()
    looker.on_ready(lambda: None)


def look_at(looker: NetworkDetector, frame: Frame, views: Sequence[View]) -> Detections:
    """Pass one frame through ``looker``."""
    answers: list[Detections] = []
    look_at_all(looker, [frame], lambda _frame, found: answers.append(found), views_of=lambda _frame: views)
    return answers[0]


def people(found: Detections) -> Detections:
    """Return the boxes of people; their label is the first in every sidecar here."""
    return found[found.class_id == 0]


def average_precision(found: Found, expected: list[NDArray[np.float32]], *, iou: float = 0.5) -> float:
    """Return the area under the precision-recall curve (all points), one box per person and frame."""
    hits: list[bool] = []
    scores: list[float] = []
    for (boxes, score), people in zip(found, expected, strict=True):
        order = np.argsort(-score)
        free = np.ones(len(people), np.bool_)
        near = overlaps(boxes[order], people) if len(people) and len(boxes) else np.zeros((len(boxes), len(people)))
        for row in near:
            best = int(np.where(free, row, -1).argmax()) if len(people) else -1
            hit = best >= 0 and free[best] and row[best] >= iou
            if hit:
                free[best] = False
            hits.append(bool(hit))
        scores.extend(score[order].tolist())
    ranked = np.array(hits, np.float64)[np.argsort(-np.array(scores), kind="stable")]
    right = np.cumsum(ranked)
    recall = right / sum(map(len, expected))
    precision = right / np.arange(1, len(ranked) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(np.concatenate([[0.0], recall])) * envelope))
