"""Networks in ultralytics' own formats (.pt, .engine): an optional extra under AGPL-3.0, imported when asked for."""

import importlib
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analytics.detectors.threaded import ThreadedEngine
from analytics.families import Outputs
from analytics.precisions import AUTO, F16, F32
from analytics.sidecar import Sidecar
from models.errors import ConfigError

REQUESTS = 2
"""One is filled while the other computes."""
BATCH_MAX = {"CUDA": 32}
QUIET = {"YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false"}
DEVICES = {"CPU": "cpu", "CUDA": "cuda:0"}


def load() -> Any:
    """Import ultralytics, which then neither installs packages nor tells its maker what it is used for."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    return importlib.import_module("ultralytics")


class UltralyticsEngine(ThreadedEngine):
    """Implements `Engine`; ultralytics suppresses itself, and gives what family end2end reads: see `as_read`."""

    def __init__(self, weights: Path, sidecar: Sidecar, *, device: str, precision: str, threads: int) -> None:
        if precision not in (AUTO, F32, F16):
            raise ConfigError("analytics.precision", f"needs auto, f32 or f16 on ultralytics, has '{precision}'")
        try:
            ultralytics = load()
            torch = importlib.import_module("torch")
        except ImportError as missing:
            expected = f"{sidecar.name} needs the extra 'ultralytics' (AGPL-3.0): {missing}"
            raise ConfigError("analytics.detector", expected) from missing
        if device.startswith("CUDA") and not torch.cuda.is_available():
            raise ConfigError("analytics.device", f"needs CPU: torch sees no card here, has '{device}'")
        if device == "CPU":
            torch.set_num_threads(threads)  # more than it may have would spin against the rest of the machine
        self._half = precision == F16
        self._network: Any = ultralytics.YOLO(str(weights), task="detect")
        self._options = {
            "device": DEVICES.get(device, device),
            "conf": sidecar.output.conf_low,
            "iou": sidecar.output.nms_iou,
            "classes": list(sidecar.columns),
            "verbose": False,
        }
        if self._half:
            self._options["half"] = True
        self._batch_max = BATCH_MAX.get(device, 1)
        super().__init__("ultralytics", requests=REQUESTS, threads=1)

    @property
    def batch_max(self) -> int:
        return self._batch_max

    @property
    def precision(self) -> str:
        return F16 if self._half else F32

    def report_from(self, score: float) -> None:
        """Return boxes from ``score`` on: ultralytics filters before we see any."""
        self._options["conf"] = score

    def _compute(self, pictures: NDArray[np.uint8]) -> Outputs:
        height_px, width_px = pictures.shape[1:3]
        results = self._network.predict(list(pictures), imgsz=[height_px, width_px], **self._options)
        rows = [result.boxes.data.cpu().numpy().astype(np.float32).reshape(-1, 6) for result in results]
        found = np.zeros((len(rows), max(map(len, rows)), 6), np.float32)
        for picture, boxes in zip(found, rows, strict=True):
            picture[: len(boxes)] = boxes
        return [found]


def as_read(sidecar: Sidecar) -> Sidecar:
    """Return a sidecar by which our own letterbox and decoder serve ultralytics: it wants BGR and scales itself."""
    fed = sidecar.input.model_copy(update={"colour": "bgr"})
    return sidecar.model_copy(update={"family": "end2end", "input": fed})
