"""Patrols and assignments in the store, on every engine."""

from datetime import timedelta

import pytest

from alarms import desk
from models.errors import BadInput, Conflict, NotFound
from models.event import EventKind
from models.patrol import AssignmentState, PatrolState
from models.store import patrols
from models.store.pool import Store
from tests.alarms.people import AREA, add_patrol, add_users
from tests.support.clock import FakeClock


@pytest.fixture
def incident_id(any_store: Store, clock: FakeClock) -> int:
    (anna,) = add_users(any_store, "anna")
    return desk.open_by_hand(any_store, clock, anna, area=AREA, kind=EventKind.FIRE, text="smoke").id


def test_register_change_retire(any_store: Store, clock: FakeClock) -> None:
    """A patrol's whole life; its id is never given twice."""
    patrol = add_patrol(any_store, "p1")
    assert (patrol.state, patrol.online, patrol.row_version) == (PatrolState.AVAILABLE, False, 1)
    with pytest.raises(Conflict):
        add_patrol(any_store, "p1")
    with any_store.transaction() as conn:
        assert patrols.update(conn, "p1", {"name": "Night"}, expected_version=1).name == "Night"
        with pytest.raises(Conflict):
            patrols.update(conn, "p1", {"name": "Day"}, expected_version=1)
        with pytest.raises(BadInput):
            patrols.update(conn, "p1", {"state": "off_duty"}, expected_version=2)
        assert [found.id for found in patrols.listing(conn, ["city"])[0]] == ["p1"]
        assert patrols.listing(conn, ["city.other"])[0] == []
        assert patrols.retire(conn, "p1", at=clock.utc_now()).retired_at == clock.utc_now()
        assert patrols.listing(conn, ["city"])[0] == []
        for refused in (
            lambda: patrols.retire(conn, "p1", at=clock.utc_now()),
            lambda: patrols.update(conn, "p1", {"name": "x"}, expected_version=None),
            lambda: patrols.seen(conn, "p1", at=clock.utc_now()),
        ):
            with pytest.raises(NotFound):
                refused()


def test_presence(any_store: Store, clock: FakeClock) -> None:
    """A phone that was heard is online for a while; only a change is told to the feed."""
    add_patrol(any_store, "p1")
    with any_store.transaction() as conn:

        def told() -> int:
            row = conn.execute("SELECT count(*) FROM feed WHERE kind = 'patrol'").fetchone()
            assert row is not None
            return int(row[0])

        before = told()
        for _ in range(3):
            patrols.seen(conn, "p1", at=clock.utc_now())
            clock.advance(5)
        assert told() == before + 1
        patrols.seen(conn, "p1", at=clock.utc_now(), lat=20.0, lon=110.0)
        assert told() == before + 2
        found = patrols.get(conn, "p1", now=clock.utc_now())
        assert found is not None
        assert (found.online, found.lat) == (True, 20.0)
        found = patrols.get(conn, "p1", now=clock.utc_now() + timedelta(seconds=patrols.PRESENCE_S + 1))
        assert found is not None
        assert not found.online


def test_one_errand_at_a_time(any_store: Store, clock: FakeClock, incident_id: int) -> None:
    """The database itself keeps a patrol from two errands; moving is compare and set."""
    add_patrol(any_store, "p1")
    now = clock.utc_now()
    with any_store.transaction() as conn:
        errand = patrols.assign(
            conn,
            incident_id=incident_id,
            patrol_id="p1",
            note="look",
            assigned_by="anna",
            at=now,
            answer_by=now + timedelta(seconds=60),
        )
        with pytest.raises(Conflict) as busy:
            patrols.assign(
                conn, incident_id=incident_id, patrol_id="p1", note="", assigned_by="bob", at=now, answer_by=now
            )
        assert busy.value.winner == "anna"
        with pytest.raises(Conflict):
            patrols.retire(conn, "p1", at=now)
        assert patrols.due(conn, now) == []
        assert patrols.due(conn, now + timedelta(seconds=60)) == [errand.id]
        queued, accepted = AssignmentState.QUEUED, AssignmentState.ACCEPTED
        moved = patrols.move(conn, errand.id, old=queued, new=accepted, at=now)
        assert moved is not None
        assert (moved.state, moved.answered_at, moved.patrol_name) == (accepted, now, "Patrol p1")
        assert patrols.move(conn, errand.id, old=queued, new=AssignmentState.DECLINED, at=now) is None
        assert patrols.of_patrol(conn, "p1", open_only=True) == [moved]
        patrols.move(conn, errand.id, old=accepted, new=AssignmentState.CLEAR, at=now)
        assert patrols.of_patrol(conn, "p1", open_only=True) == []
        assert len(patrols.of_patrol(conn, "p1")) == len(patrols.of_incident(conn, incident_id)) == 1
