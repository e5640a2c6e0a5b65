"""Tracks that ended, and which new track is one of them under another number."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from analytics.detections import Floats, overlaps
from analytics.rules.family import Row

INHERIT_S = 5.0
"""A track that starts so soon after, and where, another one ended is the same object."""
INHERIT_HEIGHTS = 1.0
PARKED_KEEP_S = 24 * 3600.0
"""The place of something that stood is remembered for as long as it had stood there, and no longer than this."""
PARKED_REST_S = 30.0
"""What stood for less has not parked."""
PARKED_IOU = 0.3
"""A new box so much in a parked one's place is the parked one; of another class ..."""
PARKED_OTHER_IOU = 0.6
"""... it must be so much in it."""
ENDED_MOST = 256
"""Of one camera; the oldest are forgotten first."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A track that is no more, or is not seen now, and what rules remember of it: a `Row` for each kind."""

    xyxy: Floats
    class_id: int
    seen_s: float
    rested_s: float
    memory: tuple[Row, ...]

    @property
    def parked(self) -> bool:
        return self.rested_s >= PARKED_REST_S

    def keep_s(self) -> float:
        """Return for how long it is remembered."""
        return max(INHERIT_S, min(self.rested_s, PARKED_KEEP_S)) if self.parked else INHERIT_S


def remembered(ended: Sequence[Ended], time_s: float) -> list[Ended]:
    """Return those that may still come back."""
    return [one for one in ended if time_s - one.seen_s <= one.keep_s()][-ENDED_MOST:]


def same_place(xyxy: Floats, class_id: int, born_s: float, before: Iterable[Ended]) -> list[tuple[Ended, bool]]:
    """Return which of ``before`` a track that starts at ``xyxy`` may be, and whether it is a parked one."""
    found = []
    left, top, right, bottom = xyxy.tolist()
    for one in before:
        since_s = born_s - one.seen_s
        if since_s <= 0:
            continue
        if one.parked and since_s <= one.keep_s():
            share = float(overlaps(xyxy[None], one.xyxy[None])[0, 0])
            if share >= (PARKED_IOU if class_id == one.class_id else PARKED_OTHER_IOU):
                found.append((one, True))
                continue
        x0, y0, x1, y1 = one.xyxy.tolist()
        away = np.hypot((left + right - x0 - x1) / 2, (top + bottom - y0 - y1) / 2)
        if since_s <= INHERIT_S and away < INHERIT_HEIGHTS * max(bottom - top, y1 - y0):
            found.append((one, False))
    return found
