"""Detectors that other packages bring: entry points of the group ``alertwall.detectors``; see docs/detectors.md.

A plug-in is code of somebody else: what it does wrong is said in its name, and costs the worker nothing else.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import numpy as np

from analytics.detections import Detections
from analytics.detector import Answer, Detector, DetectorSpec
from analytics.letterbox import View
from models.errors import AlertwallError
from models.frame import Frame

GROUP = "alertwall.detectors"

log = logging.getLogger(__name__)


class PluginFailed(AlertwallError):
    """A plug-in cannot be loaded, or is no detector."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the site says of its detector; passed to a plug-in's factory."""

    name: str
    device: str
    precision: str
    threads: int
    weights_dir: Path


Factory = Callable[[Options], Detector]


def listing() -> dict[str, str]:
    """Return the plug-ins that are installed: name -> package and object. Loads none of them."""
    return {entry.name: _whence(entry) for entry in entry_points(group=GROUP)}


def find(name: str) -> EntryPoint | None:
    """Return the plug-in called ``name``; loads nothing."""
    return next(iter(entry_points(group=GROUP, name=name)), None)


def open_plugin(entry: EntryPoint, options: Options) -> Detector:
    """Load a plug-in and have it make its detector; raise `PluginFailed` in words whatever it raises."""
    said = f"plug-in {entry.name} ({_whence(entry)})"
    try:
        made = entry.load()(options)
        spec = made.spec
    except Exception as failed:
        log.debug("%s", said, exc_info=True)
        raise PluginFailed(f"{said} cannot be loaded: {type(failed).__name__}: {failed}") from failed
    missing = [name for name in ("free", "submit", "poll", "on_ready", "forget", "close") if not hasattr(made, name)]
    if missing or not isinstance(spec, DetectorSpec):
        what = f"it has no {', '.join(missing)}" if missing else "its spec is no DetectorSpec"
        raise PluginFailed(f"{said} is no detector: {what}")
    return Guarded(made)


class Guarded:
    """Implements `Detector` over one that is not trusted: what it raises or makes up is a failed look, and counted."""

    def __init__(self, inner: Detector) -> None:
        self._inner = inner
        self._spec = inner.spec
        self._open: set[int] = set()
        self._failed: list[Answer] = []
        self._wake: Callable[[], None] = lambda: None

    @property
    def spec(self) -> DetectorSpec:
        return self._spec

    def free(self) -> int:
        return 0 if self._failed else self._inner.free()

    def submit(self, ticket: int, frame: Frame, views: Sequence[View]) -> None:
        self._open.add(ticket)
        try:
            self._inner.submit(ticket, frame, views)
        except Exception as failed:  # noqa: BLE001 - a stranger's code
            self._fail(ticket, f"submit: {type(failed).__name__}: {failed}")

    def poll(self) -> list[Answer]:
        failed, self._failed = self._failed, []
        try:
            answers = list(self._inner.poll())
        except Exception as error:  # noqa: BLE001 - a stranger's code; it lost all that was under way
            for ticket in sorted(self._open - {answer.ticket for answer in failed}):
                self._fail(ticket, f"poll: {type(error).__name__}: {error}")
            answers = []
            failed, self._failed = failed + self._failed, []
        answers = failed + [self._checked(answer) for answer in answers if answer.ticket in self._open]
        self._open -= {answer.ticket for answer in answers}
        return answers

    def on_ready(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._inner.on_ready(wake)

    def forget(self, camera_id: str) -> None:
        try:
            self._inner.forget(camera_id)
        except Exception:
            log.exception("plug-in %s cannot forget", self._spec.name)

    def close(self) -> None:
        try:
            self._inner.close()
        except Exception:
            log.exception("plug-in %s did not close", self._spec.name)

    def _fail(self, ticket: int, said: str) -> None:
        self._failed.append(Answer(ticket, Detections.none(), f"plug-in {self._spec.name}: {said}"))
        self._wake()

    def _checked(self, answer: Answer) -> Answer:
        found = answer.found
        labels = len(self._spec.labels)
        if np.all((found.class_id >= 0) & (found.class_id < labels)) and np.isfinite(found.xyxy).all():
            return answer
        said = f"plug-in {self._spec.name}: a class beyond its {labels} labels, or a box without numbers"
        return Answer(answer.ticket, Detections.none(), said)


def _whence(entry: EntryPoint) -> str:
    package = f"{entry.dist.name} {entry.dist.version}" if entry.dist is not None else "no package"
    return f"{package}, {entry.value}"
