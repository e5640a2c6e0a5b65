"""ONVIF cameras: found on the network, described before registration, accepted, turned."""

import json
from typing import Any

from dashboard_api import lanes
from dashboard_api import policy as who
from dashboard_api.context import Context, Here
from dashboard_api.gate import load_for
from dashboard_api.policy import Access, Allowed, policy
from dashboard_api.routes import router
from dashboard_api.schemas.onvif import (
    Acceptance,
    DiscoverAnswer,
    DiscoverRequest,
    OnvifAnswer,
    OnvifRequest,
    PresetList,
    TurnRequest,
)
from dashboard_api.sources import check_password
from dashboard_api.workers import PROBE_TIMEOUT_S, Answer, camera_path
from ingest.address import check_credential, check_host
from models.camera import Camera
from models.errors import BadInput, LinkDown, NotFound
from models.store import audit, cameras
from models.user import Role
from models.wire import instant

TURNERS = who.ENGINEERS | {Role.OPERATOR}

routes = router("cameras")


@routes.post("/cameras/discover", response_model=DiscoverAnswer)
@policy(who.ENGINEERS, noun="cameras")
async def discover_cameras(here: Here, access: Allowed, body: DiscoverRequest) -> dict[str, Any]:
    """Ask the networks, or some hosts, for ONVIF cameras; takes some seconds."""
    return await lanes.PROBES.run(_discover, here, access, body)


def _discover(here: Context, access: Access, body: DiscoverRequest) -> dict[str, Any]:
    for host in body.hosts:
        try:
            check_host(host)
        except BadInput as refused:
            raise BadInput("hosts", refused.expected) from None
    with here.store.transaction() as conn:
        urls = here.workers.live(conn)
        audit.append(conn, actor=access.login.username, action="camera.discover", object=", ".join(body.hosts))
    said = _said(here, urls, "POST", "/onvif/discover", {"hosts": body.hosts}, field="hosts")
    return {"items": said["found"], "outside": said["outside"], "ignored": said["ignored"]}


@routes.post("/cameras/onvif", response_model=OnvifAnswer)
@policy(who.ENGINEERS, noun="cameras")
async def describe_camera(here: Here, access: Allowed, body: OnvifRequest) -> dict[str, Any]:
    """Ask an ONVIF camera for its profiles, before it is registered."""
    return await lanes.PROBES.run(_describe, here, access, body)


def _describe(here: Context, access: Access, body: OnvifRequest) -> dict[str, Any]:
    check_host(body.host)
    check_credential(body.username, field="username")
    password = check_password(body.password)
    with here.store.transaction() as conn:
        if body.camera_id is not None and not password:
            camera: Camera = load_for(conn, access.login, "camera", body.camera_id)
            # a stored password goes only where it is used already, never to an address that was just typed
            if (camera.source.host, camera.onvif_port) == (body.host, body.port):
                password = cameras.password(conn, camera.id, here.box)
        urls = here.workers.live(conn)
        audit.append(
            conn, actor=access.login.username, action="camera.probe", object=f"onvif://{body.host}:{body.port}"
        )
    wanted = {"host": body.host, "port": body.port, "username": body.username, "password": password}
    return _said(here, urls, "POST", "/onvif/describe", wanted)


@routes.get("/cameras/{camera_id}/acceptance", response_model=Acceptance)
@policy(who.ENGINEERS, noun="cameras", object="camera")
async def accept_camera(here: Here, camera_id: str, access: Allowed) -> dict[str, Any]:
    """Look at a registered camera anew: each figure beside what is expected of it."""
    said = await lanes.PROBES.run(_of_camera, here, access.thing, "acceptance")
    return {"camera_id": camera_id, "at": instant(here.clock.utc_now()), **said}


@routes.get("/cameras/{camera_id}/presets", response_model=PresetList)
@policy(TURNERS, noun="cameras", object="camera")
async def list_presets(here: Here, camera_id: str, access: Allowed) -> dict[str, Any]:
    """List the places that a camera can be turned to."""
    return await lanes.PROBES.run(_of_camera, here, access.thing, "presets")


@routes.post("/cameras/{camera_id}/turn", status_code=204)
@policy(TURNERS, noun="cameras", object="camera")
async def turn_camera(here: Here, camera_id: str, access: Allowed, body: TurnRequest) -> None:
    """Turn a camera to one of its presets."""
    await lanes.PROBES.run(_turn, here, access, body)


def _turn(here: Context, access: Access, body: TurnRequest) -> None:
    camera: Camera = access.thing
    if not body.preset.isprintable():
        raise BadInput("preset", "the token of a preset")
    _of_camera(here, camera, "presets", {"token": body.preset})
    with here.store.transaction() as conn:
        audit.append(
            conn,
            actor=access.login.username,
            action="camera.turn",
            object=f"camera:{camera.id}",
            area=camera.area,
            detail={"preset": body.preset},
        )


def _of_camera(here: Context, camera: Camera, what: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    with here.store.transaction() as conn:
        urls = here.workers.of_camera(conn, camera.id)
    return _said(here, urls, "GET" if body is None else "POST", camera_path(camera.id, what), body)


def _said(
    here: Context, urls: list[str], method: str, path: str, body: dict[str, Any] | None = None, *, field: str = ""
) -> dict[str, Any]:
    """Return what a worker answers; its refusals become ours."""
    if not urls:
        raise LinkDown("worker", "none is up")
    sent = json.dumps(body).encode() if body is not None else None
    answer = here.workers.ask(urls, method, path, body=sent, timeout_s=PROBE_TIMEOUT_S)
    if answer.status == 200:
        return answer.json()
    reason = _reason(answer)
    if answer.status == 404:
        raise NotFound("camera", "in any worker")
    if answer.status == 422:
        refused, _, expected = reason.partition(": ")
        raise BadInput(field or refused or "body", expected or reason)
    raise LinkDown("worker", reason or f"status {answer.status}")


def _reason(answer: Answer) -> str:
    try:
        return str(answer.json().get("problem", ""))[:200]
    except LinkDown:
        return ""
