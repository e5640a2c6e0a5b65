"""What alertwall says of itself: health, readiness, metrics, the trail, what was not understood."""

from fastapi import Request, Response

from dashboard_api import policy as who
from dashboard_api.paging import PAGE_DEFAULT, Cursor, Limit
from dashboard_api.policy import Allowed, policy
from dashboard_api.routes import router
from dashboard_api.schemas.system import AuditList, Health, QuarantineList, Ready, Status
from models.errors import NotReady

root = router("system", prefix="")
routes = router("system")


@root.get("/healthz")
@policy(noun="health", anonymous=True)
def healthz() -> Health:
    """Say that this process answers."""
    return Health(ok=True)


@root.get("/readyz")
@policy(noun="health", anonymous=True)
def readyz(request: Request, response: Response) -> Ready:
    """Say whether every part is up; 503 when one is not. Details only for this machine and those signed in."""
    raise NotReady("soon")


@root.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
@policy(noun="metrics", anonymous=True)
def metrics(request: Request) -> Response:
    """Return Prometheus metrics, to this machine or with a token of scope metrics:read."""
    raise NotReady("soon")


@root.get("/openapi.json", include_in_schema=False)
@policy(noun="openapi", anonymous=True)
def openapi(request: Request) -> Response:
    """Return this API's document."""
    raise NotReady("soon")


@routes.get("/status")
@policy(who.EVERYBODY, noun="status")
def status(request: Request, access: Allowed) -> Status:
    """Say which parts are up, which broker and database are used, and which version runs."""
    raise NotReady("soon")


@routes.get("/audit")
@policy(who.ADMINS, noun="audit")
def list_audit(request: Request, access: Allowed, cursor: Cursor = None, limit: Limit = PAGE_DEFAULT) -> AuditList:
    """List who did what, newest first."""
    raise NotReady("soon")


@routes.get("/quarantine")
@policy(who.ENGINEERS, noun="quarantine")
def list_quarantine(
    request: Request, access: Allowed, cursor: Cursor = None, limit: Limit = PAGE_DEFAULT
) -> QuarantineList:
    """List messages that were not understood, newest first."""
    raise NotReady("soon")
