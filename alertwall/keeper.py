"""What the supervisor tells the database once a second: beats of the parts that cannot beat themselves."""

import logging
import socket
import threading
from datetime import datetime
from typing import Any

from alertwall.child import Part
from configs.parts import BrokerLink
from models.clock import Clock
from models.errors import StoreDown
from models.store import parts
from models.store.pool import Store

EVERY_S = 1.0
CONNECT_TIMEOUT_S = 1.0
SAY_AGAIN_S = 30.0

log = logging.getLogger(__name__)


class Keeper:
    """A thread of its own: a database that is away must not delay a restart."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        broker: BrokerLink,
        broker_detail: dict[str, Any],
        *,
        watched: dict[str, Part],
    ) -> None:
        self._store, self._clock, self._broker, self._broker_detail = store, clock, broker, broker_detail
        self._watched = watched
        self._seen: dict[str, tuple[int, datetime]] = {}
        self._said_down_s = float("-inf")
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join(timeout=3)

    def _run(self) -> None:
        while not self._over.wait(EVERY_S):
            try:
                self.once()
            except StoreDown as down:
                now_s = self._clock.monotonic_s()
                if now_s - self._said_down_s > SAY_AGAIN_S:
                    log.warning("the database does not answer; trying on: %s", down)
                    self._said_down_s = now_s

    def once(self) -> None:
        """Beat for the database and the broker."""
        now = self._clock.utc_now()
        broker = self._watched.get("broker")
        answers = broker.poll() is None if broker else reachable(self._broker.host, self._broker.port)
        with self._store.transaction() as conn:
            if database := self._watched.get("postgres"):
                parts.beat(
                    conn,
                    id=database.name,
                    kind="database",
                    now=now,
                    started_at=self._started_at(database.name, database.pid or 0, now),
                    pid=database.pid or 0,
                    detail={"engine": self._store.engine.name},
                )
            pid = broker.pid or 0 if broker else 0
            parts.beat(
                conn,
                id="broker",
                kind="broker",
                now=now,
                started_at=self._started_at("broker", pid, now),
                pid=pid,
                state="up" if answers else "degraded",
                detail=self._broker_detail,
            )

    def _started_at(self, id: str, pid: int, now: datetime) -> datetime:
        was_pid, since = self._seen.get(id, (None, now))
        self._seen[id] = (pid, since if was_pid == pid else now)
        return self._seen[id][1]


def reachable(host: str, port: int) -> bool:
    """Tell whether somebody listens there."""
    try:
        socket.create_connection((host, port), CONNECT_TIMEOUT_S).close()
    except OSError:
        return False
    return True
