"""Detection statistics: counts by minute, added up by hour, and hourly maps of where things stood.

The hours are kept in the same way on both engines: a writer marks the hours that it wrote to, upkeep adds marked
hours up anew when they are over, and the view `detection_count_1h` adds up those that are still marked.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import starmap
from typing import Any, NamedTuple

from psycopg import Connection

from models.statistics import HEAT_CELLS, DetectionCount, DetectionHeat, Tally

OPEN_FOR = timedelta(minutes=5)
"""An hour is added up so long after its end; what comes later has it added up once more."""
ADD_UP_MOST = 2000
"""So many hours of cameras are added up at once; the rest a minute later."""
_SUMS = """sum(entered)::bigint, sum(left_count)::bigint, sum(crossed_right)::bigint, sum(crossed_left)::bigint,
           max(present_most)::integer, sum(present_s)::double precision"""

_WHICH = "(camera_id, bucket) IN (SELECT * FROM unnest(%b::text[], %b::timestamptz[]))"
_COLUMNS = """bucket, camera_id, rule_id, rule_version, label, entered, left_count, crossed_right, crossed_left,
              present_most, present_s"""
_ADD_UP = [
    text.encode()
    for text in (
        f"DELETE FROM detection_count_1h_counted WHERE {_WHICH}",  # noqa: S608  (constants above)
        f"""INSERT INTO detection_count_1h_counted ({_COLUMNS})
            SELECT {_COLUMNS} FROM detection_count_1h_raw WHERE {_WHICH}""",  # noqa: S608
        f"DELETE FROM detection_count_dirty WHERE {_WHICH}",  # noqa: S608
    )
]


class By(StrEnum):
    """How finely counts are told apart in time."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"


class Counted(NamedTuple):
    """Counts of one rule and class from ``at`` on; ``rule_version`` is the newest that counted."""

    at: datetime
    rule_id: int
    rule_version: int
    label: str
    entered: int
    left_count: int
    crossed_right: int
    crossed_left: int
    present_most: int
    present_s: float


def write(conn: Connection[Any], tallies: Sequence[Tally]) -> None:
    """Store what was counted; the same told again changes nothing, a later map of an hour replaces the earlier."""
    counts = [one for one in tallies if isinstance(one, DetectionCount)]
    unique = {(one.camera_id, one.time, one.rule_id, one.rule_version, one.label, one.run): one for one in counts}
    rows = [unique[key] for key in sorted(unique)]
    if rows:
        _mark(conn, rows)
        names = DetectionCount.__slots__
        kinds = {"time": "timestamptz", "camera_id": "text", "label": "text", "run": "uuid"}
        kinds |= {"present_s": "float8"}
        arrays = ", ".join(f"%b::{kinds.get(name, 'int4')}[]" for name in names)
        replaced = ", ".join(f"{name} = excluded.{name}" for name in names[6:])
        conn.execute(
            f"""INSERT INTO detection_count ({", ".join(names)}) SELECT * FROM unnest({arrays})
                ON CONFLICT (camera_id, time, rule_id, rule_version, label, run) DO UPDATE
                SET {replaced}""".encode(),  # noqa: S608  (names of columns)
            [[getattr(row, name) for row in rows] for name in names],
        )
    heats = {(one.camera_id, one.time, one.run): one for one in tallies if isinstance(one, DetectionHeat)}
    for key in sorted(heats):
        conn.execute(
            """INSERT INTO detection_heat (camera_id, time, run, grid) VALUES (%s, %s, %s, %s::real[])
               ON CONFLICT (camera_id, time, run) DO UPDATE SET grid = excluded.grid""",
            (*key, [float(seconds) for seconds in heats[key].grid]),
        )


def _mark(conn: Connection[Any], rows: Sequence[DetectionCount]) -> None:
    hours = sorted({(row.camera_id, row.time.replace(minute=0, second=0, microsecond=0)) for row in rows})
    conn.execute(
        """INSERT INTO detection_count_dirty AS d (camera_id, bucket)
           SELECT * FROM unnest(%b::text[], %b::timestamptz[])
           ON CONFLICT (camera_id, bucket) DO UPDATE SET times = d.times + 1""",
        ([camera_id for camera_id, _ in hours], [hour for _, hour in hours]),
    )


def add_up(conn: Connection[Any], now: datetime) -> int:
    """Add up the marked hours that are over; return how many there were."""
    over = now - timedelta(hours=1) - OPEN_FOR
    # rows are locked first and counted in the statement after: whoever wrote meanwhile is waited for, and seen
    hours = conn.execute(
        """SELECT camera_id, bucket FROM detection_count_dirty WHERE bucket < %s
           ORDER BY camera_id, bucket LIMIT %s FOR UPDATE""",
        (over, ADD_UP_MOST),
    ).fetchall()
    if not hours:
        return 0
    ours = [[camera_id for camera_id, _ in hours], [bucket for _, bucket in hours]]
    for statement in _ADD_UP:
        conn.execute(statement, ours)
    return len(hours)


def prune(conn: Connection[Any], limit: datetime) -> None:
    """Forget hours before ``limit``."""
    conn.execute("DELETE FROM detection_count_1h_counted WHERE bucket < %s", (limit,))


def counts(
    conn: Connection[Any],
    camera_id: str,
    since: datetime,
    until: datetime,
    by: By,
    *,
    timezone: str = "UTC",
    limit: int | None = None,
) -> list[Counted]:
    """Return counts in order of time, at most ``limit``; days are those of ``timezone``."""
    source, time = ("detection_count", "time") if by is By.MINUTE else ("detection_count_1h", "bucket")
    at = f"date_trunc('day', {time}, %(zone)s::text)" if by is By.DAY else time
    found = conn.execute(
        f"""SELECT {at} AS at, rule_id, max(rule_version), label, {_SUMS} FROM {source}
            WHERE camera_id = %(camera)s AND {time} >= %(since)s AND {time} < %(until)s
            GROUP BY 1, 2, 4 ORDER BY 1, 2, 4 LIMIT %(limit)s""".encode(),  # noqa: S608  (constants above)
        {"camera": camera_id, "since": since, "until": until, "zone": timezone, "limit": limit},
    )
    return list(starmap(Counted, found))


def heat(conn: Connection[Any], camera_id: str, since: datetime, until: datetime) -> list[float]:
    """Return the object-seconds of each cell over the hours that begin in the range, row by row."""
    grid = [0.0] * HEAT_CELLS
    for cell, seconds in conn.execute(
        """SELECT g.cell, sum(g.seconds)::double precision
           FROM detection_heat h, unnest(h.grid) WITH ORDINALITY AS g(seconds, cell)
           WHERE h.camera_id = %s AND h.time >= %s AND h.time < %s GROUP BY 1""",
        (camera_id, since, until),
    ):
        grid[cell - 1] = seconds
    return grid


def rule_names(conn: Connection[Any], camera_id: str) -> dict[int, tuple[str, str]]:
    """Return the newest name and the kind of each rule that the camera has or had."""
    found = conn.execute(
        "SELECT DISTINCT ON (id) id, name, kind FROM rule WHERE camera_id = %s ORDER BY id, version DESC", (camera_id,)
    )
    return {id: (name, kind) for id, name, kind in found}
