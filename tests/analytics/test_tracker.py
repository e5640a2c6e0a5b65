"""Objects over time: identities, losses in seconds, rates, what stands still."""

import numpy as np
import pytest

from analytics.detections import Detections, ShapeError, overlaps
from analytics.tracker import POINTS_KEPT, Tracker, TrackerSettings
from tests.analytics.pictures import Box, boxes

WALK_PX_S = 90.0


def tracker() -> Tracker:
    return Tracker(TrackerSettings(), classes=2)


def person(x: float, y: float = 400) -> Box:
    return (x, y, x + 60, y + 160)


def follow(
    one: Tracker, fps: float, seconds: float, *, start_s: float = 0.0, gap: tuple[float, float] = (0, 0)
) -> None:
    """Let somebody walk to the right, unseen within ``gap``."""
    for number in range(round(seconds * fps)):
        time_s = start_s + number / fps
        hidden = gap[0] <= time_s < gap[1]
        one.update(boxes() if hidden else boxes(person(100 + WALK_PX_S * time_s)), time_s)


@pytest.mark.parametrize("fps", [25, 10, 5, 2])
def test_a_walker_keeps_his_number_at_any_rate(fps: float) -> None:
    """At 25 and at 2 pictures a second somebody who walks is one track."""
    one = tracker()
    follow(one, fps, 8)
    assert one.tracks.id.tolist() == [1]
    assert one.tracks.moved.all()


@pytest.mark.parametrize("fps", [10, 5])
def test_two_who_cross_keep_their_numbers(fps: float) -> None:
    """Two boxes that walk through one another come out as who they were."""
    one = tracker()
    ids = []
    for number in range(round(8 * fps)):
        time_s = number / fps
        right, left = person(100 + WALK_PX_S * time_s), person(820 - WALK_PX_S * time_s, 420)
        one.update(boxes(right, left), time_s)
        order = np.argsort(one.tracks.xyxy[:, 1])
        ids.append(one.tracks.id[order].tolist())
    assert ids[-1] == ids[0] == [1, 2]
    assert len(one.tracks) == 2


@pytest.mark.parametrize("fps", [25, 5])
@pytest.mark.parametrize(("gap_s", "kept"), [(1.2, True), (3.5, False)])
def test_lost_and_found_in_seconds(fps: float, gap_s: float, kept: bool) -> None:
    """Hidden for a second he is the same, hidden for longer another, whatever the rate."""
    one = tracker()
    follow(one, fps, 10, gap=(3.0, 3.0 + gap_s))
    assert one.tracks.id.tolist() == ([1] if kept else [2])


def test_a_new_object_must_be_seen_twice() -> None:
    """One box in one picture is not sure; one never seen again is forgotten within the second."""
    one = tracker()
    assert one.update(boxes(person(100)), 0.0).tolist() == [False]
    assert one.update(boxes(person(110)), 0.2).tolist() == [True]
    other = tracker()
    other.update(boxes(person(100)), 0.0)
    for time_s in (0.2, 0.4, 0.6, 0.8):
        other.update(boxes(), time_s)
    assert len(other.tracks) == 0


def test_unsure_boxes_only_continue() -> None:
    """A box below the high threshold starts nothing and keeps what is there."""
    one = tracker()
    one.update(boxes(person(500), score=0.4), 0.0)
    assert len(one.tracks) == 0
    follow(one, 5, 2, start_s=1)
    one.update(boxes(person(100 + WALK_PX_S * 3), score=0.35), 3.0)
    assert one.tracks.id.tolist() == [1]
    assert one.tracks.missed_s.tolist() == [0]


def test_what_was_not_looked_at_is_not_missed() -> None:
    """An object outside of the looked-at parts waits as long as it takes."""
    one = tracker()
    for time_s in (0.0, 0.2, 0.4):
        one.update(boxes(person(100)), time_s)
    elsewhere = np.array([[800, 0, 1200, 400]], np.float32)
    for number in range(100):
        one.update(boxes(), 1 + number / 5, looked=elsewhere)
    assert one.tracks.id.tolist() == [1]


def test_a_still_object_never_moved() -> None:
    """A parked car whose box wavers by what detectors waver has not moved, in three minutes."""
    one, dice = tracker(), np.random.default_rng(3)
    for number in range(1000):
        wavering = np.array([300, 300, 500, 400]) + dice.normal(0, 4, 4)
        one.update(boxes(tuple(wavering), class_id=1), number / 5)
    assert one.tracks.id.tolist() == [1]
    assert not one.tracks.moved.any()
    assert one.resting(200.0).all()


def test_a_still_object_outlives_a_minute_behind_something() -> None:
    """What has been resting is kept for longer than what walks."""
    one = tracker()
    for number in range(50):
        one.update(boxes(person(300)), number / 5)
    for number in range(50, 200):
        one.update(boxes(), number / 5)
    one.update(boxes(person(300)), 40.2)
    assert one.tracks.id.tolist() == [1]


def test_only_what_stirred_has_moved() -> None:
    """A box that shifts without any motion in it is a detector's whim."""
    one = tracker()
    for number in range(20):
        found = boxes(person(300 if number % 6 < 3 else 340))
        one.update(found, number / 5, stirred=np.zeros(1, np.bool_))
    assert not one.tracks.moved.any()


def test_the_class_is_a_vote() -> None:
    """One picture in which a person is taken for a car does not make a car."""
    one = tracker()
    for number in range(6):
        one.update(boxes(person(300), class_id=int(number == 3)), number / 5)
    assert one.tracks.id.tolist() == [1]
    assert one.tracks.class_id.tolist() == [0]


def test_history_is_the_last_points_in_order() -> None:
    """However long a track lives, it keeps its last 64 anchors, oldest first."""
    one = tracker()
    for number in range(POINTS_KEPT + 11):
        one.update(boxes(person(300 + number)), number / 5)
        history = one.tracks.history(0)
        assert [time_s for time_s, *_ in history] == sorted(time_s for time_s, *_ in history)
        assert history[-1] == (number / 5, 330.0 + number, 560.0)
    assert len(history) == POINTS_KEPT
    assert history[0][0] == 11 / 5


def test_a_reset_uses_no_number_twice() -> None:
    """After a cut numbers go on."""
    one = tracker()
    follow(one, 5, 2)
    one.reset()
    assert len(one.tracks) == 0
    follow(one, 5, 2, start_s=10)
    assert one.tracks.id.tolist() == [2]


def test_noise_leaves_nothing_behind() -> None:
    """A detector that sees a ghost elsewhere in each picture fills no memory."""
    one, dice = tracker(), np.random.default_rng(5)
    for number in range(500):
        one.update(boxes(*(person(float(x), float(y)) for x, y in dice.uniform(0, 5000, (5, 2)))), number / 5)
        assert len(one.tracks) < 60


def test_flat_boxes_and_a_clock_that_stands() -> None:
    """Boxes without height or width, and two looks at one moment, end in numbers."""
    one = tracker()
    for time_s in (1.0, 1.0, 1.2, 0.9, 1.4):
        one.update(boxes((10, 10, 10, 10), (50, 50, 90, 50), person(300)), time_s)
        assert np.isfinite(one.predicted(time_s + 1)).all()


def test_shapes_are_checked() -> None:
    """Arrays that do not fit one another are refused with what was wanted."""
    with pytest.raises(ShapeError, match=r"score: needs shape \(1,\), has \(2,\)"):
        Detections(np.zeros((1, 4), np.float32), np.zeros(2, np.float32), np.zeros(1, np.int64))
    with pytest.raises(ShapeError, match=r"xyxy: needs shape \(n, 4\)"):
        Detections(np.zeros((1, 5), np.float32), np.zeros(1, np.float32), np.zeros(1, np.int64))
    assert len(Detections.merged([])) == 0


def test_overlaps() -> None:
    """Intersection over union, by hand; boxes without area overlap nothing."""
    left = np.array([[0, 0, 10, 10], [5, 5, 5, 5]], np.float32)
    right = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [20, 20, 30, 30]], np.float32)
    assert overlaps(left, right) == pytest.approx(np.array([[1, 1 / 3, 0], [0, 0, 0]]))
