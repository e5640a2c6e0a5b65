"""Cameras that send what no camera should, through the whole pipeline with a real engine and without one."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from analytics.detector import Detector
from analytics.detectors import open_detector
from analytics.finding import Finding
from analytics.pipeline import Pipeline
from tests.analytics import tiny
from tests.analytics.pictures import frame, texture, tripwire, zone
from tests.support.clock import FakeClock

SIZES = [(2, 2), (16, 16), (33, 47), (4096, 64), (64, 2160), (705, 577), (1920, 1080)]
TURNS = 400
"""Far more than any answer needs."""


@pytest.fixture(params=["moving-object", "squares"])
def detector(request: pytest.FixtureRequest, tmp_path: Path) -> Detector:
    tiny.install(tmp_path)
    return open_detector(request.param, weights_dir=tmp_path, precision="f32")


def run(detector: Detector, feed: Callable[[Pipeline, FakeClock], None]) -> list[Finding]:
    """Feed a pipeline, let it finish, and return its findings; no error may have been counted."""
    found: list[Finding] = []
    clock = FakeClock()
    pipeline = Pipeline(detector, clock=clock, on_finding=found.append, detect_fps=5, threaded=False)
    pipeline.add_camera("gate", [zone(), tripwire()])
    feed(pipeline, clock)
    for _ in range(TURNS):
        pipeline.run_once()
        if not pipeline._under_way:
            break
        pipeline._wake.wait(1)
        pipeline._wake.clear()
    assert not pipeline._under_way
    counts = pipeline.stats()["counts"]
    pipeline.close()
    assert (counts.get("errors", 0), counts.get("failed", 0)) == (0, 0)
    return found


def test_any_size(detector: Detector) -> None:
    """From two pixels to long strips, one after the other from one camera, each several times."""

    def feed(pipeline: Pipeline, clock: FakeClock) -> None:
        for width, height in SIZES * 2:
            for seed in range(3):
                pipeline.put(frame(texture(width, height, seed=seed), clock.monotonic_s()))
                pipeline.run_once()
                clock.advance(0.2)

    run(detector, feed)


def test_wild_pictures(detector: Detector) -> None:
    """Noise, black, white and stripes in turn, as a broken cable shows them."""
    dice = np.random.default_rng(1)
    stripes = np.zeros((384, 640), np.uint8)
    stripes[::2] = 255
    shown = [dice.integers(0, 256, (384, 640), np.uint8), np.zeros_like(stripes), np.full_like(stripes, 255), stripes]

    def feed(pipeline: Pipeline, clock: FakeClock) -> None:
        for number in range(40):
            pipeline.put(frame(shown[number % 4 if number < 20 else number // 5 % 4], clock.monotonic_s()))
            pipeline.run_once()
            clock.advance(0.2)

    run(detector, feed)


def test_a_clock_that_jumps(detector: Detector) -> None:
    """Frames out of order, hours apart, and many at one moment are taken as they come."""

    def feed(pipeline: Pipeline, clock: FakeClock) -> None:
        dice = np.random.default_rng(2)
        for time_s in [1000, 1000, 1000.2, 8000, 8000.2, 7999, 1000, 1000.2, 1e6, 1e6 + 0.2, 1e6 + 0.4]:
            luma = texture()
            left = int(dice.integers(0, 500))
            luma[100:200, left : left + 60] = 240
            pipeline.put(frame(luma, float(time_s)))
            pipeline.run_once()
            clock.advance(0.2)

    run(detector, feed)
