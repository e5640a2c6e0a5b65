"""The worker's one disk thread: cameras never wait for the disk, and a disk that is too slow is noticed and counted."""

import errno
import logging
import shutil
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path

BACKLOG_MAX_BYTES = 128 << 20
STOP_SHARE = 0.5
"""Of the free space that a site keeps back: below it recording stops, before alarms and the database do."""
RESUME_SHARE = 0.75
"""Recording goes on from here, so that it does not stop and go with each deleted file."""
log = logging.getLogger(__name__)


def free_bytes(folder: Path) -> int:
    """Return the free space of the disk that holds ``folder``."""
    return shutil.disk_usage(folder).free


class DiskWriter:
    """Runs jobs one after the other; refuses new ones while more than ``backlog_max_bytes`` wait."""

    def __init__(
        self,
        folder: Path,
        *,
        backlog_max_bytes: int = BACKLOG_MAX_BYTES,
        free_bytes: Callable[[Path], int] = free_bytes,
    ) -> None:
        self._folder, self._free_bytes = folder, free_bytes
        self._full = False
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
        """Raise what a full disk raises when recordings would take what alarms and the database need.

        ``min_free_bytes`` is what the site keeps back: deleting begins below it, recording stops at a share of it.
        """
        free = self._free_bytes(self._folder)
        self._full = free < min_free_bytes * (RESUME_SHARE if self._full else STOP_SHARE)
        if self._full:
            raise OSError(errno.ENOSPC, "too little free space: what is left is for alarms and the database")

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
