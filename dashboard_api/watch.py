"""Cuts streams whose login has ended: a disabled user's feed and live pictures stop within two seconds."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool

from models.clock import Clock
from models.errors import NotReady, Overloaded
from models.store import logins
from models.store.pool import Store
from models.user import Login

LOOK_EVERY_S = 1.0
PER_USER_MAX = 100
"""Feeds and live pictures that one user may have open in one process."""

log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class Watched:
    """One open stream, and how to end it."""

    id_hash: bytes
    login: Login
    cut: Callable[[], None]


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
    def watching(self, id_hash: bytes, login: Login, cut: Callable[[], None]) -> Iterator[None]:
        """Keep an eye on ``login`` while a stream of its is open; ``cut`` is called in the event loop."""
        watched = Watched(id_hash, login, cut)
        self._open.add(watched)
        try:
            yield
        finally:
            self._open.discard(watched)

    def check_room(self, username: str) -> None:
        """Raise `Overloaded` when a user has as many streams open as one may."""
        count = sum(watched.login.username == username for watched in self._open)
        if count >= PER_USER_MAX:
            raise Overloaded(f"streams of {username}", count)

    async def look(self) -> None:
        """Cut the streams whose login has ended or whose role or areas are others now."""
        hashes = {watched.id_hash for watched in self._open}
        if not hashes:
            return
        alive = await run_in_threadpool(self._alive, hashes)
        for watched in list(self._open):
            if watched.id_hash not in hashes:
                continue
            now = alive.get(watched.id_hash)
            if now is None or (now.role, now.areas) != (watched.login.role, watched.login.areas):
                watched.cut()

    def _alive(self, hashes: set[bytes]) -> dict[bytes, Login]:
        with self._store.transaction() as conn:
            return logins.alive(conn, hashes, self._clock.utc_now())

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await self.look()
            except NotReady as down:
                log.warning("cannot look at logins: %s", down)
