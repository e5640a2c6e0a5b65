"""A neural detector: sidecar, letterbox, decoding and suppression around an engine that only computes."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

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


BATCH_SIZES = (32, 16, 8, 4, 2, 1)
"""Few, so that a card prepares few."""


class Engine(Protocol):
    """Computes; knows nothing of cameras or boxes. A slot is one batch of pictures of one size under way."""

    @property
    def slots(self) -> int: ...

    @property
    def batch_max(self) -> int:
        """How many pictures a slot takes at once: 1 on CPUs, where more buy nothing."""
        ...

    def pictures(self, slot: int, count: int, width_px: int, height_px: int) -> NDArray[np.uint8]:
        """Return the (count, height, width, 3) array to fill before `start`."""
        ...

    def start(self, slot: int, done: Callable[[], None]) -> None:
        """Compute; ``done`` is called from any thread."""
        ...

    def broke(self, slot: int) -> bool:
        """Tell whether what was started has ended badly, without a call of ``done``."""
        ...

    def outputs(self, slot: int) -> Outputs:
        """Return what was computed, a row a picture, until the slot is started again; may raise `EngineFailed`."""
        ...

    def close(self) -> None: ...


@runtime_checkable
class Filtering(Protocol):
    """What an engine is, too, that drops weak boxes itself."""

    def report_from(self, score: float) -> None: ...


@dataclass(slots=True, eq=False)
class _Job:
    ticket: int
    frame: Frame
    waiting: list[View]
    under_way: int = 0
    parts: list[Detections] = field(default_factory=list)
    failure: str = ""


class NetworkDetector:
    """Implements `Detector` over an `Engine`: keeps every slot busy, answers when a ticket's last view is done.

    Nothing waits for a batch to fill: it is what came while the last one was computed, of one size.
    """

    def __init__(self, engine: Engine, sidecar: Sidecar, spec: DetectorSpec) -> None:
        self._engine = engine
        self._spec = spec
        self._decode = FAMILIES[sidecar.family]
        self._wanted = Wanted(np.array(sidecar.columns, np.int64), spec.conf_low, sidecar.output.classes_total)
        self._letterbox = Letterbox(colour=sidecar.input.colour)
        self._idle = deque(range(engine.slots))
        self._busy: dict[int, list[tuple[_Job, View]]] = {}
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
        if isinstance(self._engine, Filtering):
            self._engine.report_from(score)

    def free(self) -> int:
        batch = self._engine.batch_max
        # one batch may wait for the next slot; without batches it would only grow old
        room = batch * len(self._idle) + (batch if batch > 1 else 0)
        return max(0, room - sum(len(job.waiting) for job in self._jobs))

    def submit(self, ticket: int, frame: Frame, views: Sequence[View]) -> None:
        self._jobs.append(_Job(ticket, frame, list(views)))
        self._start_waiting()

    def poll(self) -> list[Answer]:
        answers = self._answers()
        self._done.extend(slot for slot in self._busy if slot not in self._done and self._engine.broke(slot))
        while self._done:
            slot = self._done.popleft()
            self._take(slot, self._busy.pop(slot))
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
        while self._idle and (batch := self._next_batch()):
            self._start(self._idle[0], batch)

    def _next_batch(self) -> list[tuple[_Job, View]]:
        """Take what waits longest, and others of its size up to the next smaller size of a batch."""
        waiting = [(job, view) for job in self._jobs for view in job.waiting]
        if not waiting:
            return []
        size = _size(waiting[0][1])
        alike = [(job, view) for job, view in waiting if _size(view) == size][: self._engine.batch_max]
        batch = alike[: next(count for count in BATCH_SIZES if count <= len(alike))]
        for job, view in batch:
            job.waiting.remove(view)
        return batch

    def _start(self, slot: int, batch: list[tuple[_Job, View]]) -> None:
        filled = []
        try:
            pictures = self._engine.pictures(slot, len(batch), *_size(batch[0][1]))
            for (job, view), picture in zip(batch, pictures, strict=True):
                if self._fill(job, view, picture):
                    filled.append(job)
            if filled:
                self._engine.start(slot, lambda: self._finished(slot))
        except REFUSED as refused:
            for job, _view in batch:
                job.failure = str(refused)
            filled = []
        if not filled:
            self._wake()
            return
        self._idle.popleft()
        self._busy[slot] = batch
        for job, _view in batch:
            job.under_way += 1

    def _fill(self, job: _Job, view: View, picture: NDArray[np.uint8]) -> bool:
        try:
            self._letterbox.fill(job.frame, view, picture)
        except REFUSED as refused:
            job.failure = str(refused)
        return not job.failure

    def _finished(self, slot: int) -> None:
        self._done.append(slot)
        if not self._closing.is_set():
            self._wake()

    def _take(self, slot: int, batch: list[tuple[_Job, View]]) -> None:
        for job, _view in batch:
            job.under_way -= 1
        try:
            outputs = self._engine.outputs(slot)
        except REFUSED as failed:
            for job, _view in batch:
                job.failure = str(failed)
            return
        for row, (job, view) in enumerate(batch):
            try:
                of_picture = outputs if len(batch) == 1 else [output[row : row + 1] for output in outputs]
                found = self._decode(of_picture, _size(view), self._wanted)
            except REFUSED as failed:
                job.failure = str(failed)
            else:
                job.parts.append(view.to_frame(found))


def _size(view: View) -> tuple[int, int]:
    return view.width_px, view.height_px
