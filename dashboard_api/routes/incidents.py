"""Incidents: what operators handle."""

from typing import Annotated

from fastapi import Header, Query, Request, Response

from dashboard_api import policy as who
from dashboard_api.paging import PAGE_DEFAULT, Cursor, Limit
from dashboard_api.policy import Allowed, policy
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
from models.errors import NotReady

routes = router("incidents")


@routes.get("/incidents")
@policy(who.EVERYBODY, noun="incidents")
def list_incidents(
    request: Request,
    access: Allowed,
    state: Annotated[str | None, Query(max_length=40, description="new, claimed, closed; several with commas")] = None,
    area: Annotated[str | None, Query(max_length=200)] = None,
    priority: Annotated[str | None, Query(max_length=20, description="1 to 4; several with commas")] = None,
    kind: Annotated[str | None, Query(max_length=400, description="several with commas")] = None,
    source_id: Annotated[str | None, Query(max_length=64)] = None,
    cursor: Cursor = None,
    limit: Limit = PAGE_DEFAULT,
) -> IncidentList:
    """List incidents, newest first."""
    raise NotReady("soon")


@routes.post("/incidents", status_code=201)
@policy(who.DESK, noun="incidents")
def open_incident(
    request: Request,
    response: Response,
    access: Allowed,
    body: IncidentCreate,
    idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
) -> IncidentItem:
    """Open an incident by hand; the same Idempotency-Key opens it once."""
    raise NotReady("soon")


@routes.get("/incidents/{incident_id}")
@policy(who.EVERYBODY, noun="incidents", object="incident")
def get_incident(request: Request, response: Response, incident_id: int, access: Allowed) -> IncidentDetail:
    """Return one incident with all that happened to it."""
    raise NotReady("soon")


@routes.post("/incidents/{incident_id}/claim")
@policy(who.DESK, noun="incidents", object="incident")
def claim(
    request: Request,
    incident_id: int,
    access: Allowed,
    if_match: Annotated[str | None, Header(description="Claim only this row_version.")] = None,
) -> IncidentItem:
    """Make it yours; 409 names the winner when somebody was first."""
    raise NotReady("soon")


@routes.post("/incidents/{incident_id}/release")
@policy(who.DESK, noun="incidents", object="incident")
def release(request: Request, incident_id: int, access: Allowed) -> IncidentItem:
    """Put it back on the wall."""
    raise NotReady("soon")


@routes.post("/incidents/{incident_id}/comment")
@policy(who.DESK, noun="incidents", object="incident")
def comment(request: Request, incident_id: int, access: Allowed, body: Comment) -> IncidentItem:
    """Write a remark."""
    raise NotReady("soon")


@routes.post("/incidents/{incident_id}/dispatch", status_code=201)
@policy(who.DISPATCHERS, noun="incidents", object="incident")
def dispatch_patrol(request: Request, incident_id: int, access: Allowed, body: Dispatch) -> AssignmentItem:
    """Send a patrol; its phone gets it at once."""
    raise NotReady("soon")


@routes.post("/incidents/{incident_id}/close")
@policy(who.DESK, noun="incidents", object="incident")
def close(request: Request, incident_id: int, access: Allowed, body: Close) -> IncidentItem:
    """Close it with the reason why."""
    raise NotReady("soon")
