"""The storing thread on its own: a database, an inbox, and no broker."""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from alarms.committer import STUCK_AFTER_S, Committer
from alarms.inbox import Delivery, Inbox, Puback
from alarms.parse import split_topic
from configs.parts import AlarmsConfig
from models.errors import StoreDown
from models.event import EventKind, Priority, SourceKind
from models.store import events, gaps, incidents, quarantine, units
from models.store.pool import Store
from tests.alarms.people import AREA, add_unit, event
from tests.support.clock import FakeClock

FLEET = 40
IDS = [f"U{number}" for number in range(FLEET)]
CENTRE = AlarmsConfig()


class Desk:
    """A committer, what is put into its inbox, and what it has answered."""

    def __init__(self, store: Store, clock: FakeClock) -> None:
        self.store, self.clock = store, clock
        self.receipts: list[tuple[str, str, int]] = []
        self.pubacked: list[Delivery] = []
        self._inbox = Inbox()
        self.committer = Committer(store, clock, self._inbox, CENTRE, answer=self._answer, link_is_up=lambda: True)

    def say(self, unit_id: str, leaf: str, **body: Any) -> Delivery:
        """Put a message of a unit into the inbox."""
        topic = f"aw/1/u/{unit_id}/{leaf}"
        assert split_topic(topic)
        delivery = Delivery(
            topic=topic,
            payload=json.dumps({"v": 1, "boot": "b1", **body}).encode(),
            unit_id=unit_id,
            leaf=leaf,
            retain=False,
            puback=Puback(len(self._inbox) + 1, 1),
            received_at=self.clock.utc_now(),
            received_s=self.clock.monotonic_s(),
        )
        self._inbox.put(delivery)
        return delivery

    def alarm(self, unit_id: str, seq: int, **more: Any) -> Delivery:
        """Let a unit raise a burglary."""
        return self.say(unit_id, "evt", unit=unit_id, seq=seq, **{"kind": "alarm", "code": "BA", **more})

    def run(self, seconds: float = 0, *, hearing: Sequence[str] = ()) -> None:
        """Let time pass, two steps a second, while ``hearing`` units give signs of life."""
        self.committer.step()
        for number in range(int(seconds * 2)):
            self.clock.advance(0.5)
            if number % 20 == 0:
                for unit_id in hearing:
                    self.say(unit_id, "tel", battery=90)
            self.committer.step()

    def kinds(self) -> list[str]:
        """Return the kinds of all events, in order of their time."""
        with self.store.transaction() as conn:
            return [row[0] for row in conn.execute("SELECT kind FROM event ORDER BY time, kind")]

    def count(self, table: str) -> int:
        """Return how many rows a table has."""
        with self.store.transaction() as conn:
            row = conn.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
        assert row is not None
        return int(row[0])

    def _answer(self, deliveries: Sequence[Delivery], receipts: Sequence[tuple[str, bytes]]) -> None:
        self.pubacked += deliveries
        for topic, payload in receipts:
            receipt = json.loads(payload)
            self.receipts += [(topic.split("/")[3], receipt["boot"], seq) for seq in receipt["seqs"]]


@pytest.fixture
def desk(store: Store, clock: FakeClock) -> Desk:
    """A committer that has heard all its units once."""
    for unit_id in IDS:
        add_unit(store, unit_id)
    desk = Desk(store, clock)
    for unit_id in IDS:
        desk.say(unit_id, "conn", s="online", n=1)
    desk.run(1)
    desk.pubacked.clear()
    return desk


def test_another_event_under_a_used_number(desk: Desk) -> None:
    """A box that counts anew under its old boot: its alarm is an event and an incident all the same, and receipted."""
    desk.alarm("U1", 1, code="RP", kind="test")
    desk.run()
    desk.alarm("U1", 1, zone=4)
    desk.alarm("U1", 1, zone=4)
    desk.run()
    assert desk.count("alarm_message") == 1
    assert desk.kinds().count("burglary") == 1
    assert desk.receipts == [("U1", "b1", 1)] * 3
    assert len(desk.pubacked) == 3
    with desk.store.transaction() as conn:
        (incident,) = [one for one in incidents.listing(conn, [AREA])[0] if one.kind is EventKind.BURGLARY]
        (kept,) = quarantine.listing(conn)[0]
    assert incident.standing == ("burglary/U1/4",)
    assert kept.reason.startswith("number_reused")


def test_two_events_under_one_number_in_one_batch(desk: Desk) -> None:
    """Neither hides the other."""
    desk.alarm("U1", 1, zone=1)
    desk.alarm("U1", 1, zone=2)
    desk.alarm("U1", 1, zone=1)
    desk.run()
    assert desk.kinds().count("burglary") == 2
    assert desk.receipts == [("U1", "b1", 1)] * 3


def test_the_same_event_again_is_the_same(desk: Desk) -> None:
    """Also when the unit now says that it had waited in the outbox."""
    desk.alarm("U1", 1, ts=1_767_225_600_000)
    desk.alarm("U1", 1, ts=1_767_225_600_000, q=True)
    desk.run()
    desk.alarm("U1", 1, ts=1_767_225_600_000, q=True)
    desk.run()
    assert desk.kinds() == ["burglary"]
    assert desk.count("quarantine") == 0


def test_event_that_cannot_pass_triage(desk: Desk) -> None:
    """A kind of another version in the queue: it is named and left aside, and the alarms behind it pass."""
    stranger = event(EventKind.INTRUSION, SourceKind.CAMERA, "c1", desk.clock.utc_now())
    good = event(EventKind.INTRUSION, SourceKind.CAMERA, "c2", desk.clock.utc_now())
    with desk.store.transaction() as conn:
        events.write(conn, [stranger])
        conn.execute("UPDATE event SET kind = 'of the future'")
    with desk.store.transaction() as conn:
        events.write(conn, [good])
    desk.run(1)
    assert desk.count("triage_queue") == 0
    with desk.store.transaction() as conn:
        assert [incident.source_id for incident in incidents.listing(conn, [AREA])[0]] == ["c2"]


def test_alarm_that_cannot_be_joined_to_what_is_open(desk: Desk) -> None:
    """A row that another version left open cannot be read: the panic is an incident of its own, and receipted."""
    desk.alarm("U1", 1, code="BA")
    desk.run()
    with desk.store.transaction() as conn:
        conn.execute("UPDATE incident SET kind = 'of the future'")
    desk.alarm("U1", 2, code="PA")
    desk.alarm("U2", 1, code="PA")
    desk.run()
    with desk.store.transaction() as conn:
        conn.execute("UPDATE incident SET kind = 'burglary' WHERE kind = 'of the future'")
        found = incidents.listing(conn, [AREA])[0][::-1]
    assert [(one.source_id, one.kind) for one in found] == [("U1", "burglary"), ("U1", "panic"), ("U2", "panic")]
    assert sorted(desk.receipts) == [("U1", "b1", 1), ("U1", "b1", 2), ("U2", "b1", 1)]
    assert desk.count("quarantine") == 0


def test_queued_event_that_cannot_be_joined_to_what_is_open(desk: Desk) -> None:
    """Nor does it keep a camera's event from people."""
    first, second = (
        event(EventKind.INTRUSION, SourceKind.CAMERA, "c1", desk.clock.utc_now(), number=number) for number in range(2)
    )
    with desk.store.transaction() as conn:
        events.write(conn, [first])
    desk.run(1)
    with desk.store.transaction() as conn:
        conn.execute("UPDATE incident SET kind = 'of the future'")
        events.write(conn, [second])
    desk.run(1)
    assert (desk.count("triage_queue"), desk.count("incident")) == (0, 2)


def test_receipt_is_not_given_for_what_is_dropped(desk: Desk) -> None:
    """An event under a used number that the database refuses: the unit keeps it."""
    desk.alarm("U1", 1, code="RP", kind="test")
    desk.run()
    with desk.store.transaction() as conn:
        conn.execute("ALTER TABLE event ADD CHECK (kind <> 'burglary')")
    desk.alarm("U1", 1, zone=4)
    desk.run()
    assert desk.receipts == [("U1", "b1", 1)]
    assert len(desk.pubacked) == 2


def test_wall_clock_that_is_set_back(desk: Desk) -> None:
    """A unit is heard when it is heard, and a silence begins with its last sign of life, not an hour later."""
    desk.clock.step_utc(-3600)
    desk.say("U1", "tel")
    desk.run(1)
    heard_at = desk.clock.utc_now() - timedelta(seconds=1)
    with desk.store.transaction() as conn:
        assert units.states(conn, ["U1"])["U1"].last_heard_at == heard_at
    desk.run(170, hearing=[id for id in IDS if id != "U1"])
    assert desk.kinds() == ["unit_silent"]
    with desk.store.transaction() as conn:
        (silence,) = gaps.listing(conn, SourceKind.UNIT, ["U1"], heard_at - timedelta(days=1), desk.clock.utc_now())
    assert silence.started_at == heard_at


def test_storing_that_stands_still_is_noticed(desk: Desk) -> None:
    """A step that never ends (a commit that waits for ever) is no end of a thread; a look from outside sees it."""
    desk.clock.advance(STUCK_AFTER_S)
    assert not desk.committer.is_stuck()
    desk.clock.advance(1)
    assert desk.committer.is_stuck()
    desk.run()
    assert not desk.committer.is_stuck()


def test_what_the_centre_noted_and_the_database_refuses(desk: Desk) -> None:
    """One bad event of our own is dropped alone."""
    with desk.store.transaction() as conn:
        conn.execute("ALTER TABLE event ADD CHECK (source_id <> 'U3')")
    for unit_id in ("U2", "U3"):
        desk.say(unit_id, "conn", s="offline", n=1)
    desk.run(14, hearing=[id for id in IDS if id not in ("U2", "U3")])
    assert desk.kinds() == ["unit_offline"]
    with desk.store.transaction() as conn:
        assert {"U2", "U3"} <= gaps.open_sources(conn, SourceKind.UNIT)
        assert units.states(conn, ["U3"])["U3"].loss_stage == "told"


def test_database_that_has_become_read_only_is_a_database_that_is_away(desk: Desk) -> None:
    """After a failover to a replica nothing is refused for good: it waits."""

    def write_to_a_replica() -> None:
        with desk.store.transaction() as conn:
            conn.execute("SET TRANSACTION READ ONLY")
            conn.execute("DELETE FROM quarantine")

    with pytest.raises(StoreDown):
        write_to_a_replica()


def restart(desk: Desk) -> Desk:
    """Return a new core on the same database."""
    desk.clock.advance(3)
    fresh = Desk(desk.store, desk.clock)
    fresh.run()
    return fresh


def test_core_restarted_in_a_mass_outage(desk: Desk) -> None:
    """Half of the units gone, the core too: one incident before and after, and its end when they are back."""
    gone, here = IDS[:20], IDS[20:]
    for unit_id in gone:
        desk.say(unit_id, "conn", s="offline", n=1)
    desk.run(15, hearing=here)
    assert desk.kinds() == ["mass_outage"]
    desk = restart(desk)
    desk.run(120, hearing=here)
    assert desk.kinds() == ["mass_outage"]
    for unit_id in gone:
        desk.say(unit_id, "conn", s="online", n=2)
    desk.run(5)
    assert desk.kinds() == ["mass_outage", "restore"]
    with desk.store.transaction() as conn:
        (incident,) = incidents.listing(conn, [AREA])[0]
        assert (incident.active, incident.priority) == (False, Priority.ALARM)
        assert gaps.open_sources(conn, SourceKind.UNIT) == set()


@pytest.mark.parametrize("seconds", [2, 15], ids=["before it was told", "after"])
def test_core_restarted_while_a_unit_is_lost(desk: Desk, seconds: float) -> None:
    """The loss is told once, whichever core does it, and so is the return."""
    here = IDS[1:]
    desk.say("U0", "conn", s="offline", n=1)
    desk.run(seconds, hearing=here)
    desk = restart(desk)
    desk.run(40, hearing=here)
    assert desk.kinds() == ["unit_offline"]
    desk = restart(desk)
    desk.say("U0", "conn", s="online", n=2)
    desk.run(2)
    assert desk.kinds() == ["unit_offline", "unit_online"]
    with desk.store.transaction() as conn:
        (incident,) = incidents.listing(conn, [AREA])[0]
    assert not incident.active


def test_ten_minutes_without_a_core_silence_nobody(desk: Desk) -> None:
    """The units spoke all the time, only we did not listen."""
    desk.clock.advance(timedelta(minutes=10).total_seconds())
    desk = restart(desk)
    desk.run(60, hearing=IDS)
    assert desk.kinds() == []
