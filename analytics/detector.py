"""What every detector is to the pipeline: told what to look at, asked what it found, never waited for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from analytics.detections import Detections
from analytics.letterbox import View
from models.frame import Frame


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSizes:
    """What pictures a detector takes: ``long_px`` on the longer side, both sides multiples of ``stride_px``.

    A frame is never shrunk below ``min_scale``: a large one is looked at in parts instead. ``any_size`` is
    False for weights that take one square alone.
    """

    long_px: int
    stride_px: int = 32
    any_size: bool = True
    min_scale: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorSpec:
    """Who a detector is and what it needs; every finding names it.

    ``tells_classes`` is False where there is one label for everything that moves: a rule's labels are then not
    applied. ``precision`` is the one in use, not the one asked for.
    """

    name: str
    backend: str
    device: str
    precision: str
    digest: str
    licence: str
    labels: tuple[str, ...]
    sizes: InputSizes
    conf_high: float
    conf_low: float
    nms_iou: float
    tells_classes: bool = True
    notes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found for one ticket, in pixels of the frame; ``failure`` is set when the detector could not look."""

    ticket: int
    found: Detections
    failure: str = ""


class Detector(Protocol):
    """Calls come from one thread. Implemented by the modules beside this one and by fakes of the tests."""

    @property
    def spec(self) -> DetectorSpec: ...

    def free(self) -> int:
        """Return how many tickets can be submitted now."""
        ...

    def submit(self, ticket: int, frame: Frame, views: Sequence[View]) -> None:
        """Start looking at ``views`` of ``frame``; returns at once."""
        ...

    def poll(self) -> list[Answer]:
        """Return what has been finished since the last call; does not wait."""
        ...

    def on_ready(self, wake: Callable[[], None]) -> None:
        """Name what is called, from any thread, when `poll` has something to return."""
        ...

    def forget(self, camera_id: str) -> None:
        """Drop what was learned of one camera's picture: it shows something else now."""
        ...

    def close(self) -> None:
        """Free the device; what is under way is given up."""
        ...
