"""Which of several cores is active: whoever holds an advisory lock of the database, on a connection of its own."""

import logging
from contextlib import suppress
from typing import Any

import psycopg

LOCK_KEY = 0x636F7265  # "core"
CONNECT_TIMEOUT_S = 3
UNANSWERED_MS = 10_000
KEEPALIVES_IDLE_S, KEEPALIVES_INTERVAL_S, KEEPALIVES_COUNT = 5, 2, 3
"""A server that has vanished is noticed within seconds, and so is a core that has."""

log = logging.getLogger(__name__)


class ActiveLock:
    """Held as long as its connection lives."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._conn: psycopg.Connection[Any] | None = None
        self._held = False
        self.unreachable = False

    def take(self) -> bool:
        """Try to become the active core; False when another one is, or when the database does not answer."""
        try:
            if self._conn is None or self._conn.closed:
                self._conn = psycopg.connect(
                    self._dsn,
                    autocommit=True,
                    connect_timeout=CONNECT_TIMEOUT_S,
                    application_name="alertwall core lock",
                    keepalives_idle=KEEPALIVES_IDLE_S,
                    keepalives_interval=KEEPALIVES_INTERVAL_S,
                    keepalives_count=KEEPALIVES_COUNT,
                    tcp_user_timeout=UNANSWERED_MS,
                )
            row = self._conn.execute("SELECT pg_try_advisory_lock(%s)", (LOCK_KEY,)).fetchone()
        except psycopg.OperationalError:
            self.release()
            self.unreachable = True
            return False
        self.unreachable = False
        self._held = row is not None and bool(row[0])
        return self._held

    def hold(self) -> bool:
        """Tell whether this core may go on. While the database is away nobody else can be active either."""
        try:
            if self._conn is not None and not self._conn.closed and self._held:
                self._conn.execute("SELECT 1")
                return True
        except psycopg.OperationalError:
            log.warning("the database is away; the lock is taken again when it is back")
        self.release()
        return self.take() or self.unreachable

    def release(self) -> None:
        """Let another core be active."""
        conn, self._conn, self._held = self._conn, None, False
        if conn is not None:
            with suppress(psycopg.Error):
                conn.close()
