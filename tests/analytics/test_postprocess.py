"""Raw outputs to boxes, and many boxes to one per object, against naive oracles."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from analytics.detections import Detections, ShapeError, overlaps
from analytics.families import FAMILIES, Wanted, nanodet, yolo8, yolox
from analytics.postprocess import CANDIDATES_MAX, suppress
from tests.analytics.pictures import boxes

Array = NDArray[np.float32]
SIZE_PX = (64, 32)
CLASSES = 4
WANTED = Wanted(np.array([1, 3]), 0.3, CLASSES)
"""Columns 1 and 3 become labels 0 and 1."""
BINS = 8


def naive_suppress(found: Detections, iou: float) -> Detections:
    """Take the best box, drop what it covers of its class, and so on."""
    left = sorted(range(len(found)), key=lambda index: -found.score[index])
    kept: list[int] = []
    while left:
        best = left.pop(0)
        kept.append(best)
        left = [
            other
            for other in left
            if found.class_id[other] != found.class_id[best]
            or overlaps(found.xyxy[[best]], found.xyxy[[other]])[0, 0] <= iou
        ]
    return found[np.array(kept, np.int64)]


@settings(max_examples=100)
@given(st.integers(0, 2**32 - 1), st.integers(0, 40), st.sampled_from([0.3, 0.5, 0.6]))
def test_suppress_agrees_with_the_naive_way(seed: int, count: int, iou: float) -> None:
    """The same boxes are left, best first, as by the textbook."""
    dice = np.random.default_rng(seed)
    corner, size = dice.uniform(0, 60, (count, 2)), dice.uniform(5, 50, (count, 2))
    xyxy = np.concatenate([corner, corner + size], axis=1).astype(np.float32)
    score = dice.permutation(np.linspace(0.1, 0.9, count)).astype(np.float32)
    found = Detections(xyxy, score, dice.integers(0, 3, count))
    ours, naive = suppress(found, iou=iou), naive_suppress(found, iou)
    assert np.array_equal(ours.xyxy, naive.xyxy)
    assert np.array_equal(ours.score, naive.score)


def test_suppress_has_a_limit() -> None:
    """A picture full of noise costs no more than so many boxes."""
    rows = np.stack([np.arange(2000) * 20, np.zeros(2000), np.arange(2000) * 20 + 10, np.full(2000, 10)], axis=1)
    found = Detections(rows.astype(np.float32), np.linspace(0.1, 0.9, 2000, dtype=np.float32), np.zeros(2000, np.int64))
    left = suppress(found, iou=0.5)
    assert len(left) == CANDIDATES_MAX
    assert left.score[0] == pytest.approx(0.9)


def test_two_classes_in_one_place_both_stay() -> None:
    """A rider and his bicycle are two objects."""
    assert len(suppress(boxes((0, 0, 10, 10), (0, 0, 10, 10), class_id=[0, 1]), iou=0.5)) == 2
    assert len(suppress(Detections.none(), iou=0.5)) == 0


def yolo8_output(*rows: tuple[list[float], int, float]) -> Array:
    """Return (1, 4 + classes, 20): box, column, score."""
    raw = np.zeros((1, 4 + CLASSES, 20), np.float32)
    for cell, (box, column, score) in enumerate(rows):
        raw[0, :4, cell], raw[0, 4 + column, cell] = box, score
    return raw


def test_yolo8() -> None:
    """Centre and size become corners; other classes and low scores are left out."""
    raw = yolo8_output(
        ([20, 16, 10, 8], 1, 0.9), ([5, 5, 4, 4], 0, 0.9), ([9, 9, 2, 2], 3, 0.2), ([40, 8, 4, 6], 3, 0.5)
    )
    found = yolo8([raw], SIZE_PX, WANTED)
    assert found.xyxy.tolist() == [[15, 12, 25, 20], [38, 5, 42, 11]]
    assert found.class_id.tolist() == [0, 1]
    assert found.score.tolist() == pytest.approx([0.9, 0.5])


def yolox_cells() -> int:
    return sum((SIZE_PX[0] // stride) * (SIZE_PX[1] // stride) for stride in (8, 16, 32))


def test_yolox() -> None:
    """Offsets and log sizes are in strides of the cell's level; objectness counts."""
    raw = np.zeros((1, yolox_cells(), 5 + CLASSES), np.float32)
    raw[0, 9, :] = [0.5, 0.5, np.log(2), 0, 0.9, 0, 0.8, 0, 0]  # stride 8, second row, second column
    raw[0, 32 + 3, :] = [0, 0, 0, 0, 0.8, 0, 0, 0, 0.9]  # stride 16, first row, fourth column
    raw[0, 0, :] = [0, 0, 0, 0, 0.5, 0, 0.5, 0, 0]  # 0.25 in all
    found = yolox([raw], SIZE_PX, WANTED)
    assert found.xyxy.tolist() == pytest.approx(np.array([[4, 8, 20, 16], [40, -8, 56, 8]]))
    assert found.class_id.tolist() == [0, 1]
    assert found.score.tolist() == pytest.approx([0.72, 0.72])


def test_yolox_without_measure() -> None:
    """Weights gone wild give finite boxes, not an overflow."""
    raw = np.full((1, yolox_cells(), 5 + CLASSES), 500, np.float32)
    assert np.isfinite(yolox([raw], SIZE_PX, WANTED).xyxy).all()


def nanodet_outputs() -> list[Array]:
    """Return empty levels of strides 8, 16 and 32, in no useful order."""
    cells = [(SIZE_PX[0] // stride) * (SIZE_PX[1] // stride) for stride in (16, 8, 32)]
    return [np.zeros((1, count, width), np.float32) for count in cells for width in (4 * BINS, CLASSES)]


def test_nanodet() -> None:
    """Edges are the expectation over bins, in strides from the cell's centre; levels may come in any order."""
    outputs = nanodet_outputs()
    distances, scores = outputs[0], outputs[1]  # stride 16: 4 x 2 cells
    scores[0, 5, 3] = 0.7  # second row, second column: centre (24, 24)
    distances[0, 5].reshape(4, BINS)[[0, 1, 2, 3], [1, 0, 2, 1]] = 50
    found = nanodet(outputs, SIZE_PX, WANTED)
    assert found.xyxy[0] == pytest.approx([24 - 16, 24, 24 + 32, 24 + 16], abs=1e-3)
    assert (found.class_id.tolist(), found.score.tolist()) == ([1], pytest.approx([0.7]))


def test_nanodet_averages_bins() -> None:
    """Half the weight on two bins is the place between them."""
    outputs = nanodet_outputs()
    outputs[1][0, 0, 1] = 0.9
    outputs[0][0, 0].reshape(4, BINS)[:, 1:3] = 60
    assert nanodet(outputs, SIZE_PX, WANTED).xyxy[0] == pytest.approx([8 - 24, 8 - 24, 8 + 24, 8 + 24], abs=1e-3)


def test_nothing_found() -> None:
    """No score above the threshold, or scores that are no numbers, are no boxes."""
    assert len(nanodet(nanodet_outputs(), SIZE_PX, WANTED)) == 0
    assert len(yolo8([yolo8_output()], SIZE_PX, WANTED)) == 0
    assert len(yolo8([np.full((1, 4 + CLASSES, 20), np.nan, np.float32)], SIZE_PX, WANTED)) == 0
    assert len(yolox([np.zeros((1, yolox_cells(), 5 + CLASSES), np.float32)], SIZE_PX, WANTED)) == 0
    assert len(yolox([np.full((1, yolox_cells(), 5 + CLASSES), np.nan, np.float32)], SIZE_PX, WANTED)) == 0


def test_outputs_of_another_network_are_refused() -> None:
    """A sidecar with the wrong family or class count says which shape it needed."""
    with pytest.raises(ShapeError, match=r"output: needs shape \(1, 8, n\), has \(1, 9, 20\)"):
        yolo8([np.zeros((1, 9, 20), np.float32)], SIZE_PX, WANTED)
    with pytest.raises(ShapeError, match=r"output: needs shape \(1, n, 9\)"):
        yolox([np.zeros((1, 40, 10), np.float32)], SIZE_PX, WANTED)
    with pytest.raises(ShapeError, match="outputs: needs shape pairs"):
        nanodet([np.zeros((1, 8, 4 * BINS), np.float32)], SIZE_PX, WANTED)
    with pytest.raises(ShapeError, match="power-of-two stride"):
        nanodet([np.ones((1, 7, CLASSES), np.float32), np.ones((1, 7, 32), np.float32)], SIZE_PX, WANTED)


def test_end2end() -> None:
    """Boxes, score and class in rows; columns that nobody wants, weak ones and nonsense are dropped."""
    rows = np.array(
        [
            [10, 20, 30, 40, 0.9, 2],
            [50, 60, 90, 80, 0.8, 0],
            [1, 2, 3, 4, 0.7, 1],
            [1, 2, 3, 4, 0.1, 0],
            [1, 2, 3, 4, 0.9, 7],
            [1, 2, 3, 4, 0.9, np.nan],
        ],
        np.float32,
    )
    found = FAMILIES["end2end"]([rows[None]], (128, 96), Wanted(np.array([0, 2]), 0.5, 3))
    assert found.xyxy.tolist() == [[10, 20, 30, 40], [50, 60, 90, 80]]
    assert found.class_id.tolist() == [1, 0]
    assert found.score == pytest.approx([0.9, 0.8])


DETR_PLACES = np.array([[[0.5, 0.5, 0.25, 0.5], [0.1, 0.1, 0.1, 0.1]]], np.float32)
DETR_SCORES = np.array([[[0.1, 0.2, 0.9], [0.4, 0.1, 0.1]]], np.float32)


@pytest.mark.parametrize("form", ["logits", "scores first", "one tensor"])
def test_detr(form: str) -> None:
    """Logits or scores, boxes as shares of the picture, in either order or in one tensor."""
    logits = np.log(DETR_SCORES / (1 - DETR_SCORES))
    outputs = {
        "logits": [logits, DETR_PLACES],
        "scores first": [DETR_PLACES, DETR_SCORES],
        "one tensor": [np.concatenate([DETR_PLACES, DETR_SCORES], axis=2)],
    }[form]
    found = FAMILIES["detr"](outputs, (200, 100), Wanted(np.array([0, 2]), 0.5, 3))
    assert found.xyxy == pytest.approx(np.array([[75, 25, 125, 75]]), abs=1e-4)
    assert found.class_id.tolist() == [1]
    assert found.score == pytest.approx([0.9], abs=1e-6)


def test_detr_scored() -> None:
    """Classes, corners in pixels and scores, as RT-DETR and D-FINE export them."""
    labels = np.array([[2, 1, 0]], np.int64)
    places = np.array([[[1, 2, 30, 40], [0, 0, 9, 9], [5, 5, 6, 6]]], np.float32)
    scores = np.array([[0.9, 0.8, 0.2]], np.float32)
    outputs: list[NDArray[Any]] = [labels, places, scores]
    found = FAMILIES["detr-scored"](outputs, (64, 64), Wanted(np.array([0, 2]), 0.5, 3))
    assert found.xyxy.tolist() == [[1, 2, 30, 40]]
    assert found.class_id.tolist() == [1]
    assert found.score == pytest.approx([0.9])


@pytest.mark.parametrize(
    ("family", "shapes"),
    [
        ("end2end", [(1, 300, 7)]),
        ("end2end", [(1, 300, 6), (1, 300, 6)]),
        ("detr", [(1, 300, 3)]),
        ("detr", [(1, 300, 4), (1, 299, 3)]),
        ("detr", [(1, 300, 4), (1, 300, 5)]),
        ("detr-scored", [(1, 300), (1, 300, 4)]),
        ("detr-scored", [(1, 300, 4), (1, 300), (1, 300)]),
    ],
)
def test_outputs_of_another_family_are_refused(family: str, shapes: list[tuple[int, ...]]) -> None:
    """A sidecar that names the wrong family is told so, with the shapes."""
    with pytest.raises(ShapeError, match="needs shape"):
        FAMILIES[family]([np.zeros(shape, np.float32) for shape in shapes], (64, 64), Wanted(np.array([0]), 0.5, 3))
