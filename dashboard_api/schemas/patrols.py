"""Shapes of patrols, their assignments and their phones."""

from pydantic import Field

from dashboard_api.schemas.base import (
    Answer,
    AreaPath,
    Latitude,
    Longitude,
    Name,
    Note,
    Page,
    Request,
    StableId,
    Utc,
)
from models.event import EventKind
from models.incident import IncidentState
from models.patrol import AssignmentState, PatrolState


class PatrolItem(Answer):
    id: str
    name: str
    area: str
    state: PatrolState
    lat: float | None
    lon: float | None
    online: bool
    row_version: int


class PatrolList(Page[PatrolItem]):
    pass


class PatrolCreate(Request):
    id: StableId
    name: Name
    area: AreaPath
    lat: Latitude | None = None
    lon: Longitude | None = None


class PatrolChange(Request):
    name: Name | None = None
    area: AreaPath | None = None
    lat: Latitude | None = None
    lon: Longitude | None = None


class AssignmentItem(Answer):
    id: int
    incident_id: int
    patrol_id: str
    patrol_name: str
    state: AssignmentState
    note: str
    assigned_by: str
    queued_at: Utc
    answer_by: Utc
    delivered_at: Utc | None
    answered_at: Utc | None
    on_scene_at: Utc | None
    ended_at: Utc | None
    decline_reason: str


class PatrolIncident(Answer):
    """What a patrol is told of the incident it is sent to."""

    id: int
    area: str
    place: str
    kind: EventKind
    priority: int
    state: IncidentState
    source_name: str
    opened_at: Utc
    active: bool
    lat: float | None
    lon: float | None


class PatrolAssignment(AssignmentItem):
    incident: PatrolIncident


class PatrolAssignmentList(Page[PatrolAssignment]):
    pass


class Pairing(Answer):
    """A code that pairs one phone, once."""

    code: str
    url: str
    expires_at: Utc


class PairRequest(Request):
    code: str = Field(max_length=200)


class Step(Request):
    reason: Note = ""


class AssignmentList(Page[AssignmentItem]):
    pass
