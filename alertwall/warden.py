"""The part that outlives its supervisor by a moment, and leaves no other that does. See `sweep.py`."""

import logging
import os
import secrets
import subprocess
import sys
from pathlib import Path

from alertwall import sweep
from alertwall.child import Stage

log = logging.getLogger(__name__)


class Warden:
    """A `Part`: a small process that waits for our end, however it comes, and then sweeps up.

    Whatever this process starts from now on carries the marks by which it is found.
    """

    name = "warden"
    stage = Stage.WARDEN
    stop_within_s = sweep.ENDED_WITHIN_S

    def __init__(self, state_dir: Path) -> None:
        self._state_dir, self._run = str(state_dir), secrets.token_hex(8)
        self._process: subprocess.Popen[bytes] | None = None
        os.environ.update({sweep.STATE_MARK: self._state_dir, sweep.RUN_MARK: self._run})

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def note(self, pids: list[int]) -> None:
        """Keep which processes there are for those who find us gone."""
        try:
            sweep.write_list(self._state_dir, self._run, pids)
        except OSError as failed:
            log.warning("the list of processes cannot be kept: %s", failed)

    def start(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603  (a list, never a shell's line)
            [sys.executable, "-IS", sweep.__file__, self._state_dir, self._run],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )

    def poll(self) -> int | None:
        return self._process.poll() if self._process else 0

    def ask_to_stop(self) -> None:
        if self._process and self._process.stdin:
            self._process.stdin.close()

    def kill(self) -> None:
        if self._process:
            self.ask_to_stop()
            self._process.kill()
            self._process.wait()
            self._process = None
