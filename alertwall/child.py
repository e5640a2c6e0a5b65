"""One part as a child process: started tethered, watched, stopped with everything it started itself."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Protocol

from alertwall import tether
from alertwall.logs import SUPERVISED, PartLog

MARK = "ALERTWALL_OF"
"""In the environment of every process of one state folder; its value is that folder."""
LEFTOVERS_GONE_WITHIN_S = 3.0
TREE = Path(tether.__file__).resolve().parent.parent


class Stage(IntEnum):
    """Parts start in this order and stop in the other."""

    DATABASE = 0
    BROKER = 1
    APP = 2
    DEMO = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class PartSpec:
    """How one part is started and stopped."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    stage: Stage = Stage.APP
    stop_signal: signal.Signals = signal.SIGTERM
    stop_within_s: float = 5.0


class Part(Protocol):
    """What the supervisor watches: `Child`, or the embedded database behind the same verbs."""

    name: str
    stage: Stage
    stop_within_s: float

    @property
    def pid(self) -> int | None: ...
    def start(self) -> None:
        """Start it; raise `OSError` or `NotReady` when that fails."""
        ...

    def poll(self) -> int | None:
        """Return None while it runs, else its exit status (negative: the signal)."""
        ...

    def ask_to_stop(self) -> None: ...
    def kill(self) -> None:
        """End it and what it started, at once."""
        ...


class Child:
    """A `Part` that is one program, in a process group of its own."""

    def __init__(self, spec: PartSpec, state_dir: Path, log: PartLog) -> None:
        self.name, self.stage, self.stop_within_s = spec.name, spec.stage, spec.stop_within_s
        self.spec = spec
        self._state_dir, self._log = state_dir, log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> None:
        tethered = [sys.executable, "-IS", tether.__file__, str(os.getpid()), str(int(self.spec.stop_signal))]
        env = {**os.environ, **self.spec.env, SUPERVISED: "1", MARK: str(self._state_dir), "PYTHONUNBUFFERED": "1"}
        self._process = subprocess.Popen(  # noqa: S603  (a list, never a shell's line)
            [*tethered, *self.spec.argv],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=env,
            cwd=TREE,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        self._log.follow(self._process.stdout)

    def poll(self) -> int | None:
        return self._process.poll() if self._process else 0

    def ask_to_stop(self) -> None:
        self._signal(self.spec.stop_signal, whole_group=False)

    def kill(self) -> None:
        self._signal(signal.SIGKILL, whole_group=True)
        if self._process:
            self._process.wait()
            self._process = None  # its number may soon be somebody else's

    def _signal(self, number: signal.Signals, *, whole_group: bool) -> None:
        if self._process is None:
            return
        try:
            if whole_group:
                os.killpg(self._process.pid, number)
            elif self._process.poll() is None:
                os.kill(self._process.pid, number)
        except ProcessLookupError:
            pass


def leftovers(state_dir: Path, proc: Path = Path("/proc")) -> list[int]:
    """Return the processes that an earlier supervisor of ``state_dir`` left behind."""
    mark = f"{MARK}={state_dir}".encode()
    found = []
    for folder in proc.iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        try:
            if (folder / "stat").read_text().rpartition(")")[2].split()[0] == "Z":
                continue  # ended; whoever started it has not asked yet
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
        except OSError:  # it ended meanwhile, or belongs to another user
            continue
    return found


def clear_leftovers(state_dir: Path) -> int:
    """End them; only for the one who holds the state folder's lock. Return how many there were.

    A database server is asked for an immediate stop first, so that its own children end with it.
    """
    pids = leftovers(state_dir)
    for pid in pids:
        end(pid, signal.SIGQUIT if _is_postgres(pid) else signal.SIGKILL)
    deadline_s = time.monotonic() + LEFTOVERS_GONE_WITHIN_S
    while (left := leftovers(state_dir)) and time.monotonic() < deadline_s:
        time.sleep(0.05)
    for pid in left:
        end(pid, signal.SIGKILL)
    return len(pids)


def end(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process that may be gone already."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _is_postgres(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip() == "postgres"
    except OSError:
        return False
