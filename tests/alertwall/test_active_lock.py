"""Of several cores one is active."""

import psycopg

from alertwall.active_lock import ActiveLock
from tests.support.unit import eventually


def test_one_holds_and_the_next_takes_over(dsn: str) -> None:
    """The second waits until the first lets go."""
    first, second = ActiveLock(dsn), ActiveLock(dsn)
    assert first.take()
    assert not second.take()
    assert first.hold()
    assert not second.hold()
    first.release()
    eventually(second.take, what="the server has seen the first one go")
    second.release()


def test_lost_connection_is_a_lost_lock(dsn: str) -> None:
    """A core that was cut off finds out whether somebody else has taken over meanwhile."""
    first, second = ActiveLock(dsn), ActiveLock(dsn)
    assert first.take()
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute(
            """SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
               WHERE application_name = 'alertwall core lock' AND datname = current_database()"""
        )
    assert second.take()
    assert not first.hold()
    second.release()
    eventually(first.hold, what="the server has seen the second one go")
    first.release()


def test_nobody_else_can_be_active_without_a_database() -> None:
    """While the database is away the active core goes on, and a waiting one does not begin."""
    lock = ActiveLock("host=127.0.0.1 port=1 dbname=none")
    assert not lock.take()
    assert lock.unreachable
    assert lock.hold()
