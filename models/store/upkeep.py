"""What the database needs now and then: parts ahead, old parts dropped, the feed kept short."""

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from models.clock import Clock

if TYPE_CHECKING:
    from models.store.pool import Store

FEED_KEPT = timedelta(hours=1)
IDEMPOTENCY_KEPT = timedelta(days=1)
SERIES = ("event", "heartbeat")


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """Days that series are kept; alarm messages, incidents and the audit trail are never dropped here."""

    events_days: int = 90
    heartbeats_days: int = 14


def run(store: "Store", clock: Clock, retention: Retention) -> None:
    """Do all of it, each step in a transaction of its own; `StoreDown` when the database is away."""
    now = clock.utc_now()
    engine = store.engine
    kept = {"event": retention.events_days, "heartbeat": retention.heartbeats_days}
    for table in SERIES:
        with store.transaction() as conn:
            engine.ensure_ahead(conn, table, now)
        with store.transaction() as conn:
            engine.drop_before(conn, table, now - timedelta(days=kept[table]))
    with store.transaction() as conn:
        conn.execute("DELETE FROM feed WHERE at < %s", (now - FEED_KEPT,))
        conn.execute("DELETE FROM idempotency WHERE created_at < %s", (now - IDEMPOTENCY_KEPT,))
        conn.execute("DELETE FROM login WHERE expires_at < %s", (now,))
        conn.execute("DELETE FROM one_time_token WHERE expires_at < %s", (now,))
