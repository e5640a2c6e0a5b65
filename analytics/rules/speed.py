"""Something is too fast over a stretch of ground whose size is known."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from analytics.detections import Mask
from analytics.rules.family import LEAVE_S, NEVER, VISIT, Field, Look, Table, Verdict, VisitFamily
from analytics.zones import inside, outlines
from models.rule import Rule, RuleKind

SAMPLES = 16
"""Places that are kept of each track and rule, spread over ``measure_s``."""
SAMPLES_LEAST = 3
SPAN_SHARE = 0.8
"""So much of ``measure_s`` must be covered."""
SLOW_LOOKS_S = 2.0
"""Where looks are rare, `SAMPLES_LEAST` of them may be spread over so long."""
KMH = 3.6
CUT_OFF = 1 - 1e-5
"""Feet further down are cut off by the picture's edge: nobody knows where they stand."""


class Speed(VisitFamily):
    """Faster than ``limit_kmh`` by more than the doubt in the measurement: a straight line through its places."""

    kind = RuleKind.SPEED
    fields: ClassVar[dict[str, Field]] = VISIT | {
        "count": Field(np.int64, 0),
        "at_s": Field(np.float64, NEVER, (SAMPLES,)),
        "x_m": Field(np.float64, 0, (SAMPLES,)),
        "y_m": Field(np.float64, 0, (SAMPLES,)),
    }

    def __init__(self, rules: Sequence[Rule], first: int, labels: Sequence[str]) -> None:
        super().__init__(rules, first, labels)
        self._zones = outlines([rule.points for rule in self.rules])
        sizes = [(rule.param("width_m"), rule.param("length_m")) for rule in self.rules]
        # (9, rules): rows of the homography from the picture to metres
        self._ground = np.array([ground(rule.points, *size) for rule, size in zip(self.rules, sizes, strict=True)]).T
        # (classes, rules)
        self._limit = np.array([[rule.param("limit_kmh", label) for rule in self.rules] for label in self.labels])
        self._measure_s = np.array([rule.param("measure_s") for rule in self.rules])

    def judge(self, look: Look) -> list[Verdict]:
        table, rows, time_s = self.table, look.rows, look.time_s
        within = np.ascontiguousarray(inside(look.anchor, self._zones))
        taken = within & (look.anchor[:, 1:] < CUT_OFF)
        began = table["inside_s"][rows] < time_s - LEAVE_S
        newest = table["at_s"][rows].max(axis=-1)
        taken &= began | (time_s - newest >= self._measure_s / (SAMPLES - 1))
        kmh, doubt = np.zeros(within.shape), np.zeros(within.shape)
        hits = table["hits"][rows] * within
        if taken.any():
            at, columns = np.nonzero(taken)
            everywhere = np.arange(len(look.all_resting))[rows][at]
            self._take(everywhere, columns, look, at, began[at, columns])
            fast, slack = self._measure(everywhere, columns, time_s)
            kmh[at, columns], doubt[at, columns] = fast, slack
            above = kmh - doubt > self._limit[look.class_id]
            hits = np.where(taken, (hits + 1) * look.fitting(self.place, above), hits)
        fires = self.due(look, within, hits, look.moving & taken)
        return self.told(
            look,
            fires,
            lambda row, column: {"kmh": float(kmh[row, column]), "doubt_kmh": float(doubt[row, column])},
        )

    def _take(self, rows: NDArray[Any], columns: NDArray[Any], look: Look, at: NDArray[Any], began: Mask) -> None:
        table = self.table
        table["at_s"][rows[began], columns[began]] = NEVER
        table["count"][rows[began], columns[began]] = 0
        a, b, c, d, e, f, g, h, i = self._ground[:, columns]
        x, y = look.anchor[at, 0], look.anchor[at, 1]
        far = g * x + h * y + i
        slot = table["count"][rows, columns] % SAMPLES
        table["at_s"][rows, columns, slot] = look.time_s
        table["x_m"][rows, columns, slot] = (a * x + b * y + c) / far
        table["y_m"][rows, columns, slot] = (d * x + e * y + f) / far
        table["count"][rows, columns] += 1

    def _measure(self, rows: NDArray[Any], columns: NDArray[Any], time_s: float) -> tuple[Table, Table]:
        """Return speed and its standard error, km/h, of each pair; 0 where there is too little to tell."""
        table, measure_s = self.table, self._measure_s[columns]
        at_s = table["at_s"][rows, columns]
        third = (table["count"][rows, columns] - SAMPLES_LEAST) % SAMPLES
        third_s = np.maximum(at_s[np.arange(len(rows)), third], time_s - SLOW_LOOKS_S)
        used = (at_s >= np.minimum(third_s, time_s - measure_s)[:, None]).astype(np.float64)
        count = np.maximum(used.sum(axis=-1), 1)
        ago = np.where(used > 0, at_s - time_s, 0.0)
        spread = (ago - (ago.sum(axis=-1) / count)[:, None]) * used
        square = np.maximum((spread * spread).sum(axis=-1), 1e-9)
        left = np.zeros(len(rows))
        speeds = []
        for name in ("x_m", "y_m"):
            place = table[name][rows, columns]
            place = (place - ((place * used).sum(axis=-1) / count)[:, None]) * used
            slope = (spread * place).sum(axis=-1) / square
            rest = (place - slope[:, None] * spread) * used
            left = left + (rest * rest).sum(axis=-1)
            speeds.append(slope)
        fast = np.sqrt(speeds[0] * speeds[0] + speeds[1] * speeds[1]) * KMH
        doubt = np.sqrt(left / np.maximum(2 * (count - 2), 1) / square) * KMH
        enough = (count >= SAMPLES_LEAST) & (-ago.min(axis=-1) >= SPAN_SHARE * measure_s)
        return np.where(enough, fast, 0.0), np.where(enough, doubt, 0.0)


def ground(corners: Sequence[tuple[float, float]], width_m: float, length_m: float) -> tuple[float, ...]:
    """Return the homography, row by row, from four corners in the picture to a rectangle on the ground.

    Heckbert's closed form (1989) of the unit square to the four corners, inverted; plain arithmetic, so that it is
    the same on every machine.
    """
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = corners
    dx1, dx2, sx = x1 - x2, x3 - x2, x0 - x1 + x2 - x3
    dy1, dy2, sy = y1 - y2, y3 - y2, y0 - y1 + y2 - y3
    turn = dx1 * dy2 - dx2 * dy1
    g, h = (sx * dy2 - dx2 * sy) / turn, (dx1 * sy - sx * dy1) / turn
    a, b, c = x1 - x0 + g * x1, x3 - x0 + h * x3, x0
    d, e, f = y1 - y0 + g * y1, y3 - y0 + h * y3, y0
    across = (e - f * h, c * h - b, b * f - c * e)
    along = (f * g - d, a - c * g, c * d - a * f)
    return (
        *(width_m * value for value in across),
        *(length_m * value for value in along),
        d * h - e * g, b * g - a * h, a * e - b * d,
    )  # fmt: skip
