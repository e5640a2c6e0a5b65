"""Threads kept apart by what they wait for: a worker that hangs or a flood of guesses takes only its own lane's.

Everything else blocking shares the framework's forty threads and waits for nothing but the database.
"""

from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

import anyio.to_thread
from anyio import CapacityLimiter
from anyio.lowlevel import RunVar

from models.errors import Overloaded

Params = ParamSpec("Params")
Result = TypeVar("Result")


class Lane:
    """At most ``threads`` at work; ``waiting_max`` more may wait, which costs them no thread."""

    def __init__(self, name: str, *, threads: int, waiting_max: int) -> None:
        self._name, self._threads, self._waiting_max = name, threads, waiting_max
        self._limiters: RunVar[CapacityLimiter] = RunVar(f"lane of {name}")

    async def run(self, work: Callable[Params, Result], *args: Params.args, **kwargs: Params.kwargs) -> Result:
        """Return what ``work`` does in one of the lane's threads; `Overloaded` when too many wait already."""
        limiter = self._limiter()
        waiting = limiter.statistics().tasks_waiting
        if waiting >= self._waiting_max:
            raise Overloaded(self._name, waiting)
        return await anyio.to_thread.run_sync(partial(work, *args, **kwargs), limiter=limiter)

    def _limiter(self) -> CapacityLimiter:
        try:
            return self._limiters.get()
        except LookupError:  # the first in this event loop
            limiter = CapacityLimiter(self._threads)
            self._limiters.set(limiter)
            return limiter


PUBLISHERS = Lane("publishers", threads=4, waiting_max=64)
PICTURES = Lane("pictures", threads=16, waiting_max=500)
CLIPS = Lane("clips", threads=16, waiting_max=200)
PROBES = Lane("probes", threads=4, waiting_max=20)
BULK = Lane("bulk registrations", threads=1, waiting_max=8)
"""A thousand cameras are checked and written in about a second; the queries of the wall come between."""
SIGN_INS = Lane("sign-ins", threads=4, waiting_max=100)
"""Each check of a password takes 19 MiB and some 20 ms of a core; guessers may not have all of them."""
REPLAYS = Lane("replays", threads=4, waiting_max=5000)
WATCH = Lane("watch", threads=2, waiting_max=100)
"""For what must be seen in time however busy the process is: ended logins, parts that went."""
