"""When rules fire: confirmation, cool-down, classes, and rules that change while objects are there."""

from collections.abc import Callable

import numpy as np
import pytest

from analytics.rules import RuleBook
from analytics.tracker import Tracker, TrackerSettings
from models.rule import Direction, Rule
from tests.analytics.pictures import LABELS, UPWARDS, Box, boxes, tripwire, zone

SIZE_PX = (1000, 1000)
STEP_S = 0.2
Said = list[tuple[float, int, int, Direction | None]]
"""Time, rule id, track id, direction."""


class Scene:
    """One camera's tracker and rules at five pictures a second."""

    def __init__(self, *rules: Rule, tells_classes: bool = True) -> None:
        self.tells_classes = tells_classes
        self.tracker = Tracker(TrackerSettings(), classes=len(LABELS))
        self.book = self.book_of(*rules)
        self.now_s = 100.0
        self.said: Said = []

    def book_of(self, *rules: Rule) -> RuleBook:
        return RuleBook(rules, labels=LABELS, tells_classes=self.tells_classes)

    def change(self, *rules: Rule) -> None:
        book = self.book_of(*rules)
        book.adopt(self.book)
        self.book = book

    def see(self, *found: Box, class_id: int = 0, score: float = 0.9) -> Said:
        """Let time go on by a picture with these boxes."""
        seen = self.tracker.update(boxes(*found, class_id=class_id, score=score), self.now_s)
        tracks = self.tracker.tracks
        said = [
            (self.now_s, verdict.rule.id, int(tracks.id[verdict.index]), verdict.direction)
            for verdict in self.book.judge(tracks, seen, SIZE_PX, self.now_s)
        ]
        self.said += said
        self.now_s += STEP_S
        return said

    def walk(self, xs: np.ndarray, y: float = 500, **other: float) -> Said:
        """Let somebody whose feet are at y go through all of ``xs``."""
        return [said for x in xs for said in self.see(person(float(x), y), **other)]  # type: ignore[arg-type]


def person(x: float, y: float = 500) -> Box:
    return (x - 40, y - 200, x + 40, y)


INTO = np.arange(105, 500, 30)
"""Into the zone in the middle."""
ACROSS = np.arange(300, 720, 30)


def stand(scene: Scene, seconds: float, x: float = 480) -> Said:
    return scene.walk(np.full(round(seconds / STEP_S), x))


def test_entering_raises_once() -> None:
    """Who walks into a zone and stays there for a minute is one verdict."""
    scene = Scene(zone(cool_down_s=5))
    scene.walk(INTO)
    stand(scene, 60)
    assert [rule for _time, rule, _track, _way in scene.said] == [1]


@pytest.mark.parametrize("confirm", [1, 3, 6])
def test_confirm_frames(confirm: int) -> None:
    """A rule waits for so many pictures in a row inside, and no longer."""
    scene = Scene(zone(confirm_frames=confirm))
    inside = [x for x in INTO if x > 250]
    scene.walk(INTO[INTO <= 250])
    for number, x in enumerate(inside[:6], 1):
        assert bool(scene.see(person(float(x)))) == (number == confirm)


def test_confirmation_must_be_in_a_row() -> None:
    """Feet that leave the zone in between begin anew; one look outside is enough."""
    scene = Scene(zone(confirm_frames=3))
    for x in (150, 180, 210, 240, 260, 270, 240, 230, 260, 270, 240):
        assert scene.see(person(x)) == []
    assert scene.walk(np.array([260, 290])) == []
    assert len(scene.see(person(320))) == 1


def test_cool_down_and_coming_back() -> None:
    """Who leaves and comes back is told again only after the cool-down - also when he came back before its end."""
    scene = Scene(zone(cool_down_s=20))
    scene.walk(INTO)
    (first,) = scene.said
    scene.walk(INTO[::-1])
    stand(scene, 3, x=100)
    scene.walk(INTO)
    assert len(scene.said) == 1
    stand(scene, 30)
    assert len(scene.said) == 2
    assert scene.said[1][0] - first[0] == pytest.approx(20, abs=2 * STEP_S)
    stand(scene, 60)
    assert len(scene.said) == 2


def test_a_parked_car_raises_nothing() -> None:
    """What stood inside from the first picture on has entered nothing."""
    scene = Scene(zone())
    stand(scene, 30)
    assert scene.said == []


def test_labels_and_scores() -> None:
    """A rule about people ignores cars and the unsure; a detector that cannot tell fits every rule."""
    people = zone(labels=("person",), min_score=0.7)
    car, unsure, person_, blind = Scene(people), Scene(people), Scene(people), Scene(people, tells_classes=False)
    assert car.walk(INTO, class_id=1) == []
    assert unsure.walk(INTO, score=0.6) == []
    assert len(person_.walk(INTO)) == 1
    assert len(blind.walk(INTO, class_id=1)) == 1


def test_feet_at_the_edge_of_the_picture() -> None:
    """Feet that the picture cuts off stand in a zone that reaches down to its edge."""
    scene = Scene(zone(points=((0, 0.5), (1, 0.5), (1, 1), (0, 1))))
    assert len(scene.walk(INTO, y=1000)) == 1


@pytest.mark.parametrize(
    ("direction", "rightwards", "leftwards"),
    [
        (Direction.BOTH, Direction.LEFT_TO_RIGHT, Direction.RIGHT_TO_LEFT),
        (Direction.LEFT_TO_RIGHT, Direction.LEFT_TO_RIGHT, None),
        (Direction.RIGHT_TO_LEFT, None, Direction.RIGHT_TO_LEFT),
    ],
)
@pytest.mark.parametrize("confirm", [1, 2])
def test_direction(
    direction: Direction, rightwards: Direction | None, leftwards: Direction | None, confirm: int
) -> None:
    """Each way across is told as what it is, once, and only if the rule asks for it."""
    there, back = (Scene(tripwire(direction=direction, confirm_frames=confirm)) for _ in range(2))
    there.walk(ACROSS)
    back.walk(ACROSS[::-1])
    assert [way for *_, way in there.said] == [rightwards] * (rightwards is not None)
    assert [way for *_, way in back.said] == [leftwards] * (leftwards is not None)


def test_wavering_at_the_line_counts_once() -> None:
    """A box that trembles about the line after the crossing is no second crossing."""
    scene = Scene(tripwire(confirm_frames=2, cool_down_s=30))
    scene.walk(ACROSS[ACROSS < 500])
    scene.walk(np.tile([503, 497, 504, 506, 496, 505], 10))
    assert len(scene.said) == 1


def test_past_the_end_of_the_line() -> None:
    """Who goes around the line's end has not crossed it."""
    scene = Scene(tripwire(points=((0.5, 0.4), (0.5, 0.0))))
    scene.walk(ACROSS)
    assert scene.said == []


def test_two_people_are_two_verdicts() -> None:
    """Two who cross together are counted as two."""
    scene = Scene(tripwire())
    for x in ACROSS:
        scene.see(person(float(x), 400), person(float(x), 900))
    assert len({track for _time, _rule, track, _way in scene.said}) == len(scene.said) == 2


def test_a_number_lost_in_the_zone_is_not_told_again() -> None:
    """A track that breaks off inside and starts again at the same place is the same visit."""
    scene = Scene(zone(cool_down_s=60))
    scene.walk(INTO)
    first = scene.said[0][2]
    scene.tracker.reset()
    scene.book.reset(scene.now_s)
    scene.walk(np.arange(490, 640, 20))
    assert int(scene.tracker.tracks.id[0]) != first
    assert len(scene.said) == 1


def test_a_cut_and_new_rules_tell_nobody_twice() -> None:
    """A rule that is kept remembers whom it has told, also when the rules are read anew just after a cut."""
    scene = Scene(zone(cool_down_s=60))
    scene.walk(INTO)
    scene.tracker.reset()
    scene.book.reset(scene.now_s)
    scene.change(tripwire(id=7), zone(id=8, points=((0, 0), (0.1, 0), (0, 0.1))), zone(cool_down_s=60))
    scene.walk(np.arange(490, 640, 20))
    assert [rule for _time, rule, *_ in scene.said if rule == 1] == [1]


KEPT: list[tuple[str, Callable[[Rule], list[Rule]], int]] = [
    ("same rule, others beside it", lambda rule: [zone(id=9), tripwire(id=3), rule], 1),
    ("a new version", lambda rule: [zone(version=2, cool_down_s=60)], 2),
    ("switched off and on", lambda rule: [rule], 1),
]


@pytest.mark.parametrize(("_case", "changed", "times"), KEPT, ids=[case for case, *_ in KEPT])
def test_rules_change_while_somebody_is_inside(_case: str, changed: Callable[[Rule], list[Rule]], times: int) -> None:
    """An unchanged rule does not tell of him again; a changed one does, once."""
    rule = zone(cool_down_s=60)
    scene = Scene(rule)
    scene.walk(INTO)
    scene.change(*changed(rule))
    scene.walk(np.arange(490, 640, 20))
    assert [told for _time, told, *_ in scene.said if told == 1] == [1] * times


def test_a_rule_that_is_off_says_nothing() -> None:
    """A rule that is not enabled is not judged; no rules are no error."""
    scene = Scene(zone(enabled=False), tripwire(enabled=False))
    assert scene.walk(ACROSS) == []


def test_a_new_line_beside_somebody() -> None:
    """A line drawn while somebody stands right of it does not take him for one who crossed."""
    scene = Scene(zone(points=((0, 0), (0.1, 0), (0, 0.1))))
    scene.walk(ACROSS)
    scene.change(tripwire(points=UPWARDS))
    scene.walk(np.arange(720, 900, 30))
    assert scene.said == []


def test_memory_follows_the_live_tracks() -> None:
    """Many passers-by leave nothing behind in the rules."""
    scene = Scene(zone(), tripwire())
    for number in range(60):
        scene.tracker.reset()
        scene.walk(np.arange(300, 600, 60), y=300 + 3 * number)
    assert len(scene.book.memory.ids) == len(scene.tracker.tracks) <= 2
    assert len(scene.book.memory.ended) < 20
