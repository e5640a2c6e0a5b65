"""Incidents: what an operator handles, and the only ways it may move."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from models.errors import Conflict
from models.event import EventKind, Priority, SourceKind


class IncidentState(StrEnum):
    NEW = "new"
    CLAIMED = "claimed"
    CLOSED = "closed"


class Disposition(StrEnum):
    GENUINE = "genuine"
    FALSE = "false"
    NUISANCE = "nuisance"
    TEST = "test"
    NO_RESPONSE = "no_response"


TRANSITIONS: dict[IncidentState, frozenset[IncidentState]] = {
    IncidentState.NEW: frozenset({IncidentState.CLAIMED, IncidentState.CLOSED}),
    IncidentState.CLAIMED: frozenset({IncidentState.NEW, IncidentState.CLOSED}),
    IncidentState.CLOSED: frozenset(),
}
"""NEW to CLOSED is only for alertwall itself (a restored trouble nobody claimed)."""


def check_move(old: IncidentState, new: IncidentState) -> None:
    """Raise `Conflict` when an incident may not go from ``old`` to ``new``."""
    if new not in TRANSITIONS[old]:
        raise Conflict(f"an incident that is {old} cannot become {new}")


class EntryKind(StrEnum):
    """What may stand on an incident's timeline."""

    OPENED = "opened"
    EVENT = "event"
    CLAIMED = "claimed"
    RELEASED = "released"
    COMMENT = "comment"
    DISPATCH = "dispatch"
    PATROL = "patrol"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """``standing`` names the conditions that have not returned to normal (see `alarms.triage`)."""

    id: int
    area: str
    place: str
    kind: EventKind
    priority: Priority
    state: IncidentState
    source_kind: SourceKind
    source_id: str
    opened_at: datetime
    last_event_at: datetime
    event_count: int
    owner: str | None = None
    claimed_at: datetime | None = None
    closed_at: datetime | None = None
    disposition: Disposition | None = None
    active: bool = True
    row_version: int = 1
    lat: float | None = None
    lon: float | None = None
    cameras: tuple[str, ...] = ()
    source_name: str = ""
    standing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentEntry:
    """One line of an incident's timeline. ``event_id`` is set for `EntryKind.EVENT`."""

    id: int
    incident_id: int
    at: datetime
    kind: EntryKind
    actor: str
    text: str = ""
    event_id: UUID | None = None
    detail: dict[str, Any] = field(default_factory=dict)
