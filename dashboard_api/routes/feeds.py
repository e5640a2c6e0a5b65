"""The live feeds: server-sent events that resume without loss or duplicate."""

from typing import Annotated, Any

from fastapi import Header, Query, Request, Response

from dashboard_api import policy as who
from dashboard_api.policy import Allowed, policy
from dashboard_api.routes import router
from models.errors import NotReady

routes = router("feed")

SSE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {}}, "description": "Server-sent events"}
}
After = Annotated[str | None, Query(max_length=64, description="A cursor, where Last-Event-ID cannot be sent.")]
LastEventId = Annotated[str | None, Header(alias="Last-Event-ID", max_length=64)]


@routes.get("/feed", response_class=Response, responses=SSE)
@policy(who.EVERYBODY, noun="feed")
async def feed(request: Request, access: Allowed, after: After = None, last_event_id: LastEventId = None) -> Response:
    """Send what changes in your areas, from a cursor or from now.

    First hello, then incident, event, camera, unit, patrol, assignment, status; resync when you fell too far
    behind; a beat every five seconds.
    """
    raise NotReady("soon")


@routes.get("/patrol/feed", response_class=Response, responses=SSE)
@policy(noun="patrol", patrol=True)
async def patrol_feed(
    request: Request, access: Allowed, after: After = None, last_event_id: LastEventId = None
) -> Response:
    """Send a patrol's phone what it is sent to."""
    raise NotReady("soon")
