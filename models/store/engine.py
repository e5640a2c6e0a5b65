"""What differs between plain PostgreSQL and TimescaleDB; every other statement is shared."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import psycopg
from psycopg import Connection, IsolationLevel, sql
from psycopg.errors import SerializationFailure

from models.errors import ConfigError, StoreDown
from models.store import rollups

PARTITIONS_AHEAD_DAYS = 3
PARTITIONS_BEHIND_DAYS = 1
MOVE_DAYS_AT_ONCE = 30
"""So many days of late rows get parts of their own in one go; the rest next time."""
REBUILD_TRIES = 10
PARTS_LOCK_KEY = 0x70617274  # "part"
SERIES_NAME = re.compile(r"[a-z_]{1,40}")
DAY = timedelta(days=1)


class Engine(Protocol):
    """How series tables and rollups are made, kept and thinned."""

    name: str
    series_clause: str
    """Stands for ``{series}`` behind the table in a migration."""

    def prepare(self, conn: Connection[Any]) -> None:
        """Make `time_bucket` available; runs before the migrations."""
        ...

    def make_series(self, conn: Connection[Any], table: str, today: datetime) -> None:
        """Turn a freshly created table into a series of daily parts."""
        ...

    def ensure_partitions(
        self, conn: Connection[Any], table: str, today: datetime, *, ahead_days: int = PARTITIONS_AHEAD_DAYS
    ) -> None:
        """Make the parts that the coming days need, and those of rows that came without one."""
        ...

    def drop_before(self, conn: Connection[Any], table: str, limit: datetime) -> int:
        """Drop whole parts that end before ``limit``; return how many."""
        ...

    def roll_up(self, conn: Connection[Any]) -> None:
        """Add what was stored since the last time to `event_1m` and `event_1h`."""
        ...

    def rebuild_rollups(self, dsn: str, since: datetime, until: datetime) -> None:
        """Count the events of a stretch anew, for rows that came by another way than `events.write`."""
        ...

    def drop_rollups_before(self, conn: Connection[Any], limits: dict[str, datetime]) -> None:
        """Forget counts older than the limit of each rollup."""
        ...


class Plain:
    """PostgreSQL alone: declarative partitions by day, with a default part that should stay empty."""

    name = "plain"
    series_clause = "PARTITION BY RANGE (time)"

    def prepare(self, conn: Connection[Any]) -> None:
        # the same origin as TimescaleDB's own, so that buckets agree on both engines
        conn.execute(
            """CREATE OR REPLACE FUNCTION time_bucket(width interval, at timestamptz) RETURNS timestamptz
               LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT date_bin($1, $2, '2000-01-03 00:00+00') $$"""
        )

    def make_series(self, conn: Connection[Any], table: str, today: datetime) -> None:
        name = _checked(table)
        conn.execute(
            sql.SQL("CREATE TABLE {} PARTITION OF {} DEFAULT").format(
                sql.Identifier(f"{name}_default"), sql.Identifier(name)
            )
        )
        self.ensure_partitions(conn, name, today)

    def ensure_partitions(
        self, conn: Connection[Any], table: str, today: datetime, *, ahead_days: int = PARTITIONS_AHEAD_DAYS
    ) -> None:
        name = _checked(table)
        conn.execute("SELECT pg_advisory_xact_lock(%s)", (PARTS_LOCK_KEY,))
        midnight = today.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        wanted = {midnight + DAY * day for day in range(-PARTITIONS_BEHIND_DAYS, ahead_days + 1)}
        wanted.update(_stray_days(conn, name))
        have = set(_parts(conn, name))
        for start in sorted(wanted):
            part = f"{name}_{start:%Y%m%d}"
            if part not in have:
                _make_part(conn, name, part, start, start + DAY)

    def drop_before(self, conn: Connection[Any], table: str, limit: datetime) -> int:
        name = _checked(table)
        conn.execute("SELECT pg_advisory_xact_lock(%s)", (PARTS_LOCK_KEY,))
        old = []
        for part in _parts(conn, name):
            day = part.removeprefix(f"{name}_")
            if day.isdigit() and datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC) + DAY <= limit:
                old.append(part)
        for part in old:
            conn.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(part)))
        conn.execute(sql.SQL("DELETE FROM {} WHERE time < %s").format(sql.Identifier(f"{name}_default")), (limit,))
        return len(old)

    def roll_up(self, conn: Connection[Any]) -> None:
        rollups.add(conn)

    def rebuild_rollups(self, dsn: str, since: datetime, until: datetime) -> None:
        with psycopg.connect(dsn, options="-c timezone=UTC") as conn:
            conn.isolation_level = IsolationLevel.REPEATABLE_READ
            for _ in range(REBUILD_TRIES):
                try:
                    with conn.transaction():
                        rollups.count_anew(conn, _whole_hour(since), _whole_hour(until) + timedelta(hours=1))
                except SerializationFailure:  # the mark moved while we waited for it
                    continue
                return
        raise StoreDown("rollups: something else counts all the time")

    def drop_rollups_before(self, conn: Connection[Any], limits: dict[str, datetime]) -> None:
        for rollup, limit in limits.items():
            table = sql.Identifier(f"{_checked_rollup(rollup)}_counted")
            conn.execute(sql.SQL("DELETE FROM {} WHERE bucket < %s").format(table), (limit,))


class Timescale:
    """TimescaleDB: hypertables with one-day chunks, continuous aggregates, the columnstore for old chunks."""

    name = "timescale"
    series_clause = ""

    def prepare(self, conn: Connection[Any]) -> None:
        try:
            conn.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
        except psycopg.Error as refused:
            expected = "a TimescaleDB that is loaded (shared_preload_libraries) and that this user may create"
            raise ConfigError("database", f"{expected}: {str(refused).strip()}") from refused

    def make_series(self, conn: Connection[Any], table: str, today: datetime) -> None:  # noqa: ARG002
        conn.execute(
            "SELECT create_hypertable(%s::regclass, by_range('time', interval '1 day'),"
            " create_default_indexes => false)",
            (_checked(table),),
        )

    def ensure_partitions(
        self, conn: Connection[Any], table: str, today: datetime, *, ahead_days: int = PARTITIONS_AHEAD_DAYS
    ) -> None:
        """Chunks are made by the rows that need them."""

    def drop_before(self, conn: Connection[Any], table: str, limit: datetime) -> int:
        return len(conn.execute("SELECT drop_chunks(%s::regclass, %s)", (_checked(table), limit)).fetchall())

    def roll_up(self, conn: Connection[Any]) -> None:
        """TimescaleDB's own jobs do it."""

    def rebuild_rollups(self, dsn: str, since: datetime, until: datetime) -> None:
        with psycopg.connect(dsn, autocommit=True) as conn:  # refused inside a transaction
            for rollup in rollups.ROLLUPS:
                conn.execute(
                    "CALL refresh_continuous_aggregate(%s, %s::timestamptz, %s::timestamptz)",
                    (rollup, _whole_hour(since), _whole_hour(until) + timedelta(hours=1)),
                )

    def drop_rollups_before(self, conn: Connection[Any], limits: dict[str, datetime]) -> None:
        for rollup, limit in limits.items():
            conn.execute("SELECT drop_chunks(%s::regclass, %s)", (_checked_rollup(rollup), limit))


def probe(conn: Connection[Any]) -> Engine:
    """Return the engine of this database: what it was made with, or, before that, what this server can do.

    TimescaleDB under its Apache licence alone has no rollups, so it counts as plain PostgreSQL.
    """
    row = conn.execute(
        """SELECT to_regclass('event') IS NOT NULL,
                  EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb'),
                  EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb')
                      AND current_setting('timescaledb.license', true) IS DISTINCT FROM 'apache',
                  EXISTS (SELECT FROM pg_partitioned_table WHERE partrelid = to_regclass('event'))"""
    ).fetchone()
    assert row is not None
    made, installed, available, partitioned = row
    timescale = installed and not partitioned if made else available
    return Timescale() if timescale else Plain()


def _stray_days(conn: Connection[Any], table: str) -> list[datetime]:
    """Return the days of rows that came so late or early that they had no part."""
    statement = sql.SQL("SELECT DISTINCT date_trunc('day', time, 'UTC') FROM {} ORDER BY 1 DESC LIMIT %s").format(
        sql.Identifier(f"{table}_default")
    )
    return [row[0] for row in conn.execute(statement, (MOVE_DAYS_AT_ONCE,))]


def _make_part(conn: Connection[Any], table: str, part: str, start: datetime, end: datetime) -> None:
    """Make one day's part; rows of that day that fell into the default part move along."""
    names = {"part": sql.Identifier(part), "table": sql.Identifier(table), "rest": sql.Identifier(f"{table}_default")}
    bounds = {"start": sql.Literal(start), "end": sql.Literal(end)}
    for statement in (
        "CREATE TABLE {part} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)",
        """WITH moved AS (DELETE FROM {rest} WHERE time >= {start} AND time < {end} RETURNING *)
           INSERT INTO {part} SELECT * FROM moved""",
        "ALTER TABLE {table} ATTACH PARTITION {part} FOR VALUES FROM ({start}) TO ({end})",
    ):
        conn.execute(sql.SQL(statement).format(**names, **bounds))


def _parts(conn: Connection[Any], table: str) -> Sequence[str]:
    statement = """SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                   WHERE i.inhparent = %s::regclass"""
    return [row[0] for row in conn.execute(statement, (table,))]


def _whole_hour(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _checked(table: str) -> str:
    if not SERIES_NAME.fullmatch(table):
        raise ValueError(f"series name: lower-case letters expected, got {table!r}")
    return table


def _checked_rollup(name: str) -> str:
    if name not in rollups.ROLLUPS:
        raise ValueError(f"rollup: one of {rollups.ROLLUPS} expected, got {name!r}")
    return name
