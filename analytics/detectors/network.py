"""A neural detector: sidecar, letterbox, decoding and suppression around an engine that only computes."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from analytics.detections import Detections, ShapeError
from analytics.detector import Answer, DetectorSpec
from analytics.families import FAMILIES, Outputs, Wanted
from analytics.letterbox import Letterbox, View
from analytics.postprocess import suppress
from analytics.sidecar import Sidecar
from models.frame import Frame


class EngineFailed(Exception):
    """One computation did not end well; the detector goes on."""


REFUSED = (EngineFailed, ShapeError, RuntimeError, ValueError, IndexError, cv2.error)
"""What an engine, a decoder or OpenCV says to a picture that they cannot take: one look fails, not the detector."""


class Engine(Protocol):
    """Computes; knows nothing of cameras or boxes. A slot is one picture under way."""

    @property
    def slots(self) -> int: ...

    def picture(self, slot: int, width_px: int, height_px: int) -> NDArray[np.uint8]:
        """Return the (height, width, 3) array to fill before `start`."""
        ...

    def start(self, slot: int, done: Callable[[], None]) -> None:
        """Compute; ``done`` is called from any thread."""
        ...

    def broke(self, slot: int) -> bool:
        """Tell whether what was started has ended badly, without a call of ``done``."""
        ...

    def outputs(self, slot: int) -> Outputs:
        """Return what was computed, valid until the slot is started again; may raise `EngineFailed`."""
        ...

    def close(self) -> None: ...


@dataclass(slots=True, eq=False)
class _Job:
    ticket: int
    frame: Frame
    waiting: list[View]
    under_way: int = 0
    parts: list[Detections] = field(default_factory=list)
    failure: str = ""


class NetworkDetector:
    """Implements `Detector` over an `Engine`: keeps every slot busy, answers when a ticket's last view is done."""

    def __init__(self, engine: Engine, sidecar: Sidecar, spec: DetectorSpec) -> None:
        self._engine = engine
        self._spec = spec
        self._decode = FAMILIES[sidecar.family]
        self._wanted = Wanted(np.array(sidecar.columns, np.int64), spec.conf_low, sidecar.output.classes_total)
        self._letterbox = Letterbox(colour=sidecar.input.colour)
        self._idle = deque(range(engine.slots))
        self._busy: dict[int, tuple[_Job, View]] = {}
        self._jobs: deque[_Job] = deque()
        self._done: deque[int] = deque()
        self._wake: Callable[[], None] = lambda: None
        self._closing = threading.Event()

    @property
    def spec(self) -> DetectorSpec:
        return self._spec

    def report_from(self, score: float) -> None:
        """Return boxes from ``score`` on; the sidecar's ``conf_low`` unless told otherwise."""
        self._wanted = replace(self._wanted, min_score=score)

    def free(self) -> int:
        return max(0, len(self._idle) - sum(len(job.waiting) for job in self._jobs))

    def submit(self, ticket: int, frame: Frame, views: Sequence[View]) -> None:
        self._jobs.append(_Job(ticket, frame, list(views)))
        self._start_waiting()

    def poll(self) -> list[Answer]:
        answers = self._answers()
        self._done.extend(slot for slot in self._busy if slot not in self._done and self._engine.broke(slot))
        while self._done:
            slot = self._done.popleft()
            job, view = self._busy.pop(slot)
            self._take(slot, job, view)
            self._idle.append(slot)
            self._start_waiting()
            answers += self._answers()
        return answers

    def on_ready(self, wake: Callable[[], None]) -> None:
        self._wake = wake

    def forget(self, camera_id: str) -> None:
        """Do nothing: a network remembers no picture."""

    def close(self) -> None:
        self._closing.set()
        self._engine.close()

    def _answers(self) -> list[Answer]:
        ended = [job for job in self._jobs if not job.waiting and not job.under_way]
        for job in ended:
            self._jobs.remove(job)
        return [
            Answer(job.ticket, suppress(Detections.merged(job.parts), iou=self._spec.nms_iou), job.failure)
            for job in ended
        ]

    def _start_waiting(self) -> None:
        for job in self._jobs:
            while job.waiting and self._idle:
                slot, view = self._idle[0], job.waiting.pop(0)
                try:
                    self._letterbox.fill(job.frame, view, self._engine.picture(slot, view.width_px, view.height_px))
                    self._engine.start(slot, lambda slot=slot: self._finished(slot))  # type: ignore[misc]
                except REFUSED as refused:
                    job.failure = str(refused)
                    self._wake()
                    continue
                self._idle.popleft()
                self._busy[slot] = (job, view)
                job.under_way += 1

    def _finished(self, slot: int) -> None:
        self._done.append(slot)
        if not self._closing.is_set():
            self._wake()

    def _take(self, slot: int, job: _Job, view: View) -> None:
        job.under_way -= 1
        try:
            found = self._decode(self._engine.outputs(slot), (view.width_px, view.height_px), self._wanted)
        except REFUSED as failed:
            job.failure = str(failed)
            return
        job.parts.append(view.to_frame(found))
