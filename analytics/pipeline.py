"""Frames of many cameras in, findings out.

Per camera one slot in which the newest frame wins; one thread that looks for motion, plans, feeds the detector,
tracks and judges. Nothing here ever waits for a detector, and ingest never waits for anything here.
"""

import itertools
import logging
import math
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from analytics.detector import Answer, Detector
from analytics.finding import Finding
from analytics.motion import Change
from analytics.overload import WORDS, Overload, Step
from analytics.rules import Armed
from analytics.scheduler import FairTurns
from analytics.watch import COMPLAIN_EVERY_S, CameraWatch, book_of
from models.clock import Clock
from models.errors import NotReady
from models.frame import DecodeMode, Frame
from models.rule import Rule
from models.statistics import Tally

log = logging.getLogger(__name__)

IDLE_WAIT_S = 0.5
LATENCIES_KEPT = 512
SETTLE_WITHIN_S = 30.0


class Pipeline:
    """Watches cameras with one detector, which it owns and closes. Every method may be called from any thread."""

    def __init__(
        self,
        detector: Detector,
        *,
        clock: Clock,
        on_finding: Callable[[Finding], None],
        on_tallies: Callable[[Sequence[Tally]], None] | None = None,
        detect_fps: float = 5.0,
        threaded: bool = True,
    ) -> None:
        """Start watching; without ``threaded`` the owner calls `run_once` itself.

        ``on_tallies`` is told once a minute what was counted; without it nothing is.
        """
        self._detector, self._clock, self._on_finding = detector, clock, on_finding
        self._on_tallies = on_tallies
        self._detect_fps = detect_fps
        self._cameras: dict[str, CameraWatch] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closing = False
        self._turns = FairTurns()
        self._tickets = itertools.count(1)
        self._under_way: dict[int, CameraWatch] = {}
        self._latencies_s: deque[float] = deque(maxlen=LATENCIES_KEPT)
        self._counts: Counter[str] = Counter()
        self._forget: list[str] = []
        self._ended: list[CameraWatch] = []
        self._complained_s = -math.inf
        self._overload = Overload(detect_fps)
        self._lost = 0
        self._accounted_s: float | None = None
        self._at_work = 0.0
        detector.on_ready(self._wake.set)
        self._thread = threading.Thread(target=self._run, name="analytics") if threaded else None
        if self._thread:
            self._thread.start()

    def add_camera(self, camera_id: str, rules: Sequence[Rule], calendar: Armed | None = None) -> None:
        """Watch a camera; one that is watched already starts anew. Schedules of rules are by ``calendar``."""
        watch = CameraWatch.of(
            camera_id, rules, self._detector.spec, self._detect_fps, calendar, counts=self._on_tallies is not None
        )
        with self._lock:
            self._retire(camera_id)
            self._cameras[camera_id] = watch
            self._forget.append(camera_id)

    def set_rules(self, camera_id: str, rules: Sequence[Rule], calendar: Armed | None = None) -> None:
        """Replace a camera's rules; objects that a kept rule has raised stay raised."""
        book = book_of(rules, self._detector.spec, calendar)
        with self._lock:
            if watch := self._cameras.get(camera_id):
                watch.fresh_book, watch.calendar = book, calendar

    def remove_camera(self, camera_id: str) -> None:
        """Stop watching a camera; a look that is under way raises nothing more."""
        with self._lock:
            self._retire(camera_id)
            self._forget.append(camera_id)

    def put(self, frame: Frame) -> None:
        """Offer a frame: kept if it is due, in place of an older one that nobody has looked at."""
        with self._lock:
            watch = self._cameras.get(frame.camera_id)
            if watch is None:
                return
            watch.counts["offered"] += 1
            if not watch.rate.due(frame.monotonic_s):
                watch.counts["not_due"] += 1
                return
            watch.counts["lost"] += watch.slot is not None
            self._lost += watch.slot is not None
            watch.slot = frame
        self._wake.set()

    def mode(self, camera_id: str) -> DecodeMode:
        """Tell what the decode gate should let through: all of it while something moves, else key frames."""
        watch = self._cameras.get(camera_id)
        moving = watch is not None and self._clock.monotonic_s() < watch.active_until_s
        return DecodeMode.ACTIVE if moving else DecodeMode.QUIET

    def stats(self) -> dict[str, Any]:
        """Return counters and latencies, in JSON types."""
        with self._lock:
            cameras = {camera_id: dict(watch.counts) for camera_id, watch in self._cameras.items()}
            latencies_ms = np.array(self._latencies_s) * 1000
        spec = self._detector.spec
        places = (50, 95, 99)
        measured = np.percentile(latencies_ms, places).tolist() if len(latencies_ms) else [None] * len(places)
        return {
            "detector": {
                "name": spec.name,
                "backend": spec.backend,
                "device": spec.device,
                "precision": spec.precision,
                "digest": spec.digest,
            },
            "latency_ms": {f"p{place}": value for place, value in zip(places, measured, strict=True)},
            "overload": {
                "step": int(self._overload.step),
                "words": WORDS[self._overload.step],
                "load": round(self._overload.load, 3),
            },
            "counts": dict(self._counts),
            "cameras": cameras,
        }

    def close(self) -> None:
        """Stop; what is under way is given up."""
        self._closing = True
        self._wake.set()
        if self._thread:
            self._thread.join()
        with self._lock:
            for camera_id in list(self._cameras):
                self._retire(camera_id)
        self._tell_last_counts()
        self._detector.close()

    def run_once(self) -> None:
        """Do all that can be done now without waiting."""
        self._tell_last_counts()
        for camera_id in self._take_forgotten():
            self._detector.forget(camera_id)
            self._turns.forget(camera_id)
        step = self._judge_load()
        for watch, frame in self._take_slots():
            watch.give_up(step, self._overload.rate_fps())
            with self._apart(watch):
                self._consider(watch, frame)
        for answer in self._detector.poll():
            watch = self._under_way.pop(answer.ticket)
            with self._apart(watch):
                self._conclude(watch, answer)
        self._feed()
        under_way = len(self._under_way)
        self._at_work = under_way / (under_way + max(self._detector.free(), 0)) if under_way else 0.0

    def _judge_load(self) -> Step:
        """Return what is given up from now on; a change is told once."""
        now_s, overload, before = self._clock.monotonic_s(), self._overload, self._overload.step
        with self._lock:
            lost, self._lost = self._lost, 0
            wanting = [watch.armed for watch in self._cameras.values() if watch.book.rules]
        for _ in range(lost):
            overload.replaced()
        if self._accounted_s is not None:
            overload.busy(now_s - self._accounted_s, self._at_work)
        self._accounted_s = now_s
        step = overload.look(now_s, armed_share=sum(wanting) / len(wanting) if wanting else 1.0)
        if step is not before:
            self._counts["overload_steps"] += step > before
            level = logging.WARNING if step > before else logging.INFO
            log.log(level, "detector at %.0f %%: from now on %s", 100 * overload.load, WORDS[step])
        return step

    def settle(self, within_s: float = SETTLE_WITHIN_S) -> None:
        """Do all that is to be done, waiting for the detector; for owners without a thread.

        Raises `NotReady` when the detector does not answer.
        """
        deadline_s = time.monotonic() + within_s
        while True:
            self._wake.clear()
            self.run_once()
            if not self._under_way:
                return
            if not self._wake.wait(max(0.0, deadline_s - time.monotonic())) and time.monotonic() >= deadline_s:
                raise NotReady(f"the detector has not answered for {within_s:g} s")

    def _run(self) -> None:
        while not self._closing:
            self._wake.wait(IDLE_WAIT_S)
            self._wake.clear()
            try:
                self.run_once()
            except Exception:
                self._counts["errors"] += 1
                now_s = self._clock.monotonic_s()
                if now_s - self._complained_s >= COMPLAIN_EVERY_S:
                    self._complained_s = now_s
                    log.exception("analytics goes on after an error")

    def _retire(self, camera_id: str) -> None:
        watch = self._cameras.pop(camera_id, None)
        if watch is not None and watch.statistics is not None:
            self._ended.append(watch)

    def _tell_last_counts(self) -> None:
        with self._lock:
            ended, self._ended = self._ended, []
        for watch in ended:
            with self._apart(watch):
                if watch.statistics is not None:
                    watch.statistics.flush()
                    self._tell_counts(watch)

    def _tell_counts(self, watch: CameraWatch) -> None:
        if watch.statistics is not None and self._on_tallies is not None and (tallies := watch.statistics.take()):
            self._on_tallies(tallies)

    @contextmanager
    def _apart(self, watch: CameraWatch) -> Iterator[None]:
        """Keep one camera's trouble from the others."""
        try:
            yield
        except Exception:
            self._counts["errors"] += 1
            if watch.may_complain(self._clock.monotonic_s()):
                log.exception("a frame of %s is given up after an error", watch.camera_id)

    def _take_forgotten(self) -> list[str]:
        with self._lock:
            forgotten, self._forget = self._forget, []
        return forgotten

    def _take_slots(self) -> list[tuple[CameraWatch, Frame]]:
        taken = []
        with self._lock:
            for watch in self._cameras.values():
                if watch.slot is not None:
                    taken.append((watch, watch.slot))
                    watch.slot = None
                watch.take_rules()
        return taken

    def _consider(self, watch: CameraWatch, frame: Frame) -> None:
        busy = watch.counts["busy"]
        if watch.consider(frame) in (Change.CUT, Change.LIGHT):
            self._detector.forget(watch.camera_id)
        if watch.counts["busy"] > busy:
            self._overload.replaced()
        for finding in watch.look_at_view(frame):
            self._on_finding(finding)

    def _feed(self) -> None:
        with self._lock:
            cameras = dict(self._cameras)
        while self._detector.free() > 0:
            waiting = {
                watch.camera_id: (watch.wanting.plan.pixels, watch.weight)
                for watch in cameras.values()
                if watch.wanting is not None and watch.under_way is None
            }
            if not waiting:
                return
            watch = cameras[self._turns.choose(waiting)]
            job, watch.wanting = watch.wanting, None
            assert job is not None
            watch.under_way = job
            ticket = next(self._tickets)
            self._under_way[ticket] = watch
            with self._apart(watch):
                try:
                    self._detector.submit(ticket, job.frame, job.plan.views)
                except BaseException:
                    watch.under_way = None
                    del self._under_way[ticket]
                    raise

    def _conclude(self, watch: CameraWatch, answer: Answer) -> None:
        job, watch.under_way = watch.under_way, None
        assert job is not None
        self._counts["detected"] += 1
        self._overload.served()
        if answer.failure:
            self._counts["failed"] += 1
            if watch.may_complain(self._clock.monotonic_s()):
                log.warning("the detector failed on a frame of %s: %s", watch.camera_id, answer.failure)
            return
        if self._cameras.get(watch.camera_id) is not watch:
            return
        findings = watch.conclude(job, answer.found)
        self._tell_counts(watch)
        with self._lock:
            self._latencies_s.append(self._clock.monotonic_s() - job.frame.monotonic_s)
        for finding in findings:
            self._on_finding(finding)


__all__ = ["Finding", "Pipeline"]
