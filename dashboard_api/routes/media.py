"""Pictures: live, snapshots, clips. All come through the worker that holds the camera."""

import re
from datetime import datetime
from typing import Annotated, Any

from fastapi import Query, Request, Response, WebSocket
from starlette.concurrency import run_in_threadpool

from dashboard_api import clips, live
from dashboard_api import policy as who
from dashboard_api.context import Context, Here
from dashboard_api.guard import client_ip
from dashboard_api.policy import Access, Allowed, policy, policy_of
from dashboard_api.routes import router
from dashboard_api.workers import camera_path
from models.camera import Camera
from models.errors import AlertwallError, BadInput, LinkDown, NotFound
from models.wire import instant

routes = router("media")

JPEG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/jpeg": {}}, "description": "A JPEG"}}
MP4: dict[int | str, dict[str, Any]] = {200: {"content": {"video/mp4": {}}, "description": "An MP4, not re-encoded"}}
SDP_IN = {"requestBody": {"required": True, "content": {"application/sdp": {"schema": {"type": "string"}}}}}
SDP_OUT: dict[int | str, dict[str, Any]] = {
    201: {"content": {"application/sdp": {}}, "description": "The answer; Location ends it"}
}
OFFER_MAX_BYTES = 64 * 1024
PEER = re.compile(r"[A-Za-z0-9_-]{8,64}")
WHEP_TIMEOUT_S = 10.0
LIVE_PATH = "/cameras/{camera_id}/live"


@routes.get("/cameras/{camera_id}/snapshot.jpg", response_class=Response, responses=JPEG)
@policy(who.WATCHERS, noun="cameras", object="camera")
def snapshot(here: Here, request: Request, camera_id: str, access: Allowed) -> Response:
    """Return what the camera shows now."""
    _note(here, request, access, "view.snapshot")
    with here.store.transaction() as conn:
        urls = here.workers.of_camera(conn, camera_id)
    answer = here.workers.ask(urls, "GET", camera_path(camera_id, "snapshot.jpg"))
    if answer.status == 404:
        raise NotFound("picture", f"of {camera_id} yet")
    if answer.status != 200:
        raise LinkDown(f"camera {camera_id}", "no picture now")
    return Response(answer.body, media_type="image/jpeg", headers={"Cache-Control": "private, no-store"})


@routes.get("/cameras/{camera_id}/clip.mp4", response_class=Response, responses=MP4)
@policy(who.EVERYBODY, noun="cameras", object="camera")
def clip(
    here: Here,
    request: Request,
    camera_id: str,
    access: Allowed,
    since: Annotated[datetime, Query(alias="from")],
    until: Annotated[datetime, Query(alias="to")],
) -> Response:
    """Return what the camera recorded in a range of at most an hour."""
    since, until = clips.clip_range(since, until)
    _note(here, request, access, "view.clip", since=str(instant(since)), until=str(instant(until)))
    with here.store.transaction() as conn:
        return clips.clip(here, conn, camera_id, since, until)


@routes.post(
    "/cameras/{camera_id}/whep", status_code=201, response_class=Response, responses=SDP_OUT, openapi_extra=SDP_IN
)
@policy(who.WATCHERS, noun="cameras", object="camera")
async def watch(here: Here, request: Request, camera_id: str, access: Allowed) -> Response:
    """Begin to watch over WebRTC (WHEP): an SDP offer for an SDP answer."""
    offer = await request.body()
    if not offer.startswith(b"v=0") or len(offer) > OFFER_MAX_BYTES:
        raise BadInput("body", "an SDP offer")
    return await run_in_threadpool(_watch, here, request, camera_id, access, offer)


@routes.delete("/cameras/{camera_id}/whep/{peer}", status_code=204)
@policy(who.WATCHERS, noun="cameras", object="camera")
def stop_watching(here: Here, camera_id: str, peer: str, access: Allowed) -> None:
    """End a WebRTC peer."""
    if not PEER.fullmatch(peer):
        raise NotFound("peer", peer[:80])
    with here.store.transaction() as conn:
        urls = here.workers.of_camera(conn, camera_id)
    if here.workers.ask(urls, "DELETE", f"/whep/{peer}").status == 404:
        raise NotFound("peer", peer)


@routes.websocket(LIVE_PATH)
@policy(who.WATCHERS, noun="cameras", object="camera")
async def show_live(websocket: WebSocket, camera_id: str, here: Here) -> None:
    """Send the live picture as fragmented MP4: first a text message with its type, then binary ones."""
    try:
        access = await run_in_threadpool(websocket.app.state.guard.admit, websocket, policy_of(show_live, LIVE_PATH))
        await run_in_threadpool(_note, here, websocket, access, "view.live")
    except AlertwallError:
        await websocket.close(live.POLICY)  # before accepting: the handshake is answered with 403
        return
    await live.show(websocket, here, access)


def _watch(here: Context, request: Request, camera_id: str, access: Access, offer: bytes) -> Response:
    _note(here, request, access, "view.webrtc")
    with here.store.transaction() as conn:
        urls = here.workers.of_camera(conn, camera_id)
    answer = here.workers.ask(
        urls,
        "POST",
        camera_path(camera_id, "whep"),
        body=offer,
        content_type="application/sdp",
        timeout_s=WHEP_TIMEOUT_S,
    )
    if answer.status != 201:
        raise LinkDown(f"camera {camera_id}", "cannot be watched over WebRTC now")
    peer = answer.location.rstrip("/").rpartition("/")[2]
    return Response(
        answer.body,
        status_code=201,
        media_type="application/sdp",
        headers={"Location": f"/api/v1/cameras/{camera_id}/whep/{peer}"},
    )


def _note(here: Context, request: Request | WebSocket, access: Access, action: str, **detail: str) -> None:
    camera: Camera = access.thing
    here.views.note(access.login, action, f"camera:{camera.id}", camera.area, ip=client_ip(request), **detail)
