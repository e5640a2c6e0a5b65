"""The outbox that live viewers read: written with the change it tells of, read in (transaction, sequence) order.

Reading by sequence alone skips rows whose transaction commits late; so a reader takes only rows of transactions
below the oldest one still running (`pg_snapshot_xmin`).
"""

import contextlib
import logging
import select
import socket
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg import Connection

from models.errors import BadInput
from models.store.connection import CONNECT_OPTIONS, StoreConnection
from models.store.json_column import Json

CHANNEL = "aw_feed"
READ_LIMIT = 1000
POLL_S = 1.0
"""How late a reader is when a wake-up is lost."""
RETRY_S = 0.25
CURSOR_MAX_CHARS = 40
_SEQ_MAX = 2**62
_TX_MAX = 2**63

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
        if len(text) <= CURSOR_MAX_CHARS and dash and all(n.isascii() and n.isdigit() for n in (tx, seq)):
            cursor = cls(int(tx), int(seq))
            if cursor.tx <= _TX_MAX and cursor.seq <= _SEQ_MAX:
                return cursor
        raise BadInput("cursor", "an id as the feed gave it, such as 7031-42")


@dataclass(frozen=True, slots=True)
class FeedRow:
    """``body`` is what viewers receive; ``ref`` names the thing that changed."""

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
    """Tell viewers of several changes, each (area, kind, ref, body), in one statement and in this order."""
    if not rows:
        return
    conn.execute(
        """INSERT INTO feed (area, kind, ref, body)
           SELECT * FROM unnest(%b::text[], %b::text[], %b::text[], %b::json[])""",
        (
            [area for area, *_ in rows],
            [kind for _, kind, *_ in rows],
            [ref for _, _, ref, _ in rows],
            [Json(body) for *_, body in rows],
        ),
    )
    if isinstance(conn, StoreConnection):
        conn.feed_written = True


def latest(conn: Connection[Any]) -> Cursor:
    """Return the cursor behind everything that readers can see now."""
    row = conn.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text").fetchone()
    assert row is not None
    return Cursor(int(row[0]) - 1, _SEQ_MAX)


def can_resume(conn: Connection[Any], cursor: Cursor) -> bool:
    """Tell whether everything after ``cursor`` is still here; if not, the viewer must load its lists anew."""
    row = conn.execute(
        """SELECT coalesce((SELECT (tx, seq) <= (%s::text::xid8, %s) FROM feed_mark WHERE name = 'pruned'), true)
                  AND %s::text::xid8 < pg_snapshot_xmax(pg_current_snapshot())""",
        (str(cursor.tx), cursor.seq, str(cursor.tx)),
    ).fetchone()
    assert row is not None
    return bool(row[0])


def read(conn: Connection[Any], cursor: Cursor, limit: int = READ_LIMIT) -> list[FeedRow]:
    """Return what follows ``cursor``, oldest first."""
    # the order is that of f.tx: a bare tx would be the text beside it, where 10 comes before 9
    rows = conn.execute(
        """SELECT f.tx::text, f.seq, at, area, kind, ref, body FROM feed f
           WHERE (f.tx, f.seq) > (%s::text::xid8, %s) AND f.tx < pg_snapshot_xmin(pg_current_snapshot())
           ORDER BY f.tx, f.seq LIMIT %s""",
        (str(cursor.tx), cursor.seq, limit),
    ).fetchall()
    return [FeedRow(Cursor(int(tx), seq), *rest) for tx, seq, *rest in rows]


def prune(conn: Connection[Any], before: datetime) -> int:
    """Forget rows written before ``before`` and remember how far that went; returns how many."""
    first_kept = conn.execute(
        "SELECT f.tx::text, f.seq FROM feed f WHERE at >= %s ORDER BY f.tx, f.seq LIMIT 1", (before,)
    ).fetchone()
    row = conn.execute(
        """WITH gone AS (DELETE FROM feed WHERE at < %s AND (tx, seq) < (%s::text::xid8, %s)
                         RETURNING tx, seq),
                last AS (SELECT tx, seq FROM gone ORDER BY tx DESC, seq DESC LIMIT 1),
                mark AS (INSERT INTO feed_mark AS m (name, tx, seq) SELECT 'pruned', tx, seq FROM last
                         ON CONFLICT (name) DO UPDATE SET tx = excluded.tx, seq = excluded.seq
                         WHERE (excluded.tx, excluded.seq) > (m.tx, m.seq))
           SELECT count(*) FROM gone""",
        (before, *(first_kept or (str(_TX_MAX), _SEQ_MAX))),
    ).fetchone()
    assert row is not None
    return int(row[0])


def heal(conn: Connection[Any]) -> bool:
    """Empty a feed that came with a dump of another server, whose transaction numbers mean nothing here."""
    row = conn.execute(
        """SELECT EXISTS (SELECT FROM feed WHERE tx >= pg_snapshot_xmax(pg_current_snapshot()))
               OR EXISTS (SELECT FROM feed_mark WHERE tx >= pg_snapshot_xmax(pg_current_snapshot()))"""
    ).fetchone()
    foreign = row is not None and bool(row[0])
    if foreign:
        here = latest(conn)
        conn.execute("DELETE FROM feed")
        conn.execute("UPDATE feed_mark SET tx = '0', seq = 0 WHERE name = 'rolled'")
        conn.execute(
            """INSERT INTO feed_mark (name, tx, seq) VALUES ('pruned', %s::text::xid8, %s)
               ON CONFLICT (name) DO UPDATE SET tx = excluded.tx, seq = excluded.seq""",
            (str(here.tx), here.seq),
        )
    return foreign


class FeedTail:
    """Iterate it in a thread of its own; `stop`, from any thread, ends the iteration at once.

    Yields lists of rows in order, each row once, from behind ``after`` on (None: from the moment it is connected).
    It outlives the database: it connects again and goes on from where it was.
    """

    def __init__(self, dsn: str, *, after: Cursor | None = None, poll_s: float = POLL_S) -> None:
        self._dsn = dsn
        self._poll_s = poll_s
        self._stopping = threading.Event()
        self._bell, self._bell_heard = socket.socketpair()
        self.cursor = after
        self.connected = threading.Event()
        """Set while it listens; clear while the database is away."""

    def stop(self) -> None:
        """End the iteration."""
        self._stopping.set()
        with contextlib.suppress(OSError):  # it has ended already
            self._bell.send(b"x")

    def __iter__(self) -> Iterator[list[FeedRow]]:
        try:
            while not self._stopping.is_set():
                try:
                    yield from self._follow()
                except psycopg.Error as lost:
                    log.warning("feed: connecting again: %s", str(lost).strip() or type(lost).__name__)
                    self.connected.clear()
                    self._stopping.wait(RETRY_S)
        finally:
            self.connected.clear()
            self._bell.close()
            self._bell_heard.close()

    def _follow(self) -> Iterator[list[FeedRow]]:
        options = {**CONNECT_OPTIONS, "autocommit": True, "application_name": "alertwall feed"}
        # two connections: a query inside an unfinished notifies() of the same one would hang
        with psycopg.connect(self._dsn, **options) as wakeups, psycopg.connect(self._dsn, **options) as reader:
            wakeups.execute(f"LISTEN {CHANNEL}")
            if self.cursor is None:
                self.cursor = latest(reader)
            self.connected.set()
            wait = select.poll()
            for descriptor in (wakeups.fileno(), self._bell_heard.fileno()):
                wait.register(descriptor, select.POLLIN)
            while not self._stopping.is_set():
                rows = read(reader, self.cursor)
                if rows:
                    self.cursor = rows[-1].cursor
                    yield rows
                if len(rows) < READ_LIMIT:
                    wait.poll(self._poll_s * 1000)
                    list(wakeups.notifies(timeout=0))
