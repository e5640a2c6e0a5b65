"""Many are in a zone at once."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from analytics.detections import Ints, Mask
from analytics.rules.family import NEVER, Family, Field, Look, Row, Verdict
from analytics.zones import inside, outlines
from models.rule import Rule, RuleKind

MISS_S = 1.0
"""Who was inside counts for so long after the detector lost sight of him."""
DIP_S = 1.5
"""Too few for so long, or less, has not ended the time that ``hold_s`` asks for."""
OVER_S = 10.0
"""Too few for so long, and the crowd is over; the next one is another verdict."""

STANDING: dict[str, type[np.generic]] = {
    "since_s": np.float64,  # so many since; NEVER while it is no crowd
    "enough_s": np.float64,  # so many were last counted
    "raised": np.bool_,
    "fired_s": np.float64,
}


class Crowd(Family):
    """``count_min`` inside for ``hold_s``. What is remembered of the rules themselves outlives tracks and cuts."""

    kind = RuleKind.CROWD
    fields: ClassVar[dict[str, Field]] = {"inside": Field(np.bool_, 0)}

    def __init__(self, rules: Sequence[Rule], first: int, labels: Sequence[str]) -> None:
        super().__init__(rules, first, labels)
        self._zones = outlines([rule.points for rule in self.rules])
        self._least = np.array([rule.param("count_min") for rule in self.rules])
        self._hold_s = np.array([rule.param("hold_s") for rule in self.rules])
        self.standing: dict[str, NDArray[Any]] = {
            name: np.full(len(self.rules), 0 if dtype is np.bool_ else NEVER, dtype) for name, dtype in STANDING.items()
        }
        self.counts: Ints = np.zeros(len(self.rules), np.int64)
        """At the last look."""

    def judge(self, look: Look) -> list[Verdict]:
        members = self._members(look)
        self.counts = members.sum(axis=0)
        fires = self.weigh(self.counts, look.time_s, None if look.armed is None else look.armed[self.place])
        return [
            Verdict(
                self.rules[column],
                None,
                measured=self.measured(column, look.time_s),
                members=tuple(np.flatnonzero(members[:, column]).tolist()),
            )
            for column in np.flatnonzero(fires).tolist()
        ]

    def _members(self, look: Look) -> Mask:
        self.table["inside"][look.rows] = look.fitting(
            self.place, np.ascontiguousarray(inside(look.anchor, self._zones))
        )
        members: Mask = self.table["inside"] & (look.missed_s <= MISS_S)[:, None]
        return members

    def weigh(self, counts: Ints, time_s: float, armed: Mask | None) -> Mask:
        """Take counts of one look into memory; return which rules they raise."""
        known = self.standing
        enough = counts >= self._least
        known["enough_s"] = np.where(enough, time_s, known["enough_s"])
        few_s = time_s - known["enough_s"]
        known["since_s"] = np.where(
            enough & (known["since_s"] == NEVER), time_s, np.where(few_s > DIP_S, NEVER, known["since_s"])
        )
        known["raised"] = known["raised"] & (few_s < OVER_S)
        held = enough & (time_s - known["since_s"] >= self._hold_s)
        fires: Mask = held & ~known["raised"] & (time_s - known["fired_s"] >= self.cool_down)
        if armed is not None:
            fires &= armed
        known["raised"] = known["raised"] | fires
        known["fired_s"] = np.where(fires, time_s, known["fired_s"])
        return fires

    def measured(self, column: int, time_s: float) -> dict[str, float]:
        return {"count": float(self.counts[column]), "held_s": time_s - float(self.standing["since_s"][column])}

    def adopt(self, other: Family, rows: int, columns: Sequence[tuple[int, int]]) -> None:
        super().adopt(other, rows, columns)
        assert isinstance(other, Crowd)
        for name, values in self.standing.items():
            for mine, theirs in columns:
                values[mine] = other.standing[name][theirs]

    def inherit(self, row: int, old: Row, born_s: float, since_s: float, *, parked: bool) -> None:
        """Do nothing: a track under a new number is counted when it is seen."""
