"""Counts of events by minute and by hour: how plain PostgreSQL adds them up, and how they are read on both engines."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from psycopg import Connection

ROLLUPS = ("event_1m", "event_1h")

_KEYS_1M = "time_bucket('1 minute', time), substring(area FROM '^[^.]+(?:[.][^.]+)?'), kind"
_KEYS_1H = "time_bucket('1 hour', time), area, source_kind, source_id, kind"
_INTO_1M = "INSERT INTO event_1m_counted AS old (bucket, district, kind, n)"
_INTO_1H = "INSERT INTO event_1h_counted AS old (bucket, area, source_kind, source_id, kind, n)"
_KEY_1M = "GROUP BY 1, 2, 3 ON CONFLICT (bucket, district, kind)"
_KEY_1H = "GROUP BY 1, 2, 3, 4, 5 ON CONFLICT (source_id, bucket, kind, source_kind, area)"
_BOTH = ((_INTO_1M, _KEYS_1M, _KEY_1M), (_INTO_1H, _KEYS_1H, _KEY_1H))
_OF_STRETCH = "WHERE time >= %s AND time < %s"
_ADD = [
    f"""{into} SELECT {keys}, count(*) FROM event_uncounted WHERE (tx, seq) <= (%s::text::xid8, %s)
        {key} DO UPDATE SET n = old.n + excluded.n""".encode()  # noqa: S608  (constants above)
    for into, keys, key in _BOTH
]
_COUNT_ANEW = [
    f"""{into} SELECT {keys}, sum(sign) FROM (
            SELECT time, area, source_kind, source_id, kind, 1 AS sign FROM event {_OF_STRETCH} UNION ALL
            SELECT time, area, source_kind, source_id, kind, -1 FROM event_uncounted {_OF_STRETCH}) AS one
        {key} DO UPDATE SET n = excluded.n""".encode()  # noqa: S608  (constants above)
    for into, keys, key in _BOTH
]


def add(conn: Connection[Any]) -> None:
    """Add what the feed tells of and is not counted yet, up to the oldest transaction still running."""
    conn.execute("SELECT FROM feed_mark WHERE name = 'rolled' FOR UPDATE")
    # every transaction below xmin has ended, so nothing can appear at or before this row any more
    top = conn.execute(
        """SELECT u.tx::text, u.seq FROM event_uncounted u WHERE u.tx < pg_snapshot_xmin(pg_current_snapshot())
           ORDER BY u.tx DESC, u.seq DESC LIMIT 1"""
    ).fetchone()
    if top is None:
        return
    for statement in _ADD:
        conn.execute(statement, top)
    conn.execute("UPDATE feed_mark SET tx = %s::text::xid8, seq = %s WHERE name = 'rolled'", top)


def count_anew(conn: Connection[Any], start: datetime, end: datetime) -> None:
    """Count the events of whole hours from the table, in a repeatable-read transaction.

    What stands in the feed uncounted will be added later, so it is not counted now; one snapshot makes that exact.
    """
    conn.execute("SELECT FROM feed_mark WHERE name = 'rolled' FOR UPDATE")
    for statement in _COUNT_ANEW:
        conn.execute(statement, (start, end) * 2)


def by_time(
    conn: Connection[Any], district: str, since: datetime, until: datetime, width: timedelta = timedelta(minutes=1)
) -> list[tuple[datetime, str, int]]:
    """Return (bucket, kind, events) of a whole district (the first two words of an area), in order of time."""
    return conn.execute(
        """SELECT time_bucket(%s, bucket) AS at, kind, sum(n)::bigint FROM event_1m
           WHERE district = %s AND bucket >= %s AND bucket < %s GROUP BY 1, 2 ORDER BY 1, 2""",
        (width, district, since, until),
        binary=True,
    ).fetchall()


def by_source(
    conn: Connection[Any], source_ids: Sequence[str], since: datetime, until: datetime
) -> list[tuple[datetime, str, str, int]]:
    """Return (hour, source id, kind, events) of some sources, in order of time."""
    return conn.execute(
        """SELECT bucket, source_id, kind, sum(n)::bigint FROM event_1h
           WHERE source_id = ANY(%s) AND bucket >= %s AND bucket < %s GROUP BY 1, 2, 3 ORDER BY 1, 2, 3""",
        (list(source_ids), since, until),
        binary=True,
    ).fetchall()
