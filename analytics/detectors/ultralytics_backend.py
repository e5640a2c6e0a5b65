"""Networks in ultralytics' own format (.pt); an optional extra under AGPL-3.0, imported only when asked for."""

from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analytics.detections import Detections
from analytics.detector import Answer, DetectorSpec
from analytics.letterbox import Letterbox, View
from analytics.postprocess import suppress
from analytics.sidecar import Sidecar
from models.errors import ConfigError
from models.frame import Frame


class UltralyticsDetector:
    """Implements `Detector`; looks at once, on the caller's thread, as ultralytics has no other way."""

    def __init__(self, weights: Path, sidecar: Sidecar, *, device: str, precision: str, digest: str) -> None:
        try:
            from ultralytics import YOLO  # noqa: PLC0415 - optional extra
        except ImportError as missing:
            raise ConfigError("analytics.detector", f"{sidecar.name} needs the extra 'ultralytics'") from missing
        half = precision == "f16"
        if precision not in ("auto", "f32", "f16"):
            raise ConfigError("analytics.precision", f"needs auto, f32 or f16 on ultralytics, has '{precision}'")
        self._network = YOLO(str(weights))
        self._options = {
            "device": {"CPU": "cpu", "CUDA": "cuda:0"}.get(device, device),
            "half": half,
            "conf": sidecar.output.conf_low,
            "iou": sidecar.output.nms_iou,
            "classes": list(sidecar.columns),
            "verbose": False,
        }
        self._label_of = {column: index for index, column in enumerate(sidecar.columns)}
        self._letterbox = Letterbox(colour="bgr")
        self._answers: deque[Answer] = deque()
        self._wake: Callable[[], None] = lambda: None
        self._spec = DetectorSpec(
            name=sidecar.name,
            backend="ultralytics",
            device=device,
            precision="f16" if half else "f32",
            digest=digest,
            licence=sidecar.licence,
            labels=sidecar.labels,
            sizes=sidecar.sizes,
            conf_high=sidecar.output.conf_high,
            conf_low=sidecar.output.conf_low,
            nms_iou=sidecar.output.nms_iou,
        )

    @property
    def spec(self) -> DetectorSpec:
        return self._spec

    def free(self) -> int:
        return 0 if self._answers else 1

    def submit(self, ticket: int, frame: Frame, views: Sequence[View]) -> None:
        try:
            found = suppress(Detections.merged([self._look(frame, view) for view in views]), iou=self._spec.nms_iou)
            self._answers.append(Answer(ticket, found))
        except RuntimeError as failed:
            self._answers.append(Answer(ticket, Detections.none(), str(failed)))
        self._wake()

    def poll(self) -> list[Answer]:
        answers = list(self._answers)
        self._answers.clear()
        return answers

    def on_ready(self, wake: Callable[[], None]) -> None:
        self._wake = wake

    def forget(self, camera_id: str) -> None:
        """Do nothing: a network remembers no picture."""

    def close(self) -> None:
        """Do nothing: memory goes with the object."""

    def _look(self, frame: Frame, view: View) -> Detections:
        picture: NDArray[np.uint8] = np.empty((view.height_px, view.width_px, 3), np.uint8)
        self._letterbox.fill(frame, view, picture)
        side = max(view.width_px, view.height_px)
        (result,) = self._network.predict(picture, imgsz=side, **self._options)
        boxes = result.boxes
        class_id = [self._label_of[int(column)] for column in boxes.cls.tolist()]
        return view.to_frame(
            Detections(
                boxes.xyxy.cpu().numpy().astype(np.float32).reshape(-1, 4),
                boxes.conf.cpu().numpy().astype(np.float32),
                np.array(class_id, np.int64),
            )
        )
