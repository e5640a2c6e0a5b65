"""Pictures: live, snapshots, clips. All come through the worker that holds the camera."""

import re
from datetime import datetime
from typing import Annotated, Any

from fastapi import Query, Request, Response, WebSocket
from starlette.concurrency import run_in_threadpool

from dashboard_api import clips, lanes, live
from dashboard_api import policy as who
from dashboard_api.context import Context, Here
from dashboard_api.guard import client_ip
from dashboard_api.peers import Peer
from dashboard_api.policy import Access, Allowed, policy, policy_of
from dashboard_api.routes import router
from dashboard_api.words import Moment
from dashboard_api.workers import Answer, camera_path
from models.camera import Camera
from models.errors import AlertwallError, BadInput, LinkDown, NotFound
from models.wire import instant

routes = router("media")

JPEG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/jpeg": {}}, "description": "A JPEG"}}
MP4: dict[int | str, dict[str, Any]] = {
    200: {"content": {"video/mp4": {}}, "description": "An MP4, not re-encoded"},
    206: {"content": {"video/mp4": {}}, "description": "The part that a Range of one part names"},
}
SDP = "application/sdp"
SDP_IN = {"requestBody": {"required": True, "content": {SDP: {"schema": {"type": "string"}}}}}
SDP_OUT: dict[int | str, dict[str, Any]] = {201: {"content": {SDP: {}}, "description": "The answer; Location ends it"}}
OFFER_MAX_BYTES = 64 * 1024
PEER = re.compile(r"[A-Za-z0-9_-]{8,64}")
WHEP_TIMEOUT_S = 10.0
LIVE_PATH = "/cameras/{camera_id}/live"


@routes.get("/cameras/{camera_id}/snapshot.jpg", response_class=Response, responses=JPEG)
@policy(who.WATCHERS, noun="cameras", object="camera")
async def snapshot(here: Here, request: Request, camera_id: str, access: Allowed) -> Response:
    """Return what the camera shows now."""
    return await lanes.PICTURES.run(_snapshot, here, request, camera_id, access)


@routes.get("/cameras/{camera_id}/clip.mp4", response_class=Response, responses=MP4)
@policy(who.EVERYBODY, noun="cameras", object="camera", retired=True)
async def clip(
    here: Here,
    request: Request,
    camera_id: str,
    access: Allowed,
    since: Annotated[Moment, Query(alias="from")],
    until: Annotated[Moment, Query(alias="to")],
) -> Response:
    """Return what the camera recorded in a range of at most an hour; it may have been retired since."""
    return await lanes.CLIPS.run(_clip, here, request, camera_id, access, *clips.clip_range(since, until))


@routes.post(
    "/cameras/{camera_id}/whep", status_code=201, response_class=Response, responses=SDP_OUT, openapi_extra=SDP_IN
)
@policy(who.WATCHERS, noun="cameras", object="camera")
async def watch(here: Here, request: Request, camera_id: str, access: Allowed) -> Response:
    """Begin to watch over WebRTC (WHEP): an SDP offer for an SDP answer."""
    offer = await request.body()
    if not offer.startswith(b"v=0") or len(offer) > OFFER_MAX_BYTES:
        raise BadInput("body", "an SDP offer")
    answer = await lanes.PICTURES.run(_watch, here, request, camera_id, access, offer)
    peer = answer.location.rstrip("/").rpartition("/")[2]
    if answer.status != 201 or not PEER.fullmatch(peer):
        raise LinkDown(f"camera {camera_id}", "cannot be watched over WebRTC now")
    here.peers.remember(Peer(peer, camera_id, answer.url, access))
    headers = {"Location": f"/api/v1/cameras/{camera_id}/whep/{peer}"}
    return Response(answer.body, status_code=201, media_type=SDP, headers=headers)


@routes.delete("/cameras/{camera_id}/whep/{peer}", status_code=204)
@policy(who.WATCHERS, noun="cameras", object="camera")
async def stop_watching(here: Here, camera_id: str, peer: str, access: Allowed) -> None:
    """End a WebRTC peer of yours."""
    known = here.peers.get(peer)
    others = known is not None and (known.access.login.username, known.camera_id) != (access.login.username, camera_id)
    if not PEER.fullmatch(peer) or others:
        raise NotFound("peer", peer[:80])
    here.peers.forget(peer)
    await lanes.PICTURES.run(_stop_watching, here, camera_id, peer)


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


def _snapshot(here: Context, request: Request, camera_id: str, access: Access) -> Response:
    _note(here, request, access, "view.snapshot")
    answer = here.workers.ask(_holders(here, camera_id), "GET", camera_path(camera_id, "snapshot.jpg"))
    if answer.status == 404:
        raise NotFound("picture", f"of {camera_id} yet")
    if answer.status != 200:
        raise LinkDown(f"camera {camera_id}", "no picture now")
    return Response(answer.body, media_type="image/jpeg", headers={"Cache-Control": "private, no-store"})


def _clip(
    here: Context, request: Request, camera_id: str, access: Access, since: datetime, until: datetime
) -> Response:
    _note(here, request, access, "view.clip", since=str(instant(since)), until=str(instant(until)))
    asked = request.headers.get("range", "")
    return clips.open_clip(here, access, _holders(here, camera_id), camera_id, since, until, asked)


def _watch(here: Context, request: Request, camera_id: str, access: Access, offer: bytes) -> Answer:
    _note(here, request, access, "view.webrtc")
    return here.workers.ask(
        _holders(here, camera_id),
        "POST",
        camera_path(camera_id, "whep"),
        body=offer,
        content_type=SDP,
        timeout_s=WHEP_TIMEOUT_S,
    )


def _stop_watching(here: Context, camera_id: str, peer: str) -> None:
    if here.workers.ask(_holders(here, camera_id), "DELETE", f"/whep/{peer}").status == 404:
        raise NotFound("peer", peer)


def _holders(here: Context, camera_id: str) -> list[str]:
    """Return whom to ask; the transaction ends before a worker is waited for."""
    with here.store.transaction() as conn:
        return here.workers.of_camera(conn, camera_id)


def _note(here: Context, request: Request | WebSocket, access: Access, action: str, **detail: str) -> None:
    camera: Camera = access.thing
    here.views.note(access.login, action, f"camera:{camera.id}", camera.area, ip=client_ip(request), **detail)
