"""The embedded database as a part: its launcher behind the supervisor's verbs."""

import contextlib
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from alertwall.child import Stage
from models.store.launcher import EmbeddedPostgres

NAME = "postgres"
STOP_WITHIN_S = 4.0
LOG_MAX_BYTES = 20_000_000


class DatabasePart:
    """PostgreSQL's postmaster; SIGINT is its fast and clean stop."""

    name = NAME
    stage = Stage.DATABASE
    stop_within_s = STOP_WITHIN_S

    def __init__(self, state_dir: Path, bin_dir: Path | None) -> None:
        self._server = EmbeddedPostgres(state_dir, bin_dir, wrap=ends_with_us)

    @property
    def dsn(self) -> str:
        return self._server.dsn

    @property
    def pid(self) -> int | None:
        return self._server.process.pid if self._server.process else None

    def start(self) -> None:
        self._keep_log_small()
        self._server.start()

    def poll(self) -> int | None:
        return self._server.poll()

    def ask_to_stop(self) -> None:
        process = self._server.process
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        process = self._server.process
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGQUIT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(1)
        self._server.stop(timeout_s=0)

    def _keep_log_small(self) -> None:
        path = self._server.log_path
        if path.exists() and path.stat().st_size > LOG_MAX_BYTES:
            path.replace(path.with_suffix(".log.1"))


def ends_with_us(argv: Sequence[str]) -> Sequence[str]:
    """Let the kernel stop the server when we die; by a system program, since the server's user cannot read ours."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "QUIT", "--", *argv] if setpriv else argv
