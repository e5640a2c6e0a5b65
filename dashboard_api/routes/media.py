"""Pictures: live, snapshots, clips. All come through the worker that holds the camera."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Query, Request, Response, WebSocket

from dashboard_api import policy as who
from dashboard_api.policy import Allowed, policy
from dashboard_api.routes import router
from models.errors import NotReady

routes = router("media")

JPEG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/jpeg": {}}, "description": "A JPEG"}}
MP4: dict[int | str, dict[str, Any]] = {200: {"content": {"video/mp4": {}}, "description": "An MP4, not re-encoded"}}
SDP_IN = {"requestBody": {"required": True, "content": {"application/sdp": {"schema": {"type": "string"}}}}}
SDP_OUT: dict[int | str, dict[str, Any]] = {
    201: {"content": {"application/sdp": {}}, "description": "The answer; Location ends it"}
}


@routes.get("/cameras/{camera_id}/snapshot.jpg", response_class=Response, responses=JPEG)
@policy(who.WATCHERS, noun="cameras", object="camera")
def snapshot(request: Request, camera_id: str, access: Allowed) -> Response:
    """Return what the camera shows now."""
    raise NotReady("soon")


@routes.get("/cameras/{camera_id}/clip.mp4", response_class=Response, responses=MP4)
@policy(who.EVERYBODY, noun="cameras", object="camera")
def clip(
    request: Request,
    camera_id: str,
    access: Allowed,
    since: Annotated[datetime, Query(alias="from")],
    until: Annotated[datetime, Query(alias="to")],
) -> Response:
    """Return what the camera recorded in a range."""
    raise NotReady("soon")


@routes.post(
    "/cameras/{camera_id}/whep", status_code=201, response_class=Response, responses=SDP_OUT, openapi_extra=SDP_IN
)
@policy(who.WATCHERS, noun="cameras", object="camera")
def watch(request: Request, camera_id: str, access: Allowed) -> Response:
    """Begin to watch over WebRTC (WHEP): an SDP offer for an SDP answer."""
    raise NotReady("soon")


@routes.delete("/cameras/{camera_id}/whep/{peer}", status_code=204)
@policy(who.WATCHERS, noun="cameras", object="camera")
def stop_watching(request: Request, camera_id: str, peer: str, access: Allowed) -> None:
    """End a WebRTC peer."""
    raise NotReady("soon")


@routes.websocket("/cameras/{camera_id}/live")
@policy(who.WATCHERS, noun="cameras", object="camera")
async def live(websocket: WebSocket, camera_id: str) -> None:
    """Send the live picture as fragmented MP4: first a text message with its type, then binary ones."""
    raise NotReady("soon")
