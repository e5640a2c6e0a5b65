"""Shapes of rules, and of what each kind of rule takes."""

from typing import Annotated

from pydantic import Field

from dashboard_api.schemas.base import Answer, Name, Page, Request, Utc
from dashboard_api.schemas.cameras import Unit
from models.rule import Direction, RuleKind, Shape
from models.rule_check import LABELS_MAX, POLYGON_MAX_POINTS, WINDOWS_MAX

PARAMS_MAX = 64

Word = Annotated[str, Field(min_length=1, max_length=40)]


class WindowShape(Answer):
    """When a rule is in force, in the site's time; an end that is not after the start is on the next day."""

    days: list[Word] = Field(max_length=8, description="mon to sun, and holiday.")
    start: Word = Field(description="HH:MM, sunrise or sunset, also sunset-00:30.")
    end: Word


class WindowInput(Request):
    days: list[Word] = Field(min_length=1, max_length=8, description="mon to sun, and holiday.")
    start: Word = Field(description="HH:MM, sunrise or sunset, also sunset-00:30.")
    end: Word


class RuleItem(Answer):
    id: int
    version: int
    camera_id: str
    name: str
    kind: RuleKind
    points: list[tuple[float, float]]
    labels: list[str]
    direction: Direction
    confirm_frames: int
    cool_down_s: float
    min_score: float
    params: dict[str, float]
    schedule: list[WindowShape]
    enabled: bool
    created_at: Utc | None
    created_by: str


class RuleList(Page[RuleItem]):
    pass


class RuleInput(Request):
    name: Name
    kind: RuleKind
    points: list[tuple[Unit, Unit]] = Field(
        default_factory=list, max_length=POLYGON_MAX_POINTS, description="As the kind's shape says; see /rule-kinds."
    )
    labels: list[Word] = Field(
        default_factory=list, max_length=LABELS_MAX, description="What counts; empty: anything. Tamper: which faults."
    )
    direction: Direction = Direction.BOTH
    confirm_frames: int = Field(default=3, ge=1, le=250)
    cool_down_s: float = Field(default=30, ge=0, le=86400)
    min_score: float = Field(default=0, ge=0, le=1)
    params: dict[Word, float] = Field(
        default_factory=dict, max_length=PARAMS_MAX, description="What differs from the kind's defaults."
    )
    schedule: list[WindowInput] = Field(default_factory=list, max_length=WINDOWS_MAX, description="Empty: always.")
    enabled: bool = True


class ParamItem(Answer):
    name: str
    default: float
    least: float
    most: float
    unit: str
    text: str
    per_label: bool = Field(description="NAME.LABEL sets it for one class alone.")


class RuleKindItem(Answer):
    """What one kind of rule takes."""

    kind: RuleKind
    shape: Shape
    params: list[ParamItem]
    labels: list[str] = Field(description="All that may be named; empty: whatever the detector tells.")


class RuleKindList(Page[RuleKindItem]):
    pass
