"""Events: written once by their own id, told to the feed, and queued for triage when they may wake somebody."""

import base64
import binascii
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg import Connection, sql

from models import wire
from models.area import check_area
from models.errors import BadInput
from models.event import RESTORING, Event, EventKind, Priority, SourceKind
from models.store import feed
from models.store.json_column import Jsonb, clean_text

COLUMNS = (
    "id, time, received_at, device_time, area, kind, source_kind, source_id, priority, label, score, track_id,"
    " rule_id, rule_version, x0, y0, x1, y1, snapshot, attrs"
)
_TYPES = ["uuid", *["timestamptz"] * 3, *["text"] * 4, "int2", "text", "float4", "int8", *["int4"] * 6, "text", "jsonb"]
_INSERT = (
    f"INSERT INTO event ({COLUMNS}) SELECT * FROM unnest({', '.join(f'%b::{kind}[]' for kind in _TYPES)})"  # noqa: S608
    " ON CONFLICT DO NOTHING RETURNING id"
).encode()
LISTING_LIMIT = 500
LOOK_BACK_DAYS = (1, 8, 0)
TICK = timedelta(microseconds=1)


def write(conn: Connection[Any], events: Sequence[Event], *, triage: bool = True) -> list[UUID]:
    """Store ``events`` and return the ids of those that were new.

    The new ones are told to the feed; those above `Priority.FACT` and the restoring ones are queued for triage unless
    the caller does that itself in the same transaction (``triage=False``).
    """
    unique = list({event.id: event for event in events}.values())
    new = insert(conn, unique)
    fresh = [event for event in unique if event.id in new]
    feed.append_many(conn, [(event.area, "event", str(event.id), wire.event_json(event)) for event in fresh])
    waking = [event for event in fresh if triage and (event.priority < Priority.FACT or event.kind in RESTORING)]
    if waking:
        conn.execute(
            """INSERT INTO triage_queue (event_id, event_time)
               SELECT * FROM unnest(%b::uuid[], %b::timestamptz[]) ON CONFLICT DO NOTHING""",
            ([event.id for event in waking], [event.time for event in waking]),
        )
    return [event.id for event in fresh]


def insert(conn: Connection[Any], events: Sequence[Event]) -> set[UUID]:
    """Store ``events``, tell nobody, and return the ids of those that were new."""
    if not events:
        return set()
    # in the order of the key, so that two writers of the same facts wait for each other at most once
    rows = map(_values, sorted(events, key=_key))
    columns = [list(column) for column in zip(*rows, strict=True)]
    return {row[0] for row in conn.execute(_INSERT, columns).fetchall()}


def get(conn: Connection[Any], id: UUID) -> Event | None:
    """Return one event, None when there is none."""
    row = conn.execute(f"SELECT {COLUMNS} FROM event WHERE id = %s".encode(), (id,)).fetchone()  # noqa: S608
    return _event(row) if row else None


def get_many(conn: Connection[Any], keys: Sequence[tuple[datetime, UUID]]) -> list[Event]:
    """Return the events of these (time, id) keys in order of time."""
    if not keys:
        return []
    times = [time for time, _ in keys]
    rows = conn.execute(
        f"""SELECT {COLUMNS} FROM event WHERE (time, id) IN (SELECT * FROM unnest(%b::timestamptz[], %b::uuid[]))
            AND time BETWEEN %s AND %s ORDER BY time, id""".encode(),  # noqa: S608
        (times, [id for _, id in keys], min(times), max(times)),
    ).fetchall()
    return [_event(row) for row in rows]


def take_triage(conn: Connection[Any], limit: int = 200) -> list[Event]:
    """Take waiting events off the queue, oldest first; they are gone once the caller commits."""
    keys = conn.execute(
        """DELETE FROM triage_queue WHERE event_id IN
               (SELECT event_id FROM triage_queue ORDER BY queued_at, event_id LIMIT %s FOR UPDATE SKIP LOCKED)
           RETURNING event_time, event_id""",
        (limit,),
    ).fetchall()
    return get_many(conn, keys)


def drop_triage(conn: Connection[Any]) -> UUID | None:
    """Take the oldest waiting event off the queue unread, and return its id."""
    row = conn.execute(
        """DELETE FROM triage_queue WHERE event_id =
               (SELECT event_id FROM triage_queue ORDER BY queued_at, event_id LIMIT 1 FOR UPDATE SKIP LOCKED)
           RETURNING event_id"""
    ).fetchone()
    return row[0] if row else None


def listing(
    conn: Connection[Any],
    areas: Sequence[str],
    *,
    kinds: Sequence[str] = (),
    source_id: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    cursor: str | None = None,
    limit: int = 100,
) -> tuple[list[Event], str | None]:
    """Return the newest events inside ``areas`` first, and the cursor of the next page.

    It looks at the last day first, and further back only as long as the page is not full: a day is one part.
    """
    clauses = [_inside([check_area(area) for area in areas])]
    values: list[Any] = []
    if source_id is not None:
        clauses.append(sql.SQL("source_id = %s"))
        values.append(source_id)
    if kinds:
        clauses.append(sql.SQL("kind = ANY(%s)"))
        values.append(list(kinds))
    if cursor:
        time, id = _read_cursor(cursor)
        clauses.append(sql.SQL("(time, id) < (%s, %s)"))
        values += [time, id]
        until = min(until, time + TICK) if until else time + TICK
    limit = max(1, min(limit, LISTING_LIMIT))
    found: list[Event] = []
    for start, end in _stretches(conn, since, until):
        bounds = [sql.SQL("time {} %s").format(sql.SQL(sign)) for sign, at in ((">=", start), ("<", end)) if at]
        statement = sql.SQL("SELECT {} FROM event WHERE {} ORDER BY time DESC, id DESC LIMIT %s").format(
            sql.SQL(COLUMNS), sql.SQL(" AND ").join([*clauses, *bounds])
        )
        given = [*values, *(at for at in (start, end) if at), limit + 1 - len(found)]
        found += [_event(row) for row in conn.execute(statement, given).fetchall()]
        if len(found) > limit:
            break
    return found[:limit], _write_cursor(found[limit - 1]) if len(found) > limit else None


def _stretches(
    conn: Connection[Any], since: datetime | None, until: datetime | None
) -> Iterator[tuple[datetime | None, datetime | None]]:
    """Yield (start, end) of ever longer stretches from ``until`` back to ``since``."""
    row = conn.execute("SELECT now()").fetchone()
    top = until or (row[0] if row else None)
    end = until
    for days in LOOK_BACK_DAYS:
        start = top - timedelta(days=days) if top and days else None
        if since is not None and (start is None or start <= since):
            yield since, end
            return
        yield start, end
        end = start


def _inside(areas: Sequence[str]) -> sql.Composable:
    """An area and all below it, written as a range (after `.` comes `/`), which an index can follow."""
    if not areas:
        return sql.SQL("false")
    one = sql.SQL('area COLLATE "C" = {} OR area COLLATE "C" >= {} AND area COLLATE "C" < {}')
    each = [one.format(area, f"{area}.", f"{area}/") for area in areas]
    return sql.SQL("({})").format(sql.SQL(" OR ").join(each))


def _write_cursor(event: Event) -> str:
    return base64.urlsafe_b64encode(f"{event.time.isoformat()}|{event.id}".encode()).decode()


def _read_cursor(text: str) -> tuple[datetime, UUID]:
    try:
        time, _, id = base64.urlsafe_b64decode(text.encode("ascii")).decode("ascii").partition("|")
        at = datetime.fromisoformat(time)
        if at.tzinfo is None:
            raise ValueError(time)  # noqa: TRY301
        return at, UUID(id)
    except (ValueError, binascii.Error, UnicodeError) as bad:
        raise BadInput("cursor", "a next_cursor as it was given") from bad


def _key(event: Event) -> tuple[datetime, UUID]:
    return event.time, event.id


def _values(event: Event) -> tuple[Any, ...]:
    box = event.box_px or (None, None, None, None)
    return (
        event.id,
        event.time,
        event.received_at,
        event.device_time,
        event.area,
        str(event.kind),
        str(event.source_kind),
        event.source_id,
        int(event.priority),
        clean_text(event.label),
        event.score,
        event.track_id,
        event.rule_id,
        event.rule_version,
        *box,
        event.snapshot,
        Jsonb(event.attrs),
    )


def _event(row: Sequence[Any]) -> Event:
    box = None if row[14] is None else (row[14], row[15], row[16], row[17])
    return Event(
        id=row[0],
        time=row[1],
        received_at=row[2],
        device_time=row[3],
        area=row[4],
        kind=EventKind(row[5]),
        source_kind=SourceKind(row[6]),
        source_id=row[7],
        priority=Priority(row[8]),
        label=row[9],
        score=row[10],
        track_id=row[11],
        rule_id=row[12],
        rule_version=row[13],
        box_px=box,
        snapshot=row[18],
        attrs=row[19],
    )
