"""What a detector found in one picture, as arrays side by side."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.errors import AlertwallError

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]


class ShapeError(AlertwallError):
    """An array is not of the shape that its place requires."""

    def __init__(self, what: str, want: str, got: tuple[int, ...]) -> None:
        super().__init__(f"{what}: needs shape {want}, has {got}")
        self.what, self.want, self.got = what, want, got


@dataclass(frozen=True, slots=True)
class Detections:
    """``n`` boxes: corners ``xyxy`` (n, 4) in pixels, certainty ``score`` (n,), ``class_id`` (n,)."""

    xyxy: Floats
    score: Floats
    class_id: Ints

    def __post_init__(self) -> None:
        count = len(self.xyxy)
        if self.xyxy.ndim != 2 or self.xyxy.shape[1] != 4:
            raise ShapeError("xyxy", "(n, 4)", self.xyxy.shape)
        if self.score.shape != (count,):
            raise ShapeError("score", f"({count},)", self.score.shape)
        if self.class_id.shape != (count,):
            raise ShapeError("class_id", f"({count},)", self.class_id.shape)

    def __len__(self) -> int:
        return len(self.xyxy)

    def __getitem__(self, which: Ints | Mask | slice) -> "Detections":
        return Detections(self.xyxy[which], self.score[which], self.class_id[which])

    @classmethod
    def none(cls) -> "Detections":
        return cls(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int64))

    @classmethod
    def merged(cls, parts: Sequence["Detections"]) -> "Detections":
        """Return all boxes of ``parts``, one part after the other."""
        if not parts:
            return cls.none()
        return cls(
            np.concatenate([part.xyxy for part in parts]),
            np.concatenate([part.score for part in parts]),
            np.concatenate([part.class_id for part in parts]),
        )


def overlaps(left: Floats, right: Floats) -> Floats:
    """Return the intersection over union of each of ``left`` (n, 4) with each of ``right`` (m, 4)."""
    corner = np.maximum(left[:, None, :2], right[None, :, :2])
    far = np.minimum(left[:, None, 2:], right[None, :, 2:])
    shared = np.maximum(far - corner, 0).prod(axis=2)
    area_left = (left[:, 2:] - left[:, :2]).prod(axis=1)
    area_right = (right[:, 2:] - right[:, :2]).prod(axis=1)
    union = area_left[:, None] + area_right[None, :] - shared
    ratio: Floats = (shared / np.maximum(union, np.float32(1e-9))).astype(np.float32)
    return ratio
