"""Patrols and their assignments. Every step of an assignment has its own column for the time it was taken.

Functions here keep rows and feed together; who may take which step, and the audit rows, is `alarms.dispatch`'s.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from psycopg import Connection, errors, sql

from models import wire
from models.errors import BadInput, Conflict, NotFound
from models.patrol import OPEN_ASSIGNMENTS, Assignment, AssignmentState, Patrol, PatrolState
from models.store import feed

PRESENCE_S = 15
"""A phone not heard for longer counts as away."""
WRITABLE = frozenset({"name", "area", "lat", "lon"})

_PATROL = sql.SQL("""
    p.id, p.name, p.area, p.state, p.lat, p.lon,
    coalesce(p.seen_at > coalesce(%(now)s::timestamptz, now()) - make_interval(secs => {}), false),
    p.row_version, p.created_at, p.retired_at""").format(sql.Literal(PRESENCE_S))
_ASSIGNMENT = sql.SQL("""
    a.id, a.incident_id, a.patrol_id, a.state, a.note, a.assigned_by, a.queued_at, a.answer_by, a.delivered_at,
    a.answered_at, a.on_scene_at, a.ended_at, a.decline_reason,
    (SELECT name FROM patrol WHERE id = a.patrol_id)""")
_GET = sql.SQL("SELECT {} FROM patrol p WHERE p.id = %(id)s").format(_PATROL).as_string()
_LISTING = (
    sql.SQL("""
    SELECT {} FROM patrol p
    WHERE p.retired_at IS NULL
      AND EXISTS (SELECT 1 FROM unnest(%(areas)s::text[]) a WHERE p.area = a OR starts_with(p.area, a || '.'))
      AND p.id > %(after)s
    ORDER BY p.id LIMIT %(limit)s""")
    .format(_PATROL)
    .as_string()
)
_GET_ASSIGNMENT = sql.SQL("SELECT {} FROM assignment a WHERE a.id = %s").format(_ASSIGNMENT).as_string()
_OF_INCIDENT = (
    sql.SQL("SELECT {} FROM assignment a WHERE a.incident_id = %s ORDER BY a.id").format(_ASSIGNMENT).as_string()
)
_OF_PATROL = (
    sql.SQL("""
    SELECT {} FROM assignment a
    WHERE a.patrol_id = %(patrol_id)s AND (NOT %(open_only)s OR a.state = ANY(%(open)s))
    ORDER BY a.id DESC LIMIT %(limit)s""")
    .format(_ASSIGNMENT)
    .as_string()
)
_OPEN = [str(state) for state in sorted(OPEN_ASSIGNMENTS)]


def _patrol(row: Sequence[Any]) -> Patrol:
    return Patrol(
        id=row[0],
        name=row[1],
        area=row[2],
        state=PatrolState(row[3]),
        lat=row[4],
        lon=row[5],
        online=row[6],
        row_version=row[7],
        created_at=row[8],
        retired_at=row[9],
    )


def assignment_of(row: Sequence[Any]) -> Assignment:
    """Return the assignment of a row with an assignment's columns and its patrol's name."""
    return Assignment(
        id=row[0],
        incident_id=row[1],
        patrol_id=row[2],
        state=AssignmentState(row[3]),
        note=row[4],
        assigned_by=row[5],
        queued_at=row[6],
        answer_by=row[7],
        delivered_at=row[8],
        answered_at=row[9],
        on_scene_at=row[10],
        ended_at=row[11],
        decline_reason=row[12],
        patrol_name=row[13],
    )


def create(conn: Connection, patrol: Patrol) -> Patrol:
    """Register a patrol; `Conflict` when the id is or was somebody's."""
    try:
        with conn.transaction():
            conn.execute(
                "INSERT INTO patrol (id, name, area, state, lat, lon) VALUES (%s, %s, %s, %s, %s, %s)",
                (patrol.id, patrol.name, patrol.area, str(patrol.state), patrol.lat, patrol.lon),
            )
    except errors.UniqueViolation:
        raise Conflict(f"a patrol {patrol.id} exists or existed") from None
    return _changed(conn, patrol.id)


def get(conn: Connection, patrol_id: str, *, now: datetime | None = None) -> Patrol | None:
    """Return one patrol, retired ones included; ``now`` decides whether its phone is online."""
    row = conn.execute(_GET, {"id": patrol_id, "now": now}).fetchone()
    return _patrol(row) if row else None


def listing(
    conn: Connection,
    areas: Sequence[str],
    *,
    cursor: str | None = None,
    limit: int = 100,
    now: datetime | None = None,
) -> tuple[list[Patrol], str | None]:
    """Return patrols inside ``areas`` by id, and the cursor of the next page."""
    values = {"areas": list(areas), "after": cursor or "", "limit": limit + 1, "now": now}
    rows = conn.execute(_LISTING, values).fetchall()
    items = [_patrol(row) for row in rows[:limit]]
    return items, items[-1].id if len(rows) > limit else None


def update(conn: Connection, patrol_id: str, changes: Mapping[str, Any], *, expected_version: int | None) -> Patrol:
    """Change a registration; keys are `WRITABLE`. `Conflict` when somebody changed it meanwhile."""
    if unknown := changes.keys() - WRITABLE:
        raise BadInput(min(unknown), "a field that can be changed")
    assignments = [sql.SQL("{} = {}").format(sql.Identifier(key), sql.Placeholder(key)) for key in changes]
    statement = sql.SQL(
        """UPDATE patrol SET {} WHERE id = %(patrol_id)s AND retired_at IS NULL
             AND (%(expected_version)s::integer IS NULL OR row_version = %(expected_version)s)"""
    ).format(sql.SQL(", ").join([*assignments, sql.SQL("row_version = row_version + 1")]))
    if conn.execute(statement, {**changes, "patrol_id": patrol_id, "expected_version": expected_version}).rowcount == 0:
        if (patrol := get(conn, patrol_id)) is None or patrol.retired_at is not None:
            raise NotFound("patrol", patrol_id)
        raise Conflict(f"patrol {patrol_id} is at version {patrol.row_version}, not {expected_version}")
    return _changed(conn, patrol_id)


def retire(conn: Connection, patrol_id: str, *, at: datetime) -> Patrol:
    """Take a patrol out of service; `Conflict` while it is on an assignment."""
    statement = """UPDATE patrol SET retired_at = %s, state = 'off_duty', row_version = row_version + 1
                   WHERE id = %s AND retired_at IS NULL"""
    if conn.execute(statement, (at, patrol_id)).rowcount == 0:
        raise NotFound("patrol", patrol_id)
    if of_patrol(conn, patrol_id, open_only=True):  # asked with the row in hand: nobody can send it any more
        raise Conflict(f"patrol {patrol_id} is on an assignment")
    return _changed(conn, patrol_id)


def seen(conn: Connection, patrol_id: str, *, at: datetime, lat: float | None = None, lon: float | None = None) -> None:
    """Note that a patrol's phone is connected; told to the feed when it was away or moved."""
    row = conn.execute(
        """UPDATE patrol p SET seen_at = %(at)s, lat = coalesce(%(lat)s, p.lat), lon = coalesce(%(lon)s, p.lon)
           FROM (SELECT id, seen_at, lat, lon FROM patrol WHERE id = %(id)s AND retired_at IS NULL) old
           WHERE p.id = old.id
           RETURNING coalesce(old.seen_at < %(at)s - make_interval(secs => %(presence_s)s), true)
                     OR (p.lat, p.lon) IS DISTINCT FROM (old.lat, old.lon)""",
        {"id": patrol_id, "at": at, "lat": lat, "lon": lon, "presence_s": PRESENCE_S},
    ).fetchone()
    if row is None:
        raise NotFound("patrol", patrol_id)
    if row[0]:
        _changed(conn, patrol_id, now=at)


def set_state(conn: Connection, patrol_id: str, state: PatrolState, *, now: datetime) -> Patrol:
    """Write what a patrol is doing; `NotFound` when it is out of service."""
    row = conn.execute(
        """UPDATE patrol SET state = %s, row_version = row_version + (state <> %s)::integer
           WHERE id = %s AND retired_at IS NULL""",
        (str(state), str(state), patrol_id),
    )
    if row.rowcount == 0:
        raise NotFound("patrol", patrol_id)
    return _changed(conn, patrol_id, now=now)


def assign(
    conn: Connection,
    *,
    incident_id: int,
    patrol_id: str,
    note: str,
    assigned_by: str,
    at: datetime,
    answer_by: datetime,
) -> Assignment:
    """Queue an assignment; `Conflict` when the patrol already has one."""
    try:
        with conn.transaction():
            row = conn.execute(
                """INSERT INTO assignment (incident_id, patrol_id, note, assigned_by, queued_at, answer_by)
                   VALUES (%s, %s, %s, %s, %s, %s) RETURNING id""",
                (incident_id, patrol_id, note, assigned_by, at, answer_by),
            ).fetchone()
    except errors.UniqueViolation:
        (other,) = of_patrol(conn, patrol_id, open_only=True) or (None,)
        busy = f"on incident {other.incident_id}" if other else "on another incident"
        raise Conflict(f"patrol {patrol_id} is {busy}", winner=other.assigned_by if other else None) from None
    assert row is not None
    assignment = get_assignment(conn, row[0])
    assert assignment is not None
    return assignment


def get_assignment(conn: Connection, assignment_id: int) -> Assignment | None:
    """Return one assignment."""
    row = conn.execute(_GET_ASSIGNMENT, (assignment_id,)).fetchone()
    return assignment_of(row) if row else None


def of_incident(conn: Connection, incident_id: int) -> list[Assignment]:
    """Return all assignments of an incident, oldest first."""
    return [assignment_of(row) for row in conn.execute(_OF_INCIDENT, (incident_id,))]


def of_patrol(conn: Connection, patrol_id: str, *, open_only: bool = False, limit: int = 50) -> list[Assignment]:
    """Return a patrol's assignments, newest first."""
    values = {"patrol_id": patrol_id, "open_only": open_only, "open": _OPEN, "limit": limit}
    return [assignment_of(row) for row in conn.execute(_OF_PATROL, values)]


def due(conn: Connection, now: datetime, *, limit: int = 100) -> list[int]:
    """Return assignments that nobody answered in time."""
    rows = conn.execute(
        """SELECT id FROM assignment WHERE state IN ('queued','delivered') AND answer_by <= %s ORDER BY id LIMIT %s""",
        (now, limit),
    )
    return [row[0] for row in rows]


_TIME_COLUMNS = {
    AssignmentState.DELIVERED: ("delivered_at",),
    AssignmentState.ACCEPTED: ("answered_at",),
    AssignmentState.DECLINED: ("answered_at", "ended_at"),
    AssignmentState.TIMED_OUT: ("answered_at", "ended_at"),
    AssignmentState.ON_SCENE: ("on_scene_at",),
    AssignmentState.CLEAR: ("ended_at",),
    AssignmentState.CANCELLED: ("ended_at",),
}


def move(
    conn: Connection,
    assignment_id: int,
    *,
    old: AssignmentState,
    new: AssignmentState,
    at: datetime,
    decline_reason: str = "",
) -> Assignment | None:
    """Move an assignment from ``old`` to ``new`` and note the time; None when it was no longer ``old``."""
    times = [sql.SQL("{} = %(at)s").format(sql.Identifier(column)) for column in _TIME_COLUMNS[new]]
    statement = sql.SQL(
        """UPDATE assignment SET {}, state = %(new)s, decline_reason = %(reason)s
           WHERE id = %(id)s AND state = %(old)s"""
    ).format(sql.SQL(", ").join(times))
    values = {"id": assignment_id, "old": str(old), "new": str(new), "at": at, "reason": decline_reason}
    if conn.execute(statement, values).rowcount == 0:
        return None
    return get_assignment(conn, assignment_id)


def publish_assignment(conn: Connection, assignment: Assignment, *, area: str) -> None:
    """Tell the feed; ``area`` is the incident's."""
    feed.append(conn, area=area, kind="assignment", ref=str(assignment.id), body=wire.assignment_json(assignment))


def _changed(conn: Connection, patrol_id: str, *, now: datetime | None = None) -> Patrol:
    patrol = get(conn, patrol_id, now=now)
    if patrol is None:
        raise NotFound("patrol", patrol_id)
    feed.append(conn, area=patrol.area, kind="patrol", ref=patrol.id, body=wire.patrol_json(patrol))
    return patrol
