"""A parked car is one event: whatever wavers, hides it, or gives it a new number."""

from collections.abc import Sequence

import numpy as np
import pytest

from models.rule import Rule, RuleKind
from tests.analytics.pictures import SQUARE
from tests.analytics.scenes import Scene, car, line, rule

WATCHED: list[tuple[str, Rule]] = [
    ("a zone", rule(RuleKind.INTRUSION, cool_down_s=30)),
    ("the edge of a zone", rule(RuleKind.INTRUSION, points=[(x - 0.228, y) for x, y in SQUARE], cool_down_s=30)),
    ("loitering", rule(RuleKind.LOITERING, params={"dwell_s": 10}, cool_down_s=30)),
    ("on a tripwire", rule(RuleKind.LINE_CROSSING, points=((0.52, 1), (0.52, 0)), cool_down_s=30)),
]
HOURS = 2
STEP_S = 8.0


def drive_in(scene: Scene) -> None:
    for x, y in line((130, 500), (520, 500), 14):
        scene.see(car(x, y), class_id=1)


@pytest.mark.parametrize("watched", [one for _name, one in WATCHED], ids=[name for name, _one in WATCHED])
@pytest.mark.parametrize("seed", range(2))
def test_hours_of_a_parked_car(watched: Rule, seed: int) -> None:
    """Jitter, drift, flicker, a lorry before it, cuts, nights without detection: one verdict in all."""
    dice = np.random.default_rng(seed)
    scene = Scene(watched)
    drive_in(scene)
    scene.wait(20, car(520), class_id=1)
    looks = round(HOURS * 3600 / STEP_S)
    hidden_until = 0
    for look in range(looks):
        drift = 6 * np.sin(look / 300)
        chance = dice.random()
        if chance < 0.004:
            scene.cut()
        elif chance < 0.008:
            hidden_until = look + int(dice.integers(2, 80))
        if look < hidden_until or dice.random() < 0.1:
            scene.see(step_s=STEP_S)
        else:
            scene.see(car(520, 500, drift + dice.normal(0, 4, 4)), class_id=int(dice.random() > 0.02), step_s=STEP_S)
    assert len(scene.told) <= 1
    assert watched.kind is RuleKind.LINE_CROSSING or len(scene.told) == 1


def new_number(scene: Scene, gap_s: float) -> None:
    """Let the car be away from the tracker for so long, and come back in place under a new number."""
    before: Sequence[int] = scene.tracker.tracks.id.tolist()
    scene.wait(1)
    scene.cut()
    scene.sleep(gap_s)
    scene.wait(3, car(522, 501), class_id=1)
    assert set(scene.tracker.tracks.id.tolist()).isdisjoint(before)


@pytest.mark.parametrize("gap_s", [0.5, 20, 3000])
def test_a_new_number_in_place_is_the_same_car(gap_s: float) -> None:
    """It stood for an hour, is lost, and stirs when it is found again: still the same visit."""
    scene = Scene(rule(RuleKind.INTRUSION, cool_down_s=10))
    drive_in(scene)
    for _ in range(360):
        scene.see(car(520), class_id=1, step_s=10)
    new_number(scene, gap_s)
    for x in (520, 560, 600, 600, 600):
        scene.see(car(x), class_id=1)
    scene.wait(30, car(600), class_id=1)
    assert len(scene.told) == 1


def test_what_stood_for_a_moment_is_soon_forgotten() -> None:
    """Somebody who comes from the same place an hour later is told."""
    scene = Scene(rule(RuleKind.INTRUSION, cool_down_s=10))
    drive_in(scene)
    scene.wait(40, car(520), class_id=1)
    new_number(scene, 3600)
    for x, y in line((522, 501), (680, 501), 10):
        scene.see(car(x, y), class_id=1)
    assert len(scene.told) == 2


def test_another_car_in_the_same_place_is_another_event() -> None:
    """The first drives away unseen; the second drives in and takes its place."""
    scene = Scene(rule(RuleKind.INTRUSION, cool_down_s=10))
    drive_in(scene)
    for _ in range(360):
        scene.see(car(520), class_id=1, step_s=10)
    scene.wait(70)
    drive_in(scene)
    scene.wait(20, car(520), class_id=1)
    assert len(scene.told) == 2
