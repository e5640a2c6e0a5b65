"""What operators do with incidents, also all at once."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from alarms import desk, dispatch, triage
from configs.parts import AlarmsConfig
from models.errors import BadInput, Conflict, NotFound
from models.event import EventKind, Priority, SourceKind
from models.incident import Disposition, EntryKind, IncidentState
from models.patrol import AssignmentState, PatrolState
from models.store import audit, events, incidents, patrols
from models.store.pool import Store
from models.user import Role
from tests.alarms.people import AREA, add_patrol, add_unit, add_users, event
from tests.support.clock import FakeClock

CLAIMS = 1000


@pytest.fixture
def incident_id(store: Store, clock: FakeClock) -> int:
    """An open burglary."""
    add_unit(store, "U1")
    return burglary(store, clock)


def burglary(store: Store, clock: FakeClock) -> int:
    """Let unit U1 raise a burglary of its own."""
    alarm = event(EventKind.BURGLARY, SourceKind.UNIT, "U1", clock.utc_now())
    with store.transaction() as conn:
        events.write(conn, [alarm], triage=False)
        (opened,) = triage.take(conn, clock, [alarm], AlarmsConfig())
    return opened


def entry_kinds(store: Store, incident_id: int) -> list[EntryKind]:
    """Return the kinds of an incident's entries."""
    with store.transaction() as conn:
        return [entry.kind for entry in incidents.entries(conn, incident_id)]


def test_claim_comment_close(store: Store, clock: FakeClock, incident_id: int) -> None:
    """The whole way of an incident leaves an entry, an audit row and a feed row for each step."""
    (anna,) = add_users(store, "anna")
    claimed = desk.claim(store, clock, incident_id, anna)
    assert (claimed.state, claimed.owner, claimed.claimed_at) == (IncidentState.CLAIMED, "anna", clock.utc_now())
    clock.advance(10)
    desk.comment(store, clock, incident_id, anna, " neighbours called ")
    closed = desk.close(store, clock, incident_id, anna, Disposition.GENUINE, "police took over")
    assert (closed.state, closed.disposition, closed.active) == (IncidentState.CLOSED, Disposition.GENUINE, False)
    assert closed.closed_at == clock.utc_now()
    assert entry_kinds(store, incident_id) == [
        EntryKind.OPENED,
        EntryKind.CLAIMED,
        EntryKind.COMMENT,
        EntryKind.CLOSED,
    ]
    with store.transaction() as conn:
        trail = [row.action for row in audit.listing(conn)[0]]
        assert trail == ["incident.close", "incident.comment", "incident.claim", "incident.open"]
        assert audit.verify(conn) is None
        row = conn.execute("SELECT count(*) FROM feed WHERE kind = 'incident'").fetchone()
        assert row == (4,)


def test_thousand_concurrent_claims_one_winner(store: Store, clock: FakeClock, incident_id: int) -> None:
    """Of 1,000 claims at once exactly one wins, and all others are told who."""
    people = add_users(store, *(f"op{number}" for number in range(50)))
    patient = Store(store.dsn, max_size=8, timeout_s=60)
    patient.open()

    def claim(number: int) -> str:
        try:
            return f"won:{desk.claim(patient, clock, incident_id, people[number % 50]).owner}"
        except Conflict as lost:
            return f"lost to {lost.winner}"

    with ThreadPoolExecutor(32) as pool:
        outcomes = list(pool.map(claim, range(CLAIMS)))
    patient.close()
    winners = [outcome for outcome in outcomes if outcome.startswith("won:")]
    assert len(winners) == 1
    winner = winners[0].removeprefix("won:")
    assert outcomes.count(f"lost to {winner}") == CLAIMS - 1
    assert entry_kinds(store, incident_id).count(EntryKind.CLAIMED) == 1
    with store.transaction() as conn:
        assert [row.action for row in audit.listing(conn)[0]].count("incident.claim") == 1


def test_claim_at_an_outdated_version(store: Store, clock: FakeClock, incident_id: int) -> None:
    """Who looked at an older picture is told so, and nobody's name is given for it."""
    (anna,) = add_users(store, "anna")
    with pytest.raises(Conflict) as refused:
        desk.claim(store, clock, incident_id, anna, expected_version=7)
    assert refused.value.winner is None
    assert desk.claim(store, clock, incident_id, anna, expected_version=1).owner == "anna"


def test_only_the_owner_closes(store: Store, clock: FakeClock, incident_id: int) -> None:
    """Nobody closes what they have not claimed, or what is somebody else's, or what is closed."""
    anna, bob = add_users(store, "anna", "bob")
    with pytest.raises(Conflict):
        desk.close(store, clock, incident_id, anna, Disposition.FALSE, "")
    desk.claim(store, clock, incident_id, anna)
    with pytest.raises(Conflict) as refused:
        desk.close(store, clock, incident_id, bob, Disposition.FALSE, "")
    assert refused.value.winner == "anna"
    desk.close(store, clock, incident_id, anna, Disposition.FALSE, "")
    with pytest.raises(Conflict):
        desk.close(store, clock, incident_id, anna, Disposition.FALSE, "")
    with pytest.raises(Conflict):
        desk.claim(store, clock, incident_id, bob)


def test_release(store: Store, clock: FakeClock, incident_id: int) -> None:
    """The owner gives back; a colleague cannot take away, a dispatcher can."""
    anna, bob = add_users(store, "anna", "bob")
    (dora,) = add_users(store, "dora", role=Role.DISPATCHER)
    desk.claim(store, clock, incident_id, anna)
    with pytest.raises(Conflict):
        desk.release(store, clock, incident_id, bob)
    released = desk.release(store, clock, incident_id, anna)
    assert (released.state, released.owner) == (IncidentState.NEW, None)
    desk.claim(store, clock, incident_id, bob)
    desk.release(store, clock, incident_id, dora, text="shift ended")
    with pytest.raises(Conflict):
        desk.release(store, clock, incident_id, dora)


@pytest.mark.parametrize("text", ["", "   ", "x" * 2001, "a\0b"])
def test_bad_comments(store: Store, clock: FakeClock, incident_id: int, text: str) -> None:
    """A comment has words, and no more than fit."""
    (anna,) = add_users(store, "anna")
    with pytest.raises(BadInput):
        desk.comment(store, clock, incident_id, anna, text)


def test_unknown_incident(store: Store, clock: FakeClock) -> None:
    """Every step on what does not exist says so."""
    (anna,) = add_users(store, "anna")
    for step in (desk.claim, desk.release):
        with pytest.raises(NotFound):
            step(store, clock, 999, anna)
    with pytest.raises(NotFound):
        desk.comment(store, clock, 999, anna, "hm")
    with pytest.raises(NotFound):
        desk.close(store, clock, 999, anna, Disposition.TEST, "")


def test_open_by_hand(store: Store, clock: FakeClock) -> None:
    """A call by telephone becomes an incident with an event behind it."""
    (anna,) = add_users(store, "anna")
    incident = desk.open_by_hand(store, clock, anna, area=AREA, kind=EventKind.FIRE, text="smoke", place="block 4")
    assert (incident.kind, incident.priority, incident.place) == (EventKind.FIRE, Priority.LIFE_SAFETY, "block 4")
    with store.transaction() as conn:
        (entry,) = incidents.entries(conn, incident.id)
        assert (entry.actor, entry.text) == ("anna", "smoke")
        assert entry.event_id is not None
        assert events.get(conn, entry.event_id) is not None


def test_closing_calls_off_patrols(store: Store, clock: FakeClock, incident_id: int) -> None:
    """A patrol on its way to a closed incident is free again."""
    (anna,) = add_users(store, "anna")
    add_patrol(store, "p1")
    desk.claim(store, clock, incident_id, anna)
    assignment = dispatch.assign(store, clock, incident_id, "p1", "look", anna)
    dispatch.answer(store, clock, assignment.id, "p1", accept=True)
    desk.close(store, clock, incident_id, anna, Disposition.FALSE, "")
    with store.transaction() as conn:
        (ended,) = patrols.of_incident(conn, incident_id)
        assert (ended.state, ended.ended_at) == (AssignmentState.CANCELLED, clock.utc_now())
        patrol = patrols.get(conn, "p1")
        assert patrol is not None
        assert patrol.state is PatrolState.AVAILABLE
        assert audit.verify(conn) is None
