"""Somebody is in a zone."""

from collections.abc import Sequence

import numpy as np

from analytics.rules.family import Look, Verdict, VisitFamily
from analytics.zones import inside, outlines
from models.rule import Rule, RuleKind


class Intrusion(VisitFamily):
    """Inside for ``confirm_frames`` looks in a row."""

    kind = RuleKind.INTRUSION

    def __init__(self, rules: Sequence[Rule], first: int, labels: Sequence[str]) -> None:
        super().__init__(rules, first, labels)
        self._zones = outlines([rule.points for rule in self.rules])

    def judge(self, look: Look) -> list[Verdict]:
        within = np.ascontiguousarray(inside(look.anchor, self._zones))
        return self.told(look, self.visit(look, within, look.fitting(self.place, within), look.moved))
