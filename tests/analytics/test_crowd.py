"""How many are together: held, not shaken by single misses, told once."""

from typing import Any

import pytest

from models.rule import RuleKind
from tests.analytics.pictures import Box
from tests.analytics.scenes import Scene, again, person, rule

CROWD = RuleKind.CROWD
FEET = [(320.0 + 120 * (n % 4), 350.0 + 180 * (n // 4)) for n in range(8)]


def people(count: int, *, without: int | None = None) -> list[Box]:
    return [person(x, y) for n, (x, y) in enumerate(FEET[:count]) if n != without]


def crowd(**other: Any) -> Scene:
    return Scene(rule(CROWD, params={"count_min": 5, "hold_s": 4}, cool_down_s=0, **other))


def test_so_many_for_so_long_are_told_once() -> None:
    """One verdict with no track, the count, and all of them in it."""
    scene = crowd()
    scene.wait(60, *people(6))
    (told,) = scene.told
    assert told[0] == pytest.approx(4.2, abs=0.3)
    assert (told[1].index, len(told[1].members), told[1].measured["count"]) == (None, 6, 6.0)
    assert again(told).same
    assert not again(told, rule(CROWD, params={"count_min": 7, "hold_s": 4})).same
    assert not again(told, rule(CROWD, params={"count_min": 5, "hold_s": 3}, cool_down_s=0)).same


def test_too_few_or_too_short_is_no_crowd() -> None:
    few, short = crowd(), crowd()
    few.wait(20, *people(4))
    short.wait(2.6, *people(6))
    short.wait(20, *people(2))
    assert few.told == short.told == []


def test_single_misses_do_not_begin_it_anew() -> None:
    """Each is missed now and then; the count holds."""
    scene = crowd()
    for look in range(40):
        scene.see(*people(5, without=look % 5 if look % 2 else None))
    assert len(scene.told) == 1
    assert scene.told[0][0] < 5.5


def test_a_cut_does_not_tell_it_again() -> None:
    """A crowd that was told is still that crowd after the picture was gone for a moment."""
    scene = crowd()
    scene.wait(10, *people(6))
    scene.cut()
    scene.wait(30, *people(6))
    assert len(scene.told) == 1
    scene.change(rule(CROWD, id=9, params={"count_min": 50}), rule(CROWD, params={"count_min": 5, "hold_s": 4}))
    scene.wait(30, *people(6))
    assert len(scene.told) == 1


def test_the_next_crowd_is_another_verdict() -> None:
    """Only after it was below for a while."""
    scene = crowd()
    scene.wait(8, *people(6))
    scene.wait(5, *people(3))
    scene.wait(8, *people(6))
    assert len(scene.told) == 1
    scene.wait(14, *people(3))
    scene.wait(8, *people(6))
    assert len(scene.told) == 2
    assert again(scene.told[1]).same


def test_only_what_is_asked_for_counts() -> None:
    scene = Scene(rule(CROWD, params={"count_min": 3, "hold_s": 1}, labels=("car",)))
    scene.wait(10, *people(6))
    assert scene.told == []
