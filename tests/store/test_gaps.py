"""Gaps in numbers: a whole city's losses, in their order."""

from datetime import datetime, timedelta

from models.event import SourceKind
from models.store import gaps
from models.store.pool import Store
from models.timeline import Gap, GapCause
from tests.support.clock import FakeClock


def gap(source_id: str, started_at: datetime, *, ended_at: datetime | None = None) -> Gap:
    """Return a unit's gap."""
    return Gap(
        source_kind=SourceKind.UNIT,
        source_id=source_id,
        area="city",
        started_at=started_at,
        ended_at=ended_at,
        cause=GapCause.SOURCE_OFFLINE,
        detail="offline",
    )


def test_many_gaps_at_once(any_store: Store, clock: FakeClock) -> None:
    """A thousand open and half of them end, in two calls."""
    now, ids = clock.utc_now(), [f"U{number}" for number in range(1000)]
    with any_store.transaction() as conn:
        gaps.apply(conn, [gap(id, now) for id in ids])
        gaps.apply(conn, [gap(id, now, ended_at=now + timedelta(seconds=9)) for id in ids[::2]])
        assert gaps.open_sources(conn, SourceKind.UNIT) == set(ids[1::2])


def test_order_within_a_batch_counts(any_store: Store, clock: FakeClock) -> None:
    """Lost, back, lost again: two rows, the second still open; an end without a gap is nothing."""
    at = [clock.utc_now() + timedelta(seconds=number) for number in range(4)]
    with any_store.transaction() as conn:
        gaps.apply(conn, [])
        gaps.apply(conn, [gap("U1", at[0]), gap("U1", at[0], ended_at=at[1]), gap("U1", at[2]), gap("U2", at[2])])
        gaps.apply(conn, [gap("U1", at[3]), gap("U3", at[3], ended_at=at[3])])
        found = gaps.listing(conn, SourceKind.UNIT, ["U1", "U2", "U3"], at[0], at[3] + timedelta(days=1))
    assert [(row.source_id, row.started_at, row.ended_at) for row in found] == [
        ("U1", at[0], at[1]),
        ("U1", at[2], None),
        ("U2", at[2], None),
    ]


def test_a_batch_that_was_stored_after_all_may_come_again(any_store: Store, clock: FakeClock) -> None:
    """The commit's answer was lost: the end of an earlier gap must not end the one that followed it."""
    at = [clock.utc_now() + timedelta(seconds=number) for number in range(3)]
    batch = [gap("U1", at[0], ended_at=at[1]), gap("U1", at[2])]
    with any_store.transaction() as conn:
        gaps.apply(conn, [gap("U1", at[0])])
    for _ in range(2):
        with any_store.transaction() as conn:
            gaps.apply(conn, batch)
    with any_store.transaction() as conn:
        found = gaps.listing(conn, SourceKind.UNIT, ["U1"], at[0], at[2] + timedelta(days=1))
    assert [(row.started_at, row.ended_at) for row in found] == [(at[0], at[1]), (at[2], None)]
