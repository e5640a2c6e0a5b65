"""Events: facts, and why they were raised."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request, Response

from dashboard_api import policy as who
from dashboard_api.paging import PAGE_DEFAULT, Cursor, Limit
from dashboard_api.policy import Allowed, policy
from dashboard_api.routes import router
from dashboard_api.routes.media import JPEG, MP4
from dashboard_api.schemas.events import EventItem, EventList, Why
from models.errors import NotReady
from models.event import EventKind

routes = router("events")


@routes.get("/events")
@policy(who.EVERYBODY, noun="events")
def list_events(
    request: Request,
    access: Allowed,
    kind: Annotated[list[EventKind] | None, Query()] = None,
    source_id: Annotated[str | None, Query(max_length=64)] = None,
    since: datetime | None = None,
    until: datetime | None = None,
    cursor: Cursor = None,
    limit: Limit = PAGE_DEFAULT,
) -> EventList:
    """List events, newest first."""
    raise NotReady("soon")


@routes.get("/events/{event_id}")
@policy(who.EVERYBODY, noun="events", object="event")
def get_event(request: Request, event_id: UUID, access: Allowed) -> EventItem:
    """Return one event."""
    raise NotReady("soon")


@routes.get("/events/{event_id}/why")
@policy(who.EVERYBODY, noun="events", object="event")
def why(request: Request, event_id: UUID, access: Allowed) -> Why:
    """Say why it was raised: the rule as it stood then, its geometry, what was measured, or the unit's message."""
    raise NotReady("soon")


@routes.get("/events/{event_id}/snapshot.jpg", response_class=Response, responses=JPEG)
@policy(who.EVERYBODY, noun="events", object="event")
def event_snapshot(request: Request, event_id: UUID, access: Allowed) -> Response:
    """Return the picture that was kept with the event."""
    raise NotReady("soon")


@routes.get("/events/{event_id}/clip.mp4", response_class=Response, responses=MP4)
@policy(who.EVERYBODY, noun="events", object="event")
def event_clip(request: Request, event_id: UUID, access: Allowed) -> Response:
    """Return ten seconds around the event, from its camera or one that is linked to its unit."""
    raise NotReady("soon")
