"""Incidents being opened or added to: read once, changed in memory, written for a whole batch at once.

Triage works on drafts, so that a thousand alarms in a second are a few statements. Rows, entries, audit and feed are
written by one `save`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg import Connection, sql

from models.event import Event, EventKind, Priority, SourceKind
from models.incident import EntryKind, IncidentState
from models.store import audit, incidents
from models.store.incidents import SYSTEM_ACTOR
from models.store.json_column import Jsonb

_COLUMNS = sql.SQL("""
    id, area, place, kind, priority, state, owner, source_kind, source_id, opened_at, last_event_at, event_count,
    active, lat, lon, cameras, standing, source_event_at""")
_OF_SOURCES = (
    sql.SQL("""
    SELECT {} FROM incident
    WHERE state <> 'closed'
      AND ((source_kind, source_id) IN (SELECT * FROM unnest(%s::text[], %s::text[])) OR standing && %s::text[])
    ORDER BY id FOR NO KEY UPDATE""")
    .format(_COLUMNS)
    .as_string()
)
_NEAR = (
    sql.SQL("""
    SELECT {} FROM incident
    WHERE state <> 'closed' AND source_kind = %(source_kind)s AND priority <= %(priority)s
      AND source_event_at >= %(since)s AND opened_at <= %(until)s
      AND (cameras && %(cameras)s::text[]
           OR (lat BETWEEN %(south)s AND %(north)s AND lon BETWEEN %(west)s AND %(east)s))
    ORDER BY id FOR NO KEY UPDATE""")
    .format(_COLUMNS)
    .as_string()
)


@dataclass(frozen=True, slots=True)
class Join:
    """An event on its way into an incident. Without ``text`` it is counted but gets no entry of its own.

    It belongs to one incident; on others where it ends a condition it is only an entry.
    """

    event: Event
    reason: str
    text: str | None
    belongs: bool = True


@dataclass(slots=True, kw_only=True)
class IncidentDraft:
    """An open incident as triage changes it; ``id`` is 0 until `save` has opened it.

    ``source_event_at`` is the last event of its own source: nearness in time is measured from there.
    """

    area: str
    place: str
    kind: EventKind
    priority: Priority
    source_kind: SourceKind
    source_id: str
    opened_at: datetime
    last_event_at: datetime
    source_event_at: datetime
    lat: float | None = None
    lon: float | None = None
    cameras: tuple[str, ...] = ()
    standing: set[str] = field(default_factory=set)
    state: IncidentState = IncidentState.NEW
    owner: str | None = None
    event_count: int = 0
    active: bool = True
    id: int = 0
    actor: str = SYSTEM_ACTOR
    joins: list[Join] = field(default_factory=list)
    raised_from: Priority | None = None

    @property
    def changed(self) -> bool:
        """Whether there is anything to write."""
        return bool(self.joins)


@dataclass(frozen=True, slots=True)
class SourcePlace:
    """Where a source is, and which cameras show it."""

    place: str
    lat: float | None
    lon: float | None
    cameras: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A stretch of the map, degrees."""

    south: float
    north: float
    west: float
    east: float


def serialise(conn: Connection) -> None:
    """Let one triage at a time look and write, or two could open the same incident."""
    conn.execute("SELECT pg_advisory_xact_lock(hashtext('alertwall.triage'))")


def places(
    conn: Connection, *, units: Sequence[str], cameras: Sequence[str]
) -> dict[tuple[SourceKind, str], SourcePlace]:
    """Return where units and cameras are."""
    found = {}
    if units:
        rows = conn.execute(
            """SELECT id, place, lat, lon, ARRAY(SELECT camera_id FROM unit_camera WHERE unit_id = unit.id ORDER BY 1)
               FROM unit WHERE id = ANY(%s)""",
            (list(units),),
        )
        found.update({(SourceKind.UNIT, row[0]): SourcePlace(row[1], row[2], row[3], tuple(row[4])) for row in rows})
    if cameras:
        rows = conn.execute("SELECT id, place, lat, lon FROM camera WHERE id = ANY(%s)", (list(cameras),))
        found.update({(SourceKind.CAMERA, row[0]): SourcePlace(row[1], row[2], row[3], (row[0],)) for row in rows})
    return found


def of_sources(
    conn: Connection, sources: Sequence[tuple[SourceKind, str]], conditions: Sequence[str]
) -> list[IncidentDraft]:
    """Return the open incidents of ``sources`` or on which one of ``conditions`` stands, locked until the end."""
    kinds, ids = [str(kind) for kind, _ in sources], [source_id for _, source_id in sources]
    return [_draft(row) for row in conn.execute(_OF_SOURCES, (kinds, ids, list(conditions)))]


def near(
    conn: Connection,
    *,
    source_kind: SourceKind,
    priority: Priority,
    since: datetime,
    until: datetime,
    cameras: Sequence[str],
    box: Box | None,
) -> list[IncidentDraft]:
    """Return open incidents close in time that one of ``cameras`` shows or that lie in ``box``, locked."""
    values = {
        "source_kind": str(source_kind),
        "priority": int(priority),
        "since": since,
        "until": until,
        "cameras": list(cameras),
        "south": box.south if box else None,
        "north": box.north if box else None,
        "west": box.west if box else None,
        "east": box.east if box else None,
    }
    return [_draft(row) for row in conn.execute(_NEAR, values)]


def save(conn: Connection, drafts: Sequence[IncidentDraft], *, at: datetime) -> list[int]:
    """Write what has changed in ``drafts``; returns the ids of the incidents opened."""
    changed = [draft for draft in drafts if draft.changed]
    if not changed:
        return []
    _update(conn, [draft for draft in changed if draft.id != 0])
    opened = [draft for draft in changed if draft.id == 0]
    _insert(conn, opened)
    opened_ids = {draft.id for draft in opened}
    _join_events(conn, changed)
    _write_entries(conn, changed, opened_ids, at)
    incidents.publish(conn, incidents.get_many(conn, [draft.id for draft in changed]))
    audit.append_many(conn, _audit_rows(changed, opened_ids))
    return sorted(opened_ids)


def _insert(conn: Connection, opened: Sequence[IncidentDraft]) -> None:
    if not opened:
        return
    ids = conn.execute(
        "SELECT nextval(pg_get_serial_sequence('incident', 'id')) FROM generate_series(1, %s)", (len(opened),)
    ).fetchall()
    for draft, (new_id,) in zip(opened, ids, strict=True):
        draft.id = new_id
    conn.execute(
        """
        INSERT INTO incident (id, area, place, kind, priority, source_kind, source_id, opened_at, last_event_at,
                              event_count, active, lat, lon, cameras, standing, source_event_at)
        OVERRIDING SYSTEM VALUE
        SELECT id, area, place, kind, priority, source_kind, source_id, opened_at, last_event_at, event_count, active,
               lat, lon, ARRAY(SELECT jsonb_array_elements_text(cameras)),
               ARRAY(SELECT jsonb_array_elements_text(standing)), source_event_at
        FROM unnest(%b::bigint[], %b::text[], %b::text[], %b::text[], %b::smallint[], %b::text[], %b::text[],
                    %b::timestamptz[], %b::timestamptz[], %b::integer[], %b::boolean[], %b::float8[], %b::float8[],
                    %b::jsonb[], %b::jsonb[], %b::timestamptz[])
             AS n (id, area, place, kind, priority, source_kind, source_id, opened_at, last_event_at, event_count,
                   active, lat, lon, cameras, standing, source_event_at)
        """,
        (
            [draft.id for draft in opened],
            [draft.area for draft in opened],
            [draft.place for draft in opened],
            [str(draft.kind) for draft in opened],
            [int(draft.priority) for draft in opened],
            [str(draft.source_kind) for draft in opened],
            [draft.source_id for draft in opened],
            [draft.opened_at for draft in opened],
            [draft.last_event_at for draft in opened],
            [draft.event_count for draft in opened],
            [draft.active for draft in opened],
            [draft.lat for draft in opened],
            [draft.lon for draft in opened],
            [Jsonb(list(draft.cameras)) for draft in opened],
            [Jsonb(sorted(draft.standing)) for draft in opened],
            [draft.source_event_at for draft in opened],
        ),
    )


def _update(conn: Connection, touched: Sequence[IncidentDraft]) -> None:
    """Write counts and conditions; the version moves only with what a person decides by (priority, source, place)."""
    if not touched:
        return
    conn.execute(
        """
        UPDATE incident i SET
            place = n.place, kind = n.kind, priority = n.priority, source_kind = n.source_kind, source_id = n.source_id,
            area = n.area, last_event_at = n.last_event_at, event_count = n.event_count, active = n.active,
            lat = n.lat, lon = n.lon, source_event_at = n.source_event_at,
            cameras = ARRAY(SELECT jsonb_array_elements_text(n.cameras)),
            standing = ARRAY(SELECT jsonb_array_elements_text(n.standing)),
            row_version = i.row_version + (n.priority <> i.priority OR n.source_id <> i.source_id)::integer
        FROM unnest(%b::bigint[], %b::text[], %b::text[], %b::text[], %b::smallint[], %b::text[], %b::text[],
                    %b::timestamptz[], %b::integer[], %b::boolean[], %b::float8[], %b::float8[], %b::jsonb[],
                    %b::jsonb[], %b::timestamptz[])
             AS n (id, area, place, kind, priority, source_kind, source_id, last_event_at, event_count, active, lat,
                   lon, cameras, standing, source_event_at)
        WHERE i.id = n.id
        """,
        (
            [draft.id for draft in touched],
            [draft.area for draft in touched],
            [draft.place for draft in touched],
            [str(draft.kind) for draft in touched],
            [int(draft.priority) for draft in touched],
            [str(draft.source_kind) for draft in touched],
            [draft.source_id for draft in touched],
            [draft.last_event_at for draft in touched],
            [draft.event_count for draft in touched],
            [draft.active for draft in touched],
            [draft.lat for draft in touched],
            [draft.lon for draft in touched],
            [Jsonb(list(draft.cameras)) for draft in touched],
            [Jsonb(sorted(draft.standing)) for draft in touched],
            [draft.source_event_at for draft in touched],
        ),
    )


def _join_events(conn: Connection, changed: Sequence[IncidentDraft]) -> None:
    pairs = [(draft.id, join) for draft in changed for join in draft.joins if join.belongs]
    conn.execute(
        """INSERT INTO incident_event (event_id, event_time, incident_id, reason)
           SELECT * FROM unnest(%b::uuid[], %b::timestamptz[], %b::bigint[], %b::text[]) ON CONFLICT DO NOTHING""",
        (
            [join.event.id for _, join in pairs],
            [join.event.time for _, join in pairs],
            [incident_id for incident_id, _ in pairs],
            [join.reason for _, join in pairs],
        ),
    )


def _write_entries(conn: Connection, changed: Sequence[IncidentDraft], opened_ids: set[int], at: datetime) -> None:
    rows: list[tuple[int, EntryKind, str, str, Join]] = []
    for draft in changed:
        fresh = draft.id in opened_ids
        for join in draft.joins:
            if join.text is None:
                continue
            kind = EntryKind.OPENED if fresh else EntryKind.EVENT
            rows.append((draft.id, kind, draft.actor, join.text, join))
            fresh = False
    if not rows:
        return
    conn.execute(
        """INSERT INTO incident_entry (incident_id, at, kind, actor, text, event_id, detail)
           SELECT * FROM unnest(%b::bigint[], %b::timestamptz[], %b::text[], %b::text[], %b::text[], %b::uuid[],
                                %b::jsonb[])""",
        (
            [incident_id for incident_id, *_ in rows],
            [at] * len(rows),
            [str(kind) for _, kind, *_ in rows],
            [actor for _, _, actor, *_ in rows],
            [text for *_, text, _ in rows],
            [join.event.id for *_, join in rows],
            [Jsonb(_entry_detail(join)) for *_, join in rows],
        ),
    )


def _entry_detail(join: Join) -> dict[str, Any]:
    event = join.event
    return {
        "kind": str(event.kind),
        "source_kind": str(event.source_kind),
        "source_id": event.source_id,
        "reason": join.reason,
    }


def _audit_rows(changed: Sequence[IncidentDraft], opened_ids: set[int]) -> list[audit.Entry]:
    rows = []
    for draft in changed:
        detail: dict[str, Any]
        if draft.id in opened_ids:
            action, detail = "incident.open", {"kind": str(draft.kind), "source_id": draft.source_id}
        elif draft.raised_from is not None:
            action, detail = "incident.raise", {"from": int(draft.raised_from), "to": int(draft.priority)}
        else:
            continue
        rows.append(
            audit.Entry(
                actor=draft.actor,
                action=action,
                object=f"incident:{draft.id}",
                area=draft.area,
                detail={**detail, "event_id": str(draft.joins[0].event.id)},
            )
        )
    return rows


def _draft(row: Sequence[Any]) -> IncidentDraft:
    return IncidentDraft(
        id=row[0],
        area=row[1],
        place=row[2],
        kind=EventKind(row[3]),
        priority=Priority(row[4]),
        state=IncidentState(row[5]),
        owner=row[6],
        source_kind=SourceKind(row[7]),
        source_id=row[8],
        opened_at=row[9],
        last_event_at=row[10],
        event_count=row[11],
        active=row[12],
        lat=row[13],
        lon=row[14],
        cameras=tuple(row[15]),
        standing=set(row[16]),
        source_event_at=row[17],
    )
