"""What differs between plain PostgreSQL and TimescaleDB; every other statement is shared."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, cast

from psycopg import Connection, sql

PARTITIONS_AHEAD_DAYS = 3
PARTITIONS_BEHIND_DAYS = 1
SERIES_NAME = re.compile(r"[a-z_]{1,40}")


class Engine(Protocol):
    """How series tables are made, kept and thinned."""

    name: str
    series_clause: str
    """Stands for ``{series}`` behind the table in a migration."""

    def prepare(self, conn: Connection[Any]) -> None:
        """Make `time_bucket` available; runs before the migrations."""
        ...

    def make_series(self, conn: Connection[Any], table: str, today: datetime) -> None:
        """Turn a freshly created table into a series of daily parts."""
        ...

    def ensure_ahead(self, conn: Connection[Any], table: str, today: datetime) -> None:
        """Make the parts that the coming days need."""
        ...

    def drop_before(self, conn: Connection[Any], table: str, limit: datetime) -> int:
        """Drop whole parts that end before ``limit``; return how many."""
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
            sql.SQL("CREATE TABLE IF NOT EXISTS {} PARTITION OF {} DEFAULT").format(
                sql.Identifier(f"{name}_default"), sql.Identifier(name)
            )
        )
        self.ensure_ahead(conn, name, today)

    def ensure_ahead(self, conn: Connection[Any], table: str, today: datetime) -> None:
        name = _checked(table)
        midnight = today.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        have = {row[0] for row in conn.execute(_PARTS, (name,))}
        for day in range(-PARTITIONS_BEHIND_DAYS, PARTITIONS_AHEAD_DAYS + 1):
            start = midnight + timedelta(days=day)
            part = f"{name}_{start:%Y%m%d}"
            if part in have:
                continue
            self._adopt(conn, name, part, start, start + timedelta(days=1))

    def _adopt(self, conn: Connection[Any], table: str, part: str, start: datetime, end: datetime) -> None:
        """Make one day's part; rows of that day that fell into the default part move along."""
        names = {
            "part": sql.Identifier(part),
            "table": sql.Identifier(table),
            "rest": sql.Identifier(f"{table}_default"),
        }
        bounds = {"start": sql.Literal(start), "end": sql.Literal(end)}
        conn.execute(
            sql.SQL("CREATE TABLE {part} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)").format(**names)
        )
        conn.execute(
            sql.SQL(
                "WITH moved AS (DELETE FROM {rest} WHERE time >= {start} AND time < {end} RETURNING *)"
                " INSERT INTO {part} SELECT * FROM moved"
            ).format(**names, **bounds)
        )
        conn.execute(
            sql.SQL("ALTER TABLE {table} ATTACH PARTITION {part} FOR VALUES FROM ({start}) TO ({end})").format(
                **names, **bounds
            )
        )

    def drop_before(self, conn: Connection[Any], table: str, limit: datetime) -> int:
        name = _checked(table)
        dropped = 0
        for (part,) in conn.execute(_PARTS, (name,)).fetchall():
            day = part.removeprefix(f"{name}_")
            if not day.isdigit():
                continue
            if datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC) + timedelta(days=1) <= limit:
                conn.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(part)))
                dropped += 1
        conn.execute(sql.SQL("DELETE FROM {} WHERE time < %s").format(sql.Identifier(f"{name}_default")), (limit,))
        return dropped


class Timescale:
    """TimescaleDB: hypertables with one-day chunks."""

    name = "timescale"
    series_clause = ""

    def prepare(self, conn: Connection[Any]) -> None:
        conn.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")

    def make_series(self, conn: Connection[Any], table: str, today: datetime) -> None:  # noqa: ARG002
        conn.execute(
            "SELECT create_hypertable(%s::regclass, by_range('time', interval '1 day'),"
            " create_default_indexes => false, if_not_exists => true)",
            (_checked(table),),
        )

    def ensure_ahead(self, conn: Connection[Any], table: str, today: datetime) -> None:
        """Chunks are made by the rows that need them."""

    def drop_before(self, conn: Connection[Any], table: str, limit: datetime) -> int:
        return len(conn.execute("SELECT drop_chunks(%s::regclass, %s)", (_checked(table), limit)).fetchall())


def probe(conn: Connection[Any]) -> Engine:
    """Return the engine of this server."""
    found = conn.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'timescaledb'").fetchone()
    return cast("Engine", Timescale() if found else Plain())


_PARTS = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass"


def _checked(table: str) -> str:
    if not SERIES_NAME.fullmatch(table):
        raise ValueError(f"series name: lower-case letters expected, got {table!r}")
    return table
