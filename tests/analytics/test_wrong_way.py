"""Who goes against the way: by smoothed steps, not by a box that trembles."""

import numpy as np
import pytest

from models.rule import RuleKind
from tests.analytics.scenes import Scene, again, line, person, rule

WAY = RuleKind.WRONG_WAY
Way = tuple[tuple[float, float], tuple[float, float]]
THERE, BACK = ((150, 500), (850, 500)), ((850, 500), (150, 500))


@pytest.mark.parametrize(
    ("path", "heading_deg", "wrong"),
    [
        (THERE, 0, False),
        (BACK, 0, True),
        (THERE, 180, True),
        (BACK, 180, False),
        (((500, 200), (500, 900)), 90, False),
        (((500, 900), (500, 200)), 90, True),
        (((500, 200), (500, 900)), 0, True),
        (((300, 300), (900, 700)), 0, False),
    ],
)
def test_against_the_way(path: Way, heading_deg: float, wrong: bool) -> None:
    """0 is right and 90 down; further from it than the tolerance is against it, once."""
    scene = Scene(rule(WAY, params={"heading_deg": heading_deg}, confirm_frames=2))
    scene.walk(line(*path, 40))
    assert len(scene.told) == wrong
    assert all(again(told).same for told in scene.told)


def test_who_turns_around_is_told() -> None:
    """Half the zone along the way, and back: what counts is how far back."""
    scene = Scene(rule(WAY, params={"travel_min": 0.1}))
    scene.walk(line((200, 500), (600, 500), 30))
    assert scene.told == []
    scene.walk(line((600, 500), (300, 500), 25))
    (told,) = scene.told
    assert 0.1 <= told[1].measured["travel"] <= 0.16
    assert told[1].measured["went_deg"] == pytest.approx(180, abs=5)


def test_outside_the_zone_any_way_is_allowed() -> None:
    scene = Scene(rule(WAY, points=((0.0, 0.0), (1, 0), (1, 0.2), (0, 0.2))))
    scene.walk(line(*BACK, 40))
    assert scene.told == []


@pytest.mark.parametrize("seed", range(4))
def test_a_standing_box_that_trembles_goes_nowhere(seed: int) -> None:
    """Walks in the right way, stands for ten minutes; the detector's boxes waver by 3.5 % of their height."""
    dice = np.random.default_rng(seed)
    scene = Scene(rule(WAY, params={"travel_min": 0.05}))
    scene.walk(line((150, 500), (500, 500), 25))
    for x, y in dice.normal((500, 500), 7, (3000, 2)):
        scene.see(person(x, y))
    assert scene.told == []


def test_travel_is_in_heights_of_the_picture() -> None:
    """Less than the least travel is no verdict."""
    scene = Scene(rule(WAY, params={"travel_min": 0.4}))
    scene.walk(line((600, 500), (300, 500), 25))
    assert scene.told == []
    assert len(scene.walk(line((300, 500), (255, 500), 4))) == 0
