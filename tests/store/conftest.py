"""One store on each engine: embedded PostgreSQL, TimescaleDB in WebAssembly, and a server the environment names."""

import os
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from models.store.migrate import migrate
from models.store.pool import Store
from tests.support.timescale import timescale_server

GIVEN_DSN = "ALERTWALL_TEST_DSN"
"""A server, not yet in use, on which the tests may create databases."""
ENGINES = ["embedded", "timescale-pglite", *(["given"] if os.environ.get(GIVEN_DSN) else [])]


@pytest.fixture(scope="session")
def pglite_dsn() -> Iterator[str]:
    """A migrated TimescaleDB that takes one session at a time."""
    with timescale_server() as dsn:
        migrate(dsn)
        yield dsn


@pytest.fixture(scope="session")
def given_dsn() -> Iterator[str]:
    """A migrated database of our own on the server that the environment names."""
    server, name = os.environ[GIVEN_DSN], f"aw_test_{os.getpid()}"
    with psycopg.connect(server, autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {name}")
    try:
        dsn = make_conninfo(server, dbname=name)
        migrate(dsn)
        yield dsn
    finally:
        with psycopg.connect(server, autocommit=True) as conn:
            conn.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=ENGINES)
def any_dsn(request: pytest.FixtureRequest) -> str:
    """An empty database on one engine after the other."""
    if request.param == "embedded":
        return str(request.getfixturevalue("dsn"))
    dsn = str(request.getfixturevalue("pglite_dsn" if request.param == "timescale-pglite" else "given_dsn"))
    empty(dsn)
    return dsn


@pytest.fixture
def any_store(any_dsn: str) -> Iterator[Store]:
    """A store of one connection, which is all that one of the engines can serve."""
    store = Store(any_dsn, max_size=1, timeout_s=5)
    store.open()
    yield store
    store.close()


def empty(dsn: str) -> None:
    """Empty all tables but the list of migrations."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        names = conn.execute(
            """SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
               AND NOT relispartition AND relname NOT IN ('schema_migration', 'feed_mark')"""
        ).fetchall()
        conn.execute(
            sql.SQL("TRUNCATE {} RESTART IDENTITY CASCADE").format(
                sql.SQL(", ").join(sql.Identifier(name) for (name,) in names)
            )
        )
        conn.execute("DELETE FROM feed_mark WHERE name <> 'rolled'")
        if conn.execute("SELECT FROM pg_extension WHERE extname = 'timescaledb'").fetchone():
            for rollup in ("event_1m", "event_1h"):
                conn.execute(f"TRUNCATE {rollup}")
