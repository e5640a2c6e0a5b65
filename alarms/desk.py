"""What operators do with incidents: claim, release, comment, close, and open one by hand.

Each step is one transaction: the incident, its entry, the audit row and the feed row stand together or not at all.
Who may see an incident is the API's gate; here is only what an incident's state allows.
"""

from uuid import uuid4

from psycopg import Connection

from alarms import dispatch
from models.area import check_area
from models.clock import Clock
from models.errors import BadInput, Conflict, NotFound
from models.event import Event, EventKind, SourceKind, default_priority
from models.incident import Disposition, Incident, IncidentState, check_move
from models.store import events, incident_drafts, incidents
from models.store.incident_drafts import IncidentDraft, Join
from models.store.pool import Store
from models.user import Login, Role

DESK = "desk"
"""Source of what people report by telephone."""
TEXT_MAX_CHARS = 2000
MAY_TAKE_AWAY = frozenset({Role.DISPATCHER, Role.ADMIN})
"""Roles that may release an incident somebody else holds: its owner may have gone home."""


def claim(
    store: Store, clock: Clock, incident_id: int, login: Login, *, expected_version: int | None = None
) -> Incident:
    """Make a new incident ``login``'s. Of any number at once exactly one wins; `Conflict.winner` names the one."""
    with store.transaction() as conn:
        claimed = incidents.claim(
            conn, incident_id, login.username, at=clock.utc_now(), expected_version=expected_version
        )
        if claimed is None:
            raise _lost(conn, incident_id, expected_version=expected_version)
    return claimed


def release(store: Store, clock: Clock, incident_id: int, login: Login, *, text: str = "") -> Incident:
    """Put an incident back on the wall as new."""
    with store.transaction() as conn:
        incident = _lock(conn, incident_id)
        if incident.state is not IncidentState.CLAIMED:
            raise Conflict(f"incident {incident_id} is {incident.state}, not claimed")
        owner = incident.owner or ""
        if owner != login.username and login.role not in MAY_TAKE_AWAY:
            raise Conflict(f"incident {incident_id} is {owner}'s", winner=owner)
        released = incidents.release(
            conn, incident_id, login.username, at=clock.utc_now(), owner=owner, text=check_text(text, required=False)
        )
        assert released is not None
    return released


def comment(store: Store, clock: Clock, incident_id: int, login: Login, text: str) -> Incident:
    """Write a remark; allowed for everybody who sees the incident, also after it was closed."""
    with store.transaction() as conn:
        commented = incidents.comment(conn, incident_id, login.username, check_text(text), at=clock.utc_now())
        if commented is None:
            raise NotFound("incident", incident_id)
    return commented


def close(  # noqa: PLR0917
    store: Store, clock: Clock, incident_id: int, login: Login, disposition: Disposition, text: str = ""
) -> Incident:
    """Close an incident with the reason why; patrols still on their way are called off."""
    at = clock.utc_now()
    with store.transaction() as conn:
        incident = _lock(conn, incident_id)
        check_move(incident.state, IncidentState.CLOSED)
        if incident.state is not IncidentState.CLAIMED:
            raise Conflict(f"incident {incident_id} is {incident.state}: claim it before closing it")
        if incident.owner != login.username:
            raise Conflict(f"incident {incident_id} is {incident.owner}'s", winner=incident.owner)
        called_off = dispatch.cancel_open(conn, incident, at=at, actor=login.username)
        closed = incidents.close(
            conn,
            incident_id,
            login.username,
            at=at,
            disposition=disposition,
            text=check_text(text, required=False),
        )
        assert closed is not None
        dispatch.audit_moves(conn, called_off, actor=login.username, area=incident.area)
    return closed


def open_by_hand(
    store: Store,
    clock: Clock,
    login: Login,
    *,
    area: str,
    kind: EventKind,
    text: str,
    place: str = "",
    lat: float | None = None,
    lon: float | None = None,
) -> Incident:
    """Open an incident for what somebody reported by telephone: an event of its own stands behind it."""
    at = clock.utc_now()
    event = Event(
        id=uuid4(),
        time=at,
        received_at=at,
        area=check_area(area),
        kind=kind,
        source_kind=SourceKind.SYSTEM,
        source_id=DESK,
        priority=default_priority(kind),
        label=check_text(text),
        attrs={"by": login.username},
    )
    draft = IncidentDraft(
        area=event.area,
        place=check_text(place, field="place", required=False),
        kind=kind,
        priority=event.priority,
        source_kind=SourceKind.SYSTEM,
        source_id=DESK,
        opened_at=at,
        last_event_at=at,
        source_event_at=at,
        lat=lat,
        lon=lon,
        event_count=1,
        actor=login.username,
        joins=[Join(event, "reported", event.label)],
    )
    with store.transaction() as conn:
        events.write(conn, [event], triage=False)
        (incident_id,) = incident_drafts.save(conn, [draft], at=at)
        opened = incidents.get(conn, incident_id)
        assert opened is not None
    return opened


def check_text(text: str, *, field: str = "text", required: bool = True) -> str:
    """Return ``text`` without blanks around it; `BadInput` when it is missing, too long or holds a NUL."""
    text = text.strip()
    if required and not text:
        raise BadInput(field, "some words")
    if len(text) > TEXT_MAX_CHARS or "\0" in text:
        raise BadInput(field, f"at most {TEXT_MAX_CHARS} characters, none of them NUL")
    return text


def _lock(conn: Connection, incident_id: int) -> Incident:
    incident = incidents.lock(conn, incident_id)
    if incident is None:
        raise NotFound("incident", incident_id)
    return incident


def _lost(conn: Connection, incident_id: int, *, expected_version: int | None) -> Conflict | NotFound:
    """Say why a claim did not succeed."""
    incident = incidents.get(conn, incident_id)
    if incident is None:
        return NotFound("incident", incident_id)
    if incident.state is IncidentState.NEW:
        return Conflict(f"incident {incident_id} is at version {incident.row_version}, not {expected_version}")
    return Conflict(f"incident {incident_id} is {incident.state} by {incident.owner}", winner=incident.owner)
