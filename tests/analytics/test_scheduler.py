"""Fair shares of the detector, and a steady rate out of any stream."""

from collections import Counter

import pytest

from analytics.scheduler import FairTurns, Rate


@pytest.mark.parametrize(("stream_fps", "wanted"), [(25, 5), (30, 5), (12.5, 5), (15, 7), (5, 5), (3, 5)])
def test_rate(stream_fps: float, wanted: float) -> None:
    """As many frames as asked for, or all of a slower stream, without drift over ten minutes."""
    rate = Rate(wanted)
    taken = sum(rate.due(number / stream_fps) for number in range(round(600 * stream_fps)))
    assert taken == pytest.approx(600 * min(wanted, stream_fps), rel=0.01)


def test_rate_after_a_pause() -> None:
    """After a pause, and after a clock that jumped, the next frame is due and none is made up for."""
    rate = Rate(5)
    assert [rate.due(time_s) for time_s in (0, 0.04, 0.2, 60, 60.04, 60.2)] == [True, False, True, True, False, True]
    assert rate.due(3.0)


def share(costs: dict[str, int], weights: dict[str, float], turns: int = 4000) -> Counter[str]:
    """Return what each camera got when all always wait but the one that is under way."""
    scheduler, spent = FairTurns(), Counter[str]()
    last = ""
    for _ in range(turns):
        waiting = {name: (cost, weights.get(name, 1.0)) for name, cost in costs.items() if name != last}
        last = scheduler.choose(waiting)
        spent[last] += costs[last]
    return spent


def test_equal_cameras_take_turns() -> None:
    """Of three alike, each gets a third."""
    spent = share({"a": 60_000, "b": 60_000, "c": 60_000}, {})
    assert max(spent.values()) <= min(spent.values()) * 1.01


def test_an_expensive_camera_gets_fewer_turns() -> None:
    """Shares are of pixels, not of turns: a large picture may not starve small ones, nor be starved."""
    spent = share({"large": 800_000, "b": 100_000, "c": 100_000, "d": 100_000}, {})
    assert max(spent.values()) <= min(spent.values()) * 1.01


def test_weight() -> None:
    """A camera of double weight gets more, and the others still get theirs."""
    spent = share({"a": 60_000, "b": 60_000, "c": 60_000, "d": 60_000}, {"a": 2.0})
    assert spent["a"] == pytest.approx(2 * spent["b"], rel=0.01)
    assert spent["b"] == pytest.approx(spent["d"], rel=0.01)


def test_nobody_saves_up() -> None:
    """A camera that was still for an hour may not then shut out the others."""
    scheduler = FairTurns()
    for _ in range(1000):
        scheduler.choose({"busy": (60_000, 1.0)})
    turns = [scheduler.choose({"busy": (60_000, 1.0), "quiet": (60_000, 1.0)}) for _ in range(20)]
    assert 9 <= turns.count("quiet") <= 11


def test_cameras_that_left_are_forgotten() -> None:
    """Thousands of cameras that came and went leave nothing behind."""
    scheduler = FairTurns()
    for number in range(2000):
        assert scheduler.choose({f"camera-{number}": (50_000, 1.0)}) == f"camera-{number}"
        scheduler.forget(f"camera-{number}")
    assert scheduler._next == {}
