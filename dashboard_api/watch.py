"""Cuts streams whose login has ended: a disabled user's feed and live pictures stop within two seconds."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from dashboard_api import lanes
from dashboard_api.policy import Access
from models.clock import Clock
from models.errors import AlertwallError, Overloaded
from models.store import logins
from models.store.pool import Store
from models.user import Login

LOOK_EVERY_S = 1.0
PER_USER_MAX = 100
"""Feeds, live pictures and clips that one user may have open in one process."""

log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class Watched:
    """Something that is open for a login, and how to end it."""

    access: Access
    cut: Callable[[], None]
    counts: bool = True


class LoginWatch:
    """Looks at the logins of all open streams of this process, in one query a second."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._open: set[Watched] = set()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look; call it in the event loop that serves the streams."""
        self._task = asyncio.create_task(self._run(), name="login-watch")

    async def stop(self) -> None:
        """End, and cut whatever is still open."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self.cut_all()

    def cut_all(self) -> None:
        """End every stream: the process is going."""
        for watched in list(self._open):
            watched.cut()

    @contextmanager
    def watching(self, access: Access, cut: Callable[[], None]) -> Iterator[None]:
        """Keep an eye on a login while a stream of its is open; ``cut`` is called in the event loop.

        Raises `Overloaded` when its user has as many streams open as one may.
        """
        username = access.login.username
        count = sum(watched.counts and watched.access.login.username == username for watched in self._open)
        if count >= PER_USER_MAX:
            raise Overloaded(f"streams of {username}", count)
        watched = self.keep(access, cut, counts=True)
        try:
            yield
        finally:
            self.drop(watched)

    def keep(self, access: Access, cut: Callable[[], None], *, counts: bool = False) -> Watched:
        """Watch a login until `drop`, for what does not end by itself here."""
        watched = Watched(access, cut, counts)
        self._open.add(watched)
        return watched

    def drop(self, watched: Watched) -> None:
        """Watch no longer."""
        self._open.discard(watched)

    async def look(self) -> None:
        """Cut what is open for logins that have ended or whose role or areas are others now."""
        hashes = {watched.access.id_hash for watched in self._open}
        if not hashes:
            return
        alive = await lanes.WATCH.run(self._alive, hashes)
        for watched in list(self._open):
            then = watched.access
            if then.id_hash not in hashes:
                continue
            now = alive.get(then.id_hash)
            if now is None or (now.role, now.areas) != (then.login.role, then.login.areas):
                watched.cut()

    def _alive(self, hashes: set[bytes]) -> dict[bytes, Login]:
        with self._store.transaction() as conn:
            return logins.alive(conn, hashes, self._clock.utc_now())

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await self.look()
            except AlertwallError as down:
                log.warning("cannot look at logins: %s", down)
            except Exception:
                log.exception("cannot look at logins")
