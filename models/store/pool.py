"""One process's way to the database: a bounded pool, transactions, and the wake-up of feed readers."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

import psycopg
from psycopg.errors import ReadOnlySqlTransaction
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from models.clock import Clock
from models.errors import StoreDown
from models.store import feed, upkeep
from models.store.connection import CONNECT_OPTIONS, StoreConnection, make_durable
from models.store.engine import Engine, probe

WAKE_EVERY_S = 0.02
"""NOTIFY serialises commits, so readers are woken at most this often."""
RECONNECT_FOR_S = 0.2
"""The pool's own retrying is short: every waiting caller makes it try again, so it is back as soon as the server is."""
CLOSE_WITHIN_S = 2.0
PAST_LIMITS = "54"
"""SQLSTATE class of a value too long for its index, nested too deeply, and the like."""

log = logging.getLogger(__name__)
logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # its callers hear the same as `StoreDown`


class Store:
    """The database of one process. Open it, use `transaction`, close it; safe across threads."""

    def __init__(
        self,
        dsn: str,
        *,
        min_size: int = 1,
        max_size: int = 8,
        timeout_s: float = 0.5,
        application: str = "alertwall",
    ) -> None:
        self.dsn = dsn
        self._timeout_s = timeout_s
        self._engine: Engine | None = None
        self._pool: ConnectionPool[StoreConnection] = ConnectionPool(
            dsn,
            connection_class=StoreConnection,
            kwargs={**CONNECT_OPTIONS, "application_name": application},
            min_size=min_size,
            max_size=max_size,
            configure=make_durable,
            reconnect_timeout=RECONNECT_FOR_S,
            open=False,
            name=application,
        )
        self._wanted = threading.Event()
        self._closing = threading.Event()
        self._waker = threading.Thread(target=self._wake_readers, name="store-waker", daemon=True)

    @property
    def engine(self) -> Engine:
        """Plain PostgreSQL or TimescaleDB; `StoreDown` until the database could be asked."""
        if self._engine is None:
            with self.transaction() as conn:
                self._engine = probe(conn)
        return self._engine

    def open(self, wait_s: float = 10.0) -> None:
        """Connect, waiting up to ``wait_s``; `StoreDown` when nothing answers by then (transactions try on)."""
        self._pool.open()
        if not self._waker.is_alive():
            self._waker.start()
        deadline_s = time.monotonic() + wait_s
        while True:
            try:
                self._engine = self.engine
            except StoreDown:
                if time.monotonic() > deadline_s or self._closing.is_set():
                    raise StoreDown(self._why_not(wait_s)) from None
            else:
                return

    def close(self) -> None:
        """Give all connections back; the store cannot be opened again."""
        self._closing.set()
        self._wanted.set()
        if self._waker.is_alive():
            self._waker.join(timeout=CLOSE_WITHIN_S)
        self._pool.close(timeout=CLOSE_WITHIN_S)

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Iterator[StoreConnection]:
        """Commit at the end, roll back on any exception; a lost, missing or read-only database is `StoreDown`.

        `StoreDown` at the commit leaves open whether it was done: write so that doing it again does no harm.
        """
        conn = self._checkout()
        told = False
        try:
            conn.feed_written = False
            with conn:
                yield conn
            told = conn.feed_written  # read while the connection is ours: the next one to take it begins anew
        except psycopg.Error as failed:
            if isinstance(failed, ReadOnlySqlTransaction):
                conn.close()  # a server that has become a replica: the next connection may find the new primary
            if conn.closed or _is_away(failed):
                raise StoreDown(f"database: {str(failed).strip() or type(failed).__name__}") from failed
            raise
        finally:
            self._pool.putconn(conn)
        if told:
            self.wake()

    def wake(self) -> None:
        """Let feed readers look now instead of at their next poll."""
        self._wanted.set()

    def maintain(self, clock: Clock, *, retention: upkeep.Retention | None = None) -> None:
        """Make parts ahead, drop what is too old, bring the rollups up to date; call it about once a minute."""
        upkeep.run(self, clock, retention or upkeep.Retention())

    def _checkout(self) -> StoreConnection:
        """Take a connection that works, passing over those that died with the server."""
        deadline_s = time.monotonic() + self._timeout_s
        while True:
            try:
                conn = self._pool.getconn(timeout=deadline_s - time.monotonic())
            except (PoolTimeout, PoolClosed) as none:
                raise StoreDown(f"database: no connection within {self._timeout_s:g} s") from none
            if conn.is_alive():
                return conn
            conn.close()
            self._pool.putconn(conn)

    def _why_not(self, wait_s: float) -> str:
        try:
            psycopg.connect(self.dsn, connect_timeout=2).close()
        except psycopg.OperationalError as reason:
            return f"the database did not answer within {wait_s:g} s: {str(reason).strip()}"
        return f"the database did not answer within {wait_s:g} s"

    def _wake_readers(self) -> None:
        while True:
            self._wanted.wait()
            if self._closing.is_set():
                return
            self._wanted.clear()
            try:
                with self.transaction() as conn:
                    conn.execute(f"NOTIFY {feed.CHANNEL}")
            except (StoreDown, psycopg.Error) as failed:
                log.debug("readers are not woken and will poll: %s", failed)
            self._closing.wait(WAKE_EVERY_S)


def _is_away(failed: psycopg.Error) -> bool:
    """Tell a database that cannot now from one that never will: what is past its limits is not worth another try."""
    return isinstance(failed, psycopg.OperationalError) and not (failed.sqlstate or "").startswith(PAST_LIMITS)
