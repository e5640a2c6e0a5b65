"""Sending patrols: assign, deliver, answer, arrive, clear; every step with its time, and none is lost.

An assignment moves only along `models.patrol.ASSIGNMENT_TRANSITIONS`, by compare and set. Its patrol's state follows.
Rows are locked in the order incident, assignment, patrol, audit (see `models.store.incidents.lock`).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from psycopg import Connection

from models.clock import Clock
from models.errors import BadInput, Conflict, NotFound
from models.incident import EntryKind, Incident, IncidentState
from models.patrol import (
    OPEN_ASSIGNMENTS,
    Assignment,
    AssignmentState,
    PatrolState,
    check_assignment_move,
)
from models.store import audit, incidents, patrols
from models.store.incidents import SYSTEM_ACTOR
from models.store.pool import Store
from models.user import Login

NOTE_MAX_CHARS = 1000
ANSWER_WITHIN_S = 60.0
_PATROL_STATES = {
    AssignmentState.ACCEPTED: PatrolState.EN_ROUTE,
    AssignmentState.ON_SCENE: PatrolState.ON_SCENE,
    AssignmentState.CLEAR: PatrolState.AVAILABLE,
    AssignmentState.DECLINED: PatrolState.AVAILABLE,
    AssignmentState.TIMED_OUT: PatrolState.AVAILABLE,
    AssignmentState.CANCELLED: PatrolState.AVAILABLE,
}
"""What a patrol does once its assignment has moved there; the others leave it dispatched."""


def assign(  # noqa: PLR0917
    store: Store,
    clock: Clock,
    incident_id: int,
    patrol_id: str,
    note: str,
    login: Login,
    *,
    answer_within_s: float = ANSWER_WITHIN_S,
) -> Assignment:
    """Send a patrol to an incident; `Conflict` when the patrol is busy or the incident closed."""
    at = clock.utc_now()
    with store.transaction() as conn:
        incident = incidents.lock(conn, incident_id)
        if incident is None:
            raise NotFound("incident", incident_id)
        if incident.state is IncidentState.CLOSED:
            raise Conflict(f"incident {incident_id} is closed")
        patrol = patrols.get(conn, patrol_id, now=at)
        if patrol is None or patrol.retired_at is not None:
            raise NotFound("patrol", patrol_id)
        if patrol.state is PatrolState.OFF_DUTY:
            raise Conflict(f"patrol {patrol_id} is off duty")
        assignment = patrols.assign(
            conn,
            incident_id=incident_id,
            patrol_id=patrol_id,
            note=_check(note, "note"),
            assigned_by=login.username,
            at=at,
            answer_by=at + timedelta(seconds=answer_within_s),
        )
        patrols.set_state(conn, patrol_id, PatrolState.DISPATCHED, now=at)
        _write_down(conn, assignment, incident, at=at, actor=login.username, kind=EntryKind.DISPATCH)
        audit_moves(conn, [assignment], actor=login.username, area=incident.area)
    return assignment


def delivered(store: Store, clock: Clock, assignment_id: int, patrol_id: str) -> Assignment:
    """Note that the patrol's phone has shown the assignment; saying so twice changes nothing."""
    return _move(store, clock, assignment_id, patrol_id, AssignmentState.DELIVERED)


def answer(
    store: Store, clock: Clock, assignment_id: int, patrol_id: str, *, accept: bool, reason: str = ""
) -> Assignment:
    """Note the patrol's answer; `Conflict` when it comes after the time is up."""
    new = AssignmentState.ACCEPTED if accept else AssignmentState.DECLINED
    return _move(store, clock, assignment_id, patrol_id, new, reason="" if accept else _check(reason, "reason"))


def step(store: Store, clock: Clock, assignment_id: int, patrol_id: str, new: AssignmentState) -> Assignment:
    """Note that the patrol is on scene, or clear."""
    if new not in (AssignmentState.ON_SCENE, AssignmentState.CLEAR):
        raise BadInput("state", "on_scene or clear")
    return _move(store, clock, assignment_id, patrol_id, new)


def time_out_due(store: Store, clock: Clock) -> list[Assignment]:
    """End the assignments nobody answered in time; a patrol that answers at this very moment wins or loses cleanly."""
    at = clock.utc_now()
    with store.transaction() as conn:
        due = patrols.due(conn, at)
    ended = []
    for assignment_id in due:
        with store.transaction() as conn:
            incident, assignment = _lock(conn, assignment_id)
            if assignment.state not in (AssignmentState.QUEUED, AssignmentState.DELIVERED):
                continue
            moved = _advance(conn, incident, assignment, AssignmentState.TIMED_OUT, at=at, actor=SYSTEM_ACTOR)
            audit_moves(conn, [moved], actor=SYSTEM_ACTOR, area=incident.area)
            ended.append(moved)
    return ended


def cancel_open(conn: Connection, incident: Incident, *, at: datetime, actor: str) -> list[Assignment]:
    """Call off whoever is still on the way; the caller holds the incident and writes the audit rows last."""
    return [
        _advance(conn, incident, assignment, AssignmentState.CANCELLED, at=at, actor=actor)
        for assignment in patrols.of_incident(conn, incident.id)
        if assignment.state in OPEN_ASSIGNMENTS
    ]


def audit_moves(conn: Connection, moved: Sequence[Assignment], *, actor: str, area: str) -> None:
    """Write the audit rows of assignments that have moved."""
    audit.append_many(
        conn,
        [
            audit.Entry(
                actor=actor,
                action=f"assignment.{assignment.state}",
                object=f"assignment:{assignment.id}",
                area=area,
                detail={"incident": assignment.incident_id, "patrol": assignment.patrol_id},
            )
            for assignment in moved
        ],
    )


def _move(
    store: Store, clock: Clock, assignment_id: int, patrol_id: str, new: AssignmentState, *, reason: str = ""
) -> Assignment:
    """Take a step as the patrol; a step already taken is answered with what stands (phones repeat themselves)."""
    actor = f"patrol:{patrol_id}"
    with store.transaction() as conn:
        incident, assignment = _lock(conn, assignment_id)
        if assignment.patrol_id != patrol_id:
            raise NotFound("assignment", assignment_id)
        repeated = new is assignment.state
        too_late_to_matter = new is AssignmentState.DELIVERED and assignment.state in OPEN_ASSIGNMENTS
        if repeated or (too_late_to_matter and assignment.state is not AssignmentState.QUEUED):
            return assignment
        check_assignment_move(assignment.state, new)
        moved = _advance(conn, incident, assignment, new, at=clock.utc_now(), actor=actor, reason=reason)
        audit_moves(conn, [moved], actor=actor, area=incident.area)
    return moved


def _lock(conn: Connection, assignment_id: int) -> tuple[Incident, Assignment]:
    found = patrols.get_assignment(conn, assignment_id)
    incident = incidents.lock(conn, found.incident_id) if found else None
    assignment = patrols.get_assignment(conn, assignment_id)
    if incident is None or assignment is None:
        raise NotFound("assignment", assignment_id)
    return incident, assignment


def _advance(
    conn: Connection,
    incident: Incident,
    assignment: Assignment,
    new: AssignmentState,
    *,
    at: datetime,
    actor: str,
    reason: str = "",
) -> Assignment:
    moved = patrols.move(conn, assignment.id, old=assignment.state, new=new, at=at, decline_reason=reason)
    if moved is None:
        raise Conflict(f"assignment {assignment.id} has moved meanwhile")
    if new in _PATROL_STATES:
        patrols.set_state(conn, moved.patrol_id, _PATROL_STATES[new], now=at)
    _write_down(conn, moved, incident, at=at, actor=actor, kind=EntryKind.PATROL)
    return moved


def _write_down(
    conn: Connection, assignment: Assignment, incident: Incident, *, at: datetime, actor: str, kind: EntryKind
) -> None:
    patrols.publish_assignment(conn, assignment, area=incident.area)
    incidents.note(
        conn,
        incident.id,
        at=at,
        kind=kind,
        actor=actor,
        text=assignment.decline_reason or (assignment.note if kind is EntryKind.DISPATCH else ""),
        detail={"assignment": assignment.id, "patrol": assignment.patrol_id, "state": str(assignment.state)},
    )


def _check(text: str, field: str) -> str:
    if len(text) > NOTE_MAX_CHARS or "\0" in text:
        raise BadInput(field, f"at most {NOTE_MAX_CHARS} characters, none of them NUL")
    return text.strip()
