"""Registration of alarm units."""

from typing import Annotated

from fastapi import Header, Query, Request, Response

from dashboard_api import policy as who
from dashboard_api.paging import PAGE_DEFAULT, Cursor, Limit
from dashboard_api.policy import Allowed, policy
from dashboard_api.routes import router
from dashboard_api.schemas.units import UnitChange, UnitCreate, UnitItem, UnitList, UnitSecret
from models.errors import NotReady

routes = router("units")


@routes.get("/units")
@policy(who.EVERYBODY, noun="units")
def list_units(
    request: Request,
    access: Allowed,
    area: Annotated[str | None, Query(max_length=200)] = None,
    cursor: Cursor = None,
    limit: Limit = PAGE_DEFAULT,
) -> UnitList:
    """List alarm units by id, each with what it was last heard to be."""
    raise NotReady("soon")


@routes.post("/units", status_code=201)
@policy(who.ENGINEERS, noun="units")
def create_unit(request: Request, response: Response, access: Allowed, body: UnitCreate) -> UnitSecret:
    """Register a unit; its secret is shown this once."""
    raise NotReady("soon")


@routes.get("/units/{unit_id}")
@policy(who.EVERYBODY, noun="units", object="unit")
def get_unit(request: Request, response: Response, unit_id: str, access: Allowed) -> UnitItem:
    """Return one unit; ETag is its version."""
    raise NotReady("soon")


@routes.patch("/units/{unit_id}")
@policy(who.ENGINEERS, noun="units", object="unit")
def change_unit(
    request: Request,
    response: Response,
    unit_id: str,
    access: Allowed,
    body: UnitChange,
    if_match: Annotated[str | None, Header()] = None,
) -> UnitItem:
    """Change a unit; with If-Match, 412 when somebody else changed it."""
    raise NotReady("soon")


@routes.delete("/units/{unit_id}", status_code=204)
@policy(who.ENGINEERS, noun="units", object="unit")
def retire_unit(request: Request, unit_id: str, access: Allowed) -> None:
    """End a unit's registration; its messages and events stay."""
    raise NotReady("soon")


@routes.post("/units/{unit_id}/secret")
@policy(who.ENGINEERS, noun="units", object="unit")
def renew_secret(request: Request, unit_id: str, access: Allowed) -> UnitSecret:
    """Give a unit a new secret; the old one ends within seconds."""
    raise NotReady("soon")
