"""Counts by minute: against a plain reference on random walks, and by hand where the meaning is at stake."""

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from analytics.pipeline import Pipeline
from analytics.statistics import LOOK_HOLDS_S, LOOKS_AT_ONCE, Statistics
from analytics.tracker import Tracks
from models.rule import Rule, RuleKind
from models.statistics import HEAT_CELLS, HEAT_COLUMNS, DetectionCount, DetectionHeat, Tally
from tests.analytics.pictures import (
    HEIGHT_PX,
    LABELS,
    START,
    WIDTH_PX,
    FakeDetector,
    boxes,
    frame,
    texture,
    tripwire,
    with_box,
    zone,
)
from tests.support.clock import FakeClock


def tracks(*feet: tuple[int, float, float, int], moved: bool = True) -> Tracks:
    """Return sure tracks of (id, x, y in 0..1, class)."""
    rows = len(feet)
    ids = np.array([one[0] for one in feet], np.int64)
    x = np.array([one[1] * WIDTH_PX for one in feet])
    y = np.array([one[2] * HEIGHT_PX for one in feet])
    xyxy = np.stack([x - 8, y - 40, x + 8, y], axis=1).astype(np.float32).reshape(rows, 4)
    votes = np.zeros((rows, len(LABELS)), np.float32)
    votes[np.arange(rows), [one[3] for one in feet]] = 1
    return Tracks(
        id=ids,
        xyxy=xyxy,
        votes=votes,
        hits=np.full(rows, 9),
        missed_s=np.zeros(rows),
        moved=np.full(rows, moved),
    )


def counted(tallies: list[Tally]) -> Counter[tuple[int, str, str]]:
    """Add up what was counted, by rule, label and what."""
    total: Counter[tuple[int, str, str]] = Counter()
    for one in tallies:
        if isinstance(one, DetectionCount):
            for what in ("entered", "left_count", "crossed_right", "crossed_left", "present_s"):
                total[one.rule_id, one.label, what] += getattr(one, what)
    return +total


def looked(statistics: Statistics, seen: Tracks, time_s: float) -> None:
    statistics.look(seen, frame(time_s=time_s))


def test_a_walk_through_a_zone_and_over_a_line() -> None:
    """Counted once each, in the minute in which it happened; presence is in seconds."""
    statistics = Statistics("gate", [zone(), tripwire()], LABELS)
    for step in range(101):
        looked(statistics, tracks((1, step / 100, 0.5, 0)), 50 + step * 0.2)
    looked(statistics, tracks(), 70.4)
    statistics.flush()
    found = statistics.take()
    assert counted(found) == {
        (1, "person", "entered"): 1,
        (1, "person", "left_count"): 1,
        (1, "person", "present_s"): pytest.approx(10, abs=0.21),
        (2, "person", "crossed_right"): 1,
    }
    by_minute = {(one.time, one.rule_id): one for one in found if isinstance(one, DetectionCount)}
    assert by_minute[START, 1].entered == 1
    assert by_minute[START, 1].left_count == 0
    assert by_minute[START + timedelta(minutes=1), 1].left_count == 1
    assert by_minute[START, 1].present_s == pytest.approx(5, abs=0.21)
    [heat] = [one for one in found if isinstance(one, DetectionHeat)]
    assert sum(heat.grid) == pytest.approx(20.4, abs=0.01)
    assert {cell // HEAT_COLUMNS for cell in range(HEAT_CELLS) if heat.grid[cell]} == {9}


def test_what_stands_is_present_but_has_not_come() -> None:
    """A parked car is there for as long as it stands; it enters when it moves."""
    statistics = Statistics("gate", [zone()], LABELS)
    for step in range(7):
        looked(statistics, tracks((1, 0.5, 0.5, 1), moved=False), step * 10.0)
    statistics.flush()
    assert counted(statistics.take()) == {(1, "car", "present_s"): 60}


def test_a_look_holds_for_a_while_only() -> None:
    """A camera that was away has seen nothing meanwhile."""
    statistics = Statistics("gate", [zone()], LABELS)
    looked(statistics, tracks((1, 0.5, 0.5, 1)), 0)
    looked(statistics, tracks((1, 0.5, 0.5, 1)), 500)
    statistics.flush()
    assert counted(statistics.take())[1, "car", "present_s"] == LOOK_HOLDS_S


def test_one_who_is_hidden_for_a_moment_neither_leaves_nor_comes() -> None:
    """Only when its track ends has it left."""
    statistics = Statistics("gate", [zone()], LABELS)
    inside = tracks((1, 0.5, 0.5, 0))
    for step in range(5):
        looked(statistics, inside, step * 0.2)
    looked(statistics, replace(inside, missed_s=np.full(1, 1.5)), 2.5)
    for step in range(3):
        looked(statistics, inside, 4 + step * 0.2)
    looked(statistics, tracks(), 6)
    looked(statistics, tracks(), 6.2)
    statistics.flush()
    found = counted(statistics.take())
    assert (found[1, "person", "entered"], found[1, "person", "left_count"]) == (1, 1)


def test_other_labels_are_not_counted_for_a_rule() -> None:
    """A rule about cars counts no persons, unless the detector cannot tell."""
    for tells in (True, False):
        statistics = Statistics("gate", [zone(labels=("car",))], LABELS, tells_classes=tells)
        for step in range(3):
            looked(statistics, tracks((1, 0.5, 0.5, 0)), step)
        statistics.flush()
        assert bool(counted(statistics.take())) is not tells


def test_an_edited_rule_starts_anew_and_the_others_go_on() -> None:
    """Whoever stands in a zone whose rule is unchanged has not come again."""
    before = Statistics("gate", [zone(1), zone(5), tripwire(2)], LABELS)
    for step in range(4):
        looked(before, tracks((1, 0.4, 0.5, 0)), step * 0.2)
    after = Statistics("gate", [zone(1), zone(5, version=2), tripwire(2), tripwire(3)], LABELS)
    after.adopt(before)
    assert after.run != before.run
    for step in range(4):
        looked(after, tracks((1, 0.4 + step * 0.1, 0.5, 0)), 0.8 + step * 0.2)
    after.flush()
    found = after.take()
    total = counted(found)
    assert total[1, "person", "entered"] == 1
    assert total[5, "person", "entered"] == 2
    assert (total[2, "person", "crossed_right"], total[3, "person", "crossed_right"]) == (1, 1)
    versions = [one.rule_version for one in found if isinstance(one, DetectionCount) and one.rule_id == 5]
    assert versions == [1, 2]


def test_a_clock_that_is_set_back_counts_nothing_twice() -> None:
    """A minute that was told already goes on under another run, and so does its map."""
    statistics = Statistics("gate", [zone()], LABELS)
    for at_s, wall_s in ((0, 0), (5, 65), (10, 70), (15, 20), (20, 25), (25, 62)):
        seen = frame(time_s=at_s)
        seen = replace(seen, captured_at=START + timedelta(seconds=wall_s))
        statistics.look(tracks((1, 0.5, 0.5, 0)), seen)
    statistics.flush()
    found = statistics.take()
    keys = [(type(one), one.time, one.run) for one in found]
    assert len(set(keys)) == len(keys)
    assert sum(sum(one.grid) for one in found if isinstance(one, DetectionHeat)) <= 25


def test_a_pipeline_tells_what_it_counted() -> None:
    """When a minute is over, when its rules change, and when the camera goes; nothing is told twice."""
    clock, told = FakeClock(), list[Tally]()
    pipeline = Pipeline(
        FakeDetector(lambda _: boxes((300, 100, 340, 200))),
        clock=clock,
        on_finding=lambda _: None,
        on_tallies=told.extend,
        threaded=False,
    )
    pipeline.add_camera("gate", [zone()])
    for step in range(330):
        x = 250 + step % 50
        pipeline.put(frame(with_box(texture(), (x, 100, x + 40, 200)), step * 0.2))
        pipeline.run_once()
        pipeline.run_once()
        clock.advance(0.2)
        if step == 320:
            pipeline.set_rules("gate", [zone(version=2)])
    minutes = [one.time.minute for one in told if isinstance(one, DetectionCount)]
    assert minutes == [0, 1]
    pipeline.remove_camera("gate")
    pipeline.close()
    total = [one for one in told if isinstance(one, DetectionCount)]
    assert [one.rule_version for one in total] == [1, 1, 2]
    assert sum(one.present_s for one in total) == pytest.approx(66, abs=1.5)


@pytest.mark.parametrize("seed", range(8))
def test_random_walks_are_counted_as_a_plain_loop_counts_them(seed: int) -> None:
    """However the looks are cut into batches and minutes."""
    dice = np.random.default_rng(seed)
    rules = [zone(1), zone(2, ((0.0, 0.0), (0.6, 0.1), (0.3, 0.9)), labels=("car",)), tripwire(3), tripwire(4)]
    rules[3] = replace(rules[3], points=((0.2, 0.3), (0.9, 0.7)))
    statistics = Statistics("gate", rules, LABELS)
    places = {number: dice.random(2) for number in range(12)}
    kinds = {number: int(dice.integers(2)) for number in range(12)}
    history: list[tuple[float, list[tuple[int, float, float, int]]]] = []
    time_s = 30.0
    for _ in range(3 * LOOKS_AT_ONCE):
        time_s += float(dice.choice([0.2, 0.25, 1.0]))
        if dice.random() < 0.05:
            number = int(dice.choice(list(places)))
            del places[number]
            places[100 + len(history)] = dice.random(2)
            kinds[100 + len(history)] = int(dice.integers(2))
        places = {number: np.clip(at + dice.normal(0, 0.06, 2), 0.001, 0.999) for number, at in places.items()}
        rows = [(number, float(x), float(y), kinds[number]) for number, (x, y) in sorted(places.items())]
        history.append((time_s, rows))
        looked(statistics, tracks(*rows), time_s)
    statistics.flush()
    assert counted(statistics.take()) == pytest.approx(_plainly(history, rules), abs=0.01)


Path = list[tuple[float, tuple[float, float], str]]
"""How long it was at each place, where, and as what."""


def _plainly(
    history: list[tuple[float, list[tuple[int, float, float, int]]]], rules: list[Rule]
) -> dict[tuple[int, str, str], float]:
    """Count one track and rule at a time."""
    paths: dict[int, Path] = {}
    for index, (time_s, rows) in enumerate(history):
        until_s = history[index + 1][0] if index + 1 < len(history) else time_s
        for number, x, y, kind in rows:
            # as the pixels of the tracker have it
            at = (float(np.float32(x * WIDTH_PX)) / WIDTH_PX, float(np.float32(y * HEIGHT_PX)) / HEIGHT_PX)
            paths.setdefault(number, []).append((until_s - time_s, at, LABELS[kind]))
    total: dict[tuple[int, str, str], float] = defaultdict(float)
    for rule in rules:
        for path in paths.values():
            (_over_a_line if rule.kind is RuleKind.LINE_CROSSING else _in_a_zone)(total, rule, path)
    return {key: count for key, count in total.items() if count > 0}


def _in_a_zone(total: dict[tuple[int, str, str], float], rule: Rule, path: Path) -> None:
    state, flag, label = False, None, ""
    for span_s, at, label in path:
        here = _holds(rule.points, *at) and (not rule.labels or label in rule.labels)
        total[rule.id, label, "present_s"] += here * span_s
        if here == flag and here != state:
            total[rule.id, label, "entered" if here else "left_count"] += 1
            state = here
        flag = here
    total[rule.id, label, "left_count"] += state


def _over_a_line(total: dict[tuple[int, str, str], float], rule: Rule, path: Path) -> None:
    state = flag = None
    crossed, last = False, path[0][1]
    for _, at, label in path:
        here = _turn(rule.points[0], rule.points[1], at) >= 0
        state = here if state is None else state
        crossed |= _meets(last, at, rule.points)
        if here == flag:
            if here != state and crossed:
                total[rule.id, label, "crossed_right" if here else "crossed_left"] += 1
            state, crossed = here, False
        flag, last = here, at


def _holds(points: tuple[tuple[float, float], ...], x: float, y: float) -> bool:
    odd = False
    for (x0, y0), (x1, y1) in zip(points, points[1:] + points[:1], strict=True):
        if (y0 > y) != (y1 > y) and x < (x1 - x0) * (y - y0) / (y1 - y0) + x0:
            odd = not odd
    return odd


def _meets(a: tuple[float, float], b: tuple[float, float], line: tuple[tuple[float, float], ...]) -> bool:
    c, d = line
    return (_turn(c, d, a) >= 0) != (_turn(c, d, b) >= 0) and _turn(a, b, c) * _turn(a, b, d) <= 0


def _turn(p: tuple[float, float], q: tuple[float, float], r: tuple[float, float]) -> float:
    return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])
