"""Who stays too long: once a stay, also who stands still, whatever the detector misses."""

import numpy as np
import pytest

from models.rule import RuleKind
from tests.analytics.scenes import Scene, again, car, line, person, rule

LOITER = RuleKind.LOITERING
IN = line((105, 500), (480, 500), 14)


def test_who_stands_still_in_a_zone_is_told_once() -> None:
    """After the dwell, to a look, and never again in this stay."""
    scene = Scene(rule(LOITER, params={"dwell_s": 20}, cool_down_s=5))
    scene.walk(IN)
    scene.wait(120, person(480))
    (told,) = scene.told
    came_s = next(n for n, (x, _y) in enumerate(IN) if x >= 250) * 0.2
    assert told[0] == pytest.approx(came_s + 20, abs=0.21)
    assert told[1].measured["dwell_s"] == pytest.approx(20, abs=0.21)
    assert again(told).same


def test_a_quick_passer_by_is_not_told() -> None:
    """Who walks through in less than the dwell is nobody's business."""
    scene = Scene(rule(LOITER, params={"dwell_s": 20}))
    scene.walk(line((105, 500), (900, 500), 40))
    assert scene.told == []


def test_what_stood_there_from_the_first_picture_is_not_told() -> None:
    """A statue does not loiter."""
    scene = Scene(rule(LOITER, params={"dwell_s": 10}))
    scene.wait(60, person(480))
    assert scene.told == []


def test_a_time_of_its_own_for_each_class() -> None:
    """A car may stand longer than a person."""
    params = {"dwell_s": 60, "dwell_s.person": 10}
    people, cars = Scene(rule(LOITER, params=params)), Scene(rule(LOITER, params=params))
    people.walk(IN)
    people.wait(70, person(480))
    for x, y in line((130, 500), (480, 500), 14):
        cars.see(car(x, y), class_id=1)
    cars.wait(70, car(480), class_id=1)
    assert people.told[0][1].measured["dwell_s"] == pytest.approx(10, abs=0.21)
    assert cars.told[0][1].measured["dwell_s"] == pytest.approx(60, abs=0.21)


@pytest.mark.parametrize(("gap_s", "told_after_s"), [(1.0, 15), (4.0, None)])
def test_a_gap_shorter_than_the_grace_does_not_end_the_stay(gap_s: float, told_after_s: float | None) -> None:
    """Unseen for a moment is still there; longer begins the stay anew."""
    scene = Scene(rule(LOITER, params={"dwell_s": 15, "grace_s": 2}))
    scene.walk(IN)
    scene.wait(8, person(480))
    scene.wait(gap_s)
    scene.wait(10, person(480))
    assert len(scene.told) == (told_after_s is not None)


def test_out_of_the_zone_ends_the_stay() -> None:
    """Coming back is another stay, and another verdict."""
    scene = Scene(rule(LOITER, params={"dwell_s": 10}, cool_down_s=0))
    for _ in range(2):
        scene.walk(IN)
        scene.wait(12, person(480))
        scene.walk(IN[::-1])
        scene.wait(4, person(105))
    assert len(scene.told) == 2
    assert all(again(told).same for told in scene.told)


def test_unseen_because_nobody_looked_is_no_gap() -> None:
    """While the picture is still, looks are ten seconds apart."""
    scene = Scene(rule(LOITER, params={"dwell_s": 40}))
    scene.walk(IN)
    scene.wait(6, person(480))
    for _ in range(6):
        scene.sleep(9.8)
        scene.see(person(480))
    assert len(scene.told) == 1


def test_a_new_number_in_place_goes_on_with_the_stay() -> None:
    """A cut in the middle of a stay does not begin it anew; its evidence holds."""
    scene = Scene(rule(LOITER, params={"dwell_s": 20}))
    scene.walk(IN)
    scene.wait(10, person(480))
    scene.cut()
    scene.wait(30, person(481))
    (told,) = scene.told
    assert told[0] == pytest.approx(21.4, abs=1)
    assert again(told).same


def test_evidence_of_a_long_stay_is_small_and_holds() -> None:
    """Twenty minutes of trembling boxes; the dwell comes out to the last bit, and another limit is refused."""
    dice = np.random.default_rng(3)
    asked = rule(LOITER, params={"dwell_s": 1200})
    scene = Scene(asked)
    scene.walk(IN)
    for x, y in dice.normal((480, 500), 2, (6100, 2)):
        scene.see(person(x, y))
    (told,) = scene.told
    assert again(told).same
    for dwell_s in (600, 1199.5, 1300):
        assert not again(told, rule(LOITER, params={"dwell_s": dwell_s})).same
