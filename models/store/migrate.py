"""Numbered SQL files, each applied once, in order, under a lock, and never changed afterwards.

Headers that a file may carry, one a line: `-- engine: plain|timescale` (skipped elsewhere),
`-- no-transaction` (for statements that refuse one; each ends with a semicolon at the end of a line),
`-- series: TABLE` (made a series of daily parts).
"""

import hashlib
import logging
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg import Connection

from models.errors import ConfigError, StoreDown
from models.store import feed
from models.store.engine import Engine, probe

log = logging.getLogger(__name__)

FOLDER = Path(__file__).parent / "migrations"
LOCK_KEY = 0x616C6572  # "aler"
NO_TRANSACTION = re.compile(r"^-- no-transaction *$", re.MULTILINE)
END_OF_STATEMENT = re.compile(rb";[ \t]*$", re.MULTILINE)
_HEADER = re.compile(r"^-- (engine|series): *([a-z_]+) *$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Migration:
    version: int
    name: str
    text: str

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    def headers(self, key: str) -> list[str]:
        return [value for found, value in _HEADER.findall(self.text) if found == key]


def available(folder: Path = FOLDER) -> list[Migration]:
    """Return the migrations of ``folder`` in order."""
    files = sorted(folder.glob("[0-9][0-9][0-9][0-9]_*.sql"))
    return [Migration(int(file.name[:4]), file.name, file.read_text("utf-8")) for file in files]


def migrate(dsn: str, *, folder: Path = FOLDER) -> list[int]:
    """Apply what is missing and return the versions applied.

    Raises `StoreDown` when nothing answers, `ConfigError` when an applied file was changed or the
    database is newer than this program.
    """
    try:
        with psycopg.connect(dsn, autocommit=True, options="-c timezone=UTC", connect_timeout=5) as conn:
            conn.execute("SELECT pg_advisory_lock(%s)", (LOCK_KEY,))
            try:
                return _apply_missing(conn, available(folder))
            finally:
                if not conn.closed:
                    conn.execute("SELECT pg_advisory_unlock(%s)", (LOCK_KEY,))
    except psycopg.OperationalError as down:
        raise StoreDown(f"database: {str(down).strip()}") from down


def _apply_missing(conn: Connection[Any], migrations: list[Migration]) -> list[int]:
    conn.execute(
        """CREATE TABLE IF NOT EXISTS schema_migration (
               version integer PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL,
               applied_at timestamptz NOT NULL DEFAULT now())"""
    )
    applied: dict[int, str] = dict(conn.execute("SELECT version, sha256 FROM schema_migration").fetchall())
    known = {migration.version: migration for migration in migrations}
    if newer := sorted(set(applied) - set(known)):
        raise ConfigError("database", f"was migrated to {newer[-1]:04d} by a newer alertwall", source="migrations")
    engine = probe(conn)
    if not applied:
        engine.prepare(conn)
    done = []
    for migration in migrations:
        if migration.version in applied:
            if applied[migration.version] != migration.digest:
                raise ConfigError(migration.name, "was changed after it was applied", source="migrations")
            continue
        _apply(conn, engine, migration)
        done.append(migration.version)
    if feed.heal(conn):
        log.warning("database: it came from another server; viewers load their lists anew")
    return done


def _apply(conn: Connection[Any], engine: Engine, migration: Migration) -> None:
    engines = migration.headers("engine")
    if not engines or engine.name in engines:
        text = migration.text.replace("{series}", engine.series_clause).encode()
        if NO_TRANSACTION.search(migration.text):
            for statement in END_OF_STATEMENT.split(text):
                if statement.strip():
                    conn.execute(statement)
        else:
            with conn.transaction():
                conn.execute(text)
                for table in migration.headers("series"):
                    engine.make_series(conn, table, datetime.now(UTC))
                _record(conn, migration)
            return
    _record(conn, migration)


def _record(conn: Connection[Any], migration: Migration) -> None:
    conn.execute(
        "INSERT INTO schema_migration (version, name, sha256) VALUES (%s, %s, %s)",
        (migration.version, migration.name, migration.digest),
    )
