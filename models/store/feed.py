"""The outbox that live viewers read: written with the change it tells of, read in (transaction, sequence) order.

Reading by sequence alone skips rows whose transaction commits late; so a reader takes only rows of
transactions below the oldest one still running (`pg_snapshot_xmin`).
"""

import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.types.json import Jsonb

from models.errors import BadInput
from models.store.connection import StoreConnection

CHANNEL = "aw_feed"
POLL_S = 1.0
RETRY_S = 0.5
READ_LIMIT = 1000

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, order=True)
class Cursor:
    """A place in the feed; its text form is ``tx-seq``."""

    tx: int
    seq: int

    def __str__(self) -> str:
        return f"{self.tx}-{self.seq}"

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """Read the text form; `BadInput` when it is not one."""
        tx, dash, seq = text.partition("-")
        if not (dash and tx.isascii() and tx.isdigit() and seq.isascii() and seq.isdigit() and len(text) < 40):
            raise BadInput("cursor", "an id as the feed gave it, such as 7031-42")
        return cls(int(tx), int(seq))


@dataclass(frozen=True, slots=True)
class FeedRow:
    cursor: Cursor
    at: datetime
    area: str
    kind: str
    ref: str
    body: dict[str, Any]


def append(conn: Connection[Any], *, area: str, kind: str, ref: str, body: dict[str, Any]) -> None:
    """Tell viewers of one change; goes out when the caller's transaction commits."""
    append_many(conn, [(area, kind, ref, body)])


def append_many(conn: Connection[Any], rows: Sequence[tuple[str, str, str, dict[str, Any]]]) -> None:
    """Tell viewers of several changes, each (area, kind, ref, body), in one statement."""
    if not rows:
        return
    conn.execute(
        """INSERT INTO feed (area, kind, ref, body)
           SELECT * FROM unnest(%b::text[], %b::text[], %b::text[], %b::jsonb[])""",
        (
            [area for area, *_ in rows],
            [kind for _, kind, *_ in rows],
            [ref for _, _, ref, _ in rows],
            [Jsonb(body) for *_, body in rows],
        ),
    )
    if isinstance(conn, StoreConnection):
        conn.feed_written = True


def latest(conn: Connection[Any]) -> Cursor:
    """Return the cursor behind everything that readers can see now."""
    row = conn.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text").fetchone()
    assert row is not None
    return Cursor(int(row[0]) - 1, 2**62)


def oldest(conn: Connection[Any]) -> Cursor | None:
    """Return the oldest cursor still kept, None when the feed is empty."""
    row = conn.execute("SELECT tx::text, seq FROM feed ORDER BY tx, seq LIMIT 1").fetchone()
    return Cursor(int(row[0]), row[1]) if row else None


def read(conn: Connection[Any], cursor: Cursor, limit: int = READ_LIMIT) -> list[FeedRow]:
    """Return what follows ``cursor``, oldest first."""
    rows = conn.execute(
        """SELECT tx::text, seq, at, area, kind, ref, body FROM feed
           WHERE (tx, seq) > (%s::text::xid8, %s) AND tx < pg_snapshot_xmin(pg_current_snapshot())
           ORDER BY tx, seq LIMIT %s""",
        (str(cursor.tx), cursor.seq, limit),
    ).fetchall()
    return [FeedRow(Cursor(int(tx), seq), *rest) for tx, seq, *rest in rows]


class FeedTail:
    """Follows the feed on connections of its own: iterate it in a thread, `stop` ends the iteration.

    Yields lists of rows in order, each row once. Survives the database going away: it reconnects and
    goes on from where it was.
    """

    def __init__(self, dsn: str, *, after: Cursor | None = None, poll_s: float = POLL_S) -> None:
        self._dsn = dsn
        self._poll_s = poll_s
        self._stopping = threading.Event()
        self.cursor = after
        self.connected = threading.Event()

    def stop(self) -> None:
        """End the iteration within one poll."""
        self._stopping.set()

    def __iter__(self) -> Iterator[list[FeedRow]]:
        while not self._stopping.is_set():
            try:
                yield from self._follow()
            except psycopg.Error as lost:
                self.connected.clear()
                log.warning("feed: %s", str(lost).strip() or type(lost).__name__)
                self._stopping.wait(RETRY_S)
        self.connected.clear()

    def _follow(self) -> Iterator[list[FeedRow]]:
        with (
            psycopg.connect(self._dsn, autocommit=True, connect_timeout=5) as wakeups,
            psycopg.connect(self._dsn, autocommit=True, connect_timeout=5, options="-c timezone=UTC") as reader,
        ):
            wakeups.execute(f"LISTEN {CHANNEL}")
            if self.cursor is None:
                self.cursor = latest(reader)
            self.connected.set()
            while not self._stopping.is_set():
                while rows := read(reader, self.cursor):
                    self.cursor = rows[-1].cursor
                    yield rows
                # queries inside an unfinished notifies() of the same connection hang, so it is read to its end first
                list(wakeups.notifies(timeout=self._poll_s, stop_after=1))
