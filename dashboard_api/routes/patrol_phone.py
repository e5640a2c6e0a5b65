"""A patrol's phone: pairing, what it was sent to, the steps it reports."""

from typing import Annotated, Any, Literal

from fastapi import Header, Request, Response

from alarms import dispatch
from dashboard_api import sign_in as signing
from dashboard_api.context import Context, Here
from dashboard_api.guard import COOKIE, client_ip
from dashboard_api.idempotency import once
from dashboard_api.policy import Access, Allowed, policy
from dashboard_api.refusals import BadSignIn
from dashboard_api.routes import router
from dashboard_api.schemas.patrols import (
    PairRequest,
    PatrolAssignment,
    PatrolAssignmentList,
    PatrolItem,
    Step,
)
from dashboard_api.shapes import patrol_assignments
from models.errors import NotFound
from models.patrol import AssignmentState, Patrol
from models.store import audit, logins, patrols
from models.wire import patrol_json

routes = router("patrol phone")

SHOWN_MAX = 50
StepWord = Literal["delivered", "accept", "decline", "on_scene", "clear"]


@routes.post("/patrol/pair", response_model=PatrolItem)
@policy(noun="patrol", anonymous=True)
def pair(here: Here, request: Request, response: Response, body: PairRequest) -> dict[str, Any]:
    """Pair this phone with the patrol that the code was made for; the answer sets the cookie."""
    now = here.clock.utc_now()
    with here.store.transaction() as conn:
        patrol_id = logins.redeem_once(conn, "patrol_pairing", body.code.strip(), now)
        patrol = patrols.get(conn, patrol_id, now=now) if patrol_id is not None else None
        if patrol is None or patrol.retired_at is not None:
            raise BadSignIn("this code is used, too old or none of ours; ask for a new one")
        if earlier := request.cookies.get(COOKIE):
            logins.end(conn, logins.digest(earlier))
        secret = logins.start_patrol(conn, patrol.id, now)
        audit.append(
            conn,
            actor=f"patrol:{patrol.id}",
            action="patrol.pair",
            object=f"patrol:{patrol.id}",
            area=patrol.area,
            detail={"ip": client_ip(request)},
        )
    signing.set_cookie(here, response, secret, patrol=True)
    return patrol_json(patrol)


@routes.get("/patrol/me", response_model=PatrolItem)
@policy(noun="patrol", patrol=True)
def patrol_me(here: Here, access: Allowed) -> dict[str, Any]:
    """Say which patrol this phone is."""
    with here.store.transaction() as conn:
        return patrol_json(_patrol(patrols.get(conn, _own(access), now=here.clock.utc_now())))


@routes.get("/patrol/assignments", response_model=PatrolAssignmentList)
@policy(noun="patrol", patrol=True)
def patrol_errands(here: Here, access: Allowed) -> dict[str, Any]:
    """List what this patrol was sent to, newest first."""
    with here.store.transaction() as conn:
        found = patrols.of_patrol(conn, _own(access), limit=SHOWN_MAX)
        return {"items": patrol_assignments(conn, found), "next_cursor": None}


@routes.post("/patrol/assignments/{assignment_id}/{step}", response_model=PatrolAssignment)
@policy(noun="patrol", object="assignment", patrol=True)
def take_step(
    here: Here,
    assignment_id: int,
    step: StepWord,
    access: Allowed,
    body: Step | None = None,
    idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
) -> dict[str, Any]:
    """Report a step. A step that was taken already is answered with what stands."""
    reason = body.reason if body is not None else ""

    def act() -> dict[str, Any]:
        _act(here, assignment_id, _own(access), step, reason)
        with here.store.transaction() as conn:
            now_stands = patrols.get_assignment(conn, assignment_id)
            shown = patrol_assignments(conn, [now_stands] if now_stands is not None else [])
        if not shown:
            raise NotFound("assignment", assignment_id)
        return shown[0]

    return once(
        here,
        key=idempotency_key,
        username=access.login.username,
        route=f"patrol/assignments/{assignment_id}/{step}",
        request=reason,
        status=200,
        act=act,
    )


def _act(here: Context, assignment_id: int, patrol_id: str, step: StepWord, reason: str) -> None:
    store, clock = here.store, here.clock
    match step:
        case "delivered":
            dispatch.delivered(store, clock, assignment_id, patrol_id)
        case "accept" | "decline":
            dispatch.answer(store, clock, assignment_id, patrol_id, accept=step == "accept", reason=reason)
        case "on_scene":
            dispatch.step(store, clock, assignment_id, patrol_id, AssignmentState.ON_SCENE)
        case "clear":
            dispatch.step(store, clock, assignment_id, patrol_id, AssignmentState.CLEAR)


def _own(access: Access) -> str:
    assert access.login.patrol_id is not None  # the policy lets only phones in
    return access.login.patrol_id


def _patrol(patrol: Patrol | None) -> Patrol:
    if patrol is None:
        raise NotFound("patrol", "of this phone")
    return patrol
