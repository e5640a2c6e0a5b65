"""A network's slots, tickets and failures, over an engine that a test drives."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from analytics import sidecar
from analytics.detections import ShapeError
from analytics.detector import Answer
from analytics.detectors.network import EngineFailed, NetworkDetector
from analytics.detectors.opening import _spec
from analytics.families import Outputs
from analytics.letterbox import View
from tests.analytics import tiny
from tests.analytics.pictures import frame, texture

WHOLE = View(0, 0, 64, 64, 64, 64, 64, 64)
PARTS = tuple(View(left, 0, left + 64, 64, 64, 64, 64, 64) for left in (0, 64, 128))
ONE_BOX = np.zeros((1, tiny.CHANNELS, 4), np.float32)
ONE_BOX[0, :5, 0] = 20, 20, 10, 10, 0.9


class FakeEngine:
    """Implements `Engine`: everything started waits for `finish`; what it should raise is set from outside."""

    def __init__(self, slots: int = 2, batch_max: int = 1) -> None:
        self._slots, self._batch_max = slots, batch_max
        self.asked: list[tuple[int, int, int]] = []
        self.started: dict[int, Callable[[], None]] = {}
        self.broken: set[int] = set()
        self.refuses_picture: Exception | None = None
        self.refuses_start: Exception | None = None
        self.gives: Outputs | Exception = [ONE_BOX]
        self.closed = False

    @property
    def slots(self) -> int:
        return self._slots

    @property
    def batch_max(self) -> int:
        return self._batch_max

    def pictures(self, slot: int, count: int, width_px: int, height_px: int) -> NDArray[np.uint8]:
        if self.refuses_picture:
            raise self.refuses_picture
        self.asked.append((count, width_px, height_px))
        return np.empty((count, height_px, width_px, 3), np.uint8)

    def start(self, slot: int, done: Callable[[], None]) -> None:
        if self.refuses_start:
            raise self.refuses_start
        assert slot not in self.started, "a busy slot was started"
        self.started[slot] = done

    def broke(self, slot: int) -> bool:
        return slot in self.broken

    def outputs(self, slot: int) -> Outputs:
        if isinstance(self.gives, Exception):
            raise self.gives
        return self.gives

    def close(self) -> None:
        self.closed = True

    def finish(self) -> None:
        for slot in list(self.started):
            self.started.pop(slot)()


class Rig:
    def __init__(self, folder: Path, engine: FakeEngine) -> None:
        tiny.install(folder)
        wanted = sidecar.load(folder / "squares.toml")
        self.engine = engine
        self.detector = NetworkDetector(engine, wanted, _spec(wanted, "fake", "CPU", "f32", "d1935"))
        self.woken = threading.Event()
        self.detector.on_ready(self.woken.set)

    def submit(self, ticket: int, views: Sequence[View] = (WHOLE,)) -> None:
        self.detector.submit(ticket, frame(texture(192, 64)), views)

    def all(self) -> list[Answer]:
        """Finish everything, however many rounds it takes."""
        answers = self.detector.poll()
        while self.engine.started:
            self.engine.finish()
            answers += self.detector.poll()
        return answers


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path, FakeEngine())


def test_one_ticket(rig: Rig) -> None:
    """Submitted, computed, answered, in pixels of the frame; the owner is woken."""
    assert rig.detector.free() == 2
    rig.submit(7)
    assert (rig.detector.free(), rig.detector.poll()) == (1, [])
    rig.engine.finish()
    assert rig.woken.is_set()
    (answer,) = rig.detector.poll()
    assert (answer.ticket, answer.failure) == (7, "")
    assert answer.found.xyxy.tolist() == [[15, 15, 25, 25]]
    assert rig.detector.free() == 2


def test_more_views_than_slots(rig: Rig) -> None:
    """A ticket is answered once, when its last view is done, with the boxes of all."""
    rig.submit(1, PARTS)
    assert rig.detector.free() == 0
    rig.engine.finish()
    assert rig.detector.poll() == []
    (answer,) = rig.all()
    assert sorted(answer.found.xyxy[:, 0].tolist()) == [15, 79, 143]


def test_several_tickets_in_any_order(rig: Rig) -> None:
    """Each ticket is answered exactly once, also with more of them than slots."""
    for ticket in range(5):
        rig.submit(ticket, PARTS[: 1 + ticket % 3])
    assert sorted(answer.ticket for answer in rig.all()) == [0, 1, 2, 3, 4]
    assert rig.detector.free() == 2


@pytest.mark.parametrize(
    "failure",
    [
        EngineFailed("out of memory"),
        ShapeError("output", "(1, 6, n)", (1, 2)),
        RuntimeError("device lost"),
        IndexError("tuple index out of range"),
    ],
)
def test_a_failed_computation_is_answered(rig: Rig, failure: Exception) -> None:
    """A look that fails says why; the slot is free again and the next look works."""
    rig.engine.gives = failure
    for ticket in range(5):
        rig.submit(ticket)
        (answer,) = rig.all()
        assert (answer.failure, len(answer.found)) == (str(failure), 0)
    rig.engine.gives = [ONE_BOX]
    rig.submit(9)
    (answer,) = rig.all()
    assert (answer.failure, len(answer.found)) == ("", 1)


@pytest.mark.parametrize("failure", [RuntimeError("no such shape"), ValueError("bad"), cv2.error("empty")])
@pytest.mark.parametrize("where", ["refuses_picture", "refuses_start"])
def test_a_refused_picture_is_answered(rig: Rig, failure: Exception, where: str) -> None:
    """An engine that takes no such picture costs that look, never a slot."""
    setattr(rig.engine, where, failure)
    for ticket in range(5):
        rig.woken.clear()
        rig.submit(ticket, PARTS)
        assert rig.woken.is_set()
        (answer,) = rig.all()
        assert (answer.ticket, answer.failure) == (ticket, str(failure))
    setattr(rig.engine, where, None)
    rig.submit(9, PARTS)
    (answer,) = rig.all()
    assert (answer.failure, len(answer.found)) == ("", 3)


def test_a_slot_that_broke_in_silence(rig: Rig) -> None:
    """An engine that calls nobody back is asked."""
    rig.submit(1)
    rig.engine.started.clear()
    rig.engine.broken, rig.engine.gives = {0, 1}, EngineFailed("gone")
    (answer,) = rig.detector.poll()
    assert answer.failure == "gone"
    assert rig.detector.free() == 2


def test_weights_that_answer_with_nonsense(rig: Rig) -> None:
    """No numbers, and boxes without end, are no boxes."""
    wild = np.full((1, tiny.CHANNELS, 4), np.nan, np.float32)
    wild[0, :5, 1] = 20, 20, np.inf, 10, 0.9
    wild[0, :5, 2] = 500, 500, 10, 10, 0.9
    rig.engine.gives = [wild]
    rig.submit(1)
    (answer,) = rig.all()
    assert (answer.failure, len(answer.found)) == ("", 0)


def test_closing_wakes_nobody(rig: Rig) -> None:
    """What ends after the close is given up."""
    rig.submit(1)
    rig.detector.close()
    rig.engine.finish()
    assert rig.engine.closed
    assert not rig.woken.is_set()


def test_report_from(rig: Rig) -> None:
    """The lowest score that is reported may be set, as the self-test does."""
    weak = ONE_BOX.copy()
    weak[0, 4, 0] = 0.3
    rig.engine.gives = [weak]
    rig.submit(1)
    assert len(rig.all()[0].found) == 0
    rig.detector.report_from(0.2)
    rig.submit(2)
    assert len(rig.all()[0].found) == 1


def test_a_batch_is_what_came_meanwhile(tmp_path: Path) -> None:
    """The first picture starts at once; those that come while it is computed go together, in fixed sizes."""
    rows = np.repeat(ONE_BOX, 4, axis=0)
    rows[:, 0, 0] = [10, 20, 30, 40]
    rig = Rig(tmp_path, FakeEngine(slots=1, batch_max=4))
    assert rig.detector.free() == 8
    for ticket in range(8):
        rig.submit(ticket)
    assert rig.engine.asked == [(1, 64, 64)]
    assert rig.detector.free() == 0
    rig.engine.gives = [ONE_BOX]
    rig.engine.finish()
    answers = rig.detector.poll()
    rig.engine.gives = [rows]
    rig.engine.finish()
    answers += rig.detector.poll()
    assert rig.engine.asked == [(1, 64, 64), (4, 64, 64), (2, 64, 64)]
    assert [answer.ticket for answer in answers] == [0, 1, 2, 3, 4]
    lefts = [float(answer.found.xyxy[0, 0]) for answer in answers]
    assert lefts == [15, 5, 15, 25, 35]
    answers += rig.all()
    assert sorted(answer.ticket for answer in answers) == list(range(8))


def test_a_batch_is_of_one_size(tmp_path: Path) -> None:
    """Views of other sizes wait for the next slot."""
    small = replace(WHOLE, inner_width_px=32, width_px=32)
    rig = Rig(tmp_path, FakeEngine(slots=1, batch_max=8))
    rig.submit(0)
    rig.submit(1, [small, WHOLE])
    rig.submit(2, [small])
    rig.all()
    assert rig.engine.asked == [(1, 64, 64), (2, 32, 64), (1, 64, 64)]


def test_a_batch_that_fails_fails_each_of_its_pictures(tmp_path: Path) -> None:
    """Nobody waits for an answer that will not come, and the next batch is computed."""
    rig = Rig(tmp_path, FakeEngine(slots=1, batch_max=4))
    for ticket in range(3):
        rig.submit(ticket)
    rig.engine.gives = EngineFailed("out of memory")
    assert {answer.failure for answer in rig.all()} == {"out of memory"}
    rig.engine.gives = [ONE_BOX]
    rig.submit(3)
    assert [answer.failure for answer in rig.all()] == [""]
