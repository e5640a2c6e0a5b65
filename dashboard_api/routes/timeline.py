"""What cameras and units did over a stretch of time."""

from datetime import datetime
from typing import Annotated

from fastapi import Query, Request

from dashboard_api import policy as who
from dashboard_api.policy import Allowed, policy
from dashboard_api.routes import router
from dashboard_api.schemas.timeline import Timeline
from models.errors import NotReady

routes = router("timeline")


@routes.get("/timeline")
@policy(who.EVERYBODY, noun="timeline")
def timeline(
    request: Request,
    access: Allowed,
    since: Annotated[datetime, Query(alias="from")],
    until: Annotated[datetime, Query(alias="to")],
    camera: Annotated[list[str] | None, Query(max_length=50)] = None,
    unit: Annotated[list[str] | None, Query(max_length=50)] = None,
    bucket_s: Annotated[int | None, Query(ge=1, le=86400)] = None,
) -> Timeline:
    """Return recordings, gaps with causes, events and counts; without camera or unit, of all in your areas."""
    raise NotReady("soon")
