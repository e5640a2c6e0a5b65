"""Shapes of events."""

from typing import Any

from pydantic import Field

from dashboard_api.schemas.base import Answer, Page, Utc, Uuid
from dashboard_api.schemas.rules import RuleItem, WindowShape
from models.event import EventKind, SourceKind


class EventItem(Answer):
    id: Uuid
    time: Utc
    received_at: Utc
    device_time: Utc | None
    area: str
    kind: EventKind
    source_kind: SourceKind
    source_id: str
    source_name: str
    priority: int
    label: str
    score: float | None
    track_id: int | None
    rule_id: int | None
    rule_version: int | None
    box_px: tuple[int, int, int, int] | None
    has_snapshot: bool
    attrs: dict[str, Any]
    incident_id: int | None


class EventList(Page[EventItem]):
    pass


class RerunItem(Answer):
    """The rule, judged again over what was stored with the event."""

    same: bool | None = Field(description="The same verdict at the same look, to the last bit; null: nothing to judge.")
    text: str
    looks: int
    steps: list[dict[str, Any]] = Field(
        description="The last looks, oldest first: time_s before the event, foot x and y in 0..1, what was remembered."
    )


class ScheduleSaid(Answer):
    """The rule's windows, and what the clock and the calendar said when it was raised; empty windows: always."""

    windows: list[WindowShape]
    calendar: dict[str, Any] | None


class Why(Answer):
    """What made an event: the rule as it stood then, and what was measured."""

    event: EventItem
    because: str
    rule: RuleItem | None
    detector: dict[str, Any]
    message: dict[str, Any] | None
    geometry: list[tuple[float, float]] = Field(description="The rule's points as they were judged, in 0..1.")
    track: list[tuple[float, float, float]] = Field(description="Seconds before the event, x and y in 0..1.")
    thresholds: dict[str, float] = Field(description="What had to be reached, of the rule and of the detector.")
    measured: dict[str, float] = Field(description="What was reached, in the units that the names end in.")
    frame: dict[str, Any] = Field(description="The picture: its number, its size, the camera's time of it.")
    schedule: ScheduleSaid | None
    rerun: RerunItem | None = Field(description="Of rules alone.")
