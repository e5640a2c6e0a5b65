"""Frames in, findings out: one thread, any number of cameras, a detector that may be slow or fail."""

import json
import threading
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import pytest

from analytics.detections import Detections
from analytics.finding import Finding
from analytics.letterbox import View
from analytics.pipeline import Pipeline
from analytics.watch import ACTIVE_S
from models.frame import DecodeMode, Frame
from models.rule import Direction
from tests.analytics.pictures import (
    HEIGHT_PX,
    START,
    WIDTH_PX,
    Box,
    FakeDetector,
    boxes,
    frame,
    texture,
    tripwire,
    with_box,
    zone,
)
from tests.support.clock import FakeClock

STEP_S = 0.2
GREY = np.full((HEIGHT_PX, WIDTH_PX), 60, np.uint8)


def place(number: int) -> Box:
    """Where somebody is at the ``number``-th picture: he walks to the right along the zone's middle."""
    return (40.0 + 16 * number, 120.0, 80.0 + 16 * number, 220.0)


def bright(seen: Frame) -> Detections:
    """Find the one bright rectangle of a frame, as a perfect detector would."""
    ys, xs = np.nonzero(seen.y > 200)
    return boxes((xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)) if len(xs) else Detections.none()


class Rig:
    """A pipeline that a test drives by hand."""

    def __init__(self, detector: FakeDetector | None = None) -> None:
        self.detector = detector or FakeDetector(bright)
        self.clock = FakeClock()
        self.found: list[Finding] = []
        self.pipeline = Pipeline(
            self.detector, clock=self.clock, on_finding=self.found.append, detect_fps=5, threaded=False
        )
        self.start_s = self.clock.monotonic_s()

    def show(self, luma: np.ndarray, camera_id: str = "gate") -> None:
        """Offer one picture and let everything happen."""
        self.put(luma, camera_id)
        self.turn()

    def put(self, luma: np.ndarray, camera_id: str = "gate") -> None:
        self.pipeline.put(frame(luma, self.clock.monotonic_s(), camera_id=camera_id))

    def turn(self) -> None:
        self.pipeline.run_once()
        self.pipeline.run_once()
        self.clock.advance(STEP_S)

    def walk(self, first: int, last: int, camera_id: str = "gate") -> None:
        for number in range(first, last):
            self.show(with_box(GREY, place(number)), camera_id)

    def counts(self, camera_id: str = "gate") -> dict[str, int]:
        counts: dict[str, int] = self.pipeline.stats()["cameras"][camera_id]
        return counts


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig()
    yield made
    made.pipeline.close()


def test_one_walk_is_exactly_the_expected_findings(rig: Rig) -> None:
    """Somebody walks through a zone and over a line: two findings that can say why, each with its picture."""
    rules = [zone(id=5, version=3, confirm_frames=2), tripwire(id=6, direction=Direction.LEFT_TO_RIGHT)]
    rig.pipeline.add_camera("gate", rules)
    rig.show(GREY)
    rig.walk(0, 25)
    inside, over = rig.found
    assert (inside.rule, over.rule) == tuple(rules)
    assert inside.camera_id == "gate"
    assert (inside.label, inside.track_id) == ("person", 1) == (over.label, over.track_id)
    assert inside.score == pytest.approx(0.9)
    number = 8  # the second picture whose anchor lies right of x = 160
    assert inside.box_px == tuple(map(round, place(number)))
    assert (inside.time - START).total_seconds() == pytest.approx(rig.start_s + STEP_S * (number + 1))
    assert over.attrs["direction"] == "left_to_right"
    assert "direction" not in inside.attrs
    assert inside.attrs["geometry"] == [list(point) for point in rules[0].points]
    assert inside.attrs["thresholds"]["confirm_frames"] == 2
    assert inside.attrs["detector"] == {
        "name": "fake",
        "digest": "d1935",
        "backend": "fake",
        "device": "none",
        "precision": "exact",
    }
    assert inside.attrs["frame"]["width_px"] == WIDTH_PX
    track = inside.attrs["track"]
    assert track[-1] == pytest.approx([0, (60 + 16 * number) / WIDTH_PX, 220 / HEIGHT_PX])
    assert len(track) == number + 1
    assert json.loads(json.dumps(inside.attrs, allow_nan=False)) == inside.attrs
    shown = cv2.imdecode(np.frombuffer(inside.jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert shown is not None
    assert shown.shape == (HEIGHT_PX, WIDTH_PX)
    assert shown[170, 60 + 16 * number] > 200
    assert shown[170, 20] < 80


def test_still_pictures_never_reach_the_detector(rig: Rig) -> None:
    """Of a minute without motion the detector sees the first picture and the re-checks."""
    rig.pipeline.add_camera("gate", [zone()])
    for _ in range(300):
        rig.show(texture())
    assert len(rig.detector.looked) == 2
    assert rig.counts()["skip"] == 298
    assert rig.found == []


def test_without_rules_the_detector_is_left_alone(rig: Rig) -> None:
    """A camera nobody asked anything about costs no detector time, and rules may come later."""
    rig.pipeline.add_camera("gate", [])
    rig.show(GREY)
    rig.walk(0, 3)
    assert rig.detector.looked == []
    rig.pipeline.set_rules("gate", [tripwire()])
    rig.walk(3, 25)
    assert len(rig.found) == 1


def test_newest_wins_and_losses_are_counted(rig: Rig) -> None:
    """Frames that nobody took are replaced; each is counted once, with its reason."""
    rig.pipeline.add_camera("gate", [zone()])
    for _ in range(5):
        rig.put(GREY)
        rig.clock.advance(STEP_S)
    rig.put(GREY)
    rig.put(GREY)
    rig.turn()
    counts = rig.counts()
    assert (counts["offered"], counts["lost"], counts["not_due"], counts["looked"]) == (7, 5, 1, 1)
    assert rig.detector.looked[0][0].monotonic_s == pytest.approx(rig.start_s + 5 * STEP_S)


def test_a_slow_detector_gets_the_newest_picture() -> None:
    """While it looks, newer pictures replace the waiting one, and that is counted."""
    rig = Rig(FakeDetector(bright, slow=True))
    rig.pipeline.add_camera("gate", [zone()])
    rig.show(GREY)
    rig.walk(0, 8)
    assert len(rig.detector.looked) == 1
    assert rig.counts()["busy"] == 7
    rig.detector.finish()
    rig.turn()
    rig.turn()
    assert rig.detector.looked[1][0].monotonic_s == pytest.approx(rig.start_s + 8 * STEP_S)
    rig.pipeline.close()


def test_many_cameras_share_one_detector() -> None:
    """Eight busy cameras and a detector with one slot: all get the same share."""
    rig = Rig(FakeDetector(bright, slow=True))
    cameras = [f"camera-{number}" for number in range(8)]
    for camera in cameras:
        rig.pipeline.add_camera(camera, [zone()])
    for number in range(80):
        for camera in cameras:
            rig.put(with_box(GREY, place(number % 30)), camera)
        rig.turn()
        rig.detector.finish()
    seen = [sum(looked.camera_id == camera for looked, _ in rig.detector.looked) for camera in cameras]
    assert min(seen) >= 8
    assert max(seen) - min(seen) <= 3
    rig.pipeline.close()


def test_a_camera_removed_while_it_is_looked_at() -> None:
    """What was under way for it raises nothing; the same name added again starts anew and works."""
    rig = Rig(FakeDetector(bright, slow=True))
    rig.pipeline.add_camera("gate", [zone(), tripwire()])
    rig.show(GREY)
    rig.pipeline.remove_camera("gate")
    rig.detector.finish()
    rig.turn()
    rig.show(GREY)
    assert rig.pipeline.stats()["cameras"] == {}
    assert rig.detector.forgotten[-1] == "gate"
    rig.detector.slow = False
    rig.pipeline.add_camera("gate", [tripwire()])
    rig.show(GREY)
    rig.walk(0, 25)
    assert len(rig.found) == 1
    assert rig.pipeline._under_way == {}
    rig.pipeline.close()


def test_cameras_that_come_and_go_leave_nothing(rig: Rig) -> None:
    """After a hundred and fifty cameras the pipeline holds none."""
    for number in range(150):
        rig.pipeline.add_camera(f"camera-{number}", [zone()])
        rig.show(GREY, f"camera-{number}")
        rig.pipeline.remove_camera(f"camera-{number}")
    rig.turn()
    assert rig.pipeline.stats()["cameras"] == {}
    assert (rig.pipeline._forget, rig.pipeline._under_way, rig.pipeline._turns._next) == ([], {}, {})


def test_rules_change_while_somebody_walks(rig: Rig) -> None:
    """A new rule holds from the next picture on; a kept one does not tell twice."""
    kept = zone(id=1, cool_down_s=1000)
    rig.pipeline.add_camera("gate", [kept])
    rig.show(GREY)
    rig.walk(0, 12)
    rig.pipeline.set_rules("gate", [tripwire(id=2), kept])
    rig.walk(12, 25)
    assert [found.rule.id for found in rig.found] == [1, 2]
    rig.pipeline.set_rules("unknown", [kept])


def test_a_rule_that_cannot_be_is_refused_to_its_caller(rig: Rig) -> None:
    """The caller hears of it; the rules in force go on."""
    rig.pipeline.add_camera("gate", [tripwire()])
    with pytest.raises(ValueError):
        rig.pipeline.set_rules("gate", [tripwire(points=((0.1, 0.1),))])
    rig.show(GREY)
    rig.walk(0, 25)
    assert len(rig.found) == 1


@pytest.mark.parametrize("size", [(WIDTH_PX + 16, HEIGHT_PX + 8), (320, 192), (1280, 768)])
def test_a_camera_changes_its_size(rig: Rig, size: tuple[int, int]) -> None:
    """Another resolution is another scene: tracks and plans start anew, also when the cells are as many as before."""
    rig.pipeline.add_camera("gate", [zone()])
    rig.show(GREY)
    rig.walk(0, 4)
    cuts = rig.counts()["cut"]
    other = np.full((size[1], size[0]), 60, np.uint8)
    rig.show(other)
    assert rig.counts()["cut"] == cuts + 1
    for view in rig.detector.looked[-1][1]:
        assert (view.right_px, view.bottom_px) == size
    rig.show(with_box(other, place(0)))
    assert rig.pipeline.stats()["counts"].get("errors", 0) == 0


def test_an_answer_about_an_earlier_scene_means_nothing() -> None:
    """What the detector found before a cut is not tracked after it."""
    rig = Rig(FakeDetector(bright, slow=True))
    rig.pipeline.add_camera("gate", [zone()])
    rig.show(with_box(GREY, place(3)))
    rig.put(texture(seed=9))
    rig.pipeline.run_once()
    rig.detector.finish()
    rig.turn()
    assert len(rig.pipeline._cameras["gate"].tracker.tracks) == 0
    rig.pipeline.close()


def test_a_detector_that_fails_now_and_then() -> None:
    """A failed look is counted and the camera goes on."""
    rig = Rig(FakeDetector(bright, slow=True))
    rig.pipeline.add_camera("gate", [tripwire()])
    rig.show(GREY)
    rig.detector.finish("out of memory")
    rig.turn()
    rig.detector.slow = False
    rig.walk(0, 25)
    assert rig.pipeline.stats()["counts"]["failed"] == 1
    assert len(rig.found) == 1


class Refusing(FakeDetector):
    """Raises for one camera's frames."""

    def submit(self, ticket: int, frame: Frame, views: Sequence[View]) -> None:
        if frame.camera_id == "bad":
            raise ValueError("no such picture")
        super().submit(ticket, frame, views)


def test_one_bad_camera_costs_the_others_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """A camera whose every frame raises is counted, and said once; its neighbour's findings are complete."""
    rig = Rig(Refusing(bright))
    for camera in ("bad", "gate"):
        rig.pipeline.add_camera(camera, [tripwire()])
    for number in range(25):
        for camera in ("bad", "gate"):
            rig.put(with_box(GREY, place(number)), camera)
        rig.turn()
    assert [found.camera_id for found in rig.found] == ["gate"]
    assert rig.pipeline.stats()["counts"]["errors"] >= 20
    assert [record.getMessage() for record in caplog.records] == ["a frame of bad is given up after an error"]
    assert rig.counts("bad")["looked"] == rig.counts("gate")["looked"] == 25
    assert rig.pipeline._under_way == {}


def test_a_receiver_that_raises_loses_its_own_finding_only() -> None:
    """Two cameras fire in one turn; the first receiver's error does not stop the second, nor the camera."""
    detector = FakeDetector(bright, slots=2)
    told: list[str] = []

    def receive(finding: Finding) -> None:
        told.append(finding.camera_id)
        if len(told) == 1:
            raise RuntimeError("the outbox is shut")

    clock = FakeClock()
    pipeline = Pipeline(detector, clock=clock, on_finding=receive, detect_fps=5, threaded=False)
    for camera in ("a", "b"):
        pipeline.add_camera(camera, [tripwire(cool_down_s=0)])
    for number in [*range(25), *reversed(range(25))]:
        for camera in ("a", "b"):
            pipeline.put(frame(with_box(GREY, place(number)), clock.monotonic_s(), camera_id=camera))
        pipeline.run_once()
        pipeline.run_once()
        clock.advance(STEP_S)
    assert sorted(told) == ["a", "a", "b", "b"]
    pipeline.close()


def test_a_detector_that_always_fails_does_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """One line for each camera in half a minute, all failures in the counter."""
    rig = Rig(FakeDetector(bright, slow=True))
    rig.pipeline.add_camera("gate", [zone()])
    for number in range(300):
        rig.put(with_box(GREY, place(number % 30)))
        rig.turn()
        rig.detector.finish("device lost")
    rig.turn()
    assert rig.pipeline.stats()["counts"]["failed"] > 250
    assert 2 <= len(caplog.records) <= 3
    rig.pipeline.close()


def test_a_rule_that_waits_for_the_unknown_is_told(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """A label that the detector cannot tell is said, not waited for in silence."""
    rig.pipeline.add_camera("gate", [zone(labels=("person", "elephant"))])
    assert [record.getMessage() for record in caplog.records] == ["rule 1 of gate: detector fake cannot tell: elephant"]


def test_mode(rig: Rig) -> None:
    """All frames are wanted while something moves and for a while after; key frames else."""
    rig.pipeline.add_camera("gate", [zone()])
    rig.show(GREY)
    rig.walk(0, 2)
    assert rig.pipeline.mode("gate") is DecodeMode.ACTIVE
    for _ in range(200):
        rig.show(GREY)
    rig.clock.advance(ACTIVE_S)
    assert rig.pipeline.mode("gate") is DecodeMode.QUIET
    assert rig.pipeline.mode("unknown") is DecodeMode.QUIET


def test_stats_are_json(rig: Rig) -> None:
    """Counters and latencies can be shown, also before anything happened."""
    assert rig.pipeline.stats()["latency_ms"] == {"p50": None, "p95": None, "p99": None}
    rig.pipeline.add_camera("gate", [zone()])
    rig.show(GREY)
    said = json.loads(json.dumps(rig.pipeline.stats(), allow_nan=False))
    assert said["latency_ms"]["p50"] == pytest.approx(0)
    assert said["detector"]["digest"] == "d1935"


def test_frames_of_unknown_cameras_are_dropped(rig: Rig) -> None:
    """A frame that comes after its camera went is nobody's."""
    rig.show(GREY, "nobody")
    assert rig.detector.looked == []


def test_the_thread_ends_with_the_pipeline() -> None:
    """Frames from four threads, rules and cameras that change meanwhile, a receiver that waits: close ends it all."""
    done = threading.Event()
    detector = FakeDetector(bright)
    clock = FakeClock()
    pipeline = Pipeline(detector, clock=clock, on_finding=lambda _finding: done.set(), detect_fps=5)
    before = {thread.name for thread in threading.enumerate()}
    assert "analytics" in before

    def feed(camera: str) -> None:
        for number in range(60):
            pipeline.put(frame(with_box(GREY, place(number % 30)), number * STEP_S, camera_id=camera))
            pipeline.set_rules(camera, [tripwire(), zone(id=number)])
            pipeline.mode(camera)
            pipeline.stats()
            if number % 20 == 19:
                pipeline.remove_camera(camera)
                pipeline.add_camera(camera, [tripwire()])

    feeders = [threading.Thread(target=feed, args=(f"camera-{number}",)) for number in range(4)]
    for number in range(4):
        pipeline.add_camera(f"camera-{number}", [tripwire()])
    for feeder in feeders:
        feeder.start()
    for feeder in feeders:
        feeder.join(30)
    pipeline.close()
    assert detector.closed
    assert pipeline.stats()["counts"].get("errors", 0) == 0
    assert "analytics" not in {thread.name for thread in threading.enumerate()}


def test_put_does_not_wait_for_the_detector() -> None:
    """While the detector works on the analytics thread, frames are taken all the same."""
    looking, go_on = threading.Event(), threading.Event()

    def slowly(seen: Frame) -> Detections:
        looking.set()
        assert go_on.wait(30)
        return bright(seen)

    pipeline = Pipeline(FakeDetector(slowly), clock=FakeClock(), on_finding=lambda _finding: None, detect_fps=5)
    pipeline.add_camera("gate", [zone()])
    pipeline.put(frame(GREY, 0.0))
    assert looking.wait(30)
    for number in range(1, 20):
        pipeline.put(frame(GREY, number * STEP_S))
    assert pipeline.stats()["cameras"]["gate"]["lost"] == 18
    go_on.set()
    pipeline.close()
