"""Fixtures of the API's tests: a small world, a fake worker, and the app served for real.

A module shares one database and one application; before each test the database is emptied and the application is
given a context of its own, which takes a hundredth of the time that new ones would.
"""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from anyio import open_file  # noqa: F401  (loaded late, in a request, pytest's rewriting of it breaks Python 3.11)

from models.store.launcher import EmbeddedPostgres
from models.store.pool import Store
from tests.dashboard_api.fake_worker import FakeWorker
from tests.dashboard_api.served import Served
from tests.dashboard_api.world import World
from tests.support.clock import FakeClock
from tests.support.postgres import fresh_database

KEPT = ("schema_migration",)


@pytest.fixture(scope="module")
def module_store(postgres: EmbeddedPostgres) -> Iterator[Store]:
    """A database for all tests of a module."""
    with fresh_database(postgres.dsn) as dsn, Store(dsn) as opened:
        yield opened


@pytest.fixture
def store(module_store: Store) -> Store:
    """The module's database, emptied."""
    empty(module_store.dsn)
    return module_store


@pytest.fixture
def world(store: Store, clock: FakeClock, tmp_path: Path) -> World:
    """Two areas, an account per role in the first."""
    return World.make(store, clock, tmp_path / "state")


@pytest.fixture(scope="session")
def fake_worker() -> Iterator[FakeWorker]:
    """A worker's small port that answers with made-up pictures."""
    with FakeWorker() as worker:
        yield worker


@pytest.fixture
def served(world: World) -> Iterator[Served]:
    """The app over real sockets, with its own tasks."""
    with Served(world.app) as running:
        yield running


def empty(dsn: str) -> None:
    """Delete every row; quicker than TRUNCATE for tables of a few rows, and the feed's transaction numbers go on."""
    with psycopg.connect(dsn) as conn:
        conn.execute("SET session_replication_role = replica")  # in any order, whatever refers to what
        tables = conn.execute(
            "SELECT format('DELETE FROM %%I', relname) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " AND relkind IN ('r', 'p') AND NOT relispartition AND relname <> ALL(%s)",
            (list(KEPT),),
        ).fetchall()
        conn.execute("; ".join(statement for (statement,) in tables).encode())
