"""Patrols: each step with its time, and nothing answered twice."""

from collections.abc import Callable

import pytest

from alarms import desk, dispatch
from models.errors import BadInput, Conflict, NotFound
from models.event import EventKind
from models.incident import Disposition, EntryKind
from models.patrol import Assignment, AssignmentState, PatrolState
from models.store import audit, incidents, patrols
from models.store.pool import Store
from models.user import Login
from tests.alarms.people import AREA, add_patrol, add_users
from tests.support.clock import FakeClock


@pytest.fixture
def anna(store: Store) -> Login:
    add_patrol(store, "p1")
    add_patrol(store, "p2")
    return add_users(store, "anna")[0]


@pytest.fixture
def incident_id(store: Store, clock: FakeClock, anna: Login) -> int:
    return desk.open_by_hand(store, clock, anna, area=AREA, kind=EventKind.BURGLARY, text="glass broke").id


def patrol_state(store: Store, patrol_id: str) -> PatrolState:
    with store.transaction() as conn:
        patrol = patrols.get(conn, patrol_id)
    assert patrol is not None
    return patrol.state


def test_whole_errand(store: Store, clock: FakeClock, anna: Login, incident_id: int) -> None:
    """Queued, delivered, accepted, on scene, clear: five times, five entries, and the patrol is free again."""
    times = []
    assignment = dispatch.assign(store, clock, incident_id, "p1", "two persons", anna, answer_within_s=60)
    assert (assignment.state, assignment.patrol_name) == (AssignmentState.QUEUED, "Patrol p1")
    assert (assignment.answer_by - assignment.queued_at).total_seconds() == 60
    states = [patrol_state(store, "p1")]
    steps: tuple[Callable[[], object], ...] = (
        lambda: dispatch.delivered(store, clock, assignment.id, "p1"),
        lambda: dispatch.answer(store, clock, assignment.id, "p1", accept=True),
        lambda: dispatch.step(store, clock, assignment.id, "p1", AssignmentState.ON_SCENE),
        lambda: dispatch.step(store, clock, assignment.id, "p1", AssignmentState.CLEAR),
    )
    for step in steps:
        clock.advance(5)
        times.append(clock.utc_now())
        step()
        states.append(patrol_state(store, "p1"))
    assert states == [
        PatrolState.DISPATCHED,
        PatrolState.DISPATCHED,
        PatrolState.EN_ROUTE,
        PatrolState.ON_SCENE,
        PatrolState.AVAILABLE,
    ]
    with store.transaction() as conn:
        (done,) = patrols.of_incident(conn, incident_id)
        assert [done.delivered_at, done.answered_at, done.on_scene_at, done.ended_at] == times
        entries = incidents.entries(conn, incident_id)
        told = [(entry.kind, entry.actor, entry.detail.get("state")) for entry in entries[1:]]
        assert told == [
            (EntryKind.DISPATCH, "anna", "queued"),
            (EntryKind.PATROL, "patrol:p1", "delivered"),
            (EntryKind.PATROL, "patrol:p1", "accepted"),
            (EntryKind.PATROL, "patrol:p1", "on_scene"),
            (EntryKind.PATROL, "patrol:p1", "clear"),
        ]
        rows = conn.execute("SELECT kind, count(*) FROM feed WHERE kind IN ('patrol', 'assignment') GROUP BY 1")
        assert dict(rows.fetchall())["assignment"] == 5
        assert audit.verify(conn) is None


def test_decline_frees_the_patrol(store: Store, clock: FakeClock, anna: Login, incident_id: int) -> None:
    """A patrol may say no, with its reason; somebody else can be sent."""
    assignment = dispatch.assign(store, clock, incident_id, "p1", "", anna)
    declined = dispatch.answer(store, clock, assignment.id, "p1", accept=False, reason="flat tyre")
    assert (declined.state, declined.decline_reason) == (AssignmentState.DECLINED, "flat tyre")
    assert patrol_state(store, "p1") is PatrolState.AVAILABLE
    dispatch.assign(store, clock, incident_id, "p2", "", anna)


def test_phones_repeat_themselves(store: Store, clock: FakeClock, anna: Login, incident_id: int) -> None:
    """A step taken twice is one step; the delivery report may come after the answer."""
    assignment = dispatch.assign(store, clock, incident_id, "p1", "", anna)
    dispatch.answer(store, clock, assignment.id, "p1", accept=True)
    clock.advance(9)
    again = dispatch.answer(store, clock, assignment.id, "p1", accept=True)
    assert again.answered_at != clock.utc_now()
    assert dispatch.delivered(store, clock, assignment.id, "p1").state is AssignmentState.ACCEPTED
    with store.transaction() as conn:
        assert len(incidents.entries(conn, incident_id)) == 3


def test_nobody_answers(store: Store, clock: FakeClock, anna: Login, incident_id: int) -> None:
    """When the time is up the patrol is free, and an answer comes too late."""
    assignment = dispatch.assign(store, clock, incident_id, "p1", "", anna, answer_within_s=60)
    clock.advance(59)
    assert dispatch.time_out_due(store, clock) == []
    clock.advance(1)
    (ended,) = dispatch.time_out_due(store, clock)
    assert (ended.id, ended.state, ended.answered_at) == (assignment.id, AssignmentState.TIMED_OUT, clock.utc_now())
    assert dispatch.time_out_due(store, clock) == []
    assert patrol_state(store, "p1") is PatrolState.AVAILABLE
    with pytest.raises(Conflict):
        dispatch.answer(store, clock, assignment.id, "p1", accept=True)


def test_accepted_never_times_out(store: Store, clock: FakeClock, anna: Login, incident_id: int) -> None:
    """Only silence ends an assignment."""
    assignment = dispatch.assign(store, clock, incident_id, "p1", "", anna, answer_within_s=60)
    dispatch.answer(store, clock, assignment.id, "p1", accept=True)
    clock.advance(3600)
    assert dispatch.time_out_due(store, clock) == []


def test_refusals(store: Store, clock: FakeClock, anna: Login, incident_id: int) -> None:
    """Busy, unknown or off-duty patrols, closed incidents, foreign assignments and impossible steps."""
    first: Assignment = dispatch.assign(store, clock, incident_id, "p1", "", anna)
    with pytest.raises(Conflict) as busy:
        dispatch.assign(store, clock, incident_id, "p1", "", anna)
    assert busy.value.winner == "anna"
    with pytest.raises(NotFound):
        dispatch.assign(store, clock, incident_id, "p9", "", anna)
    with pytest.raises(NotFound):
        dispatch.assign(store, clock, 999, "p2", "", anna)
    with pytest.raises(NotFound):
        dispatch.answer(store, clock, first.id, "p2", accept=True)
    with pytest.raises(Conflict):
        dispatch.step(store, clock, first.id, "p1", AssignmentState.ON_SCENE)
    with pytest.raises(BadInput):
        dispatch.step(store, clock, first.id, "p1", AssignmentState.QUEUED)
    with pytest.raises(BadInput):
        dispatch.assign(store, clock, incident_id, "p2", "x" * 1001, anna)
    with store.transaction() as conn:
        patrols.set_state(conn, "p2", PatrolState.OFF_DUTY, now=clock.utc_now())
    with pytest.raises(Conflict):
        dispatch.assign(store, clock, incident_id, "p2", "", anna)
    desk.claim(store, clock, incident_id, anna)
    desk.close(store, clock, incident_id, anna, Disposition.TEST, "")
    with pytest.raises(Conflict):
        dispatch.assign(store, clock, incident_id, "p2", "", anna)
