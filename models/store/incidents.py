"""Incidents: reading them, and every step a person takes with one.

Each step writes the row, its entry on the incident's timeline, the audit row and the feed row through the caller's
one transaction. Opening and joining by triage is in `models.store.incident_drafts`.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from psycopg import Connection, sql

from models import wire
from models.event import EventKind, Priority, SourceKind
from models.incident import Disposition, EntryKind, Incident, IncidentEntry, IncidentState
from models.store import audit, feed
from models.store.json_column import Jsonb
from models.store.paging import number_cursor

SYSTEM_ACTOR = "alertwall"


class UnitIncident(NamedTuple):
    """What a camera that waits for events has to know of an alarm unit's incident."""

    id: int
    event_count: int
    last_event_at: datetime
    cameras: tuple[str, ...]


_COLUMNS = sql.SQL("""
    i.id, i.area, i.place, i.kind, i.priority, i.state, i.source_kind, i.source_id, i.opened_at, i.last_event_at,
    i.event_count, i.owner, i.claimed_at, i.closed_at, i.disposition, i.active, i.row_version, i.lat, i.lon, i.cameras,
    coalesce(CASE i.source_kind WHEN 'unit' THEN (SELECT name FROM unit WHERE id = i.source_id)
                                WHEN 'camera' THEN (SELECT name FROM camera WHERE id = i.source_id) END, i.source_id),
    i.standing""")
_MANY = sql.SQL("SELECT {} FROM incident i WHERE i.id = ANY(%s) ORDER BY i.id").format(_COLUMNS).as_string()
_LISTING = (
    sql.SQL("""
    SELECT {} FROM incident i
    WHERE EXISTS (SELECT 1 FROM unnest(%(areas)s::text[]) a WHERE i.area = a OR starts_with(i.area, a || '.'))
      AND (%(area)s::text IS NULL OR i.area = %(area)s OR starts_with(i.area, %(area)s || '.'))
      AND (%(states)s::text[] IS NULL OR i.state = ANY(%(states)s))
      AND (%(kinds)s::text[] IS NULL OR i.kind = ANY(%(kinds)s))
      AND (%(priorities)s::smallint[] IS NULL OR i.priority = ANY(%(priorities)s))
      AND (%(source_id)s::text IS NULL OR i.source_id = %(source_id)s)
      AND (%(before)s::bigint IS NULL OR i.id < %(before)s)
    ORDER BY i.id DESC LIMIT %(limit)s""")
    .format(_COLUMNS)
    .as_string()
)


def incident_of(row: Sequence[Any]) -> Incident:
    """Make a record of a row of this module's columns."""
    return Incident(
        id=row[0],
        area=row[1],
        place=row[2],
        kind=EventKind(row[3]),
        priority=Priority(row[4]),
        state=IncidentState(row[5]),
        source_kind=SourceKind(row[6]),
        source_id=row[7],
        opened_at=row[8],
        last_event_at=row[9],
        event_count=row[10],
        owner=row[11],
        claimed_at=row[12],
        closed_at=row[13],
        disposition=Disposition(row[14]) if row[14] is not None else None,
        active=row[15],
        row_version=row[16],
        lat=row[17],
        lon=row[18],
        cameras=tuple(row[19]),
        source_name=row[20],
        standing=tuple(row[21]),
    )


def get(conn: Connection, incident_id: int) -> Incident | None:
    """Return one incident."""
    found = get_many(conn, [incident_id])
    return found[0] if found else None


def get_many(conn: Connection, incident_ids: Sequence[int]) -> list[Incident]:
    """Return incidents by id, in the order of their ids."""
    return [incident_of(row) for row in conn.execute(_MANY, (list(incident_ids),))]


def lock(conn: Connection, incident_id: int) -> Incident | None:
    """Return one incident and hold its row until the transaction ends.

    Rows are always locked in this order, or two people could wait for each other: incident, assignment, patrol, audit.
    """
    conn.execute("SELECT 1 FROM incident WHERE id = %s FOR NO KEY UPDATE", (incident_id,))
    return get(conn, incident_id)


def listing(
    conn: Connection,
    areas: Sequence[str],
    *,
    states: Iterable[IncidentState] | None = None,
    area: str | None = None,
    priorities: Iterable[Priority] | None = None,
    kinds: Iterable[EventKind] | None = None,
    source_id: str | None = None,
    cursor: str | None = None,
    limit: int = 100,
) -> tuple[list[Incident], str | None]:
    """Return incidents inside ``areas``, newest first, and the cursor of the next page."""
    values = {
        "areas": list(areas),
        "area": area,
        "states": None if states is None else [str(state) for state in states],
        "priorities": None if priorities is None else [int(priority) for priority in priorities],
        "kinds": None if kinds is None else [str(kind) for kind in kinds],
        "source_id": source_id,
        "before": number_cursor(cursor),
        "limit": limit + 1,
    }
    rows = conn.execute(_LISTING, values).fetchall()
    items = [incident_of(row) for row in rows[:limit]]
    return items, str(items[-1].id) if len(rows) > limit else None


def active_sources(conn: Connection, kind: EventKind) -> set[str]:
    """Return the sources of open incidents on which a condition of ``kind`` still stands."""
    rows = conn.execute(
        """SELECT split_part(condition, '/', 2) FROM incident, unnest(standing) condition
           WHERE state <> 'closed' AND split_part(condition, '/', 1) = %s""",
        (str(kind),),
    )
    return {row[0] for row in rows}


def latest_of_units(conn: Connection, cameras: Sequence[str], since: datetime) -> list[UnitIncident]:
    """Return the open incidents of alarm units that some of these cameras show and that got an event since then."""
    rows = conn.execute(
        """SELECT id, event_count, last_event_at, cameras FROM incident
           WHERE state <> 'closed' AND source_kind = 'unit' AND cameras && %s AND last_event_at > %s""",
        (list(cameras), since),
    )
    return [UnitIncident(row[0], row[1], row[2], tuple(row[3])) for row in rows]


def entry_of(row: Sequence[Any]) -> IncidentEntry:
    """Return the entry of a row with an entry's columns in the order of its fields."""
    return IncidentEntry(
        id=row[0],
        incident_id=row[1],
        at=row[2],
        kind=EntryKind(row[3]),
        actor=row[4],
        text=row[5],
        event_id=row[6],
        detail=row[7],
    )


def entries(conn: Connection, incident_id: int) -> list[IncidentEntry]:
    """Return what happened to one incident, oldest first."""
    rows = conn.execute(
        """SELECT id, incident_id, at, kind, actor, text, event_id, detail FROM incident_entry
           WHERE incident_id = %s ORDER BY id""",
        (incident_id,),
    )
    return [entry_of(row) for row in rows]


def claim(
    conn: Connection, incident_id: int, username: str, *, at: datetime, expected_version: int | None = None
) -> Incident | None:
    """Give a new incident to ``username``; None when somebody else was first (compare and set in one UPDATE)."""
    return _step(
        conn,
        """UPDATE incident SET state = 'claimed', owner = %(owner)s, claimed_at = %(at)s, row_version = row_version + 1
           WHERE id = %(id)s AND state = 'new' AND (%(version)s::integer IS NULL OR row_version = %(version)s)""",
        {"id": incident_id, "owner": username, "at": at, "version": expected_version},
        entry=EntryKind.CLAIMED,
        actor=username,
    )


def release(
    conn: Connection, incident_id: int, username: str, *, at: datetime, owner: str, text: str = ""
) -> Incident | None:
    """Put an incident that ``owner`` holds back on the wall; None when it is not (or no longer) theirs."""
    return _step(
        conn,
        """UPDATE incident SET state = 'new', owner = NULL, claimed_at = NULL, row_version = row_version + 1
           WHERE id = %(id)s AND state = 'claimed' AND owner = %(owner)s""",
        {"id": incident_id, "owner": owner, "at": at},
        entry=EntryKind.RELEASED,
        actor=username,
        text=text,
        detail={} if owner == username else {"was": owner},
    )


def comment(conn: Connection, incident_id: int, username: str, text: str, *, at: datetime) -> Incident | None:
    """Write a remark on an incident, open or closed; None when there is no such incident."""
    return _step(
        conn,
        "UPDATE incident SET row_version = row_version + 1 WHERE id = %(id)s",
        {"id": incident_id, "at": at},
        entry=EntryKind.COMMENT,
        actor=username,
        text=text,
    )


def close(
    conn: Connection, incident_id: int, username: str, *, at: datetime, disposition: Disposition, text: str = ""
) -> Incident | None:
    """Close an incident that ``username`` holds; None when it is not theirs."""
    return _step(
        conn,
        """UPDATE incident SET state = 'closed', closed_at = %(at)s, disposition = %(disposition)s, active = false,
                  row_version = row_version + 1
           WHERE id = %(id)s AND state = 'claimed' AND owner = %(owner)s""",
        {"id": incident_id, "owner": username, "at": at, "disposition": str(disposition)},
        entry=EntryKind.CLOSED,
        actor=username,
        text=text,
        detail={"disposition": str(disposition)},
    )


def note(
    conn: Connection,
    incident_id: int,
    *,
    at: datetime,
    kind: EntryKind,
    actor: str,
    text: str,
    detail: dict[str, Any],
) -> Incident:
    """Write an entry that comes from elsewhere (a patrol's step) and tell the feed."""
    _add_entry(conn, incident_id, at=at, kind=kind, actor=actor, text=text, detail=detail)
    (incident,) = get_many(conn, [incident_id])
    publish(conn, [incident])
    return incident


def publish(conn: Connection, changed: Sequence[Incident]) -> None:
    """Tell the feed what incidents have become."""
    feed.append_many(
        conn, [(incident.area, "incident", str(incident.id), wire.incident_json(incident)) for incident in changed]
    )


def _step(
    conn: Connection,
    statement: str,
    values: dict[str, Any],
    *,
    entry: EntryKind,
    actor: str,
    text: str = "",
    detail: dict[str, Any] | None = None,
) -> Incident | None:
    """Take one step if the statement's condition still holds; the row, its entry, audit and feed go together."""
    if conn.execute(statement, values).rowcount == 0:
        return None
    detail = detail or {}
    _add_entry(conn, values["id"], at=values["at"], kind=entry, actor=actor, text=text, detail=detail)
    (incident,) = get_many(conn, [values["id"]])
    publish(conn, [incident])
    audit.append(
        conn,
        actor=actor,
        action=f"incident.{_ACTIONS[entry]}",
        object=f"incident:{incident.id}",
        area=incident.area,
        detail={**detail, **({"text": text} if text else {})},
    )
    return incident


_ACTIONS = {
    EntryKind.CLAIMED: "claim",
    EntryKind.RELEASED: "release",
    EntryKind.COMMENT: "comment",
    EntryKind.CLOSED: "close",
}


def _add_entry(
    conn: Connection, incident_id: int, *, at: datetime, kind: EntryKind, actor: str, text: str, detail: dict[str, Any]
) -> None:
    conn.execute(
        """INSERT INTO incident_entry (incident_id, at, kind, actor, text, detail) VALUES (%s, %s, %s, %s, %s, %s)""",
        (incident_id, at, str(kind), actor, text, Jsonb(detail)),
    )
