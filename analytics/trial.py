"""What a detector does on this machine: what it finds in one picture, and how fast it is in each precision."""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from analytics import selftest
from analytics.detections import Detections
from analytics.detector import Detector, DetectorSpec
from analytics.detectors import open_detector
from analytics.detectors.opening import precisions_of
from analytics.planner import Planner
from models.errors import AlertwallError
from models.frame import Frame

log = logging.getLogger(__name__)

WARM_UP = 3
PATIENCE_S = 30.0
POLL_S = 0.0005


class NoAnswer(AlertwallError):
    """A detector took a picture and never said what it found."""


@dataclass(frozen=True, slots=True)
class Speed:
    """Pictures a second of the whole path from frame to boxes, and what one costs in CPU time of the process."""

    spec: DetectorSpec
    images_per_s: float
    cpu_ms: float
    size_px: tuple[int, int]
    chosen: bool
    """What `auto` takes here."""


def look_at(detector: Detector, picture: Path) -> tuple[Frame, Detections]:
    """Return a picture file as a frame, and what the detector finds in all of it, best first."""
    frame = selftest.frame_of(picture)
    found = selftest.look(detector, frame)
    return frame, found[np.argsort(-found.score)]


def speeds(name: str, *, weights_dir: Path, device: str, threads: int, seconds: float) -> Iterator[Speed]:
    """Measure the detector called ``name`` in each precision that can be had here, ``seconds`` long each."""
    frame = selftest.frame_of(selftest.PICTURE)
    with_auto = open_detector(name, weights_dir=weights_dir, device=device, threads=threads)
    auto = with_auto.spec.precision
    with_auto.close()
    for precision in precisions_of(name, weights_dir=weights_dir, device=device):
        try:
            detector = open_detector(name, weights_dir=weights_dir, device=device, precision=precision, threads=threads)
        except selftest.SelfTestFailed as failed:
            log.warning("not in %s: %s", precision, failed)
            continue
        try:
            yield _measure(detector, frame, seconds, chosen=detector.spec.precision == auto)
        finally:
            detector.close()


def _measure(detector: Detector, frame: Frame, seconds: float, *, chosen: bool) -> Speed:
    full = Planner(frame.size_px, detector.spec.sizes).full
    done = given = 0
    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    heard_s, warm = began_s, False
    while True:
        while detector.free() > 0:
            given += 1
            detector.submit(given, frame, full.views)
        answers = detector.poll()
        now_s = time.perf_counter()
        done += len(answers)
        if answers:
            heard_s = now_s
        elif now_s - heard_s > PATIENCE_S:
            raise NoAnswer(f"{detector.spec.name}: no answer within {PATIENCE_S:g} s")
        else:
            time.sleep(POLL_S)
        if not warm and done >= WARM_UP:
            done, began_s, began_cpu_s, warm = 0, now_s, time.process_time(), True
        elif warm and done and now_s - began_s >= seconds:
            break
    size_px = (full.views[0].width_px, full.views[0].height_px)
    cpu_s = time.process_time() - began_cpu_s
    return Speed(detector.spec, done / (now_s - began_s), 1000 * cpu_s / done, size_px, chosen)
