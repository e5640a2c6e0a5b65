"""What supervisors read across rooms, kept to their areas: the audit trail, quarantined messages, patrols' errands."""

from collections.abc import Iterable, Sequence
from typing import Any

from psycopg import Connection
from psycopg.sql import SQL

from models.patrol import Assignment, AssignmentState
from models.store import areas as area_store
from models.store.audit import AuditRow
from models.store.paging import number_cursor
from models.store.patrols import assignment_of
from models.store.quarantine import QuarantinedMessage

_AUDIT = SQL(
    "SELECT t.id, t.at, t.actor, t.action, t.object, t.area, t.detail FROM audit t"
    " LEFT JOIN app_user u ON u.username = t.actor"
    " WHERE (%s::bigint IS NULL OR t.id < %s)"
    " AND CASE WHEN t.area <> '' THEN {} ELSE u.username IS NULL OR {} END"
    " ORDER BY t.id DESC LIMIT %s"
).format(area_store.inside("t.area"), area_store.all_inside("u.areas"))
_QUARANTINE = SQL(
    "SELECT q.id, q.received_at, q.topic, q.payload, q.reason, q.unit_id FROM quarantine q"
    " LEFT JOIN unit u ON u.id = q.unit_id"
    " WHERE (%s::bigint IS NULL OR q.id < %s) AND (u.id IS NULL OR {}) ORDER BY q.id DESC LIMIT %s"
).format(area_store.inside("u.area"))
_ERRANDS = SQL(
    "SELECT a.id, a.incident_id, a.patrol_id, a.state, a.note, a.assigned_by, a.queued_at, a.answer_by,"
    " a.delivered_at, a.answered_at, a.on_scene_at, a.ended_at, a.decline_reason, p.name"
    " FROM assignment a JOIN patrol p ON p.id = a.patrol_id JOIN incident i ON i.id = a.incident_id"
    " WHERE (%s::bigint IS NULL OR a.id < %s) AND (%s::text[] IS NULL OR a.state = ANY(%s)) AND {}"
    " ORDER BY a.id DESC LIMIT %s"
).format(area_store.inside("i.area"))


def audit_page(
    conn: Connection[Any], areas: Sequence[str], *, cursor: str | None = None, limit: int = 100
) -> tuple[list[AuditRow], str | None]:
    """Return the newest rows first: of these areas, and of what people of these areas did in none."""
    before, wanted = number_cursor(cursor), list(areas)
    rows = conn.execute(_AUDIT, (before, before, wanted, wanted, limit + 1)).fetchall()
    found = [
        AuditRow(id=row[0], at=row[1], actor=row[2], action=row[3], object=row[4], area=row[5], detail=row[6])
        for row in rows[:limit]
    ]
    return found, str(found[-1].id) if len(rows) > limit else None


def quarantine_page(
    conn: Connection[Any], areas: Sequence[str], *, cursor: str | None = None, limit: int = 100
) -> tuple[list[QuarantinedMessage], str | None]:
    """Return the newest messages first: of units in these areas, and of senders that are nobody's unit."""
    before = number_cursor(cursor)
    rows = conn.execute(_QUARANTINE, (before, before, list(areas), limit + 1)).fetchall()
    found = [
        QuarantinedMessage(id=row[0], received_at=row[1], topic=row[2], payload=row[3], reason=row[4], unit_id=row[5])
        for row in rows[:limit]
    ]
    return found, str(found[-1].id) if len(rows) > limit else None


def errands_page(
    conn: Connection[Any],
    areas: Sequence[str],
    *,
    states: Iterable[AssignmentState] | None = None,
    cursor: str | None = None,
    limit: int = 100,
) -> tuple[list[Assignment], str | None]:
    """Return assignments to incidents of these areas, newest first."""
    before = number_cursor(cursor)
    wanted = None if states is None else [str(state) for state in states]
    rows = conn.execute(_ERRANDS, (before, before, wanted, wanted, list(areas), limit + 1)).fetchall()
    found = [assignment_of(row) for row in rows[:limit]]
    return found, str(found[-1].id) if len(rows) > limit else None
