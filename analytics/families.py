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
SIZE_INPUT = "orig_target_sizes"
"""The second input of some DETR exports: (1, 2) width and height that their boxes are to be in."""
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
    """Decode (1, 4 + classes, cells) with centre, width and height in pixels: YOLOv8 to YOLO12."""
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


def end2end(outputs: Outputs, _size_px: tuple[int, int], wanted: Wanted) -> Detections:
    """Decode (1, n, 6) of left, top, right, bottom in pixels, score, class: YOLOv10, YOLO26, NMS in the graph."""
    raw = outputs[0][0]
    if len(outputs) != 1 or raw.ndim != 2 or raw.shape[1] != 6:
        raise ShapeError("output", "one of (1, n, 6)", outputs[0].shape)
    return _chosen(raw[:, :4], raw[:, 4], raw[:, 5], wanted)


def detr(outputs: Outputs, size_px: tuple[int, int], wanted: Wanted) -> Detections:
    """Decode (1, n, classes) scores and (1, n, 4) centre, width and height as shares: RT-DETR, D-FINE, RF-DETR.

    Scores may be logits; both may come as one (1, n, 4 + classes) of shares and scores, as ultralytics exports them.
    """
    total = wanted.classes_total
    if len(outputs) == 1 and outputs[0].shape[2:] == (4 + total,):
        places, scores = outputs[0][0][:, :4], outputs[0][0][:, 4:]
    else:
        of_places = [output[0] for output in outputs if output.shape[2:] == (4,)]
        of_scores = [output[0] for output in outputs if output.shape[2:] == (total,)]
        if len(of_places) != 1 or len(of_scores) != 1 or len(of_places[0]) != len(of_scores[0]):
            want = f"one (1, n, 4) and one (1, n, {total}), or (1, n, {4 + total})"
            raise ShapeError("outputs", want, tuple(side for output in outputs for side in output.shape))
        places, scores = of_places[0], of_scores[0]
    logits = len(scores) > 0 and (scores.min() < 0 or scores.max() > 1)
    least = float(np.log(wanted.min_score / (1 - wanted.min_score))) if logits else wanted.min_score
    cells, score, class_id = _best(scores[:, wanted.columns], least)
    if logits:
        score = (1 / (1 + np.exp(-score))).astype(np.float32)
    return Detections(_corners(places[cells] * np.array(size_px * 2, np.float32)), score, class_id)


def detr_scored(outputs: Outputs, _size_px: tuple[int, int], wanted: Wanted) -> Detections:
    """Decode (1, n) classes, (1, n, 4) corners in pixels and (1, n) scores, in this order: RT-DETR's own export."""
    if len(outputs) != 3 or outputs[1].shape != (*outputs[0].shape, 4) or outputs[2].shape != outputs[0].shape:
        want = "(1, n), (1, n, 4) and (1, n)"
        raise ShapeError("outputs", want, tuple(side for output in outputs for side in output.shape))
    return _chosen(outputs[1][0], outputs[2][0], outputs[0][0], wanted)


FAMILIES: dict[str, Decode] = {
    "detr": detr,
    "detr-scored": detr_scored,
    "end2end": end2end,
    "nanodet": nanodet,
    "yolo8": yolo8,
    "yolox": yolox,
}


def _chosen(xyxy: Floats, score: Floats, column: Floats, wanted: Wanted) -> Detections:
    """Return the boxes that the network has classed itself, as far as their classes and scores are wanted."""
    label_of = np.full(wanted.classes_total, -1, np.int64)
    label_of[wanted.columns] = np.arange(len(wanted.columns))
    known = np.isfinite(column) & (column >= 0) & (column < wanted.classes_total)
    class_id = label_of[np.where(known, column, 0).astype(np.int64)]
    kept = np.flatnonzero(known & (class_id >= 0) & (score >= wanted.min_score))
    return Detections(xyxy[kept].astype(np.float32), score[kept].astype(np.float32), class_id[kept])


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
