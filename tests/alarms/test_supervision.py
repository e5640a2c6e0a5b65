"""Silence, wills, mass outages and the line to the broker, by a clock that only tests move."""

from collections.abc import Iterable

import pytest

from alarms import wire
from alarms.supervision import (
    DEAF_AFTER_S,
    LINK_HOLD_S,
    MASS_FLOOR,
    MASS_FOLLOW_S,
    RETURN_GRACE_S,
    Supervision,
)
from configs.parts import AlarmsConfig
from models.event import Event, EventKind, Priority
from models.unit import ConnState, Unit, UnitState
from tests.support.clock import FakeClock

SILENCE_S = 150
HOLD_S = 10
AREA = "city.district"


def lost_state(clock: FakeClock, unit_id: str, stage: str) -> UnitState:
    """Return what an earlier centre stored of a unit that went offline."""
    now = clock.utc_now()
    return UnitState(
        unit_id=unit_id,
        conn=ConnState.OFFLINE,
        boot_id="b1",
        connect_count=1,
        last_heard_at=now,
        silent_since=now,
        loss_stage=stage,
    )


class Watched:
    """A supervision with some units that have been heard."""

    def __init__(self, clock: FakeClock, count: int, states: dict[str, UnitState] | None = None) -> None:
        self.clock = clock
        self.supervision = Supervision(clock, AlarmsConfig(mass_offline_within_s=HOLD_S, mass_offline_share=0.05))
        self.ids = [f"U{number}" for number in range(count)]
        units = {id: Unit(id=id, name=id, area=f"{AREA}.s{index % 2}") for index, id in enumerate(self.ids)}
        self.supervision.load(units, states or {})
        if states is None:
            self.connect(self.ids)
        self.take()

    def connect(self, ids: Iterable[str], *, boot: str = "b1", n: int = 1) -> None:
        self._conn(ids, "online", boot, n)

    def will(self, ids: Iterable[str], *, boot: str = "b1", n: int = 1) -> None:
        self._conn(ids, "offline", boot, n)

    def _conn(self, ids: Iterable[str], state: str, boot: str, n: int, *, retained: bool = False) -> None:
        for id in ids:
            self.supervision.conn(
                self.supervision.units[id],
                wire.ConnMessage(s=state, boot=boot, n=n),  # type: ignore[arg-type]
                at=self.clock.utc_now(),
                at_s=self.clock.monotonic_s(),
                retained=retained,
            )

    def hear(self, ids: Iterable[str]) -> None:
        for id in ids:
            watch = self.supervision.units[id]
            self.supervision.heard(watch, at=self.clock.utc_now(), at_s=self.clock.monotonic_s())

    def run(self, seconds: float, *, hearing: Iterable[str] = ()) -> list[Event]:
        """Let time pass, a tick a second; ``hearing`` units give signs of life."""
        for _ in range(int(seconds)):
            self.clock.advance(1)
            self.hear(hearing)
            self.supervision.tick()
        return self.take()

    def take(self) -> list[Event]:
        return self.supervision.take().events


def kinds(events: list[Event]) -> list[EventKind]:
    return [event.kind for event in events]


def test_silence_is_told_once_and_its_end_too(clock: FakeClock) -> None:
    """A unit without a sign of life is told after its limit and the hold; when it is heard again, that is told."""
    town = Watched(clock, 3)
    assert town.run(SILENCE_S, hearing=["U1", "U2"]) == []
    (silent,) = town.run(HOLD_S + 2, hearing=["U1", "U2"])
    assert (silent.kind, silent.source_id, silent.priority) == (EventKind.UNIT_SILENT, "U0", Priority.TROUBLE)
    assert silent.area == f"{AREA}.s0"
    assert town.run(600, hearing=["U1", "U2"]) == []
    town.hear(["U0"])
    (back,) = town.take()
    assert (back.kind, back.attrs["restores"]) == (EventKind.UNIT_ONLINE, "unit_silent")


def test_state_shows_the_loss_at_once(clock: FakeClock) -> None:
    """The wall does not wait for the hold, and the gap begins when the unit was last heard."""
    town = Watched(clock, 2)
    last_heard = clock.utc_now()
    town.will(["U0"])
    found = town.supervision.take()
    assert list(found.faces) == ["U0"]
    record = town.supervision.units["U0"].record()
    assert (record.conn, record.silent_since) == (ConnState.OFFLINE, clock.utc_now())
    assert [(gap.source_id, gap.ended_at) for gap in found.gaps] == [("U0", None)]
    town.run(SILENCE_S + 1)
    assert town.supervision.units["U1"].record().silent_since == last_heard


def test_will_is_told_after_the_hold_unless_the_unit_is_back(clock: FakeClock) -> None:
    """A router that restarts for five seconds wakes nobody."""
    town = Watched(clock, 3)
    town.will(["U0", "U1"])
    assert town.run(5) == []
    town.connect(["U0"], n=2)
    assert town.take() == []
    (told,) = town.run(HOLD_S)
    assert (told.kind, told.source_id) == (EventKind.UNIT_OFFLINE, "U1")
    town.connect(["U1"], n=2)
    assert kinds(town.take()) == [EventKind.UNIT_ONLINE]


def test_old_will_loses_against_the_newer_connection(clock: FakeClock) -> None:
    """The will of a replaced connection arrives after the new hello: by counter, and by an earlier boot."""
    town = Watched(clock, 2)
    town.connect(["U0"], n=5)
    town.will(["U0"], n=4)
    town.connect(["U1"], boot="b2", n=1)
    town.will(["U1"], boot="b1", n=9)
    assert town.run(60, hearing=()) == []
    assert town.supervision.units["U0"].conn is ConnState.ONLINE
    assert town.supervision.units["U1"].conn is ConnState.ONLINE
    town.will(["U0"], n=5)
    assert kinds(town.run(HOLD_S + 1, hearing=["U1"])) == [EventKind.UNIT_OFFLINE]


def test_many_wills_are_one_outage(clock: FakeClock) -> None:
    """4,000 wills: one event; all back: its end, and not one event a unit."""
    town = Watched(clock, 4000)
    town.will(town.ids)
    (outage,) = town.run(30)
    assert (outage.kind, outage.attrs["units"], outage.attrs["of"]) == (EventKind.MASS_OUTAGE, 4000, 4000)
    assert outage.area == AREA
    town.connect(town.ids, n=2)
    assert kinds(town.run(60, hearing=town.ids)) == [EventKind.RESTORE]


@pytest.mark.parametrize(
    ("fleet", "lost", "mass"),
    [(20, 4, False), (20, MASS_FLOOR, True), (100, 5, True), (200, 9, False), (200, 10, True), (4000, 199, False)],
)
def test_when_it_is_a_mass_outage(clock: FakeClock, fleet: int, lost: int, mass: bool) -> None:
    """Five per cent of the fleet, and never fewer than the floor."""
    town = Watched(clock, fleet)
    town.will(town.ids[:lost])
    told = kinds(town.run(HOLD_S + 2))
    assert told == ([EventKind.MASS_OUTAGE] if mass else [EventKind.UNIT_OFFLINE] * lost)


def test_slow_losses_are_told_one_by_one(clock: FakeClock) -> None:
    """Ten units within an hour are ten troubles."""
    town = Watched(clock, 100)
    told: list[Event] = []
    for number in range(10):
        town.will([town.ids[number]])
        told += town.run(60, hearing=town.ids[number + 1 :])
    assert kinds(told) == [EventKind.UNIT_OFFLINE] * 10


def test_who_stays_away_after_a_mass_outage_is_told_alone(clock: FakeClock) -> None:
    """All but two are back: the outage ends, and the two are troubles of their own."""
    town = Watched(clock, 100)
    town.will(town.ids[:50])
    assert kinds(town.run(5, hearing=town.ids[50:])) == [EventKind.MASS_OUTAGE]
    later = town.ids[50:60]
    town.will(later)
    assert town.run(30, hearing=town.ids[60:]) == []
    back = [id for id in town.ids[:60] if id not in ("U3", "U55")]
    town.connect(back, n=2)
    told = town.run(HOLD_S + 3, hearing=[*back, *town.ids[60:]])
    assert kinds(told) == [EventKind.RESTORE, EventKind.UNIT_OFFLINE, EventKind.UNIT_OFFLINE]
    assert {event.source_id for event in told[1:]} == {"U3", "U55"}


def test_broker_outage_is_one_event_and_no_unit_is_blamed(clock: FakeClock) -> None:
    """While nobody can be heard nobody is silent; afterwards units have time to return."""
    town = Watched(clock, 50)
    town.supervision.link_down()
    (down,) = town.run(3600)
    assert (down.kind, down.source_id) == (EventKind.PART_DOWN, "broker")
    town.supervision.link_up()
    assert kinds(town.take()) == [EventKind.PART_RESTORED]
    town.will(town.ids)
    assert town.run(RETURN_GRACE_S - 2) == []
    town.connect(town.ids, n=2)
    assert town.run(60, hearing=town.ids) == []


def test_short_broker_outage_is_nothing(clock: FakeClock) -> None:
    """A restart within the hold is not worth an event."""
    town = Watched(clock, 5)
    town.supervision.link_down()
    assert town.run(LINK_HOLD_S - 1) == []
    town.supervision.link_up()
    assert town.run(10) == []


def test_units_that_do_not_return_after_a_broker_outage(clock: FakeClock) -> None:
    """When the grace is over, those still away are judged together."""
    town = Watched(clock, 100)
    town.supervision.link_down()
    town.run(60)
    town.supervision.link_up()
    town.take()
    town.will(town.ids[:2])
    told = town.run(RETURN_GRACE_S + 2, hearing=town.ids[2:])
    assert kinds(told) == [EventKind.UNIT_OFFLINE] * 2


def test_our_own_absence_is_nobodys_silence(clock: FakeClock) -> None:
    """The centre was stopped (or its database away) for ten minutes: silence starts anew."""
    town = Watched(clock, 5)
    clock.advance(600)
    assert DEAF_AFTER_S < 600
    assert town.run(SILENCE_S - 1) == []
    assert len(town.run(HOLD_S + RETURN_GRACE_S + 3)) == 1


def test_jumping_wall_clock_silences_nobody(clock: FakeClock) -> None:
    """A time server steps the wall clock by a day, both ways."""
    town = Watched(clock, 5)
    for step in (86_400, -172_800):
        clock.step_utc(step)
        assert town.run(100, hearing=town.ids) == []


def test_restart_of_the_centre_keeps_what_was_told(clock: FakeClock) -> None:
    """A unit that was lost before the restart is not told again, but its return is."""
    states = {
        "U0": UnitState(
            unit_id="U0", conn=ConnState.OFFLINE, last_heard_at=clock.utc_now(), silent_since=clock.utc_now()
        ),
        "U1": UnitState(unit_id="U1", conn=ConnState.ONLINE, boot_id="b1", last_heard_at=clock.utc_now()),
    }
    town = Watched(clock, 3, states)
    assert town.run(SILENCE_S - 1, hearing=["U1"]) == []
    town.connect(["U0"])
    (back,) = town.take()
    assert (back.kind, back.attrs["restores"]) == (EventKind.UNIT_ONLINE, "unit_offline")
    assert town.run(3600, hearing=["U0", "U1"]) == [], "U2 was never heard: it is unknown, not silent"


def test_retained_hello_is_not_a_sign_of_life(clock: FakeClock) -> None:
    """What the broker kept says how a unit was, not that it is."""
    town = Watched(clock, 1, {})
    town._conn(["U0"], "online", "b1", 3, retained=True)
    assert town.supervision.units["U0"].heard_at is None
    assert kinds(town.run(SILENCE_S + HOLD_S + 2)) == [EventKind.UNIT_SILENT]


def test_two_boxes_under_one_name(clock: FakeClock) -> None:
    """A copied unit: the two take turns, each with its own boot; that is told as a spoof."""
    town = Watched(clock, 1)
    for turn in range(10):
        clock.advance(2)
        town.connect(["U0"], boot=("b1", "b2")[turn % 2], n=turn)
    assert EventKind.SPOOF in kinds(town.take())


def test_restarts_of_one_box_are_not_two_boxes(clock: FakeClock) -> None:
    """A flapping unit has a new boot each time and never an old one again."""
    town = Watched(clock, 1)
    for turn in range(20):
        clock.advance(2)
        town.connect(["U0"], boot=f"x{turn}", n=1)
    assert town.take() == []


def test_retired_and_disabled_units(clock: FakeClock) -> None:
    """Who is retired is forgotten with his gap closed; who is disabled is not missed."""
    town = Watched(clock, 3)
    town.will(["U0"])
    town.take()
    units = {"U1": Unit(id="U1", name="U1", area=AREA, enabled=False), "U2": Unit(id="U2", name="U2", area=AREA)}
    town.supervision.load(units, {})
    assert [gap.source_id for gap in town.supervision.take().gaps if gap.ended_at] == ["U0"]
    assert {event.source_id for event in town.run(SILENCE_S + HOLD_S + 2)} == {"U2"}


def test_what_could_not_be_stored_comes_again(clock: FakeClock) -> None:
    """Findings that are given back are the first of the next."""
    town = Watched(clock, 1)
    town.will(["U0"])
    town.clock.advance(1)
    for _ in range(HOLD_S + 1):
        town.clock.advance(1)
        town.supervision.tick()
    found = town.supervision.take()
    assert kinds(found.events) == [EventKind.UNIT_OFFLINE]
    town.connect(["U0"], n=2)
    town.supervision.give_back(found)
    assert kinds(town.supervision.take().events) == [EventKind.UNIT_OFFLINE, EventKind.UNIT_ONLINE]


def test_restart_within_the_hold_tells_the_loss(clock: FakeClock) -> None:
    """The centre died before it told: the next one does, once."""
    town = Watched(clock, 3, {"U0": lost_state(clock, "U0", "held"), "U1": lost_state(clock, "U1", "told")})
    told = town.run(HOLD_S + 2, hearing=["U2"])
    assert [(event.kind, event.source_id) for event in told] == [(EventKind.UNIT_OFFLINE, "U0")]
    assert town.supervision.units["U0"].record().loss_stage == "told"


def test_restart_in_a_mass_outage_goes_on_with_it(clock: FakeClock) -> None:
    """It is not over because the centre is new: it ends when the units are back, and is told once."""
    states = {f"U{number}": lost_state(clock, f"U{number}", "mass") for number in range(60)}
    town = Watched(clock, 100, states)
    town.supervision.resume(link_told=False, mass_told=True)
    here = town.ids[60:]
    assert town.run(60, hearing=here) == []
    town.connect(town.ids[:59], n=2)
    told = town.run(HOLD_S + 3, hearing=[*town.ids[:59], *here])
    assert kinds(told) == [EventKind.RESTORE, EventKind.UNIT_OFFLINE]
    assert told[1].source_id == "U59"


def test_outage_that_ended_while_the_centre_was_away(clock: FakeClock) -> None:
    """Nobody is lost any more: its end is told."""
    town = Watched(clock, 20)
    town.supervision.resume(link_told=False, mass_told=True)
    assert kinds(town.run(2, hearing=town.ids)) == [EventKind.RESTORE]


def test_loss_long_after_a_mass_outage_is_its_own(clock: FakeClock) -> None:
    """A district without power for days must not hide that somebody cuts a line elsewhere."""
    town = Watched(clock, 100)
    town.will(town.ids[:50])
    here = town.ids[50:]
    assert kinds(town.run(MASS_FOLLOW_S + 5, hearing=here)) == [EventKind.MASS_OUTAGE]
    town.will(["U99"])
    told = town.run(HOLD_S + 2, hearing=town.ids[50:99])
    assert [(event.kind, event.source_id) for event in told] == [(EventKind.UNIT_OFFLINE, "U99")]
    town.will(town.ids[50:70])
    (second,) = town.run(HOLD_S, hearing=town.ids[70:99])
    assert (second.kind, second.attrs["units"]) == (EventKind.MASS_OUTAGE, 20)


def test_disabled_while_lost(clock: FakeClock) -> None:
    """Who is taken out of service is no longer missed."""
    town = Watched(clock, 2)
    town.will(["U0"])
    town.take()
    units = {id: Unit(id=id, name=id, area=AREA, enabled=id != "U0") for id in town.ids}
    town.supervision.load(units, {})
    found = town.supervision.take()
    assert [(gap.source_id, gap.ended_at is not None) for gap in found.gaps] == [("U0", True)]
    assert town.supervision.units["U0"].record().silent_since is None
    assert town.run(60, hearing=["U1"]) == []


def test_gaps_keep_their_order(clock: FakeClock) -> None:
    """Lost, back, lost within one batch leaves the unit lost."""
    town = Watched(clock, 1)
    town.will(["U0"])
    town.connect(["U0"], n=2)
    town.will(["U0"], n=2)
    assert [gap.ended_at is None for gap in town.supervision.take().gaps] == [True, False, True]


def test_event_and_stage_are_stored_together(clock: FakeClock) -> None:
    """What was told never waits for what is written in batches, or a restart between the two would tell it again."""
    town = Watched(clock, 2)
    town.hear(["U1"])
    assert town.supervision.take(states=False).changed == {}
    town.will(["U0"])
    town.take()
    for _ in range(HOLD_S + 1):
        clock.advance(1)
        town.supervision.tick()
    found = town.supervision.take(states=False)
    assert kinds(found.events) == [EventKind.UNIT_OFFLINE]
    assert found.changed["U0"].record().loss_stage == "told"


def test_gap_and_loss_are_stored_together(clock: FakeClock) -> None:
    """A centre that ends between the two would leave the gap open: the next would not know of the loss."""
    town = Watched(clock, 1)
    town.will(["U0"])
    found = town.supervision.take(states=False)
    next_centre = Watched(clock, 1, states={"U0": found.changed["U0"].record()})
    clock.advance(5)
    next_centre.connect(["U0"], n=2)
    assert [(gap.started_at, gap.ended_at) for gap in found.gaps + next_centre.supervision.take(states=False).gaps] == [
        (found.gaps[0].started_at, None),
        (found.gaps[0].started_at, clock.utc_now()),
    ]


def test_findings_come_apart(clock: FakeClock) -> None:
    """Each event alone, the rest by its kind: nothing is left out."""
    town = Watched(clock, 3)
    town.will(town.ids)
    for _ in range(HOLD_S + 1):
        clock.advance(1)
        town.supervision.tick()
    found = town.supervision.take()
    pieces = found.pieces()
    assert [len(piece.events) for piece in pieces] == [1, 1, 1, 0, 0, 0]
    assert [gap for piece in pieces for gap in piece.gaps] == found.gaps
    assert [set(piece.changed) for piece in pieces if piece.changed] == [set(town.ids)]
