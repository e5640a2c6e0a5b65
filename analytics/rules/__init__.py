"""From tracks to verdicts: one module per kind of rule, and the book that keeps what they remember.

One object is one verdict. It must have moved (a parked car alarms nobody), its anchor, the bottom centre of its
box, must be where the rule says, and once it has raised a rule it raises it again only after it went away and
``cool_down_s`` have passed.
"""

from analytics.rules.book import JUDGED, RuleBook
from analytics.rules.family import Armed, Verdict, in_force

__all__ = ["JUDGED", "Armed", "RuleBook", "Verdict", "in_force"]
