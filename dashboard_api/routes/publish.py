"""Cameras that push (WHIP, RFC 9725): their tokens, and the way of their offers to the worker that holds them."""

import contextlib
import re
from typing import Annotated, Any

from fastapi import Header, Request, Response

from dashboard_api import lanes
from dashboard_api import policy as who
from dashboard_api.context import Context, Here
from dashboard_api.guard import client_ip
from dashboard_api.policy import Access, Allowed, Publishing, policy
from dashboard_api.refusals import StaleVersion, TooLarge, VersionMissing
from dashboard_api.routes import API, router
from dashboard_api.routes.media import OFFER_MAX_BYTES, SDP, SDP_IN
from dashboard_api.schemas.cameras import PublishToken
from dashboard_api.workers import Answer, camera_path
from models.camera import Camera, Scheme
from models.errors import AlertwallError, BadInput, Conflict, LinkDown, NotFound, Overloaded
from models.store import audit, logins, publishing

routes = router("publish")

FRAGMENT = "application/trickle-ice-sdpfrag"
FRAGMENT_MAX_BYTES = 16 * 1024
FRAGMENT_IN = {"requestBody": {"required": True, "content": {FRAGMENT: {"schema": {"type": "string"}}}}}
SESSION = re.compile(r"[A-Za-z0-9_-]{8,64}")
ANSWERED: dict[int | str, dict[str, Any]] = {
    201: {"content": {SDP: {}}, "description": "The answer; Location is the session, ETag its ICE session"}
}
ANSWER_WITHIN_S = 10.0
METHODS = "POST, OPTIONS"
SESSION_METHODS = "PATCH, DELETE, OPTIONS"
PREFLIGHT = {
    "Access-Control-Allow-Headers": "Authorization, Content-Type, If-Match",
    "Access-Control-Max-Age": "600",
}


@routes.post("/cameras/{camera_id}/publish-token", response_model=PublishToken)
@policy(who.ENGINEERS, noun="cameras", object="camera")
async def renew_publish_token(here: Here, request: Request, camera_id: str, access: Allowed) -> dict[str, str]:
    """Give a camera that pushes a new token; the old one ends, and with it whoever publishes by it."""
    token = await lanes.PUBLISHERS.run(_renew, here, camera_id, access)
    origin = here.site.api.public_origin or str(request.base_url).rstrip("/")
    return {"url": f"{origin}{API}/cameras/{camera_id}/whip", "token": token}


@routes.post(
    "/cameras/{camera_id}/whip", status_code=201, response_class=Response, responses=ANSWERED, openapi_extra=SDP_IN
)
@policy(noun="publishing", publisher=True)
async def publish(here: Here, request: Request, camera_id: str, camera: Publishing) -> Response:
    """Begin to publish (WHIP): an offer of H.264 for an answer. 409 while another publisher sends."""
    offer = await request.body()
    if len(offer) > OFFER_MAX_BYTES:
        raise TooLarge(f"an offer of at most {OFFER_MAX_BYTES} bytes")
    if not offer.startswith(b"v=0"):
        raise BadInput("body", "an SDP offer")
    answer = await lanes.PUBLISHERS.run(_ask, here, camera, "POST", "whip", offer, SDP)
    session = answer.location.rstrip("/").rpartition("/")[2]
    if answer.status != 201 or not SESSION.fullmatch(session):
        raise _refusal(answer, camera)
    await lanes.PUBLISHERS.run(
        here.views.note_of, "publisher", "camera.publish", f"camera:{camera.id}", camera.area, ip=client_ip(request)
    )
    headers = {
        "Location": f"{API}/cameras/{camera_id}/whip/{session}",
        "ETag": f'"{session}"',
        "Accept-Patch": FRAGMENT,
    }
    return Response(answer.body, status_code=201, media_type=SDP, headers=headers)


@routes.patch("/cameras/{camera_id}/whip/{session}", status_code=204, openapi_extra=FRAGMENT_IN)
@policy(noun="publishing", publisher=True)
async def trickle(
    here: Here,
    request: Request,
    camera_id: str,
    session: str,
    camera: Publishing,
    if_match: Annotated[str | None, Header(description="The ETag of the answer.")] = None,
) -> None:
    """Add ICE candidates. An ICE restart is 422: publish anew instead."""
    _check_session(session)
    if if_match is None:
        raise VersionMissing("say If-Match with the ETag of the answer")
    if if_match.strip() not in ("*", f'"{session}"'):
        raise StaleVersion("this is not the ETag of this session")
    fragment = await request.body()
    if len(fragment) > FRAGMENT_MAX_BYTES:
        raise TooLarge(f"at most {FRAGMENT_MAX_BYTES} bytes")
    answer = await lanes.PUBLISHERS.run(_ask, here, camera, "PATCH", f"whip/{session}", fragment, FRAGMENT)
    if answer.status != 204:
        raise _refusal(answer, camera)


@routes.delete("/cameras/{camera_id}/whip/{session}", status_code=204)
@policy(noun="publishing", publisher=True)
async def stop_publishing(here: Here, camera_id: str, session: str, camera: Publishing) -> None:
    """End a publishing session."""
    _check_session(session)
    answer = await lanes.PUBLISHERS.run(_ask, here, camera, "DELETE", f"whip/{session}", None, "")
    if answer.status != 204:
        raise _refusal(answer, camera)


@routes.options("/cameras/{camera_id}/whip", status_code=204, include_in_schema=False)
@policy(noun="publishing", anonymous=True)
async def publishing_options(camera_id: str) -> Response:
    """Say what can be posted, and let pages of other sites ask with a token (RFC 9725 4.1)."""
    headers = {"Allow": METHODS, "Access-Control-Allow-Methods": METHODS, "Accept-Post": SDP, **PREFLIGHT}
    return Response(status_code=204, headers=headers)


@routes.options("/cameras/{camera_id}/whip/{session}", status_code=204, include_in_schema=False)
@policy(noun="publishing", anonymous=True)
async def session_options(camera_id: str, session: str) -> Response:
    """Say the same of a session."""
    headers = {"Allow": SESSION_METHODS, "Access-Control-Allow-Methods": SESSION_METHODS, "Accept-Patch": FRAGMENT}
    return Response(status_code=204, headers=headers | PREFLIGHT)


def _renew(here: Context, camera_id: str, access: Access) -> str:
    camera: Camera = access.thing
    if camera.source.scheme != Scheme.WHIP:
        raise Conflict("this camera is dialled; only one of scheme whip has a publishing token")
    token = logins.new_secret()
    with here.store.transaction() as conn:
        publishing.set_token(conn, camera_id, token, here.clock.utc_now())
        audit.append(
            conn,
            actor=access.login.username,
            action="camera.publish_token",
            object=f"camera:{camera_id}",
            area=camera.area,
            detail={},
        )
    with contextlib.suppress(LinkDown):  # no worker, nobody who publishes
        _ask(here, camera, "DELETE", "whip", None, "")
    return token


def _ask(here: Context, camera: Camera, method: str, what: str, body: bytes | None, kind: str) -> Answer:
    with here.store.transaction() as conn:
        urls = here.workers.of_camera(conn, camera.id)
    path = camera_path(camera.id, what)
    return here.workers.ask(urls, method, path, body=body, content_type=kind, timeout_s=ANSWER_WITHIN_S)


def _check_session(session: str) -> None:
    if not SESSION.fullmatch(session):
        raise NotFound("session", session[:80])


def _refusal(answer: Answer, camera: Camera) -> AlertwallError:
    """Return what a worker's refusal is for the publisher: its reasons are ours."""
    reason = answer.reason
    if answer.status == 404:
        return NotFound("session", f"of camera {camera.id}")
    if answer.status == 409:
        return Conflict(reason or "another publisher is sending")
    if answer.status == 422:
        return BadInput("body", reason.partition(": ")[2] or "an offer that can be answered")
    if answer.status == 503:
        return Overloaded(reason.partition(":")[0] or "publishers", 0)
    return LinkDown(f"camera {camera.id}", "cannot be published to now")
