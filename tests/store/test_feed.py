"""The feed under several writers: slow transactions, lost connections, readers that stop."""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from models.store import feed
from models.store.feed import Cursor, FeedTail
from models.store.pool import Store

WRITERS, ROUNDS = 6, 60
SOON_S = 10.0


class Follower:
    """Collects what a tail yields, in a thread of its own."""

    def __init__(self, dsn: str, *, after: Cursor | None = None, poll_s: float = feed.POLL_S) -> None:
        self.tail = FeedTail(dsn, after=after, poll_s=poll_s)
        self.seen: list[str] = []
        self.cursors: list[Cursor] = []
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        for rows in self.tail:
            self.seen += [row.ref for row in rows]
            self.cursors += [row.cursor for row in rows]

    def wait_for(self, count: int) -> None:
        deadline_s = time.monotonic() + SOON_S
        while len(self.seen) < count and time.monotonic() < deadline_s:
            time.sleep(0.01)

    @contextmanager
    def running(self) -> Iterator[None]:
        self._thread.start()
        try:
            assert self.tail.connected.wait(SOON_S)
            yield
        finally:
            self.tail.stop()
            self._thread.join(1)
            assert not self._thread.is_alive()


def test_slow_transactions_are_not_skipped(store: Store) -> None:
    """Six writers, some of which sit on their rows before they commit: every row arrives, each once, in order."""
    follower = Follower(store.dsn, poll_s=0.05)

    def write(writer: int) -> None:
        chance = random.Random(writer)
        with psycopg.connect(store.dsn) as conn:
            for number in range(ROUNDS):
                feed.append(conn, area="a", kind="event", ref=f"{writer}-{number}", body={})
                if chance.random() < 0.15:
                    time.sleep(chance.random() * 0.05)
                feed.append(conn, area="a", kind="event", ref=f"{writer}-{number}-more", body={})
                conn.commit()

    with follower.running():
        writers = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
        for thread in writers:
            thread.start()
        for thread in writers:
            thread.join()
        follower.wait_for(2 * WRITERS * ROUNDS)
    expected = {f"{writer}-{n}{more}" for writer in range(WRITERS) for n in range(ROUNDS) for more in ("", "-more")}
    assert len(follower.seen) == len(expected)
    assert set(follower.seen) == expected
    assert follower.cursors == sorted(follower.cursors)


def test_a_row_waits_for_older_transactions(store: Store) -> None:
    """What is committed beside a transaction that still runs is held back until that one ends."""
    with psycopg.connect(store.dsn) as slow:
        with store.transaction() as conn:
            cursor = feed.latest(conn)
        feed.append(slow, area="a", kind="event", ref="slow", body={})
        with store.transaction() as conn:
            feed.append(conn, area="a", kind="event", ref="quick", body={})
        with store.transaction() as conn:
            assert feed.read(conn, cursor) == []
        slow.commit()
    with store.transaction() as conn:
        assert [row.ref for row in feed.read(conn, cursor)] == ["slow", "quick"]


def test_a_commit_wakes_readers_at_once(store: Store) -> None:
    """A reader that polls once a minute still hears of a commit, by the notification that follows it."""
    follower = Follower(store.dsn, poll_s=60)
    with follower.running():
        for number in range(3):
            with store.transaction() as conn:
                feed.append(conn, area="a", kind="event", ref=str(number), body={})
            follower.wait_for(number + 1)
    assert follower.seen == ["0", "1", "2"]


def test_a_lost_wake_up_costs_one_poll(store: Store) -> None:
    """A writer that tells nobody is found by the clock."""
    follower = Follower(store.dsn, poll_s=0.05)
    with follower.running():
        with psycopg.connect(store.dsn) as conn:
            feed.append(conn, area="a", kind="event", ref="quiet", body={})
        follower.wait_for(1)
    assert follower.seen == ["quiet"]


def test_a_tail_outlives_its_connections(store: Store) -> None:
    """Cut off, it connects again and goes on from where it was: no loss, no repetition."""
    follower = Follower(store.dsn, poll_s=0.05)
    with follower.running():
        for number in range(3):
            with psycopg.connect(store.dsn) as conn:
                feed.append(conn, area="a", kind="event", ref=str(number), body={})
            with psycopg.connect(store.dsn, autocommit=True) as conn:
                conn.execute(
                    """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                       WHERE application_name = 'alertwall feed' AND datname = current_database()"""
                )
        follower.wait_for(3)
    assert follower.seen == ["0", "1", "2"]


def test_a_tail_begins_where_it_is_told(store: Store) -> None:
    """After a cursor it repeats nothing; without one it begins now."""
    for ref in ("before", "between", "after"):
        with store.transaction() as conn:
            feed.append(conn, area="a", kind="event", ref=ref, body={})
    with store.transaction() as conn:
        cursor = feed.read(conn, Cursor(0, 0))[0].cursor
    follower = Follower(store.dsn, after=cursor)
    with follower.running():
        follower.wait_for(2)
    assert follower.seen == ["between", "after"]


@pytest.mark.alone
def test_stopping_does_not_wait_for_the_poll(store: Store) -> None:
    """A tail that waits for news, or for the database, ends within a moment."""
    quiet = Follower(store.dsn, poll_s=60)
    with quiet.running():
        begun_s = time.monotonic()
    assert time.monotonic() - begun_s < 1
    nowhere = FeedTail("host=127.0.0.1 port=1 user=nobody dbname=none connect_timeout=2")
    thread = threading.Thread(target=list, args=(nowhere,), daemon=True)
    thread.start()
    nowhere.stop()
    thread.join(2)
    assert not thread.is_alive()
    nowhere.stop()


def test_a_feed_of_another_server_is_emptied(store: Store) -> None:
    """After a dump is restored elsewhere, old transaction numbers must not hold back new rows."""
    with store.transaction() as conn:
        conn.execute("INSERT INTO feed (tx, area, kind, ref, body) VALUES ('99999999', 'a', 'event', 'old', '{}')")
        old = feed.latest(conn)
    with store.transaction() as conn:
        assert feed.heal(conn)
        assert not feed.heal(conn)
    with store.transaction() as conn:
        assert not feed.can_resume(conn, old)
        here = feed.latest(conn)
        feed.append(conn, area="a", kind="event", ref="new", body={})
    with store.transaction() as conn:
        assert [row.ref for row in feed.read(conn, here)] == ["new"]
