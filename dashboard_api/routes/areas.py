"""Areas."""

from dataclasses import replace
from typing import Any

from fastapi import Response

from dashboard_api import policy as who
from dashboard_api.context import Here
from dashboard_api.gate import require_area
from dashboard_api.paging import PAGE_DEFAULT, Cursor, Limit, opaque, plain
from dashboard_api.policy import Allowed, policy
from dashboard_api.routes import router
from dashboard_api.schemas.cameras import AreaCreate, AreaItem, AreaList
from models.area import any_covers
from models.errors import Conflict
from models.store import areas, audit, users
from models.user import Role

routes = router("areas")


@routes.get("/areas", response_model=AreaList)
@policy(who.EVERYBODY, noun="areas")
def list_areas(here: Here, access: Allowed, cursor: Cursor = None, limit: Limit = PAGE_DEFAULT) -> dict[str, Any]:
    """List your areas and those inside them."""
    with here.store.transaction() as conn:
        found = areas.listing(conn, access.login.areas, after=plain(cursor) or "", limit=limit + 1)
    following = found[limit - 1].path if len(found) > limit else None
    items = [{"path": area.path, "name": area.name} for area in found[:limit]]
    return {"items": items, "next_cursor": opaque(following)}


@routes.post("/areas", status_code=201, response_model=AreaItem)
@policy(who.ENGINEERS, noun="areas")
def create_area(here: Here, response: Response, access: Allowed, body: AreaCreate) -> dict[str, Any]:
    """Add an area inside one of yours; an admin may add a new top one and gets it."""
    login = access.login
    new_top = "." not in body.path and login.role is Role.ADMIN and login.kind == "browser"
    if not new_top:
        require_area(login, body.path, field="path")
    with here.store.transaction() as conn:
        area = areas.create(conn, body.path, body.name)
        if new_top and not any_covers(login.areas, body.path):
            # others' places below that name would come with it
            if conn.execute("SELECT 1 FROM area WHERE starts_with(path, %s)", (body.path + ".",)).fetchone():
                raise Conflict(f"there are areas inside {body.path} already")
            user = users.get(conn, login.username)
            assert user is not None
            users.update(conn, replace(user, areas=(*user.areas, body.path)))
        audit.append(
            conn,
            actor=login.username,
            action="area.create",
            object=f"area:{area.path}",
            area=area.path,
            detail=body.model_dump(),
        )
    response.headers["Location"] = "/api/v1/areas"
    return {"path": area.path, "name": area.name}
