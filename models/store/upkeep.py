"""What the database needs about once a minute: parts ahead, rollups counted, old rows dropped, the feed kept short."""

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from models.clock import Clock
from models.store import feed, quarantine, statistics

if TYPE_CHECKING:
    from models.store.pool import Store

FEED_KEPT = timedelta(hours=1)
IDEMPOTENCY_KEPT = timedelta(days=1)
QUARANTINE_KEPT = timedelta(days=90)
LOCK_WAIT = "SET LOCAL lock_timeout = '2s'"
"""Whoever waits for a lock holds back those behind it; there is always another minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """Days that series are kept; alarm messages, incidents and the audit trail are never dropped here."""

    events_days: int = 90
    heartbeats_days: int = 14
    minute_counts_days: int = 365
    hour_counts_days: int = 5 * 365


def run(store: "Store", clock: Clock, retention: Retention) -> None:
    """Do all of it, each step in a transaction of its own; `StoreDown` when the database is away or busy."""
    now, engine = clock.utc_now(), store.engine
    for table, days in (
        ("event", retention.events_days),
        ("detection_count", retention.events_days),
        ("detection_heat", retention.events_days),
        ("heartbeat", retention.heartbeats_days),
    ):
        with store.transaction() as conn:
            conn.execute(LOCK_WAIT)
            engine.ensure_partitions(conn, table, now)
        with store.transaction() as conn:
            conn.execute(LOCK_WAIT)
            engine.drop_before(conn, table, now - timedelta(days=days))
    with store.transaction() as conn:
        engine.roll_up(conn)
    with store.transaction() as conn:
        engine.drop_rollups_before(
            conn,
            {
                "event_1m": now - timedelta(days=retention.minute_counts_days),
                "event_1h": now - timedelta(days=retention.hour_counts_days),
            },
        )
    with store.transaction() as conn:
        statistics.add_up(conn, now)
        statistics.prune(conn, now - timedelta(days=retention.hour_counts_days))
    with store.transaction() as conn:  # after roll_up, which counts from the feed
        feed.prune(conn, now - FEED_KEPT)
        conn.execute("DELETE FROM idempotency WHERE created_at < %s", (now - IDEMPOTENCY_KEPT,))
        conn.execute("DELETE FROM login WHERE expires_at < %s", (now,))
        quarantine.prune(conn, now - QUARANTINE_KEPT)
        conn.execute("DELETE FROM one_time_token WHERE expires_at < %s", (now,))
