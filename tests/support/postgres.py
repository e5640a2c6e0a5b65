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
QUICK = {"fsync": "off", "full_page_writes": "off", "max_connections": "150", "max_wal_size": "'256MB'"}
"""Tests kill processes, never the machine, so nothing is lost without fsync."""
MEMORY = Path("/dev/shm")
MEMORY_NEEDED_BYTES = 2 * 2**30
PREFIX = "aw-pg-"
"""Followed by the process whose folder it is."""
_numbers = itertools.count(1)


def dies_with_us(argv: Sequence[str], signal: str = "QUIT") -> Sequence[str]:
    """Let the kernel stop a server when the test run is killed; it does so already when the starting *thread* ends."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", signal, "--", *argv] if setpriv else argv


def quick_folder() -> Path:
    """Make a folder in memory where there is room, else in the temporary one: databases are copied ten times faster."""
    in_memory = MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > MEMORY_NEEDED_BYTES
    if in_memory:
        _forget_the_dead()
    return Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=MEMORY if in_memory else None))


def _forget_the_dead() -> None:
    """Remove what test runs that were killed have left in memory."""
    for folder in MEMORY.glob(f"{PREFIX}*-*"):
        pid = folder.name.removeprefix(PREFIX).split("-")[0]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running_server(**settings: str) -> Iterator[EmbeddedPostgres]:
    """Run a server in a folder that goes with it; one that is to be durable has it on the disk."""
    durable = settings.get("fsync") == "on"
    folder = Path(tempfile.mkdtemp(prefix=PREFIX)) if durable else quick_folder()
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
