"""Somebody crosses a line."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from analytics.detections import Mask
from analytics.rules.family import NEVER, Family, Field, Look, Verdict
from analytics.tripwires import meets, side, wires
from models.rule import Direction, Rule, RuleKind

WAYS = {True: Direction.LEFT_TO_RIGHT, False: Direction.RIGHT_TO_LEFT}


class LineCrossing(Family):
    """On the other side than it came from for ``confirm_frames`` looks in a row, over the line itself."""

    kind = RuleKind.LINE_CROSSING
    fields: ClassVar[dict[str, Field]] = {
        "hits": Field(np.int32, 0),  # looks in a row that found it on the other side
        "met": Field(np.bool_, 0),  # it was seen, and the two sides below mean something
        "home": Field(np.bool_, 0),  # it comes from the right
        "right": Field(np.bool_, 0),  # it was on the right when it was last seen
        "crossed": Field(np.bool_, 0),  # its path has crossed the line, not only its prolongation
        "fired_s": Field(np.float64, NEVER),
        "last": Field(np.float64, 0, (2,), per_rule=False),  # the anchor when it was last seen
    }

    def __init__(self, rules: Sequence[Rule], first: int, labels: Sequence[str]) -> None:
        super().__init__(rules, first, labels)
        self._wires = wires([rule.points for rule in self.rules])
        self._to_right = np.array([rule.direction is not Direction.RIGHT_TO_LEFT for rule in self.rules], np.bool_)
        self._to_left = np.array([rule.direction is not Direction.LEFT_TO_RIGHT for rule in self.rules], np.bool_)

    def judge(self, look: Look) -> list[Verdict]:
        table, rows, anchor = self.table, look.rows, look.anchor
        right = np.ascontiguousarray(side(anchor, self._wires) >= 0)
        met = table["met"][rows]
        if not met.all():
            for name in ("home", "right"):
                table[name][rows] = np.where(met, table[name][rows], right)
            table["met"][rows] = True
        away = right ^ table["home"][rows]
        hits = (table["hits"][rows] + 1) * away
        crossed = table["crossed"][rows] & away
        at, column = np.nonzero(right ^ table["right"][rows])
        if len(at):
            step = meets(table["last"][rows][at], anchor[at], self._wires.ends[:, column])
            crossed[at, column] |= step & away[at, column]
        # a box that wavers about the line has crossed nothing: what rests arrives nowhere
        arrived = (hits >= self.confirm) & look.moving
        verdicts = self._arrive(look, arrived, right, crossed) if arrived.any() else []
        hits[arrived] = 0
        table["hits"][rows] = hits
        table["crossed"][rows] = crossed & ~arrived
        table["right"][rows] = right
        table["last"][rows] = anchor
        return verdicts

    def _arrive(self, look: Look, arrived: Mask, right: Mask, crossed: Mask) -> list[Verdict]:
        """Make the side that some have arrived on their home; return whom that raises."""
        table = self.table
        at, column = np.nonzero(arrived)
        row, now = look.index(at), right[at, column]
        table["home"][row, column] = now
        cool = look.time_s - table["fired_s"][row, column] >= self.cool_down[column]
        fires = crossed[at, column] & cool & np.where(now, self._to_right[column], self._to_left[column])
        fires &= look.wanted(self.place, at, column)
        table["fired_s"][row[fires], column[fires]] = look.time_s
        return [
            Verdict(self.rules[rule], index, WAYS[way])
            for rule, index, way in zip(column[fires].tolist(), row[fires].tolist(), now[fires].tolist(), strict=True)
        ]
