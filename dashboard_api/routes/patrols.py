"""Patrols, as dispatchers see them."""

from typing import Annotated

from fastapi import Header, Request, Response

from dashboard_api import policy as who
from dashboard_api.paging import PAGE_DEFAULT, Cursor, Limit
from dashboard_api.policy import Allowed, policy
from dashboard_api.routes import router
from dashboard_api.schemas.patrols import Pairing, PatrolChange, PatrolCreate, PatrolItem, PatrolList
from models.errors import NotReady

routes = router("patrols")


@routes.get("/patrols")
@policy(who.DESK, noun="patrols")
def list_patrols(request: Request, access: Allowed, cursor: Cursor = None, limit: Limit = PAGE_DEFAULT) -> PatrolList:
    """List patrols by id."""
    raise NotReady("soon")


@routes.post("/patrols", status_code=201)
@policy(who.DISPATCHERS, noun="patrols")
def create_patrol(request: Request, response: Response, access: Allowed, body: PatrolCreate) -> PatrolItem:
    """Register a patrol."""
    raise NotReady("soon")


@routes.patch("/patrols/{patrol_id}")
@policy(who.DISPATCHERS, noun="patrols", object="patrol")
def change_patrol(
    request: Request,
    response: Response,
    patrol_id: str,
    access: Allowed,
    body: PatrolChange,
    if_match: Annotated[str | None, Header()] = None,
) -> PatrolItem:
    """Change a patrol; with If-Match, 412 when somebody else changed it."""
    raise NotReady("soon")


@routes.delete("/patrols/{patrol_id}", status_code=204)
@policy(who.DISPATCHERS, noun="patrols", object="patrol")
def retire_patrol(request: Request, patrol_id: str, access: Allowed) -> None:
    """Take a patrol out of service and sign its phone out."""
    raise NotReady("soon")


@routes.post("/patrols/{patrol_id}/pairing", status_code=201)
@policy(who.DISPATCHERS, noun="patrols", object="patrol")
def pair_patrol(request: Request, patrol_id: str, access: Allowed) -> Pairing:
    """Make a code that pairs one phone, once, within ten minutes."""
    raise NotReady("soon")
