"""Analytics inside a worker: cameras run from the first second, the detector joins when it is open."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol

from analytics.schedule import Calendar
from configs.site import Site
from models.clock import Clock
from models.errors import AlertwallError
from models.frame import DecodeMode, Frame
from models.rule import Rule
from models.statistics import Tally

FALLBACK = "moving-object"
"""Needs no weights."""

log = logging.getLogger(__name__)


class Found(Protocol):
    """What analytics says about one rule that fired."""

    @property
    def camera_id(self) -> str: ...
    @property
    def time(self) -> datetime: ...
    @property
    def rule(self) -> Rule: ...
    @property
    def label(self) -> str: ...
    @property
    def score(self) -> float: ...
    @property
    def track_id(self) -> int | None: ...
    @property
    def box_px(self) -> tuple[int, int, int, int]: ...
    @property
    def attrs(self) -> dict[str, Any]: ...
    @property
    def jpeg(self) -> bytes: ...
    @property
    def ends(self) -> bool: ...


class Pipeline(Protocol):
    """What a worker needs of `analytics.pipeline.Pipeline`."""

    def add_camera(self, camera_id: str, rules: Sequence[Rule], calendar: Calendar | None = None) -> None: ...
    def set_rules(self, camera_id: str, rules: Sequence[Rule], calendar: Calendar | None = None) -> None: ...
    def remove_camera(self, camera_id: str) -> None: ...
    def put(self, frame: Frame) -> None: ...
    def mode(self, camera_id: str) -> DecodeMode: ...
    def stats(self) -> dict[str, Any]: ...
    def close(self) -> None: ...


Opener = Callable[[str], Pipeline]
"""Opens the pipeline with the detector of this name."""


def opener(
    site: Site,
    clock: Clock,
    on_finding: Callable[[Found], None],
    on_tallies: Callable[[Sequence[Tally]], None] | None = None,
) -> Opener:
    """Return what opens the real pipeline of a site; imports it only then."""

    def open_pipeline(name: str) -> Pipeline:
        from analytics.detectors import open_detector  # noqa: PLC0415 - heavy, and in a thread of its own
        from analytics.pipeline import Pipeline as RealPipeline  # noqa: PLC0415

        settings = site.analytics
        detector = open_detector(
            name,
            weights_dir=site.weights_dir,
            device=settings.device,
            precision=settings.precision,
            threads=settings.threads,
        )
        return RealPipeline(
            detector, clock=clock, on_finding=on_finding, on_tallies=on_tallies, detect_fps=settings.detect_fps
        )

    return open_pipeline


class Analysis:
    """Passes frames on once the pipeline is open; safe from any thread."""

    def __init__(self, open_pipeline: Opener, detector: str) -> None:
        self._open_pipeline, self._wanted = open_pipeline, detector
        self._pipeline: Pipeline | None = None
        self._rules: dict[str, tuple[tuple[Rule, ...], Calendar | None]] = {}
        self._lock = threading.Lock()
        self._closed = False
        self.detector = ""
        self.problem = "the detector is being opened"
        self._thread = threading.Thread(target=self._open, name="detector-open", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def _open(self) -> None:
        began_s = time.monotonic()
        for name in dict.fromkeys((self._wanted, FALLBACK)):
            try:
                pipeline = self._open_pipeline(name)
            except (AlertwallError, OSError, ImportError, RuntimeError, ValueError) as error:
                unforeseen = None if isinstance(error, AlertwallError) else error
                log.error("detector %s cannot be opened: %s", name, error, exc_info=unforeseen)  # noqa: TRY400
                self.problem = f"detector {name}: {error}"
                continue
            with self._lock:
                if self._closed:
                    pipeline.close()
                    return
                for camera_id, (rules, calendar) in self._rules.items():
                    pipeline.add_camera(camera_id, rules, calendar)
                self._pipeline = pipeline
            self.detector = name
            if name == self._wanted:
                self.problem = ""
            log.info("detector %s is open after %.1f s", name, time.monotonic() - began_s)
            return

    def set_camera(self, camera_id: str, rules: Sequence[Rule], calendar: Calendar | None = None) -> None:
        """Analyse this camera by these rules from now on, their schedules by ``calendar``."""
        wanted = (tuple(rules), calendar)
        with self._lock:
            known = camera_id in self._rules
            if known and self._rules[camera_id] == wanted:
                return
            self._rules[camera_id] = wanted
            if self._pipeline is not None:
                (self._pipeline.set_rules if known else self._pipeline.add_camera)(camera_id, rules, calendar)

    def remove(self, camera_id: str) -> None:
        with self._lock:
            if self._rules.pop(camera_id, None) is not None and self._pipeline is not None:
                self._pipeline.remove_camera(camera_id)

    def put(self, frame: Frame) -> None:
        pipeline = self._pipeline
        if pipeline is not None and frame.camera_id in self._rules:
            pipeline.put(frame)

    def mode(self, camera_id: str) -> DecodeMode:
        pipeline = self._pipeline
        return pipeline.mode(camera_id) if pipeline is not None and camera_id in self._rules else DecodeMode.QUIET

    def moving(self, camera_id: str) -> bool:
        """Tell whether something moves there; what nobody can judge counts as moving."""
        return self._pipeline is None or self.mode(camera_id) is DecodeMode.ACTIVE

    def stats(self) -> dict[str, Any]:
        pipeline = self._pipeline
        said: dict[str, Any] = {"detector": self.detector, "problem": self.problem}
        return said | (pipeline.stats() if pipeline is not None else {})

    def close(self) -> None:
        with self._lock:
            self._closed = True
            pipeline, self._pipeline = self._pipeline, None
        if pipeline is not None:
            pipeline.close()
