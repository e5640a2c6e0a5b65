"""Patrols and what they were sent to, each step with its time."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from models.errors import Conflict


class PatrolState(StrEnum):
    AVAILABLE = "available"
    DISPATCHED = "dispatched"
    EN_ROUTE = "en_route"
    ON_SCENE = "on_scene"
    OFF_DUTY = "off_duty"


class AssignmentState(StrEnum):
    QUEUED = "queued"
    DELIVERED = "delivered"
    ACCEPTED = "accepted"
    ON_SCENE = "on_scene"
    CLEAR = "clear"
    DECLINED = "declined"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"


ASSIGNMENT_TRANSITIONS: dict[AssignmentState, frozenset[AssignmentState]] = {
    AssignmentState.QUEUED: frozenset(
        {
            AssignmentState.DELIVERED,
            AssignmentState.ACCEPTED,
            AssignmentState.DECLINED,
            AssignmentState.TIMED_OUT,
            AssignmentState.CANCELLED,
        }
    ),
    AssignmentState.DELIVERED: frozenset(
        {AssignmentState.ACCEPTED, AssignmentState.DECLINED, AssignmentState.TIMED_OUT, AssignmentState.CANCELLED}
    ),
    AssignmentState.ACCEPTED: frozenset({AssignmentState.ON_SCENE, AssignmentState.CLEAR, AssignmentState.CANCELLED}),
    AssignmentState.ON_SCENE: frozenset({AssignmentState.CLEAR, AssignmentState.CANCELLED}),
    AssignmentState.CLEAR: frozenset(),
    AssignmentState.DECLINED: frozenset(),
    AssignmentState.TIMED_OUT: frozenset(),
    AssignmentState.CANCELLED: frozenset(),
}
OPEN_ASSIGNMENTS = frozenset(state for state, onward in ASSIGNMENT_TRANSITIONS.items() if onward)


def check_assignment_move(old: AssignmentState, new: AssignmentState) -> None:
    """Raise `Conflict` when an assignment may not go from ``old`` to ``new``."""
    if new not in ASSIGNMENT_TRANSITIONS[old]:
        raise Conflict(f"an assignment that is {old} cannot become {new}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patrol:
    id: str
    name: str
    area: str
    state: PatrolState = PatrolState.AVAILABLE
    lat: float | None = None
    lon: float | None = None
    online: bool = False
    row_version: int = 1
    created_at: datetime | None = None
    retired_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    id: int
    incident_id: int
    patrol_id: str
    state: AssignmentState
    note: str
    assigned_by: str
    queued_at: datetime
    answer_by: datetime
    delivered_at: datetime | None = None
    answered_at: datetime | None = None
    on_scene_at: datetime | None = None
    ended_at: datetime | None = None
    decline_reason: str = ""
    patrol_name: str = ""
