"""The clip vtest.avi (people crossing a yard, 768x576, 10 a second) and its ground truth, where a machine has them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from analytics.detections import overlaps
from models.frame import Frame
from tests.support.shared_data import shared

FPS = 10.0
START = datetime(2026, 1, 1, tzinfo=UTC)

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
