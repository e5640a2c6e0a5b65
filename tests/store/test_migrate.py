"""Migrations: each once, in order, one runner at a time, never changed afterwards."""

import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from models.errors import ConfigError, StoreDown
from models.store.launcher import EmbeddedPostgres
from models.store.migrate import available, migrate
from tests.support.postgres import fresh_database


@pytest.fixture
def bare_dsn(postgres: EmbeddedPostgres) -> Iterator[str]:
    """A database without any table of ours."""
    with fresh_database(postgres.dsn, template="template0") as dsn:
        yield dsn


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the migrations, to be changed."""
    for migration in available():
        (tmp_path / migration.name).write_text(migration.text)
    return tmp_path


def test_all_are_applied_once(bare_dsn: str) -> None:
    """In order, and then never again."""
    assert migrate(bare_dsn) == [migration.version for migration in available()]
    assert migrate(bare_dsn) == []


def test_two_at_once_apply_each_one_time(bare_dsn: str) -> None:
    """The second runner waits for the first and finds nothing to do."""
    results: list[list[int]] = []
    runners = [threading.Thread(target=lambda: results.append(migrate(bare_dsn))) for _ in range(4)]
    for thread in runners:
        thread.start()
    for thread in runners:
        thread.join()
    assert sorted(results) == [[], [], [], [migration.version for migration in available()]]


def test_a_changed_migration_is_refused(bare_dsn: str, folder: Path) -> None:
    """The error names the file."""
    migrate(bare_dsn, folder=folder)
    path = next(folder.glob("0001*"))
    path.write_text(path.read_text() + "\n-- afterwards\n")
    with pytest.raises(ConfigError, match=r"0001_initial\.sql: was changed after it was applied"):
        migrate(bare_dsn, folder=folder)


def test_a_newer_database_is_refused(bare_dsn: str, folder: Path) -> None:
    """An older alertwall does not touch what it does not know."""
    (folder / "0099_future.sql").write_text("CREATE TABLE future ();")
    migrate(bare_dsn, folder=folder)
    with pytest.raises(ConfigError, match="migrated to 0099 by a newer alertwall"):
        migrate(bare_dsn)


def test_a_broken_migration_leaves_nothing_of_itself(bare_dsn: str, folder: Path) -> None:
    """What came before it stays; it is tried again next time."""
    broken = folder / "0098_broken.sql"
    broken.write_text("CREATE TABLE half (); SELECT 1 / 0;")
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(bare_dsn, folder=folder)
    broken.write_text("CREATE TABLE half ();")
    assert migrate(bare_dsn, folder=folder) == [98]


def test_headers_choose_engine_and_transaction(bare_dsn: str, folder: Path) -> None:
    """One for the other engine is skipped for good; statements that refuse a transaction run one by one."""
    (folder / "0097_other.sql").write_text("-- engine: timescale\nCREATE TABLE never ();\n")
    (folder / "0098_alone.sql").write_text(
        "-- no-transaction\n-- engine: plain\nCREATE TABLE big (n int);\nCREATE INDEX CONCURRENTLY big_n ON big (n);\n"
    )
    assert migrate(bare_dsn, folder=folder)[-2:] == [97, 98]
    assert migrate(bare_dsn, folder=folder) == []
    with psycopg.connect(bare_dsn) as conn:
        row = conn.execute("SELECT to_regclass('never'), to_regclass('big_n')::text").fetchone()
    assert row == (None, "big_n")


def test_no_database_is_store_down() -> None:
    """Nobody listens there."""
    with pytest.raises(StoreDown):
        migrate("host=127.0.0.1 port=1 user=nobody dbname=none connect_timeout=2")
