"""Start the parts, start again what dies, and at the end leave no process behind."""

import logging
import select
import signal
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import FrameType

from alertwall.child import Part
from alertwall.restarts import Restarts, reason
from models.clock import Clock, SystemClock
from models.errors import AlertwallError

TICK_S = 0.1
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
ALL_STOPPED_WITHIN_S = 9.0
"""Whatever a part's own patience says."""
SAME_SIGNAL_WITHIN_S = 0.5
"""A terminal and a service manager may both pass on one wish to stop."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Watched:
    part: Part
    restarts: Restarts = field(default_factory=Restarts)
    started_at_s: float = 0.0
    start_again_at_s: float | None = None


class Signals:
    """SIGTERM, SIGINT and SIGHUP as a counter, and a sleep that they and dying children end early."""

    def __init__(self) -> None:
        self.stops = 0
        self._last_stop_s = float("-inf")
        self._awake, wake = socket.socketpair()
        self._wake = wake
        for end in (self._awake, wake):
            end.setblocking(False)
        signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
        for number in STOP_SIGNALS:
            signal.signal(number, self._stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        now_s = time.monotonic()
        if now_s - self._last_stop_s > SAME_SIGNAL_WITHIN_S:
            self.stops += 1
        self._last_stop_s = now_s

    def sleep(self, seconds: float) -> None:
        """Sleep, but no longer than until the next signal."""
        if select.select([self._awake], [], [], max(0.0, seconds))[0]:
            try:
                self._awake.recv(4096)
            except BlockingIOError:
                return


class Supervisor:
    """Owns the parts from first start to last stop.

    To be used from the main thread: tethered children die with the thread that started them.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        signals: Signals,
        *,
        note: Callable[[list[int]], None] = lambda _pids: None,
        clock: Clock | None = None,
    ) -> None:
        """``note`` is told of every process there is, each time that changes."""
        self._watched = [_Watched(part) for part in sorted(parts, key=lambda part: part.stage)]
        self._signals = signals
        self._note = note
        self._clock = clock or SystemClock()

    def adopt(self, part: Part) -> None:
        """Take one more part that was started already."""
        self._watched.append(_Watched(part, started_at_s=self._clock.monotonic_s()))
        self._note_all()

    def add(self, part: Part) -> None:
        """Take one more part and start it."""
        watched = _Watched(part)
        self._watched.append(watched)
        self._start(watched)

    def start(self) -> None:
        """Start every part that was given at construction."""
        for watched in self._watched:
            self._start(watched)

    def run(self, each_tick: Callable[[], None] = lambda: None) -> None:
        """Keep all parts running until a signal says stop."""
        while not self._signals.stops:
            self.check()
            each_tick()
            self._signals.sleep(TICK_S)

    def check(self) -> None:
        """Look once at every part: note who died, start whose time has come."""
        for watched in self._watched:
            if watched.start_again_at_s is None:
                self._note_death(watched)
            if watched.start_again_at_s is not None and self._clock.monotonic_s() >= watched.start_again_at_s:
                self._start(watched)

    def _note_death(self, watched: _Watched) -> None:
        status = watched.part.poll()
        if status is None:
            return
        now_s = self._clock.monotonic_s()
        lived_s = now_s - watched.started_at_s
        watched.part.kill()  # what it started itself and left behind
        delay_s = watched.restarts.delay_s(lived_s=lived_s, status=status)
        watched.start_again_at_s = now_s + delay_s
        when = f"in {delay_s:g} s" if delay_s else "at once"
        log.warning("%s %s after %.1f s; starts again %s", watched.part.name, reason(status), lived_s, when)

    def _start(self, watched: _Watched) -> None:
        try:
            watched.part.start()
        except (OSError, AlertwallError) as failed:
            delay_s = max(0.25, watched.restarts.delay_s(lived_s=0.0, status=1))
            watched.start_again_at_s = self._clock.monotonic_s() + delay_s
            log.error("%s did not start: %s; tries again in %g s", watched.part.name, failed, delay_s)  # noqa: TRY400
            return
        watched.start_again_at_s = None
        watched.started_at_s = self._clock.monotonic_s()
        self._note_all()
        log.info("%s started, process %s", watched.part.name, watched.part.pid)

    def _note_all(self) -> None:
        self._note([pid for watched in self._watched if (pid := watched.part.pid)])

    def stop(self) -> None:
        """End every part, last stage first; a second signal, or time running out, ends them hard."""
        deadline_s = time.monotonic() + ALL_STOPPED_WITHIN_S
        patience = self._signals.stops
        for stage in sorted({watched.part.stage for watched in self._watched}, reverse=True):
            parts = [watched.part for watched in self._watched if watched.part.stage == stage]
            for part in parts:
                part.ask_to_stop()
            stage_deadline_s = min(deadline_s, time.monotonic() + max(part.stop_within_s for part in parts))
            while any(part.poll() is None for part in parts):
                if time.monotonic() >= stage_deadline_s or self._signals.stops > patience:
                    break
                self._signals.sleep(0.05)
            for part in parts:
                if part.poll() is None:
                    log.warning("%s did not stop in time and is killed", part.name)
                part.kill()
        log.info("all parts have stopped")
