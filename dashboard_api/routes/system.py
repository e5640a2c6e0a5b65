"""What alertwall says of itself: health, readiness, metrics, the trail, what was not understood."""

from typing import Any

from fastapi import Request, Response
from starlette.responses import JSONResponse

from dashboard_api import metrics as prometheus
from dashboard_api import policy as who
from dashboard_api.context import Here
from dashboard_api.guard import is_local
from dashboard_api.openapi import document
from dashboard_api.paging import PAGE_DEFAULT, Cursor, Limit, opaque, plain
from dashboard_api.policy import Allowed, Policy, policy
from dashboard_api.refusals import Denied, NotSignedIn
from dashboard_api.routes import router
from dashboard_api.schemas.system import AuditList, Health, QuarantineList, Ready, Status
from dashboard_api.status import state_of_parts
from dashboard_api.version import version
from models.store import oversight
from models.wire import instant
from models.wire import plain as json_plain

root = router("system", prefix="")
routes = router("system")

SEES_PARTS = Policy(roles=who.EVERYBODY, noun="status")
SEES_METRICS = Policy(roles=who.ENGINEERS, noun="metrics")
READY: dict[int | str, dict[str, Any]] = {503: {"model": Ready, "description": "A part is missing; says which"}}


@root.get("/healthz")
@policy(noun="health", anonymous=True)
def healthz() -> Health:
    """Say that this process answers."""
    return Health(ok=True)


@root.get("/readyz", response_model=Ready, responses=READY)
@policy(noun="health", anonymous=True)
def readyz(here: Here, request: Request, response: Response) -> dict[str, Any]:
    """Say whether every part is up; 503 when one is not. Details only for this machine and those signed in."""
    state = state_of_parts(here.store, here.clock)
    if not is_local(request) and not _admitted(request, SEES_PARTS):
        state["parts"] = [part | {"detail": {}} for part in state["parts"]]
    response.status_code = 200 if state["ready"] else 503
    return state


@root.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
@policy(noun="metrics", anonymous=True)
def metrics(here: Here, request: Request) -> Response:
    """Return Prometheus metrics, to this machine, to engineers, or with a token of scope metrics:read."""
    if not is_local(request):
        request.app.state.guard.admit(request, SEES_METRICS)
    with here.store.transaction() as conn:
        families = prometheus.collect(conn, here.clock.utc_now(), version=version(), viewers=here.hub.viewer_count)
    return Response(prometheus.render(families), media_type=prometheus.MEDIA_TYPE)


@root.get("/openapi.json", include_in_schema=False)
@policy(noun="openapi", anonymous=True)
def openapi(request: Request) -> Response:
    """Return this API's document."""
    state = request.app.state
    if not hasattr(state, "document"):  # it costs a tenth of a second, and anybody may ask
        state.document = JSONResponse(document(request.app, version())).body
    return Response(state.document, media_type="application/json", headers={"Cache-Control": "no-cache"})


@routes.get("/status", response_model=Status)
@policy(who.EVERYBODY, noun="status")
def status(here: Here, access: Allowed) -> dict[str, Any]:
    """Say which parts are up, which broker and database are used, and which version runs."""
    return {
        **state_of_parts(here.store, here.clock),
        "name": here.site.name,
        "version": version(),
        "now": instant(here.clock.utc_now()),
        "timezone": here.site.timezone,
    }


@routes.get("/audit", response_model=AuditList)
@policy(who.ADMINS, noun="audit")
def list_audit(here: Here, access: Allowed, cursor: Cursor = None, limit: Limit = PAGE_DEFAULT) -> dict[str, Any]:
    """List who did what in your areas, newest first; what belongs to no area is shown too."""
    with here.store.transaction() as conn:
        found, following = oversight.audit_page(conn, access.login.areas, cursor=plain(cursor), limit=limit)
    items = [
        {
            "id": row.id,
            "at": instant(row.at),
            "actor": row.actor,
            "action": row.action,
            "object": row.object,
            "area": row.area,
            "detail": json_plain(row.detail),
        }
        for row in found
    ]
    return {"items": items, "next_cursor": opaque(following)}


@routes.get("/quarantine", response_model=QuarantineList)
@policy(who.ENGINEERS, noun="quarantine")
def list_quarantine(here: Here, access: Allowed, cursor: Cursor = None, limit: Limit = PAGE_DEFAULT) -> dict[str, Any]:
    """List messages that were not understood, newest first: of units you see, and of senders nobody knows."""
    with here.store.transaction() as conn:
        found, following = oversight.quarantine_page(conn, access.login.areas, cursor=plain(cursor), limit=limit)
    items = [
        {
            "id": message.id,
            "received_at": instant(message.received_at),
            "topic": message.topic,
            "payload": bytes(message.payload).decode("utf-8", "backslashreplace"),
            "reason": message.reason,
            "unit_id": message.unit_id,
        }
        for message in found
    ]
    return {"items": items, "next_cursor": opaque(following)}


def _admitted(request: Request, said: Policy) -> bool:
    try:
        request.app.state.guard.admit(request, said)
    except (NotSignedIn, Denied):
        return False
    return True
