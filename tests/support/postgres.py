"""One embedded server for a test run, and fresh databases in it."""

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from models.store.launcher import EmbeddedPostgres
from models.store.migrate import migrate

TEMPLATE = "aw_template"
QUICK = {"fsync": "off", "full_page_writes": "off", "max_connections": "150"}
"""Tests kill processes, never the machine, so nothing is lost without fsync."""
_numbers = itertools.count(1)


def dies_with_us(argv: Sequence[str]) -> Sequence[str]:
    """Let the kernel stop a server when the test run is killed; it does so already when the starting *thread* ends."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "QUIT", "--", *argv] if setpriv else argv


@contextmanager
def running_server(**settings: str) -> Iterator[EmbeddedPostgres]:
    """Run a server in a folder that goes with it."""
    folder = Path(tempfile.mkdtemp(prefix="aw-pg-"))
    server = EmbeddedPostgres(folder, wrap=dies_with_us, settings={**QUICK, **settings})
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def make_template(dsn: str) -> None:
    """Make the migrated database that `fresh_database` copies."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {TEMPLATE}")
    migrate(make_conninfo(dsn, dbname=TEMPLATE))


@contextmanager
def fresh_database(dsn: str, template: str = TEMPLATE) -> Iterator[str]:
    """Make a database of its own for one test; yield its dsn."""
    name = f"aw_test_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    try:
        yield make_conninfo(dsn, dbname=name)
    finally:
        with psycopg.connect(dsn, autocommit=True) as conn:
            conn.execute(f"DROP DATABASE {name} WITH (FORCE)")
