"""Frames drawn by hand, rules, and a detector that finds what a test tells it."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from analytics.detections import Detections
from analytics.detector import Answer, DetectorSpec, InputSizes
from analytics.letterbox import View
from models.frame import Frame, Plane
from models.rule import Direction, Rule, RuleKind

START = datetime(2026, 1, 1, tzinfo=UTC)
WIDTH_PX, HEIGHT_PX = 640, 384
LABELS = ("person", "car")
Box = tuple[float, float, float, float]
SQUARE = ((0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75))
UPWARDS = ((0.5, 1.0), (0.5, 0.0))
"""A line in the middle; its right is the picture's right."""


def texture(width: int = WIDTH_PX, height: int = HEIGHT_PX, *, seed: int = 0) -> Plane:
    """Return a still background of patches, none of them black or white."""
    patches = np.random.default_rng(seed).integers(60, 180, (-(-height // 16), -(-width // 16)), np.uint8)
    return np.asarray(patches.repeat(16, axis=0).repeat(16, axis=1)[:height, :width], np.uint8)


def with_box(luma: Plane, box: Box, level: int = 240) -> Plane:
    """Return a copy with a bright rectangle."""
    left, top, right, bottom = (round(edge) for edge in box)
    copy = luma.copy()
    copy[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = level
    return copy


def noisy(luma: Plane, sigma: float, dice: np.random.Generator) -> Plane:
    return np.clip(luma + dice.normal(0, sigma, luma.shape), 0, 255).astype(np.uint8)


def frame(
    luma: Plane | None = None, time_s: float = 0.0, *, camera_id: str = "gate", seq: int = 0, chroma: int = 128
) -> Frame:
    """Return a frame of a Y plane; grey unless told otherwise."""
    y = texture() if luma is None else luma
    half = np.full((-(-y.shape[0] // 2), -(-y.shape[1] // 2)), chroma, np.uint8)
    return Frame(
        camera_id=camera_id,
        seq=seq,
        captured_at=START + timedelta(seconds=time_s),
        monotonic_s=time_s,
        pts_s=time_s,
        y=y,
        u=half,
        v=half,
    )


def boxes(*rows: Box, score: float | Sequence[float] = 0.9, class_id: int | Sequence[int] = 0) -> Detections:
    """Return detections of these boxes."""
    count = len(rows)
    scores: NDArray[np.float32] = np.broadcast_to(np.array(score, np.float32), (count,)).copy()
    classes: NDArray[np.int64] = np.broadcast_to(np.array(class_id, np.int64), (count,)).copy()
    return Detections(np.array(rows, np.float32).reshape(-1, 4), scores, classes)


def zone(id: int = 1, points: Iterable[tuple[float, float]] = SQUARE, **other: object) -> Rule:
    """Return a rule about a polygon, the middle of the picture unless told otherwise."""
    return _rule(id, RuleKind.INTRUSION, points, other)


def tripwire(id: int = 2, points: Iterable[tuple[float, float]] = UPWARDS, **other: object) -> Rule:
    """Return a rule about a line, upwards through the middle unless told otherwise."""
    return _rule(id, RuleKind.LINE_CROSSING, points, other)


def _rule(id: int, kind: RuleKind, points: Iterable[tuple[float, float]], other: dict[str, object]) -> Rule:
    said: dict[str, object] = {
        "id": id,
        "version": 1,
        "camera_id": "gate",
        "name": f"rule {id}",
        "kind": kind,
        "points": tuple(points),
        "confirm_frames": 1,
        "direction": Direction.BOTH,
    }
    return Rule(**(said | other))  # type: ignore[arg-type]


def spec(*, tells_classes: bool = True, labels: tuple[str, ...] = LABELS) -> DetectorSpec:
    return DetectorSpec(
        name="fake",
        backend="fake",
        device="none",
        precision="exact",
        digest="d1935",
        licence="Apache-2.0",
        labels=labels,
        sizes=InputSizes(long_px=320),
        conf_high=0.5,
        conf_low=0.3,
        nms_iou=0.6,
        tells_classes=tells_classes,
    )


class FakeDetector:
    """Implements `Detector`: ``sees`` says what is in a frame; with ``slow`` answers wait for `finish`."""

    def __init__(self, sees: Callable[[Frame], Detections], *, slow: bool = False, slots: int = 1) -> None:
        self.sees, self.slow, self.slots = sees, slow, slots
        self.looked: list[tuple[Frame, tuple[View, ...]]] = []
        self.forgotten: list[str] = []
        self.closed = False
        self._open: dict[int, Frame] = {}
        self._answers: list[Answer] = []
        self._wake: Callable[[], None] = lambda: None
        self._spec = spec()

    @property
    def spec(self) -> DetectorSpec:
        return self._spec

    def free(self) -> int:
        return self.slots - len(self._open) - len(self._answers)

    def submit(self, ticket: int, frame: Frame, views: Sequence[View]) -> None:
        self.looked.append((frame, tuple(views)))
        self._open[ticket] = frame
        if not self.slow:
            self.finish()

    def finish(self, failure: str = "") -> None:
        """Answer all that is open."""
        for ticket, seen in self._open.items():
            found = Detections.none() if failure else self.sees(seen)
            self._answers.append(Answer(ticket, found, failure))
        self._open.clear()
        self._wake()

    def poll(self) -> list[Answer]:
        answers, self._answers = self._answers, []
        return answers

    def on_ready(self, wake: Callable[[], None]) -> None:
        self._wake = wake

    def forget(self, camera_id: str) -> None:
        self.forgotten.append(camera_id)

    def close(self) -> None:
        self.closed = True
