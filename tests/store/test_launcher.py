"""The embedded server: as root and as an ordinary user, after crashes, never twice on one folder, by a socket only."""

import os
import pwd
import shutil
import signal
import stat
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from models.errors import ConfigError, StoreDown
from models.store import server_files
from models.store.launcher import SOCKET_PATH_MAX, EmbeddedPostgres
from tests.support.postgres import QUICK, dies_with_us, quick_folder


@pytest.fixture
def state_dir() -> Iterator[Path]:
    """A closed folder in a closed folder, as below somebody's home."""
    home = quick_folder()
    folder = home / "state"
    folder.mkdir(mode=0o700)
    yield folder
    shutil.rmtree(home)


@pytest.fixture
def server(state_dir: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(state_dir, wrap=dies_with_us, settings=QUICK)
    yield server
    server.stop()


def ask(dsn: str, question: str) -> object:
    with psycopg.connect(dsn) as conn:
        row = conn.execute(question.encode()).fetchone()
    return row[0] if row else None


def test_it_keeps_its_data_and_leaves_nothing_running(server: EmbeddedPostgres, state_dir: Path) -> None:
    """Started, stopped and started again; folders above it are left as they were."""
    server.start()
    assert server.process is not None
    first = server.process.pid
    with psycopg.connect(server.dsn) as conn:
        conn.execute("CREATE TABLE kept (n int)")
    assert ask(server.dsn, "SELECT current_setting('data_checksums')") == "on"
    assert ask(server.dsn, "SELECT current_setting('listen_addresses')") == ""
    assert server.poll() is None
    server.stop()
    assert server.poll() is not None
    assert not _runs(first)
    server.start()
    assert ask(server.dsn, "SELECT count(*) FROM kept") == 0
    for folder in (state_dir.parent, state_dir, server.socket_dir, state_dir / "postgres" / "data"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    server.stop()
    server.stop()


def test_it_comes_back_after_kill_9(server: EmbeddedPostgres) -> None:
    """At once, with everything that was committed, however often."""
    server.start()
    for number in range(3):
        with psycopg.connect(server.dsn) as conn:
            conn.execute(f"CREATE TABLE t{number} ()")
        assert server.process is not None
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()
        assert server.poll() == -signal.SIGKILL
        server.start()
    assert ask(server.dsn, "SELECT count(*) FROM pg_tables WHERE tablename ~ '^t[0-9]$'") == 3


def test_a_second_launcher_is_refused(server: EmbeddedPostgres, state_dir: Path) -> None:
    """It hears who has the folder; it can use the first one's socket; the first one is not disturbed."""
    server.start()
    second = EmbeddedPostgres(state_dir)
    with pytest.raises(ConfigError, match="state_dir: is in use"):
        second.start()
    second.stop()
    assert ask(second.dsn, "SELECT 1") == 1


def test_a_server_that_outlived_its_launcher_is_replaced(server: EmbeddedPostgres, state_dir: Path) -> None:
    """Nobody holds its lock any more, so the next launcher ends it and starts its own."""
    first = EmbeddedPostgres(state_dir, settings=QUICK)
    first.start()
    orphan = first.process
    assert orphan is not None
    first.process = None
    first.stop()  # gives back the lock alone, as the end of its process would
    server.start()
    assert orphan.wait(5) == 0
    assert ask(server.dsn, "SELECT 1") == 1


class Falling(EmbeddedPostgres):
    """A server that is killed the moment it answers."""

    def _answers(self) -> bool:
        answers = super()._answers()
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        return answers


def test_a_server_that_falls_as_it_starts_is_store_down(state_dir: Path) -> None:
    """Whoever started it hears the one error that means "try again", and nothing is left running."""
    server = Falling(state_dir, wrap=dies_with_us, settings=QUICK)
    with pytest.raises(StoreDown, match="while it was being set up"):
        server.start()
    assert server.process is None


def test_half_a_first_start_counts_for_nothing(server: EmbeddedPostgres, state_dir: Path) -> None:
    """Killed during initdb: what lies there is thrown away."""
    part = state_dir / "postgres" / "data.part"
    part.mkdir(parents=True)
    (part / "PG_VERSION").write_text("18\n")
    server.start()
    assert ask(server.dsn, "SELECT 1") == 1
    assert not part.exists()


def test_a_long_path_gets_a_short_socket(tmp_path: Path) -> None:
    """A Unix socket's path is limited by the kernel; the folder in the temporary one is closed to others."""
    deep = tmp_path / ("d" * 90)
    deep.mkdir()
    server = EmbeddedPostgres(deep, wrap=dies_with_us, settings=QUICK)
    assert len(str(server.socket_dir)) < SOCKET_PATH_MAX
    assert not server.socket_dir.is_relative_to(tmp_path)
    try:
        server.start()
        assert ask(server.dsn, "SELECT 1") == 1
        assert stat.S_IMODE(server.socket_dir.stat().st_mode) == 0o700
    finally:
        server.stop()
        shutil.rmtree(server.socket_dir)


def test_a_strangers_socket_folder_is_refused(tmp_path: Path) -> None:
    """Somebody who made the folder in the temporary one first must not get our connections."""
    deep = tmp_path / ("e" * 90)
    deep.mkdir()
    server = EmbeddedPostgres(deep, wrap=dies_with_us, settings=QUICK)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    server.socket_dir.symlink_to(elsewhere)
    try:
        with pytest.raises(ConfigError, match="belongs to somebody else"):
            server.start()
    finally:
        server.socket_dir.unlink()


def test_binaries_that_do_not_fit_are_refused(server: EmbeddedPostgres, state_dir: Path, tmp_path: Path) -> None:
    """A folder without a server, and a server of another version than the data's."""
    with pytest.raises(ConfigError, match=r"database\.bin_dir"):
        EmbeddedPostgres(state_dir, tmp_path).start()
    server.start()
    server.stop()
    for name in ("postgres", "initdb"):
        (tmp_path / name).write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 15.20'\n")
        (tmp_path / name).chmod(0o755)
    with pytest.raises(ConfigError, match="PostgreSQL 18, which made"):
        EmbeddedPostgres(state_dir, tmp_path).start()


def test_its_settings_are_read_anew(server: EmbeddedPostgres, state_dir: Path) -> None:
    """What this version of alertwall sets holds for a folder that an older one made."""
    server.start()
    server.stop()
    again = EmbeddedPostgres(state_dir, wrap=dies_with_us, settings={**QUICK, "max_connections": "33"})
    again.start()
    assert ask(again.dsn, "SHOW max_connections") == "33"
    again.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become an ordinary user")
def test_an_ordinary_user_can_run_it() -> None:
    """Without root no account is made and nothing is handed over; the data folder has its own name."""
    account = server_files.account()
    assert account is not None
    bin_dir = server_files.binaries(None, account)
    with tempfile.TemporaryDirectory(prefix="aw-u-") as folder:
        os.chown(folder, account.pw_uid, account.pw_gid)

        def run() -> str:
            server = EmbeddedPostgres(Path(folder), bin_dir, wrap=dies_with_us, settings=QUICK)
            server.start()
            said = ask(server.dsn, "SELECT current_setting('data_directory')")
            server.stop()
            return str(said)

        assert _as_user(account, run) == f"{folder}/postgres/data"


def _as_user(account: pwd.struct_passwd, run: Callable[[], str]) -> str:
    """Run it in a fork of ours: another interpreter might be closed to that user."""
    reads, writes = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # newer Pythons warn of forks beside threads
        child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setresgid(account.pw_gid, account.pw_gid, account.pw_gid)
            os.setresuid(account.pw_uid, account.pw_uid, account.pw_uid)
            os.write(writes, run().encode())
        except BaseException:  # noqa: BLE001
            os.write(writes, traceback.format_exc().encode())
        finally:
            os._exit(0)
    os.close(writes)
    os.waitpid(child, 0)
    with os.fdopen(reads) as said:
        return said.read()


def _runs(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()
