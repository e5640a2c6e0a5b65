"""One process's way to the database: a bounded pool, transactions, and the wake-up of feed readers."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

import psycopg
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from models.clock import Clock
from models.errors import StoreDown
from models.store import feed, upkeep
from models.store.connection import StoreConnection
from models.store.engine import Engine, probe

WAKE_EVERY_S = 0.02
"""NOTIFY serialises commits, so readers are woken at most this often."""
RECONNECT_TIMEOUT_S = 2.0
SESSION_OPTIONS = "-c timezone=UTC -c idle_in_transaction_session_timeout=60000"


class Store:
    """The database of one process. Open it, use `transaction`, close it."""

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
            kwargs={"application_name": application, "options": SESSION_OPTIONS, "connect_timeout": 5},
            min_size=min_size,
            max_size=max_size,
            timeout=timeout_s,
            check=ConnectionPool.check_connection,
            reconnect_timeout=RECONNECT_TIMEOUT_S,
            open=False,
            name=application,
        )
        self._wanted = threading.Event()
        self._closing = threading.Event()
        self._waker = threading.Thread(target=self._wake_readers, name="store-waker", daemon=True)

    @property
    def engine(self) -> Engine:
        """Plain PostgreSQL or TimescaleDB; `StoreDown` until a connection could ask."""
        if self._engine is None:
            with self.transaction() as conn:
                self._engine = probe(conn)
        return self._engine

    def open(self, wait_s: float = 10.0) -> None:
        """Connect, waiting up to ``wait_s``; `StoreDown` when nothing answers (the pool goes on trying)."""
        self._pool.open()
        if not self._waker.is_alive():
            self._waker.start()
        try:
            self._pool.wait(timeout=wait_s)
        except PoolTimeout as late:
            raise StoreDown(f"the database did not answer within {wait_s:g} s") from late

    def close(self) -> None:
        self._closing.set()
        self._wanted.set()
        if self._waker.is_alive():
            self._waker.join(timeout=2)
        self._pool.close(timeout=2)

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Iterator[StoreConnection]:
        """Commit at the end, roll back on any exception; a lost or missing database is `StoreDown`."""
        try:
            with self._pool.connection(timeout=self._timeout_s) as conn:
                conn.feed_written = False
                yield conn
            if conn.feed_written:
                self.wake()
        except (PoolTimeout, PoolClosed, psycopg.OperationalError, psycopg.InterfaceError) as down:
            raise StoreDown(f"database: {str(down).strip() or type(down).__name__}") from down

    def wake(self) -> None:
        """Let feed readers look now instead of at their next poll."""
        self._wanted.set()

    def maintain(self, clock: Clock, *, retention: upkeep.Retention | None = None) -> None:
        """Make partitions ahead, drop what is too old, refresh rollups; call it about once a minute."""
        upkeep.run(self, clock, retention or upkeep.Retention())

    def _wake_readers(self) -> None:
        while True:
            self._wanted.wait()
            if self._closing.is_set():
                return
            self._wanted.clear()
            try:
                with self._pool.connection(timeout=self._timeout_s) as conn:
                    conn.execute(f"NOTIFY {feed.CHANNEL}")
            except (PoolTimeout, PoolClosed, psycopg.Error):
                pass  # readers poll as well
            self._closing.wait(WAKE_EVERY_S)
