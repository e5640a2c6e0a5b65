"""What engines share that compute in threads of their own: slots with a buffer and a result each."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from analytics.detectors.network import EngineFailed
from analytics.families import Outputs


class ThreadedEngine(ABC):
    """The part of `Engine` that is about slots."""

    def __init__(self, name: str, *, requests: int, threads: int) -> None:
        """``requests`` slots, of which ``threads`` are computed at once."""
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._pictures: list[NDArray[np.uint8]] = [np.empty((0, 0, 0, 3), np.uint8)] * requests
        self._results: list[Future[Outputs] | None] = [None] * requests

    @property
    def slots(self) -> int:
        return len(self._pictures)

    def pictures(self, slot: int, count: int, width_px: int, height_px: int) -> NDArray[np.uint8]:
        if self._pictures[slot].shape[:3] != (count, height_px, width_px):
            self._pictures[slot] = np.empty((count, height_px, width_px, 3), np.uint8)
        return self._pictures[slot]

    def start(self, slot: int, done: Callable[[], None]) -> None:
        future = self._pool.submit(self._compute, self._pictures[slot])
        self._results[slot] = future
        future.add_done_callback(lambda _future: done())

    def broke(self, slot: int) -> bool:  # noqa: ARG002 - failures are called back here
        return False

    def outputs(self, slot: int) -> Outputs:
        future = self._results[slot]
        assert future is not None, "outputs() of a slot that was not started"
        try:
            return future.result()
        except Exception as failed:  # its errors have no common base
            raise EngineFailed(str(failed)) from failed

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    @abstractmethod
    def _compute(self, pictures: NDArray[np.uint8]) -> Outputs:
        """Return what the network says of (count, height, width, 3) pictures; runs in a thread of the pool."""
