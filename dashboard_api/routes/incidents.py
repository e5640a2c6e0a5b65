"""Incidents: what operators handle."""

from typing import Annotated, Any

from fastapi import Header, Query, Response

from alarms import desk, dispatch
from dashboard_api import policy as who
from dashboard_api.context import Here
from dashboard_api.gate import load_for, require_area
from dashboard_api.idempotency import once
from dashboard_api.paging import PAGE_DEFAULT, Cursor, Limit, opaque, plain
from dashboard_api.policy import Allowed, policy
from dashboard_api.preconditions import expected_version, tag
from dashboard_api.routes import router
from dashboard_api.schemas.incidents import (
    Close,
    Comment,
    Dispatch,
    IncidentCreate,
    IncidentDetail,
    IncidentItem,
    IncidentList,
)
from dashboard_api.schemas.patrols import AssignmentItem
from dashboard_api.shapes import event_items, unit_of
from dashboard_api.words import several
from models.errors import BadInput
from models.event import EventKind, Priority, SourceKind
from models.incident import Incident, IncidentState
from models.store import incident_page, incidents, patrols
from models.wire import assignment_json, entry_json, incident_json

routes = router("incidents")


@routes.get("/incidents", response_model=IncidentList)
@policy(who.EVERYBODY, noun="incidents")
def list_incidents(
    here: Here,
    access: Allowed,
    state: Annotated[str | None, Query(max_length=40, description="new, claimed, closed; several with commas")] = None,
    area: Annotated[str | None, Query(max_length=200)] = None,
    priority: Annotated[str | None, Query(max_length=20, description="1 to 4; several with commas")] = None,
    kind: Annotated[str | None, Query(max_length=400, description="several with commas")] = None,
    source_id: Annotated[str | None, Query(max_length=64)] = None,
    cursor: Cursor = None,
    limit: Limit = PAGE_DEFAULT,
) -> dict[str, Any]:
    """List incidents, newest first."""
    with here.store.transaction() as conn:
        found, following = incidents.listing(
            conn,
            access.login.areas,
            states=several("state", state, IncidentState),
            area=area,
            priorities=_priorities(priority),
            kinds=several("kind", kind, EventKind),
            source_id=source_id,
            cursor=plain(cursor),
            limit=limit,
        )
    return {"items": [incident_json(incident) for incident in found], "next_cursor": opaque(following)}


@routes.post("/incidents", status_code=201, response_model=IncidentItem)
@policy(who.DESK, noun="incidents")
def open_incident(
    here: Here,
    response: Response,
    access: Allowed,
    body: IncidentCreate,
    idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
) -> dict[str, Any]:
    """Open an incident by hand; the same Idempotency-Key opens it once."""
    require_area(access.login, body.area)

    def act() -> dict[str, Any]:
        return incident_json(desk.open_by_hand(here.store, here.clock, access.login, **body.model_dump()))

    opened = once(
        here,
        key=idempotency_key,
        username=access.login.username,
        route="incidents",
        request=body.model_dump(mode="json"),
        status=201,
        act=act,
    )
    response.headers["Location"] = f"/api/v1/incidents/{opened['id']}"
    return opened


@routes.get("/incidents/{incident_id}", response_model=IncidentDetail)
@policy(who.EVERYBODY, noun="incidents", object="incident")
def get_incident(here: Here, response: Response, incident_id: int, access: Allowed) -> dict[str, Any]:
    """Return one incident with what happened to it; of very many events the first and the newest."""
    incident: Incident = access.thing
    with here.store.transaction() as conn:
        page = incident_page.read(conn, incident, access.login.areas)
        body = {
            **incident_json(incident),
            "entries": [entry_json(entry) for entry in page.entries],
            "events": event_items(conn, page.events),
            "assignments": [assignment_json(one) for one in patrols.of_incident(conn, incident_id)],
            "unit": unit_of(conn, incident.source_id, access.login.areas)
            if incident.source_kind is SourceKind.UNIT
            else None,
        }
    tag(response, incident)
    return body


@routes.post("/incidents/{incident_id}/claim", response_model=IncidentItem)
@policy(who.DESK, noun="incidents", object="incident")
def claim(
    here: Here,
    incident_id: int,
    access: Allowed,
    if_match: Annotated[str | None, Header(description="Claim only this row_version.")] = None,
) -> dict[str, Any]:
    """Make it yours; 409 names the winner when somebody was first."""
    version = expected_version(if_match)
    return incident_json(desk.claim(here.store, here.clock, incident_id, access.login, expected_version=version))


@routes.post("/incidents/{incident_id}/release", response_model=IncidentItem)
@policy(who.DESK, noun="incidents", object="incident")
def release(here: Here, incident_id: int, access: Allowed) -> dict[str, Any]:
    """Put it back on the wall."""
    return incident_json(desk.release(here.store, here.clock, incident_id, access.login))


@routes.post("/incidents/{incident_id}/comment", response_model=IncidentItem)
@policy(who.DESK, noun="incidents", object="incident")
def comment(here: Here, incident_id: int, access: Allowed, body: Comment) -> dict[str, Any]:
    """Write a remark."""
    return incident_json(desk.comment(here.store, here.clock, incident_id, access.login, body.text))


@routes.post("/incidents/{incident_id}/dispatch", status_code=201, response_model=AssignmentItem)
@policy(who.DISPATCHERS, noun="incidents", object="incident")
def dispatch_patrol(here: Here, incident_id: int, access: Allowed, body: Dispatch) -> dict[str, Any]:
    """Send a patrol; its phone gets it at once."""
    with here.store.transaction() as conn:
        load_for(conn, access.login, "patrol", body.patrol_id)
    assignment = dispatch.assign(
        here.store,
        here.clock,
        incident_id,
        body.patrol_id,
        body.note,
        access.login,
        answer_within_s=here.site.alarms.answer_within_s,
    )
    return assignment_json(assignment)


@routes.post("/incidents/{incident_id}/close", response_model=IncidentItem)
@policy(who.DESK, noun="incidents", object="incident")
def close(here: Here, incident_id: int, access: Allowed, body: Close) -> dict[str, Any]:
    """Close it with the reason why."""
    closed = desk.close(here.store, here.clock, incident_id, access.login, body.disposition, body.text)
    return incident_json(closed)


def _priorities(text: str | None) -> list[Priority] | None:
    if not text:
        return None
    known = {str(int(one)): one for one in Priority}
    if unknown := {word.strip() for word in text.split(",")} - known.keys():
        raise BadInput("priority", f"{', '.join(known)} with commas between them, not {min(unknown)[:20]}")
    return [known[word.strip()] for word in text.split(",")]
