"""One part as a child process: started tethered, watched, stopped with everything it started itself."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Protocol

from alertwall import tether
from alertwall.logs import SUPERVISED, PartLog

TREE = Path(tether.__file__).resolve().parent.parent


class Stage(IntEnum):
    """Parts start in this order and stop in the other."""

    WARDEN = 0
    DATABASE = 1
    BROKER = 2
    APP = 3
    DEMO = 4


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

    def __init__(self, spec: PartSpec, log: PartLog) -> None:
        self.name, self.stage, self.stop_within_s = spec.name, spec.stage, spec.stop_within_s
        self.spec = spec
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> None:
        tethered = [sys.executable, "-IS", tether.__file__, str(os.getpid()), str(int(self.spec.stop_signal))]
        env = {**os.environ, **self.spec.env, SUPERVISED: "1", "PYTHONUNBUFFERED": "1"}
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
