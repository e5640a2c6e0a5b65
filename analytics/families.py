"""From a network's raw outputs to boxes: one function per family of networks.

Scores are filtered before anything else is computed: of thousands of cells a handful is left.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics.detections import Detections, Floats, Ints, ShapeError

Outputs = Sequence[NDArray[np.float32]]
YOLOX_STRIDES = (8, 16, 32)
LOG_SIZE_MOST = 10.0
"""In strides: far larger than any picture, far from overflow."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which classes count (``columns`` of the network's scores, in the order of our labels) and from what score."""

    columns: Ints
    min_score: float
    classes_total: int


Decode = Callable[[Outputs, tuple[int, int], Wanted], Detections]
"""(outputs, (width, height) of the detector's picture, wanted) -> boxes in pixels of that picture."""


def nanodet(outputs: Outputs, size_px: tuple[int, int], wanted: Wanted) -> Detections:
    """Decode levels of (1, cells, classes) scores and (1, cells, 4 x bins) edge distances in strides."""
    levels = sorted((output[0] for output in outputs if output.shape[2] == wanted.classes_total), key=len, reverse=True)
    edges = sorted((output[0] for output in outputs if output.shape[2] != wanted.classes_total), key=len, reverse=True)
    if len(levels) != len(edges) or not levels:
        raise ShapeError("outputs", f"pairs of (1, n, {wanted.classes_total}) and (1, n, bins)", (len(outputs),))
    parts = []
    for scores, distances in zip(levels, edges, strict=True):
        stride = _stride(len(scores), size_px)
        cells, score, class_id = _best(scores[:, wanted.columns], wanted.min_score)
        if not len(cells):
            continue
        across = -(-size_px[0] // stride)
        centre = (np.stack([cells % across, cells // across], axis=1) + 0.5) * stride
        bins = distances[cells].reshape(len(cells), 4, -1)
        weights = np.exp(bins - bins.max(axis=2, keepdims=True))
        places = np.arange(bins.shape[2], dtype=np.float32)
        reach = (weights @ places) / weights.sum(axis=2) * stride
        xyxy = np.concatenate([centre - reach[:, :2], centre + reach[:, 2:]], axis=1)
        parts.append(Detections(xyxy.astype(np.float32), score, class_id))
    return Detections.merged(parts)


def yolo8(outputs: Outputs, _size_px: tuple[int, int], wanted: Wanted) -> Detections:
    """Decode (1, 4 + classes, cells) with centre, width and height in pixels: YOLOv8 to YOLO11."""
    raw = outputs[0][0]
    if raw.shape[0] != 4 + wanted.classes_total:
        raise ShapeError("output", f"(1, {4 + wanted.classes_total}, n)", outputs[0].shape)
    cells, score, class_id = _best(raw[4 + wanted.columns].T, wanted.min_score)
    return Detections(_corners(raw[:4, cells].T), score, class_id)


def yolox(outputs: Outputs, size_px: tuple[int, int], wanted: Wanted) -> Detections:
    """Decode (1, cells, 5 + classes) with offsets in strides and an objectness."""
    raw = outputs[0][0]
    if raw.shape[1] != 5 + wanted.classes_total:
        raise ShapeError("output", f"(1, n, {5 + wanted.classes_total})", outputs[0].shape)
    likely = np.flatnonzero(raw[:, 4] >= wanted.min_score)
    raw = raw[likely]
    kept, score, class_id = _best(raw[:, 5 + wanted.columns] * raw[:, 4:5], wanted.min_score)
    corner, stride = _yolox_grid(size_px)
    cells = likely[kept]
    centre = (raw[kept, :2] + corner[cells]) * stride[cells]
    size = np.exp(np.minimum(raw[kept, 2:4], LOG_SIZE_MOST)) * stride[cells]
    return Detections(_corners(np.concatenate([centre, size], axis=1)), score, class_id)


FAMILIES: dict[str, Decode] = {"nanodet": nanodet, "yolo8": yolo8, "yolox": yolox}


def _best(scores: Floats, min_score: float) -> tuple[Ints, Floats, Ints]:
    """Return (cells, score, class) of the cells whose best class reaches ``min_score``."""
    top = scores.max(axis=1)
    cells = np.flatnonzero(top >= min_score)
    class_id = scores[cells].argmax(axis=1)
    return cells, top[cells].astype(np.float32), class_id.astype(np.int64)


def _corners(centred: Floats) -> Floats:
    half = centred[:, 2:] / 2
    corners: Floats = np.concatenate([centred[:, :2] - half, centred[:, :2] + half], axis=1).astype(np.float32)
    return corners


def _stride(cells: int, size_px: tuple[int, int]) -> int:
    for stride in (8, 16, 32, 64, 128):
        if -(-size_px[0] // stride) * -(-size_px[1] // stride) == cells:
            return stride
    raise ShapeError("level", f"cells of a power-of-two stride in {size_px[0]}x{size_px[1]}", (cells,))


def _yolox_grid(size_px: tuple[int, int]) -> tuple[Floats, Floats]:
    corners, strides = [], []
    for stride in YOLOX_STRIDES:
        across, down = size_px[0] // stride, size_px[1] // stride
        x, y = np.meshgrid(np.arange(across), np.arange(down))
        corners.append(np.stack([x.ravel(), y.ravel()], axis=1))
        strides.append(np.full((across * down, 1), stride))
    return np.concatenate(corners).astype(np.float32), np.concatenate(strides).astype(np.float32)
