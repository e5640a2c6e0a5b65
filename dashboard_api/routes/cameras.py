"""Registration of cameras."""

from typing import Annotated

from fastapi import Header, Query, Request, Response

from dashboard_api import policy as who
from dashboard_api.paging import PAGE_DEFAULT, Cursor, Limit
from dashboard_api.policy import Allowed, policy
from dashboard_api.routes import router
from dashboard_api.schemas.cameras import (
    CameraChange,
    CameraCreate,
    CameraItem,
    CameraList,
    ProbeAnswer,
    ProbeRequest,
)
from models.errors import NotReady

routes = router("cameras")


@routes.get("/cameras")
@policy(who.EVERYBODY, noun="cameras")
def list_cameras(
    request: Request,
    access: Allowed,
    area: Annotated[str | None, Query(max_length=200)] = None,
    cursor: Cursor = None,
    limit: Limit = PAGE_DEFAULT,
) -> CameraList:
    """List cameras by id, each with what its link last reported."""
    raise NotReady("soon")


@routes.post("/cameras", status_code=201)
@policy(who.ENGINEERS, noun="cameras")
def create_camera(request: Request, response: Response, access: Allowed, body: CameraCreate) -> CameraItem:
    """Register a camera; a worker dials it within a second or two."""
    raise NotReady("soon")


@routes.post("/cameras/probe")
@policy(who.ENGINEERS, noun="cameras")
def probe_camera(request: Request, access: Allowed, body: ProbeRequest) -> ProbeAnswer:
    """Dial an address once and say what it shows, before it is registered."""
    raise NotReady("soon")


@routes.get("/cameras/{camera_id}")
@policy(who.EVERYBODY, noun="cameras", object="camera")
def get_camera(request: Request, response: Response, camera_id: str, access: Allowed) -> CameraItem:
    """Return one camera; ETag is its version."""
    raise NotReady("soon")


@routes.patch("/cameras/{camera_id}")
@policy(who.ENGINEERS, noun="cameras", object="camera")
def change_camera(
    request: Request,
    response: Response,
    camera_id: str,
    access: Allowed,
    body: CameraChange,
    if_match: Annotated[str | None, Header(description="The row_version this change is made from.")] = None,
) -> CameraItem:
    """Change a camera; 428 without If-Match, 412 when somebody else changed it."""
    raise NotReady("soon")


@routes.delete("/cameras/{camera_id}", status_code=204)
@policy(who.ENGINEERS, noun="cameras", object="camera")
def retire_camera(request: Request, camera_id: str, access: Allowed) -> None:
    """End a camera's registration; its events and recordings stay."""
    raise NotReady("soon")
