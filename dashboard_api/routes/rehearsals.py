"""Rehearsals: a draft rule over what a camera recorded, beside the rule that stands. A worker runs them."""

import re
from datetime import UTC, timedelta
from typing import Any

import msgspec
from fastapi import Response

from dashboard_api import lanes
from dashboard_api import policy as who
from dashboard_api.context import Context, Here
from dashboard_api.policy import Access, Allowed, policy
from dashboard_api.routes import router
from dashboard_api.routes.rules import rule_of
from dashboard_api.schemas.rehearsals import RehearsalInput, RehearsalItem
from dashboard_api.workers import Answer, camera_path
from models.camera import Camera
from models.errors import BadInput, LinkDown, NotFound, Overloaded
from models.store import audit, cameras

routes = router("rehearsals")

FOOTAGE_MAX = timedelta(hours=24)
ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
ONE = "/cameras/{camera_id}/rehearsals/{rehearsal_id}"


@routes.post("/cameras/{camera_id}/rehearsals", status_code=202, response_model=RehearsalItem)
@policy(who.ENGINEERS, noun="rules", object="camera")
async def start_rehearsal(
    here: Here, response: Response, camera_id: str, access: Allowed, body: RehearsalInput
) -> dict[str, Any]:
    """Begin to find out what a draft would have raised; Location tells how far it is, and then the outcome."""
    said = await lanes.PROBES.run(_start, here, access, body)
    response.headers["Location"] = f"/api/v1/cameras/{camera_id}/rehearsals/{said['id']}"
    return {"camera_id": camera_id, **said}


@routes.get(ONE, response_model=RehearsalItem)
@policy(who.ENGINEERS, noun="rules", object="camera")
async def get_rehearsal(here: Here, camera_id: str, rehearsal_id: str, access: Allowed) -> dict[str, Any]:
    """Return how far it is, or its outcome, which is kept for half an hour."""
    answer = await lanes.PROBES.run(_ask, here, camera_id, "GET", rehearsal_id)
    return {"camera_id": camera_id, **answer.json()}


@routes.delete(ONE, status_code=204)
@policy(who.ENGINEERS, noun="rules", object="camera")
async def end_rehearsal(here: Here, camera_id: str, rehearsal_id: str, access: Allowed) -> None:
    """Stop it, and forget its outcome."""
    await lanes.PROBES.run(_end, here, access, rehearsal_id)


def _start(here: Context, access: Access, body: RehearsalInput) -> dict[str, Any]:
    camera: Camera = access.thing
    since, until = body.since.astimezone(UTC), body.to.astimezone(UTC)
    if not since < until <= since + FOOTAGE_MAX:
        raise BadInput("to", f"after from, by at most {FOOTAGE_MAX // timedelta(hours=1)} hours")
    draft = rule_of(0, camera.id, body.rule, access)
    with here.store.transaction() as conn:
        live = None
        if body.replaces is not None:
            live = next((rule for rule in cameras.rules(conn, camera.id) if rule.id == body.replaces), None)
            if live is None:
                raise NotFound("rule", body.replaces)
        urls = here.workers.of_camera(conn, camera.id)
    asked = {"since": since, "until": until, "draft": draft, "live": live}
    answer = here.workers.ask(urls, "POST", camera_path(camera.id, "rehearsals"), body=msgspec.json.encode(asked))
    if answer.status != 202:
        raise _refusal(answer, camera.id)
    _note(here, access, "rehearsal.start", since=since.isoformat(), until=until.isoformat(), rule=body.replaces)
    return answer.json()


def _end(here: Context, access: Access, rehearsal_id: str) -> None:
    _ask(here, access.thing.id, "DELETE", rehearsal_id)
    _note(here, access, "rehearsal.end")


def _ask(here: Context, camera_id: str, method: str, rehearsal_id: str) -> Answer:
    if not ID.fullmatch(rehearsal_id):
        raise NotFound("rehearsal", rehearsal_id)
    with here.store.transaction() as conn:
        urls = here.workers.of_camera(conn, camera_id)
    answer = here.workers.ask(urls, method, camera_path(camera_id, f"rehearsals/{rehearsal_id}"))
    if answer.status == 404:
        raise NotFound("rehearsal", rehearsal_id)
    if answer.status not in (200, 204):
        raise _refusal(answer, camera_id)
    return answer


def _refusal(answer: Answer, camera_id: str) -> Exception:
    if answer.status == 404:
        return NotFound("camera", f"{camera_id} in any worker")
    if answer.status == 422:
        refused, _, expected = answer.reason.partition(": ")
        return BadInput(refused or "body", expected or answer.reason)
    if answer.status == 503:
        return Overloaded("rehearsals", 0)
    return LinkDown("worker", answer.reason or f"status {answer.status}")


def _note(here: Context, access: Access, action: str, **detail: Any) -> None:
    camera: Camera = access.thing
    with here.store.transaction() as conn:
        audit.append(
            conn,
            actor=access.login.username,
            action=action,
            object=f"camera:{camera.id}",
            area=camera.area,
            detail=detail,
        )
