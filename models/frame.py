"""One decoded picture on its way from ingest to analytics."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.uint8]


class DecodeMode(StrEnum):
    """What the decode gate lets through."""

    QUIET = "quiet"
    """Key frames only."""
    ACTIVE = "active"
    """Every frame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A picture in 4:2:0: ``y`` (height, width) uint8, ``u`` and ``v`` (height/2, width/2) uint8.

    ``captured_at`` is the UTC receive time, ``monotonic_s`` the same moment on the monotonic clock,
    ``pts_s`` the camera's own presentation time in seconds. The arrays are read-only for everybody.
    """

    camera_id: str
    seq: int
    captured_at: datetime
    monotonic_s: float
    pts_s: float
    y: Plane
    u: Plane
    v: Plane
    key: bool = False

    @property
    def size_px(self) -> tuple[int, int]:
        """(width, height)."""
        return self.y.shape[1], self.y.shape[0]
