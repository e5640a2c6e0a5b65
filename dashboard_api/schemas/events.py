"""Shapes of events."""

from typing import Any

from dashboard_api.schemas.base import Answer, Page, Utc, Uuid
from dashboard_api.schemas.rules import RuleItem
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


class Why(Answer):
    """What made an event: the rule as it stood then, and what was measured."""

    event: EventItem
    because: str
    rule: RuleItem | None
    detector: dict[str, Any]
    message: dict[str, Any] | None
