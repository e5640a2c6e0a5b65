"""The live feeds: server-sent events that resume without loss or duplicate."""

from typing import Annotated, Any

from fastapi import Header, Query, Response

from dashboard_api import policy as who
from dashboard_api.context import Here
from dashboard_api.feed import Audience
from dashboard_api.feed_response import FeedResponse
from dashboard_api.policy import Allowed, policy
from dashboard_api.routes import router
from models.errors import BadInput
from models.store import patrols
from models.store.feed import Cursor

routes = router("feed")

SSE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}, "description": "Server-sent events"}
}
After = Annotated[str | None, Query(max_length=64, description="A cursor, where Last-Event-ID cannot be sent.")]
LastEventId = Annotated[str | None, Header(alias="Last-Event-ID", max_length=64)]

SHARED_KINDS = frozenset({"incident", "event", "camera", "unit", "status"})
DESK_KINDS = SHARED_KINDS | {"patrol", "assignment"}
PHONE_KINDS = frozenset({"patrol", "assignment"})


@routes.get("/feed", response_class=Response, responses=SSE)
@policy(who.EVERYBODY, noun="feed")
async def feed(here: Here, access: Allowed, after: After = None, last_event_id: LastEventId = None) -> Response:
    """Send what changes in your areas, from a cursor or from now.

    hello, then incident, event, camera, unit, patrol, assignment, status as they happen; resync when you fell too far
    behind; a beat every five seconds.
    """
    kinds = DESK_KINDS if access.login.role in who.DESK else SHARED_KINDS
    audience = Audience(areas=access.login.areas, kinds=kinds)
    return FeedResponse(here.hub, here.watch, access, audience, after=_cursor(after, last_event_id))


@routes.get("/patrol/feed", response_class=Response, responses=SSE)
@policy(noun="patrol", patrol=True)
async def patrol_feed(here: Here, access: Allowed, after: After = None, last_event_id: LastEventId = None) -> Response:
    """Send a patrol's phone what it is sent to; while it is open the patrol is online."""
    patrol_id = access.login.patrol_id
    assert patrol_id is not None

    def present() -> None:
        with here.store.transaction() as conn:
            patrols.seen(conn, patrol_id, at=here.clock.utc_now())

    audience = Audience(areas=access.login.areas, kinds=PHONE_KINDS, patrol_id=patrol_id)
    return FeedResponse(here.hub, here.watch, access, audience, after=_cursor(after, last_event_id), present=present)


def _cursor(after: str | None, last_event_id: str | None) -> Cursor | None:
    """Return where to go on from; what the browser remembers of itself counts before the address."""
    for name, text in (("last-event-id", last_event_id), ("after", after)):
        if text:
            try:
                return Cursor.parse(text)
            except BadInput as bad:
                raise BadInput(name, bad.expected) from None
    return None
