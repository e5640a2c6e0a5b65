"""Canaries in the feed: the newest of each worker, on every engine, and none that stays."""

from datetime import timedelta

from models.store import canaries, feed
from models.store.pool import Store
from tests.support.clock import FakeClock


def test_the_newest_of_each_worker_is_seen_once_it_is_committed(any_store: Store, clock: FakeClock) -> None:
    """They go with the feed, so that no table grows."""
    now = clock.utc_now()
    with any_store.transaction() as conn:
        for worker, age_s in (("worker-1", 60), ("worker-2", 30), ("worker-1", 0)):
            canaries.send(conn, worker, now - timedelta(seconds=age_s))
        assert canaries.newest(conn) == {}
    with any_store.transaction() as conn:
        assert canaries.newest(conn) == {"worker-1": now, "worker-2": now - timedelta(seconds=30)}
        written = conn.execute("SELECT max(at) FROM feed").fetchone()
        assert written is not None
        assert feed.prune(conn, written[0] + timedelta(seconds=1)) == 3
        assert canaries.newest(conn) == {}
