"""Events: facts, and why they were raised."""

from collections.abc import Iterator
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request, Response

from dashboard_api import clips, explain, lanes
from dashboard_api import policy as who
from dashboard_api.context import Context, Here
from dashboard_api.guard import client_ip
from dashboard_api.paging import PAGE_DEFAULT, Cursor, Limit, listed, plain
from dashboard_api.policy import Access, Allowed, policy
from dashboard_api.routes import router
from dashboard_api.routes.media import JPEG, MP4
from dashboard_api.schemas.events import EventItem, EventList, Why
from dashboard_api.shapes import event_items
from dashboard_api.words import Moment, several
from models.area import any_covers
from models.camera import Camera
from models.errors import NotFound
from models.event import Event, EventKind, SourceKind
from models.store import cameras, events, units

routes = router("events")


@routes.get("/events", response_model=EventList)
@policy(who.EVERYBODY, noun="events")
def list_events(
    here: Here,
    access: Allowed,
    kind: Annotated[str | None, Query(max_length=400, description="several with commas")] = None,
    source_id: Annotated[str | None, Query(max_length=64)] = None,
    since: Moment | None = None,
    until: Moment | None = None,
    cursor: Cursor = None,
    limit: Limit = PAGE_DEFAULT,
) -> Response:
    """List events, newest first."""
    with here.store.transaction() as conn:
        found, following = events.listing(
            conn,
            access.login.areas,
            kinds=[str(one) for one in several("kind", kind, EventKind) or ()],
            source_id=source_id,
            since=since,
            until=until,
            cursor=plain(cursor),
            limit=limit,
        )
        return listed(event_items(conn, found), following)


@routes.get("/events/{event_id}", response_model=EventItem)
@policy(who.EVERYBODY, noun="events", object="event")
def get_event(here: Here, event_id: UUID, access: Allowed) -> dict[str, Any]:
    """Return one event."""
    with here.store.transaction() as conn:
        return event_items(conn, [access.thing])[0]


@routes.get("/events/{event_id}/why", response_model=Why)
@policy(who.EVERYBODY, noun="events", object="event")
def why(here: Here, event_id: UUID, access: Allowed) -> dict[str, Any]:
    """Say why it was raised: the rule as it stood then, its geometry, what was measured, or the unit's message."""
    with here.store.transaction() as conn:
        return explain.why(conn, access.thing)


@routes.get("/events/{event_id}/snapshot.jpg", response_class=Response, responses=JPEG)
@policy(who.EVERYBODY, noun="events", object="event")
def event_snapshot(here: Here, request: Request, event_id: UUID, access: Allowed) -> Response:
    """Return the picture that was kept with the event."""
    event: Event = access.thing
    if event.snapshot is None:
        raise NotFound("snapshot", "of this event")
    here.views.note(access.login, "view.event_snapshot", f"event:{event_id}", event.area, ip=client_ip(request))
    return clips.kept_snapshot(here.site.media_dir, event.snapshot)


@routes.get("/events/{event_id}/clip.mp4", response_class=Response, responses=MP4)
@policy(who.EVERYBODY, noun="events", object="event")
async def event_clip(here: Here, request: Request, event_id: UUID, access: Allowed) -> Response:
    """Return ten seconds around the event, from its camera or one that is linked to its unit."""
    return await lanes.CLIPS.run(_clip, here, request, access)


def _clip(here: Context, request: Request, access: Access) -> Response:
    event: Event = access.thing
    with here.store.transaction() as conn:
        camera = next((one for one in _cameras(conn, event) if any_covers(access.login.areas, one.area)), None)
        if camera is None:
            raise NotFound("clip", "of this event")
        urls = here.workers.of_camera(conn, camera.id)
    here.views.note(
        access.login, "view.clip", f"camera:{camera.id}", camera.area, ip=client_ip(request), event=str(event.id)
    )
    since, until = event.time - clips.AROUND, event.time + clips.AROUND
    return clips.open_clip(here, access, urls, camera.id, since, until, request.headers.get("range", ""))


def _cameras(conn: Any, event: Event) -> Iterator[Camera]:
    """Yield the cameras that may have seen an event; retired ones have recorded too."""
    wanted: tuple[str, ...] = ()
    if event.source_kind is SourceKind.CAMERA:
        wanted = (event.source_id,)
    elif event.source_kind is SourceKind.UNIT:
        unit = units.get(conn, event.source_id)
        wanted = unit.cameras if unit is not None else ()
    for id in wanted:
        camera = cameras.get(conn, id)
        if camera is not None:
            yield camera
