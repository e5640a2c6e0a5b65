"""The rehearsals of one worker: one at a time in a process of its own, a few waiting, outcomes kept for a while."""

import logging
import os
import secrets
import signal
import subprocess
import sys
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from alertwall import tether
from alertwall.rehearsal_report import Failed, Job, Line, Outcome, Progress
from models.clock import Clock
from models.errors import NotFound, Overloaded
from models.wire import instant

WAITING_MOST = 3
KEPT_MOST = 12
KEPT_S = 1800.0
"""An outcome can be asked for so long."""
LINE_MAX_BYTES = 8 << 20
TREE = Path(tether.__file__).resolve().parent.parent
COMMAND = (sys.executable, "-m", "alertwall.rehearsal")

log = logging.getLogger(__name__)
_decode = msgspec.json.Decoder(Line).decode


@dataclass(slots=True)
class _Held:
    """One rehearsal; ``job`` until it has been handed over."""

    id: str
    camera_id: str
    job: bytes
    state: str = "waiting"
    progress: Progress | None = None
    outcome: Outcome | None = None
    why: str = ""
    ended_s: float | None = None
    process: subprocess.Popen[bytes] | None = None
    cancelled: bool = field(default=False)


class Rehearsals:
    """Safe from any thread; one thread of its own starts the processes and listens to them."""

    def __init__(self, clock: Clock, *, command: Sequence[str] = COMMAND) -> None:
        self._clock, self._command = clock, command
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._changed = threading.Condition()
        self._closing = False
        # the kernel ends a tethered child with the thread that started it: this one lives as long as the worker
        self._thread = threading.Thread(target=self._run, name="rehearsals", daemon=True)
        self._thread.start()

    def start(self, job: Job) -> str:
        """Queue a rehearsal and return its id; `Overloaded` when enough of them wait."""
        with self._changed:
            self._forget()
            waiting = sum(held.state == "waiting" for held in self._held.values())
            if waiting >= WAITING_MOST or len(self._held) >= KEPT_MOST + WAITING_MOST + 1:
                raise Overloaded("rehearsals", waiting)
            held = _Held(secrets.token_urlsafe(12), job.camera_id, msgspec.json.encode(job))
            self._held[held.id] = held
            self._changed.notify_all()
        return held.id

    def get(self, camera_id: str, id: str) -> dict[str, Any]:
        """Return how far it is, in JSON types; `NotFound` for another camera's too."""
        with self._changed:
            held = self._one(camera_id, id)
            said: dict[str, Any] = {
                "id": held.id,
                "state": held.state,
                "why": held.why,
                "progress": _plain(held.progress),
                "outcome": _plain(held.outcome),
            }
        return said

    def end(self, camera_id: str, id: str) -> None:
        """Stop it, and forget what it said."""
        with self._changed:
            held = self._one(camera_id, id)
            held.cancelled = True
            del self._held[id]
            if held.process is not None:
                held.process.kill()

    @property
    def running(self) -> int:
        """How many processes there are: one or none."""
        return sum(held.state == "running" for held in list(self._held.values()))

    def close(self, timeout_s: float = 2.0) -> None:
        """Stop all."""
        with self._changed:
            self._closing = True
            for held in self._held.values():
                held.cancelled = True
                if held.process is not None:
                    held.process.kill()
            self._changed.notify_all()
        self._thread.join(timeout_s)

    def _one(self, camera_id: str, id: str) -> _Held:
        held = self._held.get(id)
        if held is None or held.camera_id != camera_id:
            raise NotFound("rehearsal", id)
        return held

    def _forget(self) -> None:
        now_s = self._clock.monotonic_s()
        ended = [held for held in self._held.values() if held.ended_s is not None]
        for number, held in enumerate(ended):
            if now_s - (held.ended_s or 0) > KEPT_S or len(ended) - number > KEPT_MOST:
                del self._held[held.id]

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._closing and self._next() is None:
                    self._changed.wait()
                held = self._next()
                if self._closing or held is None:
                    return
                held.state = "running"
            try:
                self._rehearse(held)
            except Exception as failed:
                log.exception("a rehearsal came to nothing")
                self._finish(held, str(failed))

    def _next(self) -> _Held | None:
        return next((held for held in self._held.values() if held.state == "waiting"), None)

    def _rehearse(self, held: _Held) -> None:
        with self._changed:
            if held.cancelled:
                return
            tethered = (sys.executable, "-IS", tether.__file__, str(os.getpid()), str(int(signal.SIGKILL)))
            process = held.process = subprocess.Popen(  # noqa: S603  (a list, never a shell's line)
                [*tethered, *self._command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=TREE
            )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(held.job)
            process.stdin.close()
            while line := process.stdout.readline(LINE_MAX_BYTES):
                self._take(held, line)
        except (BrokenPipeError, msgspec.MsgspecError) as broken:
            log.warning("a rehearsal says nothing that can be read: %s", broken)
        finally:
            process.stdout.close()
            process.kill()
            status = process.wait()
            with self._changed:
                held.process = None
        self._finish(held, f"its process ended (status {status})")

    def _take(self, held: _Held, line: bytes) -> None:
        said = _decode(line)
        with self._changed:
            if isinstance(said, Progress):
                held.progress = said
            elif isinstance(said, Failed):
                held.why = said.why
            else:
                held.outcome, held.why = said, said.why

    def _finish(self, held: _Held, otherwise: str) -> None:
        with self._changed:
            held.state = "done" if held.outcome is not None else "failed"
            if held.state == "failed" and not held.why:
                held.why = otherwise
            held.ended_s, held.job = self._clock.monotonic_s(), b""


def _plain(said: Any) -> Any:
    """Return it in JSON types, times as everywhere on the wire."""
    if said is None:
        return None
    plain = _with_instants(msgspec.to_builtins(said, builtin_types=(datetime,)))
    plain.pop("type", None)
    return plain


def _with_instants(said: Any) -> Any:
    if isinstance(said, dict):
        return {key: _with_instants(value) for key, value in said.items()}
    if isinstance(said, list | tuple):
        return [_with_instants(value) for value in said]
    return instant(said) if isinstance(said, datetime) else said
