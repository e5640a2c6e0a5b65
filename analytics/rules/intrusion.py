"""Somebody is in a zone."""

from collections.abc import Sequence

from analytics.rules.family import Look, Verdict, VisitFamily, pairs
from analytics.zones import inside, outlines
from models.rule import Rule, RuleKind


class Intrusion(VisitFamily):
    """Inside for ``confirm_frames`` looks in a row."""

    kind = RuleKind.INTRUSION

    def __init__(self, rules: Sequence[Rule], first: int, labels: Sequence[str]) -> None:
        super().__init__(rules, first, labels)
        self._zones = outlines([rule.points for rule in self.rules])

    def judge(self, look: Look) -> list[Verdict]:
        within = inside(look.anchor, self._zones)
        hits = (self.table["hits"][look.rows] + 1) * (within & look.fits[:, self.place])
        fires = self.visit(look, within, hits, look.moved)
        if not fires.any():
            return []
        return [Verdict(self.rules[column], look.index(row)) for row, column in pairs(fires)]
