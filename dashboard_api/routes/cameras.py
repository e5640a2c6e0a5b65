"""Registration of cameras."""

import json
from typing import Annotated, Any

from fastapi import Header, Query, Response

from dashboard_api import lanes
from dashboard_api import policy as who
from dashboard_api.context import Context, Here
from dashboard_api.gate import load_for, narrowed, require_area
from dashboard_api.paging import PAGE_DEFAULT, Cursor, Limit, opaque, plain
from dashboard_api.policy import Access, Allowed, policy
from dashboard_api.preconditions import check_version, hold, tag
from dashboard_api.refusals import StaleVersion
from dashboard_api.routes import router
from dashboard_api.schemas.cameras import (
    CameraChange,
    CameraCreate,
    CameraItem,
    CameraList,
    ProbeAnswer,
    ProbeRequest,
)
from dashboard_api.shapes import camera_item
from dashboard_api.sources import changed_camera, check_password, new_camera, source_of
from dashboard_api.workers import PROBE_TIMEOUT_S
from models.camera import Camera
from models.errors import BadInput, Conflict, LinkDown
from models.store import audit, cameras

routes = router("cameras")


@routes.get("/cameras", response_model=CameraList)
@policy(who.EVERYBODY, noun="cameras")
def list_cameras(
    here: Here,
    access: Allowed,
    area: Annotated[str | None, Query(max_length=200)] = None,
    cursor: Cursor = None,
    limit: Limit = PAGE_DEFAULT,
) -> dict[str, Any]:
    """List cameras by id, each with what its link last reported."""
    areas = narrowed(access.login, area)
    with here.store.transaction() as conn:
        found = cameras.page(conn, areas, after=plain(cursor) or "", limit=limit + 1)
        states = cameras.states(conn, [camera.id for camera in found])
    following = found[limit - 1].id if len(found) > limit else None
    items = [camera_item(camera, states.get(camera.id), access.login) for camera in found[:limit]]
    return {"items": items, "next_cursor": opaque(following)}


@routes.post("/cameras", status_code=201, response_model=CameraItem)
@policy(who.ENGINEERS, noun="cameras")
def create_camera(here: Here, response: Response, access: Allowed, body: CameraCreate) -> dict[str, Any]:
    """Register a camera; a worker dials it within a second or two."""
    require_area(access.login, body.area)
    wanted = new_camera(body)
    sealed = cameras.seal(here.box, body.id, check_password(body.password))
    with here.store.transaction() as conn:
        camera = cameras.create(conn, wanted, sealed)
        _note(conn, access, "camera.create", camera, body.model_dump(mode="json", exclude={"password"}))
    response.headers["Location"] = f"/api/v1/cameras/{camera.id}"
    tag(response, camera)
    return camera_item(camera, None, access.login)


@routes.post("/cameras/probe", response_model=ProbeAnswer)
@policy(who.ENGINEERS, noun="cameras")
async def probe_camera(here: Here, access: Allowed, body: ProbeRequest) -> dict[str, Any]:
    """Dial an address once and say what it shows, before it is registered."""
    return await lanes.PROBES.run(_probe, here, access, body)


def _probe(here: Context, access: Access, body: ProbeRequest) -> dict[str, Any]:
    source = source_of(body, prefix="")
    password = check_password(body.password)
    with here.store.transaction() as conn:
        if body.camera_id is not None and not password:
            camera: Camera = load_for(conn, access.login, "camera", body.camera_id)
            # a stored password goes only where it is used already, never to an address that was just typed
            if (camera.source.host, camera.source.port) == (source.host, source.port):
                password = cameras.password(conn, camera.id, here.box)
        masks = cameras.masks_at(conn, source)
        urls = here.workers.live(conn)
        audit.append(
            conn,
            actor=access.login.username,
            action="camera.probe",
            object=f"{source.scheme}://{source.host}:{source.port}",
        )
    if not urls:
        raise LinkDown("worker", "none is up")
    said = body.model_dump(mode="json", exclude={"camera_id"}) | {"password": password, "masks": masks}
    answer = here.workers.ask(urls, "POST", "/probe", body=json.dumps(said).encode(), timeout_s=PROBE_TIMEOUT_S)
    if answer.status != 200:
        raise LinkDown("worker", f"status {answer.status} to a probe")
    return answer.json()


@routes.get("/cameras/{camera_id}", response_model=CameraItem)
@policy(who.EVERYBODY, noun="cameras", object="camera")
def get_camera(here: Here, response: Response, camera_id: str, access: Allowed) -> dict[str, Any]:
    """Return one camera; ETag is its version."""
    with here.store.transaction() as conn:
        state = cameras.states(conn, [camera_id]).get(camera_id)
    tag(response, access.thing)
    return camera_item(access.thing, state, access.login)


@routes.patch("/cameras/{camera_id}", response_model=CameraItem)
@policy(who.ENGINEERS, noun="cameras", object="camera")
def change_camera(
    here: Here,
    response: Response,
    camera_id: str,
    access: Allowed,
    body: CameraChange,
    if_match: Annotated[str | None, Header(description="The row_version this change is made from.")] = None,
) -> dict[str, Any]:
    """Change a camera; 428 without If-Match, 412 when somebody else changed it."""
    camera: Camera = access.thing
    version = check_version(if_match, camera, required=True)
    if body.area is not None:
        require_area(access.login, body.area)
    wanted = changed_camera(camera, body)
    typed = body.password
    if typed is None and camera.has_password and wanted.source.host != camera.source.host:
        # else whoever may edit could have the stored one sent to a machine of their own
        raise BadInput("password", "the password once more, since the host changes")
    sealed = cameras.seal(here.box, camera_id, check_password(typed)) if typed else None
    with here.store.transaction() as conn:
        try:
            changed = cameras.update(
                conn,
                wanted,
                password_enc=sealed,
                drop_password=typed == "",
                expected_version=version,
            )
        except Conflict as raced:
            raise StaleVersion(str(raced)) from raced
        state = cameras.states(conn, [camera_id]).get(camera_id)
        detail = body.model_dump(mode="json", exclude_unset=True, exclude={"password"})
        _note(conn, access, "camera.change", changed, detail | ({"password": "changed"} if typed is not None else {}))
    tag(response, changed)
    return camera_item(changed, state, access.login)


@routes.delete("/cameras/{camera_id}", status_code=204)
@policy(who.ENGINEERS, noun="cameras", object="camera")
def retire_camera(
    here: Here, camera_id: str, access: Allowed, if_match: Annotated[str | None, Header()] = None
) -> None:
    """End a camera's registration; its events and recordings stay."""
    with here.store.transaction() as conn:
        hold(conn, "camera", camera_id, if_match)
        retired = cameras.retire(conn, camera_id, here.clock.utc_now())
        _note(conn, access, "camera.retire", retired, {})


def _note(conn: Any, access: Access, action: str, camera: Camera, detail: dict[str, Any]) -> None:
    audit.append(
        conn,
        actor=access.login.username,
        action=action,
        object=f"camera:{camera.id}",
        area=camera.area,
        detail=detail,
    )
