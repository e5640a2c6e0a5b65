"""The worker's one disk thread: cameras never wait for the disk, and a disk that is too slow is noticed and counted."""

import errno
import logging
import shutil
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path

BACKLOG_MAX_BYTES = 128 << 20
log = logging.getLogger(__name__)


class DiskWriter:
    """Runs jobs one after the other; refuses new ones while more than ``backlog_max_bytes`` wait."""

    def __init__(self, folder: Path, *, backlog_max_bytes: int = BACKLOG_MAX_BYTES) -> None:
        self._folder = folder
        self._backlog_max_bytes = backlog_max_bytes
        self._jobs: deque[tuple[Callable[[], None], int]] = deque()
        self._waiting_bytes = 0
        self._closing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="disk-writer", daemon=True)
        self._thread.start()

    def submit(self, job: Callable[[], None], size_bytes: int = 0) -> bool:
        """Queue ``job``; False when the disk is too far behind. Jobs without bytes are always taken."""
        with self._changed:
            if self._closing or (size_bytes and self._waiting_bytes + size_bytes > self._backlog_max_bytes):
                return False
            self._jobs.append((job, size_bytes))
            self._waiting_bytes += size_bytes
            self._changed.notify()
        return True

    def wait(self, timeout_s: float) -> bool:
        """Wait until all that was queued before is done."""
        done = threading.Event()
        return self.submit(done.set) and done.wait(timeout_s)

    def check_free(self, min_free_bytes: int) -> None:
        """Raise what a full disk raises when less than this is left."""
        if shutil.disk_usage(self._folder).free < min_free_bytes:
            raise OSError(errno.ENOSPC, "less free space than the site keeps back")

    @property
    def waiting_bytes(self) -> int:
        return self._waiting_bytes

    def close(self, timeout_s: float = 3.0) -> None:
        """Finish what is queued, then end."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._jobs:
                    if self._closing:
                        return
                    self._changed.wait()
                job, size_bytes = self._jobs.popleft()
            try:
                job()
            except Exception:
                log.exception(
                    "a disk job failed"
                )  # its owner handles OSError; this is a bug and must not end the thread
            with self._changed:
                self._waiting_bytes -= size_bytes
