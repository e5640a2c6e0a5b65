"""Areas."""

from fastapi import Request, Response

from dashboard_api import policy as who
from dashboard_api.paging import PAGE_DEFAULT, Cursor, Limit
from dashboard_api.policy import Allowed, policy
from dashboard_api.routes import router
from dashboard_api.schemas.cameras import AreaCreate, AreaItem, AreaList
from models.errors import NotReady

routes = router("areas")


@routes.get("/areas")
@policy(who.EVERYBODY, noun="areas")
def list_areas(request: Request, access: Allowed, cursor: Cursor = None, limit: Limit = PAGE_DEFAULT) -> AreaList:
    """List your areas and those inside them."""
    raise NotReady("soon")


@routes.post("/areas", status_code=201)
@policy(who.ENGINEERS, noun="areas")
def create_area(request: Request, response: Response, access: Allowed, body: AreaCreate) -> AreaItem:
    """Add an area inside one of yours; an admin may add one beside them and gets it."""
    raise NotReady("soon")
