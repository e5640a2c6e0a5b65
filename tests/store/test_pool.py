"""The database goes away and comes back: callers hear `StoreDown` in time, and nothing that was confirmed is lost."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sized
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from models.errors import StoreDown
from models.event import event_id
from models.store import events, feed
from models.store.connection import StoreConnection
from models.store.launcher import EmbeddedPostgres
from models.store.migrate import migrate
from models.store.pool import Store
from tests.store.facts import an_event
from tests.support.clock import FakeClock
from tests.support.postgres import running_server

TIMEOUT_S = 0.5
SLACK_S = 0.4
"""What a busy machine may add to a time limit."""
KILLS = 3
WRITERS = 4


@pytest.fixture
def server() -> Iterator[EmbeddedPostgres]:
    """A durable server of one's own, to be killed."""
    with running_server(fsync="on", full_page_writes="on") as server:
        migrate(server.dsn)
        yield server


def test_killed_under_load(server: EmbeddedPostgres, clock: FakeClock) -> None:
    """`kill -9` while four threads write: `StoreDown` in time, work goes on, each confirmed write is there once."""
    store = Store(server.dsn, timeout_s=TIMEOUT_S)
    store.open()
    stopping = threading.Event()
    confirmed: list[int] = []
    waits_s: list[float] = []
    others: list[BaseException] = []

    def write(writer: int) -> None:
        number = writer
        while not stopping.is_set():
            begun_s = time.monotonic()
            try:
                with store.transaction() as conn:
                    events.write(conn, [an_event(clock, number)])
                confirmed.append(number)
                number += WRITERS
            except StoreDown:
                waits_s.append(time.monotonic() - begun_s)
            except BaseException as wrong:  # noqa: BLE001
                others.append(wrong)
                return

    writers = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
    for thread in writers:
        thread.start()
    for _ in range(KILLS):
        _wait_for_more(confirmed, 20)
        assert server.process is not None
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()
        _wait_for_more(waits_s, 1)
        server.start()
    _wait_for_more(confirmed, 20)
    stopping.set()
    for thread in writers:
        thread.join(5)
    assert others == []
    assert waits_s
    assert max(waits_s) < TIMEOUT_S + SLACK_S
    with store.transaction() as conn:
        stored = {row[0] for row in conn.execute("SELECT id FROM event")}
        told = [row.ref for row in feed.read(conn, feed.Cursor(0, 0), limit=100_000)]
    assert {event_id("gate", number) for number in confirmed} <= stored
    assert sorted(told) == sorted(map(str, stored))
    store.close()


def test_open_waits_for_a_server_that_is_late(server: EmbeddedPostgres) -> None:
    """A process that starts before the database gets there; without one it says why not, and may try again."""
    server.stop()
    store = Store(server.dsn, timeout_s=0.1)
    with pytest.raises(StoreDown, match=r"within 0\.2 s: .*socket"):
        store.open(wait_s=0.2)
    with ThreadPoolExecutor(1) as waiting:
        opened = waiting.submit(store.open, wait_s=20)
        server.start()  # on this thread: the kernel ends a tethered server with the thread that started it
        opened.result(20)
    assert store.engine.name == "plain"
    store.close()
    with pytest.raises(StoreDown), store.transaction():
        pass


def test_dead_connections_are_passed_over(store: Store) -> None:
    """When the server has cut all idle connections, the next transaction works as if nothing had happened."""
    together = threading.Barrier(4)

    def use() -> None:
        with store.transaction() as conn:
            conn.execute("SELECT 1")
            together.wait(5)

    users = [threading.Thread(target=use) for _ in range(4)]
    for thread in users:
        thread.start()
    for thread in users:
        thread.join()
    with psycopg.connect(store.dsn, autocommit=True) as conn:
        conn.execute(
            """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = 'alertwall'"""
        )
    _wait_until(lambda: _connections(store.dsn) == 0)
    for _ in range(4):
        with store.transaction() as conn:
            assert conn.execute("SELECT 1").fetchone() == (1,)


def test_a_connection_lost_in_the_middle_is_store_down(store: Store) -> None:
    """The caller hears it, and the pool does not keep the connection."""
    with pytest.raises(StoreDown), store.transaction() as conn:
        conn.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    with store.transaction() as conn:
        assert conn.execute("SELECT 1").fetchone() == (1,)


def test_a_callers_own_mistake_is_not_store_down(store: Store) -> None:
    """Wrong SQL and broken constraints stay what they are."""
    with pytest.raises(psycopg.errors.UndefinedTable), store.transaction() as conn:
        conn.execute("SELECT * FROM no_such_table")
    with pytest.raises(psycopg.errors.CheckViolation), store.transaction() as conn:
        conn.execute("INSERT INTO unit (id, name, area, broker_hash) VALUES ('lower', '', '', '')")
    with store.transaction() as conn:
        assert conn.execute("SELECT 1").fetchone() == (1,)


def test_what_is_past_the_servers_limits_is_not_store_down(store: Store) -> None:
    """It will never be stored: whoever keeps what is refused for being away would try it for ever."""
    with store.transaction() as conn:
        conn.execute("CREATE TABLE word (text text PRIMARY KEY)")
    with pytest.raises(psycopg.errors.ProgramLimitExceeded), store.transaction() as conn:
        conn.execute("INSERT INTO word SELECT string_agg(md5(n::text), '') FROM generate_series(1, 500) n")


def test_a_server_that_became_a_replica_is_dialled_anew(dsn: str) -> None:
    """Its connection is not kept: the next one may lead to the new primary."""
    store = Store(dsn, max_size=1, timeout_s=5)
    store.open()

    def write(*, to_a_replica: bool) -> int:
        with store.transaction() as conn:
            if to_a_replica:
                conn.execute("SET TRANSACTION READ ONLY")
            conn.execute("DELETE FROM quarantine")
            return conn.info.backend_pid

    before = write(to_a_replica=False)
    with pytest.raises(StoreDown):
        write(to_a_replica=True)
    assert write(to_a_replica=False) != before
    store.close()


def test_readers_are_woken_though_the_connection_has_a_new_user(
    store: Store, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody takes the connection as it is given back, and writes nothing: the alarm's wake-up still goes out."""
    give_back = store._pool.putconn

    def taken_at_once(conn: StoreConnection) -> None:
        conn.feed_written = False
        give_back(conn)

    monkeypatch.setattr(store._pool, "putconn", taken_at_once)
    with psycopg.connect(store.dsn, autocommit=True) as listener:
        listener.execute(f"LISTEN {feed.CHANNEL}")
        with store.transaction() as conn:
            events.write(conn, [an_event(clock, 1)])
        assert list(listener.notifies(timeout=10, stop_after=1))


def test_a_sites_own_settings_do_not_weaken_ours(dsn: str) -> None:
    """A server that answers before it has written, and shows each transaction the past only."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute(f"ALTER DATABASE {conn.info.dbname} SET synchronous_commit = off")
        conn.execute(f"ALTER DATABASE {conn.info.dbname} SET default_transaction_isolation = 'repeatable read'")
    with Store(dsn) as store, store.transaction() as conn:
        row = conn.execute(
            "SELECT current_setting('synchronous_commit'), current_setting('transaction_isolation')"
        ).fetchone()
    assert row == ("on", "read committed")


def test_a_busy_pool_is_store_down(dsn: str) -> None:
    """Whoever finds all connections taken waits no longer than the timeout."""
    store = Store(dsn, max_size=1, timeout_s=0.1)
    store.open()
    with store.transaction(), pytest.raises(StoreDown), store.transaction():
        pass
    store.close()


def test_two_writers_of_the_same_facts_do_not_block_each_other(store: Store, clock: FakeClock) -> None:
    """Whatever the order they come in, nobody ends in a deadlock and every fact is stored once."""
    facts = [an_event(clock, number) for number in range(300)]
    new: list[int] = []
    ready = threading.Barrier(4)

    def write(backwards: bool) -> None:
        for at in range(0, 300, 60):
            ready.wait(5)
            with store.transaction() as conn:
                new.append(len(events.write(conn, facts[at : at + 60][:: -1 if backwards else 1])))

    writers = [threading.Thread(target=write, args=(number % 2 == 1,)) for number in range(4)]
    for thread in writers:
        thread.start()
    for thread in writers:
        thread.join()
    assert sum(new) == 300
    assert len(new) == 20


def _connections(dsn: str) -> int:
    with psycopg.connect(dsn) as conn:
        row = conn.execute(
            """SELECT count(*) FROM pg_stat_activity
               WHERE datname = current_database() AND application_name = 'alertwall'"""
        ).fetchone()
    assert row is not None
    return int(row[0])


def _wait_for_more(growing: Sized, more: int) -> None:
    wanted = len(growing) + more
    _wait_until(lambda: len(growing) >= wanted)


def _wait_until(done: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 20
    while not done():
        assert time.monotonic() < deadline_s, "it never came"
        time.sleep(0.01)
