"""Patrols, as dispatchers see them."""

from typing import Annotated, Any

from fastapi import Header, Query, Request, Response

from dashboard_api import policy as who
from dashboard_api.context import Here
from dashboard_api.gate import require_area
from dashboard_api.paging import PAGE_DEFAULT, Cursor, Limit, opaque, plain
from dashboard_api.policy import Access, Allowed, policy
from dashboard_api.preconditions import check_version, hold, tag
from dashboard_api.refusals import StaleVersion
from dashboard_api.routes import router
from dashboard_api.schemas.patrols import (
    AssignmentList,
    Pairing,
    PatrolChange,
    PatrolCreate,
    PatrolItem,
    PatrolList,
)
from dashboard_api.words import several
from models.errors import Conflict
from models.patrol import AssignmentState, Patrol
from models.store import audit, feed, logins, oversight, patrols
from models.store.logins import PAIRING_LIVES
from models.wire import assignment_json, instant, patrol_json

routes = router("patrols")


@routes.get("/patrols", response_model=PatrolList)
@policy(who.DESK, noun="patrols")
def list_patrols(here: Here, access: Allowed, cursor: Cursor = None, limit: Limit = PAGE_DEFAULT) -> dict[str, Any]:
    """List patrols by id."""
    with here.store.transaction() as conn:
        found, following = patrols.listing(
            conn, access.login.areas, cursor=plain(cursor), limit=limit, now=here.clock.utc_now()
        )
    return {"items": [patrol_json(patrol) for patrol in found], "next_cursor": opaque(following)}


@routes.post("/patrols", status_code=201, response_model=PatrolItem)
@policy(who.DISPATCHERS, noun="patrols")
def create_patrol(here: Here, response: Response, access: Allowed, body: PatrolCreate) -> dict[str, Any]:
    """Register a patrol."""
    require_area(access.login, body.area)
    with here.store.transaction() as conn:
        patrol = patrols.create(conn, Patrol(**body.model_dump()))
        _note(conn, access, "patrol.create", patrol, body.model_dump())
    response.headers["Location"] = f"/api/v1/patrols/{patrol.id}"
    tag(response, patrol)
    return patrol_json(patrol)


@routes.patch("/patrols/{patrol_id}", response_model=PatrolItem)
@policy(who.DISPATCHERS, noun="patrols", object="patrol")
def change_patrol(
    here: Here,
    response: Response,
    patrol_id: str,
    access: Allowed,
    body: PatrolChange,
    if_match: Annotated[str | None, Header()] = None,
) -> dict[str, Any]:
    """Change a patrol; with If-Match, 412 when somebody else changed it."""
    version = check_version(if_match, access.thing, required=False)
    said = body.model_dump(exclude_unset=True)
    changes = {name: value for name, value in said.items() if value is not None or name in ("lat", "lon")}
    if "area" in changes:
        require_area(access.login, changes["area"])
    with here.store.transaction() as conn:
        try:
            # a patrol's state moves its version too, so without If-Match the last one to write wins
            patrol = patrols.update(conn, patrol_id, changes, expected_version=version if if_match else None)
        except Conflict as raced:
            raise StaleVersion(str(raced)) from raced
        _note(conn, access, "patrol.change", patrol, changes)
    tag(response, patrol)
    return patrol_json(patrol)


@routes.delete("/patrols/{patrol_id}", status_code=204)
@policy(who.DISPATCHERS, noun="patrols", object="patrol")
def retire_patrol(
    here: Here, patrol_id: str, access: Allowed, if_match: Annotated[str | None, Header()] = None
) -> None:
    """Take a patrol out of service and sign its phone out."""
    with here.store.transaction() as conn:
        hold(conn, "patrol", patrol_id, if_match)
        patrol = patrols.retire(conn, patrol_id, at=here.clock.utc_now())
        logins.end_patrol(conn, patrol_id)
        body = {**patrol_json(patrol), "retired_at": instant(patrol.retired_at)}
        feed.append(conn, area=patrol.area, kind="patrol", ref=patrol_id, body=body)
        _note(conn, access, "patrol.retire", patrol, {})


@routes.post("/patrols/{patrol_id}/pairing", status_code=201, response_model=Pairing)
@policy(who.DISPATCHERS, noun="patrols", object="patrol")
def pair_patrol(here: Here, request: Request, patrol_id: str, access: Allowed) -> dict[str, Any]:
    """Make a code that pairs one phone, once, within ten minutes."""
    now = here.clock.utc_now()
    with here.store.transaction() as conn:
        code = logins.issue_once(conn, "patrol_pairing", now, subject=patrol_id, lives=PAIRING_LIVES)
        _note(conn, access, "patrol.pairing", access.thing, {})
    origin = here.site.api.public_origin or str(request.base_url).rstrip("/")
    return {"code": code, "url": f"{origin}/patrol#{code}", "expires_at": instant(now + PAIRING_LIVES)}


@routes.get("/assignments", response_model=AssignmentList)
@policy(who.DESK, noun="patrols")
def list_assignments(
    here: Here,
    access: Allowed,
    state: Annotated[str | None, Query(max_length=120, description="several with commas")] = None,
    cursor: Cursor = None,
    limit: Limit = PAGE_DEFAULT,
) -> dict[str, Any]:
    """List the errands of the patrols in your areas, newest first."""
    wanted = several("state", state, AssignmentState)
    with here.store.transaction() as conn:
        found, following = oversight.errands_page(
            conn, access.login.areas, states=wanted, cursor=plain(cursor), limit=limit
        )
    return {"items": [assignment_json(one) for one in found], "next_cursor": opaque(following)}


def _note(conn: Any, access: Access, action: str, patrol: Patrol, detail: dict[str, Any]) -> None:
    audit.append(
        conn,
        actor=access.login.username,
        action=action,
        object=f"patrol:{patrol.id}",
        area=patrol.area,
        detail=detail,
    )
