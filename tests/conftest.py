"""Fixtures that every room's tests share: a fake clock and a fresh, migrated database."""

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from models.store.launcher import EmbeddedPostgres
from models.store.migrate import migrate
from models.store.pool import Store
from tests.support.clock import FakeClock

TEMPLATE = "aw_template"
_numbers = itertools.count(1)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """One embedded server for the whole run, in a folder that goes with it."""
    folder = Path(tempfile.mkdtemp(prefix="aw-pg-"))
    folder.chmod(0o755)
    server = EmbeddedPostgres(folder)
    server.start()
    with psycopg.connect(server.dsn, autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {TEMPLATE}")
    migrate(server.dsn.replace("dbname=alertwall", f"dbname={TEMPLATE}"))
    yield server
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def dsn(postgres: EmbeddedPostgres) -> Iterator[str]:
    """A fresh, migrated database of its own."""
    name = f"aw_test_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(postgres.dsn, autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY file_copy")
    yield postgres.dsn.replace("dbname=alertwall", f"dbname={name}")
    with psycopg.connect(postgres.dsn, autocommit=True) as conn:
        conn.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def store(dsn: str) -> Iterator[Store]:
    """An open `Store` on a fresh database."""
    with Store(dsn) as opened:
        yield opened
