"""Somebody crosses a line."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from analytics.rules.family import NEVER, Family, Field, Look, Verdict, pairs
from analytics.tripwires import LEFT, RIGHT, crosses, side, wires
from models.rule import Direction, Rule, RuleKind

WAYS = {RIGHT: Direction.LEFT_TO_RIGHT, LEFT: Direction.RIGHT_TO_LEFT}


class LineCrossing(Family):
    """On the other side than it came from for ``confirm_frames`` looks in a row, over the line itself."""

    kind = RuleKind.LINE_CROSSING
    fields: ClassVar[dict[str, Field]] = {
        "hits": Field(np.int64, 0),  # looks in a row that found it on the other side
        "home": Field(np.int8, 0),  # the side that it comes from; 0 before it was seen
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
        now = np.where(side(anchor, self._wires) >= 0, np.int8(RIGHT), np.int8(LEFT))
        home = table["home"][rows]
        if not home.all():
            home = np.where(home == 0, now, home)
            table["home"][rows] = home
        away = now != home
        hits = (table["hits"][rows] + 1) * away
        table["hits"][rows] = hits
        away_rows = np.flatnonzero(away.any(axis=1))
        crossed = table["crossed"][rows] & away
        if len(away_rows):
            step = crosses(table["last"][rows][away_rows], anchor[away_rows], self._wires)
            crossed[away_rows] |= step & away[away_rows]
        table["crossed"][rows] = crossed
        table["last"][rows] = anchor
        # a box that wavers about the line has crossed nothing: what rests arrives nowhere
        arrived = (hits >= self.confirm) & (look.moved & ~look.resting)
        if not arrived.any():
            return []
        table["home"][rows] = np.where(arrived, now, home)
        table["hits"][rows] = hits * ~arrived
        table["crossed"][rows] = crossed & ~arrived
        cool = look.time_s - table["fired_s"][rows] >= self.cool_down
        wanted = np.where(now == RIGHT, self._to_right, self._to_left)
        fires = self.armed(look, arrived & crossed & cool & look.fits[:, self.place] & wanted)
        table["fired_s"][rows] = np.where(fires, look.time_s, table["fired_s"][rows])
        return [
            Verdict(self.rules[column], look.index(row), WAYS[int(now[row, column])]) for row, column in pairs(fires)
        ]
