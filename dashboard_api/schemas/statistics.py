"""Shapes of detection statistics: numbers of places, never of persons."""

from pydantic import Field

from dashboard_api.schemas.base import Answer, Utc
from models.rule import RuleKind
from models.store.statistics import By


class CountItem(Answer):
    """What one rule counted of one class in one minute, hour or day."""

    at: Utc
    rule_id: int
    rule_version: int = Field(description="The newest that counted in it.")
    rule_name: str
    kind: RuleKind | None
    label: str
    entered: int = Field(description="Objects that came into the zone, or first moved in it.")
    left: int = Field(description="Objects that went out of it, or were lost in it.")
    crossed_right: int = Field(description="Over the tripwire from left to right.")
    crossed_left: int
    present_most: int = Field(description="At once.")
    present_s: float = Field(description="Object-seconds: two objects for ten seconds are twenty.")


class Counts(Answer):
    from_: Utc = Field(alias="from", serialization_alias="from")
    to: Utc
    by: By
    timezone: str = Field(description="The site's, in which days begin.")
    items: list[CountItem]


class Heat(Answer):
    """Where objects stood: whole hours, those that begin in the range."""

    from_: Utc = Field(alias="from", serialization_alias="from")
    to: Utc
    columns: int
    rows: int
    cells_s: list[float] = Field(description="Object-seconds, row by row from the picture's upper left.")
