"""Shapes of incidents."""

from typing import Annotated, Any

from pydantic import StringConstraints

from dashboard_api.schemas.base import (
    Answer,
    AreaPath,
    Latitude,
    Longitude,
    Note,
    Page,
    Place,
    Request,
    StableId,
    Utc,
    Uuid,
)
from dashboard_api.schemas.events import EventItem
from dashboard_api.schemas.patrols import AssignmentItem
from dashboard_api.schemas.units import UnitItem
from models.event import EventKind, SourceKind
from models.incident import Disposition, EntryKind, IncidentState

Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000)]


class IncidentItem(Answer):
    id: int
    area: str
    place: str
    kind: EventKind
    priority: int
    state: IncidentState
    source_kind: SourceKind
    source_id: str
    source_name: str
    opened_at: Utc
    last_event_at: Utc
    event_count: int
    owner: str | None
    claimed_at: Utc | None
    closed_at: Utc | None
    disposition: Disposition | None
    active: bool
    row_version: int
    lat: float | None
    lon: float | None
    cameras: list[str]


class IncidentList(Page[IncidentItem]):
    pass


class Entry(Answer):
    id: int
    at: Utc
    kind: EntryKind
    actor: str
    text: str
    event_id: Uuid | None
    detail: dict[str, Any]


class IncidentDetail(IncidentItem):
    entries: list[Entry]
    events: list[EventItem]
    assignments: list[AssignmentItem]
    unit: UnitItem | None


class IncidentCreate(Request):
    """What somebody saw or was told, without a camera or unit."""

    kind: EventKind
    area: AreaPath
    place: Place = ""
    text: Words
    lat: Latitude | None = None
    lon: Longitude | None = None


class Comment(Request):
    text: Words


class Dispatch(Request):
    patrol_id: StableId
    note: Note = ""


class Close(Request):
    disposition: Disposition
    text: Note = ""
