"""A detector that cannot keep up: who is looked at then, how soon, and what is counted. All by a clock of our own."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest

from analytics.detections import Detections
from analytics.detector import Answer
from analytics.letterbox import View
from analytics.overload import RECOVER_S, WINDOW_S, Overload, Step
from analytics.pipeline import Pipeline
from models.frame import Frame
from models.rule import Rule, Window
from tests.analytics.pictures import HEIGHT_PX, WIDTH_PX, FakeDetector, boxes, frame, with_box, zone
from tests.support.clock import FakeClock

TICK_S = 0.01
FPS = 5
GREY = np.full((HEIGHT_PX, WIDTH_PX), 60, np.uint8)
NIGHT = (Window(days=("mon",), start="22:00", end="06:00"),)
DROPS = ("not_due", "lost", "busy", "shed_rate", "shed_region", "shed_unarmed")


def bright(seen: Frame) -> Detections:
    """Find the one bright rectangle of a frame, as a perfect detector would."""
    ys, xs = np.nonzero(seen.y > 200)
    return boxes((xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)) if len(xs) else Detections.none()


class Timed(FakeDetector):
    """Looks at one picture after the other, each for ``look_s`` of the clock."""

    def __init__(self, clock: FakeClock, look_s: float) -> None:
        super().__init__(bright, slow=True)
        self.clock, self.look_s, self.ends_s = clock, look_s, 0.0
        self.latencies_s: dict[str, list[float]] = {}

    def submit(self, ticket: int, frame: Frame, views: Sequence[View]) -> None:
        super().submit(ticket, frame, views)
        self.ends_s = self.clock.monotonic_s() + self.look_s

    def poll(self) -> list[Answer]:
        now_s = self.clock.monotonic_s()
        if self._open and now_s >= self.ends_s:
            for seen in self._open.values():
                self.latencies_s.setdefault(seen.camera_id, []).append(now_s - seen.monotonic_s)
            self.finish()
        return super().poll()


class Nights:
    """A calendar by which schedules are in force or not, as a test says."""

    in_force = False

    def armed(self, schedule: tuple[Window, ...], at: datetime) -> bool:
        return self.in_force

    def facts(self, at: datetime) -> dict[str, object]:
        return {}


class Site:
    """Some cameras at five pictures a second, in each of which something moves, or nothing."""

    def __init__(self, cameras: int, look_s: float, *, scheduled: int = 0) -> None:
        self.clock = FakeClock()
        self.detector = Timed(self.clock, look_s)
        self.calendar = Nights()
        self.pipeline = Pipeline(
            self.detector, clock=self.clock, on_finding=lambda _finding: None, detect_fps=FPS, threaded=False
        )
        self.names = [f"camera-{number}" for number in range(cameras)]
        for number, name in enumerate(self.names):
            rule: Rule = replace(zone(), camera_id=name, schedule=NIGHT if number < scheduled else ())
            self.pipeline.add_camera(name, [rule], self.calendar)
        self._pictures = [with_box(GREY, (20.0 + 30 * n, 60, 100.0 + 30 * n, 220)) for n in range(12)]
        self._ticks = 0

    def run(self, seconds: float, *, moving: int | None = None) -> None:
        """Let time pass; in all, or the first ``moving`` cameras, something moves."""
        every = round(1 / FPS / TICK_S)
        for _ in range(round(seconds / TICK_S)):
            for number, name in enumerate(self.names):
                if (self._ticks + number) % every == 0:
                    lively = moving is None or number < moving
                    luma = self._pictures[self._ticks // every % 12] if lively else GREY
                    self.pipeline.put(frame(luma, self.clock.monotonic_s(), camera_id=name))
            self.pipeline.run_once()
            self.clock.advance(TICK_S)
            self._ticks += 1

    @property
    def step(self) -> int:
        return int(self.pipeline.stats()["overload"]["step"])

    def counts(self, name: str) -> dict[str, int]:
        counts: dict[str, int] = self.pipeline.stats()["cameras"][name]
        return counts

    def looked(self) -> dict[str, int]:
        return {name: len(self.detector.latencies_s.get(name, ())) for name in self.names}


def test_three_times_too_much() -> None:
    """Twelve cameras want 60 looks a second of 20: nobody starves, shares are even, and what is seen is fresh."""
    site = Site(12, 0.05)
    site.run(20)
    looked = site.looked()
    assert min(looked.values()) >= 0.7 * max(looked.values())
    assert sum(looked.values()) >= 0.8 * 20 / 0.05
    late = [latency for name in site.names for latency in site.detector.latencies_s[name]]
    assert max(late) < 1.0
    assert Step.RATE_2 <= site.step <= Step.RATE_1
    site.pipeline.close()


def test_every_picture_is_accounted_for() -> None:
    """What was offered was looked at, or counted with its reason."""
    site = Site(12, 0.05)
    site.run(10)
    for name in site.names:
        counts = site.counts(name)
        known = sum(counts.get(reason, 0) for reason in DROPS if reason != "shed_region")
        assert counts["shed_rate"] > 0
        assert counts["busy"] > 0
        assert abs(counts["offered"] - known - len(site.detector.latencies_s[name]) - counts.get("skip", 0)) <= 2
    site.pipeline.close()


def test_armed_cameras_go_first() -> None:
    """Far too much for the detector: those with a rule in force are all that is looked at, and within a second."""
    site = Site(12, 0.2, scheduled=8)
    site.run(20)
    assert site.step == Step.ARMED_ONLY
    before = site.looked()
    site.detector.latencies_s.clear()
    site.run(20)
    assert set(site.detector.latencies_s) == set(site.names[8:])
    assert all(site.counts(name)["shed_unarmed"] > 0 for name in site.names[:8])
    assert max(max(site.detector.latencies_s[name]) for name in site.names[8:]) < 1.0
    assert min(before.values()) > 0
    site.pipeline.close()


def test_armed_cameras_get_more_before_that(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice the share of the others, while all are looked at."""
    monkeypatch.setattr(Overload, "look", lambda _self, _now_s, armed_share: Step.NONE if armed_share else None)
    site = Site(6, 0.09, scheduled=3)
    site.run(40)
    looked = site.looked()
    unarmed, armed = (sum(looked[name] for name in names) for names in (site.names[:3], site.names[3:]))
    assert armed / unarmed == pytest.approx(2, abs=0.35)
    site.pipeline.close()


def test_back_to_normal() -> None:
    """When most cameras are still again, everything is looked at again, step by step."""
    site = Site(12, 0.05)
    site.run(15)
    assert site.step >= Step.RATE_2
    site.run(4 * RECOVER_S, moving=1)
    assert site.step == Step.NONE
    before = site.counts("camera-0").get("shed_rate", 0)
    site.run(5, moving=1)
    assert site.counts("camera-0").get("shed_rate", 0) == before
    site.pipeline.close()


def test_no_overload_gives_nothing_up() -> None:
    """A busy detector that keeps up is left alone."""
    site = Site(3, 0.05)
    site.run(20)
    assert site.step == Step.NONE
    assert not any(site.counts(name).get(reason) for name in site.names for reason in DROPS if reason != "not_due")
    site.pipeline.close()


def judged(overload: Overload, from_s: float, seconds: float, *, load: float, lost: float = 0.0) -> float:
    """Let so much time pass with this load and share of lost pictures; return when it is then."""
    for number in range(round(seconds / WINDOW_S)):
        now_s = from_s + (number + 1) * WINDOW_S
        overload.busy(WINDOW_S, load)
        for _ in range(round(20 * (1 - lost))):
            overload.served()
        for _ in range(round(20 * lost)):
            overload.replaced()
        overload.look(now_s)
    return from_s + round(seconds / WINDOW_S) * WINDOW_S


def test_steps_and_back() -> None:
    """Up by one each window, back only with room for what comes back."""
    overload = Overload(5)
    overload.look(0)
    now_s = judged(overload, 0, 16, load=1, lost=0.5)
    assert int(overload.step) == Step.ARMED_ONLY
    assert overload.rate_fps() == 1
    now_s = judged(overload, now_s, 60, load=0.9)
    assert int(overload.step) == Step.ARMED_ONLY
    now_s = judged(overload, now_s, 14, load=0.4)
    assert int(overload.step) == Step.REGIONS
    judged(overload, now_s, 60, load=0.1)
    assert int(overload.step) == Step.NONE
    assert overload.rate_fps() == 5


def test_a_step_back_too_early_makes_the_next_one_later() -> None:
    """It does not swing: each relapse doubles the time of calm that is needed."""
    overload = Overload(5)
    overload.look(0)
    now_s = judged(overload, 0, 2, load=1, lost=0.5)
    swings = 0
    for _ in range(150):
        lost = 0.5 if overload.step is Step.NONE else 0.0
        swings += overload.step is Step.NONE  # windows, of 150
        now_s = judged(overload, now_s, 2, load=1 if lost else 0.3, lost=lost)
    assert swings <= 10


def test_slow_cameras_are_not_hurried() -> None:
    """A site that looks once a second anyway loses nothing by the first steps."""
    overload = Overload(1)
    overload.look(0)
    judged(overload, 0, 4, load=1, lost=0.5)
    assert overload.rate_fps() == 1
