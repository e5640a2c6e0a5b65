"""A patrol's phone: pairing, what it was sent to, the steps it reports."""

from typing import Annotated, Literal

from fastapi import Header, Request, Response

from dashboard_api.policy import Allowed, policy
from dashboard_api.routes import router
from dashboard_api.schemas.patrols import (
    PairRequest,
    PatrolAssignment,
    PatrolAssignmentList,
    PatrolItem,
    Step,
)
from models.errors import NotReady

routes = router("patrol phone")


@routes.post("/patrol/pair")
@policy(noun="patrol", anonymous=True)
def pair(request: Request, response: Response, body: PairRequest) -> PatrolItem:
    """Pair this phone with the patrol that the code was made for; the answer sets the cookie."""
    raise NotReady("soon")


@routes.get("/patrol/me")
@policy(noun="patrol", patrol=True)
def patrol_me(request: Request, access: Allowed) -> PatrolItem:
    """Say which patrol this phone is."""
    raise NotReady("soon")


@routes.get("/patrol/assignments")
@policy(noun="patrol", patrol=True)
def list_assignments(request: Request, access: Allowed) -> PatrolAssignmentList:
    """List what this patrol was sent to, newest first."""
    raise NotReady("soon")


@routes.post("/patrol/assignments/{assignment_id}/{step}")
@policy(noun="patrol", object="assignment", patrol=True)
def take_step(
    request: Request,
    assignment_id: int,
    step: Literal["delivered", "accept", "decline", "on_scene", "clear"],
    access: Allowed,
    body: Step | None = None,
    idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
) -> PatrolAssignment:
    """Report a step. A step that was taken already is answered with what stands."""
    raise NotReady("soon")
