"""Messages that were not understood, kept as they came so that an engineer can look at them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection

from models.store.paging import number_cursor

PAYLOAD_MAX_BYTES = 4096
"""Longer ones are cut: the beginning says what it was."""
TOPIC_MAX_CHARS = 512
KEPT_ROWS = 100_000
"""Whoever sends rubbish day and night must not fill the disk: the newest are enough to see what it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantinedMessage:
    """One message as it came. ``unit_id`` is set when its topic names a unit."""

    received_at: datetime
    topic: str
    payload: bytes
    reason: str
    unit_id: str | None = None
    id: int = 0


def write(conn: Connection, messages: Sequence[QuarantinedMessage]) -> None:
    """Keep ``messages``."""
    if not messages:
        return
    conn.execute(
        """INSERT INTO quarantine (received_at, topic, payload, reason, unit_id)
           SELECT * FROM unnest(%b::timestamptz[], %b::text[], %b::bytea[], %b::text[], %b::text[])""",
        (
            [message.received_at for message in messages],
            [message.topic.replace("\0", "\N{REPLACEMENT CHARACTER}")[:TOPIC_MAX_CHARS] for message in messages],
            [message.payload[:PAYLOAD_MAX_BYTES] for message in messages],
            [message.reason for message in messages],
            [message.unit_id for message in messages],
        ),
    )


def listing(
    conn: Connection, *, unit_id: str | None = None, cursor: str | None = None, limit: int = 100
) -> tuple[list[QuarantinedMessage], str | None]:
    """Return messages, newest first, and the cursor of the next page."""
    rows = conn.execute(
        """SELECT id, received_at, topic, payload, reason, unit_id FROM quarantine
           WHERE (%(unit_id)s::text IS NULL OR unit_id = %(unit_id)s)
             AND (%(before)s::bigint IS NULL OR id < %(before)s)
           ORDER BY id DESC LIMIT %(limit)s""",
        {"unit_id": unit_id, "before": number_cursor(cursor), "limit": limit + 1},
    ).fetchall()
    items = [
        QuarantinedMessage(id=row[0], received_at=row[1], topic=row[2], payload=row[3], reason=row[4], unit_id=row[5])
        for row in rows[:limit]
    ]
    return items, str(items[-1].id) if len(rows) > limit else None


def prune(conn: Connection, before: datetime, *, keep_rows: int = KEPT_ROWS) -> int:
    """Forget what was received before ``before``, and all but the newest ``keep_rows``; returns how many."""
    return conn.execute(
        "DELETE FROM quarantine WHERE received_at < %s OR id <= (SELECT max(id) FROM quarantine) - %s",
        (before, keep_rows),
    ).rowcount
