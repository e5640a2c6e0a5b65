"""Canaries: a worker sends one a minute the way its events go, so that a way that is broken is noticed.

They stand in the feed alone, under a kind that no viewer asks for, and go with it after an hour.
"""

from datetime import datetime
from typing import Any

from psycopg import Connection

from models.store import feed
from models.wire import instant

CANARY_EVERY_S = 60.0
KIND = "canary"


def send(conn: Connection[Any], worker_id: str, sent_at: datetime) -> None:
    """Let one out."""
    feed.append(conn, area="", kind=KIND, ref=worker_id, body={"sent_at": instant(sent_at)})


def newest(conn: Connection[Any]) -> dict[str, datetime]:
    """Return when the last canary of each worker that a reader of the feed sees by now was sent."""
    rows = conn.execute(
        """SELECT DISTINCT ON (f.ref) f.ref, f.body ->> 'sent_at' FROM feed f
           WHERE f.kind = 'canary' AND f.tx < pg_snapshot_xmin(pg_current_snapshot())
           ORDER BY f.ref, f.tx DESC, f.seq DESC"""
    ).fetchall()
    return {worker_id: datetime.fromisoformat(sent_at) for worker_id, sent_at in rows}
