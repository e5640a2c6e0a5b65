"""Somebody stays in a zone."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from analytics.detections import Mask
from analytics.rules.family import NEVER, Family, Field, Look, Row, Verdict
from analytics.zones import inside, outlines
from models.rule import Rule, RuleKind


class Loitering(Family):
    """Inside for ``dwell_s``; neither standing still nor a gap shorter than ``grace_s`` ends a stay."""

    kind = RuleKind.LOITERING
    fields: ClassVar[dict[str, Field]] = {
        "since_s": Field(np.float64, NEVER),  # its stay began
        "inside_s": Field(np.float64, NEVER),
        "came": Field(np.bool_, 0),  # it has moved; what was there from the first picture on has not come to stay
        "raised": Field(np.bool_, 0),  # has raised the rule in this stay
        "fired_s": Field(np.float64, NEVER),
    }
    stays = "since_s"

    def __init__(self, rules: Sequence[Rule], first: int, labels: Sequence[str]) -> None:
        super().__init__(rules, first, labels)
        self._zones = outlines([rule.points for rule in self.rules])
        # (classes, rules)
        self._dwell_s = np.array([[rule.param("dwell_s", label) for rule in self.rules] for label in self.labels])
        self._grace_s = np.array([rule.param("grace_s") for rule in self.rules])

    def judge(self, look: Look) -> list[Verdict]:
        table, rows, time_s = self.table, look.rows, look.time_s
        self._end(look.missed_s[:, None] > self._grace_s, look.all_resting[:, None])
        stands = np.ascontiguousarray(inside(look.anchor, self._zones))
        within = look.fitting(self.place, stands)
        since = table["since_s"][rows]
        gap = ~within & (since > NEVER)
        if gap.any():
            # what rests does not leave, only its box wavers; it must be seen inside to raise all the same
            over = gap & (time_s - table["inside_s"][rows] > self._grace_s) & ~look.resting
            since = np.where(over, NEVER, since)
            table["raised"][rows] &= ~over
            table["came"][rows] &= ~over
        since = np.where(within & (since == NEVER), time_s, since)
        table["since_s"][rows] = since
        table["inside_s"][rows] = np.where(within, time_s, table["inside_s"][rows])
        came = table["came"][rows] | look.moved
        table["came"][rows] = came
        dwelt = time_s - since
        due = within & came & (dwelt >= self._dwell_s[look.class_id]) & ~table["raised"][rows]
        if not due.any():
            return []
        fires = look.in_force(self.place, due & (time_s - table["fired_s"][rows] >= self.cool_down))
        table["raised"][rows] |= fires
        table["fired_s"][rows] = np.where(fires, time_s, table["fired_s"][rows])
        at, column = np.nonzero(fires)
        return [
            Verdict(self.rules[rule], index, measured={"dwell_s": float(dwelt[seen, rule])})
            for seen, rule, index in zip(at.tolist(), column.tolist(), look.index(at).tolist(), strict=True)
        ]

    def _end(self, unseen: Mask, resting: Mask) -> None:
        over = unseen & (self.table["since_s"] > NEVER)
        if over.any():
            self.table["since_s"][over] = NEVER
            # a parked car behind a lorry is still the same stay to whoever was told of it
            self.table["raised"] &= ~(over & ~resting)

    def inherit(self, row: int, old: Row, born_s: float, since_s: float, *, parked: bool) -> None:
        super().inherit(row, old, born_s, since_s, parked=parked)
        stays = (old["since_s"] > NEVER) & (since_s <= self._grace_s)
        self.table["since_s"][row] = np.where(stays, old["since_s"], self.table["since_s"][row])
        self.table["inside_s"][row] = np.where(stays, old["inside_s"], self.table["inside_s"][row])
        self.table["came"][row] |= old["came"] & (stays | parked)
