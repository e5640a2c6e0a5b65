"""Detection statistics on every engine: each minute once, hours that are exact at any moment."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid5

import pytest

from models.statistics import HEAT_CELLS, DetectionCount, DetectionHeat
from models.store import statistics
from models.store.pool import Store
from models.store.statistics import By
from models.store.upkeep import Retention
from tests.support.clock import FakeClock

RUN = UUID("5b0f2f0c-0000-4000-8000-000000000001")
OTHER = uuid5(RUN, "after a restart")


def a_minute(clock: FakeClock, minute: int, **other: Any) -> DetectionCount:
    made = DetectionCount(
        time=clock.utc_now().replace(minute=0, second=0, microsecond=0) + timedelta(minutes=minute),
        camera_id="gate",
        run=RUN,
        rule_id=7,
        rule_version=1,
        label="person",
        entered=2,
        left_count=1,
        present_most=3,
        present_s=12.5,
    )
    return replace(made, **other)


def hours(store: Store, clock: FakeClock) -> list[tuple[int, str, int, int, float]]:
    """Return what the hours say, and check that minutes and days say the same."""
    since, until = clock.utc_now() - timedelta(days=3), clock.utc_now() + timedelta(days=3)
    with store.transaction() as conn:
        found, minutes, days = (
            statistics.counts(conn, "gate", since, until, by) for by in (By.HOUR, By.MINUTE, By.DAY)
        )
    for finer in (minutes, found):
        assert sum(one.entered for one in finer) == sum(one.entered for one in days)
        assert sum(one.present_s for one in finer) == pytest.approx(sum(one.present_s for one in days))
    return [(one.rule_id, one.label, one.entered, one.present_most, one.present_s) for one in found]


def test_a_minute_told_twice_counts_once_and_a_restart_adds(any_store: Store, clock: FakeClock) -> None:
    """The same run replaces what it said; another one counts the rest of the minute."""
    first = a_minute(clock, 0)
    with any_store.transaction() as conn:
        statistics.write(conn, [first, first])
    with any_store.transaction() as conn:
        statistics.write(conn, [replace(first, entered=4), a_minute(clock, 0, run=OTHER, entered=1, present_most=1)])
    assert hours(any_store, clock) == [(7, "person", 5, 3, 25.0)]


def test_hours_are_exact_before_and_after_they_are_added_up(any_store: Store, clock: FakeClock) -> None:
    """Also with what comes late, by versions and labels."""
    rows = [a_minute(clock, minute, rule_version=1 + minute // 30) for minute in range(0, 120, 10)]
    rows.append(a_minute(clock, 5, label="car", entered=0))
    rows.append(a_minute(clock, 5, camera_id="square"))
    with any_store.transaction() as conn:
        statistics.write(conn, rows)
    expected = [(7, "car", 0, 3, 12.5), (7, "person", 12, 3, 75.0), (7, "person", 12, 3, 75.0)]
    assert hours(any_store, clock) == expected
    clock.advance(3 * 3600)
    any_store.maintain(clock)
    with any_store.transaction() as conn:
        assert conn.execute("SELECT count(*) FROM detection_count_dirty").fetchone() == (0,)
        assert conn.execute("SELECT count(*) FROM detection_count_1h_counted").fetchone() == (6,)
    assert hours(any_store, clock) == expected
    clock.advance(-3 * 3600)
    with any_store.transaction() as conn:
        statistics.write(conn, [a_minute(clock, 30, run=OTHER)])
    clock.advance(3 * 3600)
    expected[1] = (7, "person", 14, 3, 87.5)
    assert hours(any_store, clock) == expected
    any_store.maintain(clock)
    assert hours(any_store, clock) == expected


def test_days_are_those_of_the_site(any_store: Store, clock: FakeClock) -> None:
    """An evening in London is the next morning in Shanghai."""
    evening = clock.utc_now().replace(hour=20, minute=0, second=0, microsecond=0)
    with any_store.transaction() as conn:
        statistics.write(conn, [replace(a_minute(clock, 0), time=evening)])
        range_ = (evening - timedelta(days=2), evening + timedelta(days=2))
        [utc] = statistics.counts(conn, "gate", *range_, By.DAY)
        [shanghai] = statistics.counts(conn, "gate", *range_, By.DAY, timezone="Asia/Shanghai")
    assert utc.at == evening.replace(hour=0)
    assert shanghai.at == evening.replace(hour=16)


def test_a_later_map_of_an_hour_replaces_the_earlier(any_store: Store, clock: FakeClock) -> None:
    """By the same run; the maps of several runs and hours are added up."""
    hour = clock.utc_now().replace(minute=0, second=0, microsecond=0)
    grid = [0.0] * HEAT_CELLS
    grid[33] = 5
    early = DetectionHeat(time=hour, camera_id="gate", run=RUN, grid=tuple(grid))
    grid[33], grid[34] = 8, 1.5
    late = replace(early, grid=tuple(grid))
    with any_store.transaction() as conn:
        statistics.write(conn, [early])
        statistics.write(conn, [late, replace(late, run=OTHER), replace(late, time=hour + timedelta(hours=1))])
        found = statistics.heat(conn, "gate", hour, hour + timedelta(hours=2))
        assert (found[33], found[34], sum(found)) == (24, 4.5, 28.5)
        assert sum(statistics.heat(conn, "square", hour, hour + timedelta(hours=2))) == 0
        assert sum(statistics.heat(conn, "gate", hour + timedelta(hours=1), hour + timedelta(hours=2))) == 9.5


def test_minutes_go_with_events_and_hours_with_hours(any_store: Store, clock: FakeClock) -> None:
    """Retention of the site file drops minutes and maps; hours stay longer."""
    with any_store.transaction() as conn:
        statistics.write(conn, [a_minute(clock, 0)])
        grid = tuple([1.0] * HEAT_CELLS)
        hour = clock.utc_now().replace(minute=0, second=0, microsecond=0)
        statistics.write(conn, [DetectionHeat(time=hour, camera_id="gate", run=RUN, grid=grid)])
    clock.advance(7200)
    any_store.maintain(clock)
    clock.advance(10 * 86400)
    any_store.maintain(clock, retention=Retention(events_days=5))
    since, until = clock.utc_now() - timedelta(days=20), clock.utc_now()
    with any_store.transaction() as conn:
        assert statistics.counts(conn, "gate", since, until, By.MINUTE) == []
        assert sum(statistics.heat(conn, "gate", since, until)) == 0
        assert len(statistics.counts(conn, "gate", since, until, By.HOUR)) == 1
    any_store.maintain(clock, retention=Retention(hour_counts_days=5))
    with any_store.transaction() as conn:
        assert statistics.counts(conn, "gate", since, until, By.HOUR) == []
