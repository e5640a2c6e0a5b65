"""One camera's `Scene`, driven by hand."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from analytics.detections import Detections
from analytics.detector import DetectorSpec, InputSizes
from analytics.motion import sample
from analytics.scene import Scene, SceneVerdict
from analytics.tracker import Tracker, TrackerSettings
from models.frame import Frame, Plane
from models.rule import Rule, RuleKind

START = datetime(2026, 1, 1, tzinfo=UTC)
WHOLE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
LABELS = ("person", "car", "backpack")
SPEC = DetectorSpec(
    name="fake",
    backend="fake",
    device="none",
    precision="exact",
    digest="",
    licence="",
    labels=LABELS,
    sizes=InputSizes(long_px=320),
    conf_high=0.5,
    conf_low=0.3,
    nms_iou=0.6,
)


def rule(kind: RuleKind, id: int = 1, **other: object) -> Rule:
    """Return a rule about the whole picture."""
    said: dict[str, object] = {
        "id": id,
        "version": 1,
        "camera_id": "gate",
        "name": kind.value,
        "kind": kind,
        "points": () if kind is RuleKind.TAMPER else WHOLE,
        "cool_down_s": 1.0,
    }
    return Rule(**(said | other))  # type: ignore[arg-type]


class Rig:
    """Shows pictures to a scene and keeps what it says, with the time of each."""

    def __init__(self, rules: Sequence[Rule], *, spec: DetectorSpec = SPEC) -> None:
        self.scene = Scene(spec)
        self.scene.take_rules(rules)
        self.tracker = Tracker(TrackerSettings(conf_high=spec.conf_high), classes=len(spec.labels))
        self.told: list[tuple[float, SceneVerdict]] = []
        self._seq = 0

    def show(self, picture: Plane, time_s: float, found: Detections | None = None, *, key: bool = True) -> None:
        """Show one picture; ``found`` is what the detector saw in it."""
        if found is not None:
            self.tracker.update(found, time_s)
        half = np.full((picture.shape[0] // 2, picture.shape[1] // 2), 128, np.uint8)
        frame = Frame(
            camera_id="gate",
            seq=self._seq,
            captured_at=START + timedelta(seconds=time_s),
            monotonic_s=time_s,
            pts_s=time_s,
            y=picture,
            u=half,
            v=half,
            key=key,
        )
        self._seq += 1
        small = sample(picture).astype(np.float32)
        self.told += [(time_s, verdict) for verdict in self.scene.look(frame, small, self.tracker)]

    def show_all(self, pictures: Iterable[tuple[float, Plane]]) -> "Rig":
        for time_s, picture in pictures:
            self.show(picture, time_s)
        return self

    @property
    def raised(self) -> list[tuple[float, str]]:
        """(when, label) of all that was raised."""
        return [(time_s, verdict.label) for time_s, verdict in self.told if not verdict.ends]

    @property
    def ended(self) -> list[tuple[float, str]]:
        return [(time_s, str(verdict.evidence["how"])) for time_s, verdict in self.told if verdict.ends]
