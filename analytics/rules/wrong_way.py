"""Somebody goes against the way of a zone."""

import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from analytics.detections import Mask
from analytics.rules.family import LEAVE_S, VISIT, Field, Look, Row, Table, Verdict, VisitFamily
from analytics.zones import inside, outlines
from models.rule import Rule, RuleKind

SMOOTH_S = 0.5
"""Anchors are smoothed over so long."""
FOLLOW_SHARE = 0.25
"""So much of ``travel_min`` along the allowed way, and what comes after is measured from there."""


class WrongWay(VisitFamily):
    """Its smoothed anchor has gone ``travel_min`` in a way further from ``heading_deg`` than ``tolerance_deg``."""

    kind = RuleKind.WRONG_WAY
    fields: ClassVar[dict[str, Field]] = VISIT | {
        "start": Field(np.float64, 0, (2,)),  # in heights of the picture; what it has gone is measured from here
        "smooth": Field(np.float64, 0, (2,)),
    }

    def __init__(self, rules: Sequence[Rule], first: int, labels: Sequence[str]) -> None:
        super().__init__(rules, first, labels)
        self._zones = outlines([rule.points for rule in self.rules])
        turns = [math.radians(rule.param("heading_deg")) for rule in self.rules]
        self._way_x = np.array([math.cos(turn) for turn in turns])
        self._way_y = np.array([math.sin(turn) for turn in turns])
        self._cosine = np.array([math.cos(math.radians(rule.param("tolerance_deg"))) for rule in self.rules])
        self._travel = np.array([rule.param("travel_min") for rule in self.rules])

    def judge(self, look: Look) -> list[Verdict]:
        table, rows, time_s = self.table, look.rows, look.time_s
        within = np.ascontiguousarray(inside(look.anchor, self._zones))
        since_s = time_s - table["inside_s"][rows]
        begun = since_s <= LEAVE_S
        x, y = look.anchor[:, :1] * look.aspect, look.anchor[:, 1:]
        share = np.where(begun, since_s / (since_s + SMOOTH_S), 1.0)
        smooth_x, smooth_y = (
            np.where(begun, old, now) + share * (now - np.where(begun, old, now))
            for old, now in zip(np.moveaxis(table["smooth"][rows], -1, 0), (x, y), strict=True)
        )
        start_x = np.where(begun, table["start"][rows][..., 0], smooth_x)
        start_y = np.where(begun, table["start"][rows][..., 1], smooth_y)
        gone_x, gone_y = smooth_x - start_x, smooth_y - start_y
        along = gone_x * self._way_x + gone_y * self._way_y
        travel: Table = np.sqrt(gone_x * gone_x + gone_y * gone_y)
        allowed: Mask = along >= self._cosine * travel
        follow = allowed & (travel >= FOLLOW_SHARE * self._travel)
        for place, start, smooth in ((0, start_x, smooth_x), (1, start_y, smooth_y)):
            table["start"][rows, :, place] = np.where(within, np.where(follow, smooth, start), start)
            table["smooth"][rows, :, place] = smooth
        wrong = within & ~allowed & (travel >= self._travel)
        fires = self.visit(look, within, look.fitting(self.place, wrong), look.moving)
        return self.told(
            look,
            fires,
            lambda row, column: {
                "travel": float(travel[row, column]),
                "went_deg": math.degrees(math.atan2(gone_y[row, column], gone_x[row, column])) % 360,
            },
        )

    def inherit(self, row: int, old: Row, born_s: float, since_s: float, *, parked: bool) -> None:
        super().inherit(row, old, born_s, since_s, parked=parked)
        for name in ("start", "smooth"):
            self.table[name][row] = old[name]
