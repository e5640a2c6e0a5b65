"""Which events open incidents, which join, and what ends."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from alarms import desk, triage
from configs.parts import AlarmsConfig
from models.event import Event, EventKind, Priority, SourceKind
from models.incident import Disposition, EntryKind, Incident
from models.store import audit, events, incidents
from models.store.pool import Store
from tests.alarms.people import AREA, add_camera, add_unit, add_users, event
from tests.support.clock import FakeClock

SETTINGS = AlarmsConfig(join_within_s=120, join_within_m=150)
UNIT, CAMERA, SYSTEM = SourceKind.UNIT, SourceKind.CAMERA, SourceKind.SYSTEM


@pytest.fixture
def town(store: Store) -> Store:
    """U1 has camera c1 linked; c2 stands 80 m from U1, c3 a kilometre away; U9 is far from all."""
    add_camera(store, "c1")
    add_camera(store, "c2", lat=20.0007, lon=110.0)
    add_camera(store, "c3", lat=20.01, lon=110.0)
    add_unit(store, "U1", cameras=("c1",), lat=20.0, lon=110.0)
    add_unit(store, "U2", lat=20.2, lon=110.0)
    return store


def take(store: Store, clock: FakeClock, *batch: Event) -> list[int]:
    """Store a batch of events and put them through triage."""
    with store.transaction() as conn:
        events.write(conn, batch, triage=False)
        return triage.take(conn, clock, batch, SETTINGS)


def incidents_of(store: Store) -> list[Incident]:
    """Return all incidents, oldest first."""
    with store.transaction() as conn:
        return incidents.listing(conn, [AREA])[0][::-1]


def reasons(store: Store, incident_id: int) -> list[str]:
    """Return why each event is on an incident."""
    with store.transaction() as conn:
        rows = conn.execute(
            "SELECT reason FROM incident_event WHERE incident_id = %s ORDER BY event_time, reason", (incident_id,)
        )
        return [row[0] for row in rows]


def test_alarm_opens_one_incident(town: Store, clock: FakeClock) -> None:
    """A burglary opens an incident at the unit's place, with its entry, its audit row and its feed row."""
    opened = take(town, clock, event(EventKind.BURGLARY, UNIT, "U1", clock.utc_now(), label="burglary", point=3))
    (incident,) = incidents_of(town)
    assert opened == [incident.id]
    assert (incident.kind, incident.priority, incident.place) == (EventKind.BURGLARY, Priority.ALARM, "house U1")
    assert (incident.source_name, incident.cameras, incident.active) == ("Unit U1", ("c1",), True)
    with town.transaction() as conn:
        (entry,) = incidents.entries(conn, incident.id)
        assert (entry.kind, entry.actor, entry.text) == (EntryKind.OPENED, "alertwall", "burglary")
        assert audit.listing(conn)[0][0].action == "incident.open"
        kinds = [row[0] for row in conn.execute("SELECT kind FROM feed WHERE ref = %s", (str(incident.id),))]
        assert kinds == ["incident"]


def test_repeats_count_and_open_nothing(town: Store, clock: FakeClock) -> None:
    """A sensor that trips fifty times is one incident with two entries: both of its points were named once."""
    for number in range(50):
        clock.advance(1)
        take(town, clock, event(EventKind.BURGLARY, UNIT, "U1", clock.utc_now(), point=number % 2))
    (incident,) = incidents_of(town)
    assert incident.event_count == 50
    assert incident.row_version == 1
    with town.transaction() as conn:
        assert len(incidents.entries(conn, incident.id)) == 2
    assert len(reasons(town, incident.id)) == 50


@pytest.mark.parametrize(
    ("camera", "seconds", "reason"),
    [
        ("c1", 12, "camera c1 shows it, 12 s from its alarm"),
        ("c1", -12, "camera c1 shows it, 12 s from its alarm"),
        ("c1", 120, "camera c1 shows it, 120 s from its alarm"),
        ("c1", 121, None),
        ("c2", 5, "78 m away, 5 s from its alarm"),
        ("c3", 5, None),
    ],
)
def test_camera_events_join_alarms_near_in_time_and_place(
    town: Store, clock: FakeClock, camera: str, seconds: float, reason: str | None
) -> None:
    """Linked or close by, and soon enough: then it is the same thing, and the reason is kept."""
    alarm = event(EventKind.BURGLARY, UNIT, "U1", clock.utc_now())
    seen = event(EventKind.INTRUSION, CAMERA, camera, clock.utc_now() + timedelta(seconds=seconds))
    take(town, clock, alarm)
    take(town, clock, seen)
    found = incidents_of(town)
    if reason is None:
        assert len(found) == 2
    else:
        assert len(found) == 1
        assert reason in reasons(town, found[0].id)
        assert found[0].event_count == 2


def test_events_of_one_batch_join_each_other(town: Store, clock: FakeClock) -> None:
    """Order within a batch is enough."""
    now = clock.utc_now()
    take(town, clock, event(EventKind.PANIC, UNIT, "U1", now), event(EventKind.INTRUSION, CAMERA, "c1", now))
    assert [incident.event_count for incident in incidents_of(town)] == [2]


def test_alarm_takes_over_what_its_camera_saw_first(town: Store, clock: FakeClock) -> None:
    """The camera was faster than the panel: one incident, as urgent as the alarm, at the unit's place."""
    take(town, clock, event(EventKind.LINE_CROSSING, CAMERA, "c1", clock.utc_now()))
    clock.advance(4)
    take(town, clock, event(EventKind.PANIC, UNIT, "U1", clock.utc_now()))
    (incident,) = incidents_of(town)
    assert (incident.kind, incident.priority, incident.source_id) == (EventKind.PANIC, Priority.LIFE_SAFETY, "U1")
    assert incident.row_version == 2
    with town.transaction() as conn:
        assert audit.listing(conn)[0][0].action == "incident.raise"
    clock.advance(4)
    take(town, clock, event(EventKind.BURGLARY, UNIT, "U1", clock.utc_now()))
    assert len(incidents_of(town)) == 1


def test_more_urgent_than_what_somebody_handles_is_new(town: Store, clock: FakeClock) -> None:
    """A panic must not vanish into a battery trouble that a colleague took an hour ago."""
    (anna,) = add_users(town, "anna")
    (battery,) = take(town, clock, event(EventKind.BATTERY_LOW, UNIT, "U1", clock.utc_now()))
    take(town, clock, event(EventKind.MAINS_LOST, UNIT, "U1", clock.utc_now()))
    desk.claim(town, clock, battery, anna)
    take(town, clock, event(EventKind.PANIC, UNIT, "U1", clock.utc_now()))
    first, second = incidents_of(town)
    assert (first.event_count, first.priority) == (2, Priority.TROUBLE)
    assert (second.kind, second.state) == (EventKind.PANIC, "new")


def test_restore_ends_the_condition_and_stays_on_the_incident(town: Store, clock: FakeClock) -> None:
    """Two points tripped: the incident is active until both have returned."""
    now = clock.utc_now()
    take(town, clock, *(event(EventKind.BURGLARY, UNIT, "U1", now, point=point) for point in (1, 2)))
    take(town, clock, event(EventKind.RESTORE, UNIT, "U1", now, label="back", point=1, restores="burglary"))
    assert incidents_of(town)[0].active
    take(town, clock, event(EventKind.RESTORE, UNIT, "U1", now, label="back", point=2, restores="burglary"))
    (incident,) = incidents_of(town)
    assert not incident.active
    assert incident.event_count == 4
    with town.transaction() as conn:
        assert [entry.text for entry in incidents.entries(conn, incident.id)][-1] == "back"
    take(town, clock, event(EventKind.BURGLARY, UNIT, "U1", clock.utc_now() + timedelta(seconds=9), point=1))
    assert incidents_of(town)[0].active


def test_restore_without_incident_is_only_an_event(town: Store, clock: FakeClock) -> None:
    """Nothing stood, so nothing ends."""
    take(town, clock, event(EventKind.RESTORE, UNIT, "U1", clock.utc_now(), restores="burglary"))
    assert incidents_of(town) == []


def test_silent_camera_returns_on_the_incident_it_had_joined(town: Store, clock: FakeClock) -> None:
    """A camera that fell silent beside an alarm belongs to it, and so does its return, long after."""
    take(town, clock, event(EventKind.BURGLARY, UNIT, "U1", clock.utc_now(), point=1))
    take(town, clock, event(EventKind.CAMERA_SILENT, CAMERA, "c1", clock.utc_now()))
    take(town, clock, event(EventKind.RESTORE, UNIT, "U1", clock.utc_now(), restores="burglary"))
    assert incidents_of(town)[0].active
    clock.advance(3600)
    take(town, clock, event(EventKind.CAMERA_RESTORED, CAMERA, "c1", clock.utc_now()))
    (incident,) = incidents_of(town)
    assert not incident.active
    assert incident.standing == ()


def test_silent_camera_returns_everywhere(town: Store, clock: FakeClock) -> None:
    """It fell silent beside an alarm while an older card of its own was open: its return is for the alarm too."""
    take(town, clock, event(EventKind.LINE_CROSSING, CAMERA, "c1", clock.utc_now()))
    clock.advance(300)
    take(town, clock, event(EventKind.PANIC, UNIT, "U1", clock.utc_now()))
    take(town, clock, event(EventKind.CAMERA_SILENT, CAMERA, "c1", clock.utc_now()))
    take(town, clock, event(EventKind.CAMERA_RESTORED, CAMERA, "c1", clock.utc_now()))
    street, panic = incidents_of(town)
    assert (street.event_count, panic.standing) == (1, ("panic/U1/",))


def test_facts_open_nothing_but_stand_on_an_open_alarm(town: Store, clock: FakeClock) -> None:
    """Who disarmed after the alarm is part of its story; on a quiet day it is not a story."""
    take(town, clock, event(EventKind.DISARMED, UNIT, "U1", clock.utc_now(), label="disarmed"))
    assert incidents_of(town) == []
    take(town, clock, event(EventKind.BURGLARY, UNIT, "U1", clock.utc_now()))
    clock.advance(30)
    take(town, clock, event(EventKind.DISARMED, UNIT, "U1", clock.utc_now(), label="disarmed"))
    (incident,) = incidents_of(town)
    with town.transaction() as conn:
        assert [entry.text for entry in incidents.entries(conn, incident.id)] == ["burglary", "disarmed"]


def test_closed_incident_takes_nothing(town: Store, clock: FakeClock) -> None:
    """What happens after the closing is a new incident."""
    (anna,) = add_users(town, "anna")
    (first,) = take(town, clock, event(EventKind.BURGLARY, UNIT, "U1", clock.utc_now()))
    desk.claim(town, clock, first, anna)
    desk.close(town, clock, first, anna, Disposition.FALSE, "cat")
    clock.advance(5)
    (second,) = take(town, clock, event(EventKind.BURGLARY, UNIT, "U1", clock.utc_now()))
    assert second != first


def test_events_from_the_queue_pass_triage_too(town: Store, clock: FakeClock) -> None:
    """Workers queue what may wake and what ends; plain facts stay out."""
    now = clock.utc_now()
    batch = [
        event(EventKind.CAMERA_SILENT, CAMERA, "c1", now),
        event(EventKind.CAMERA_RESTORED, CAMERA, "c1", now + timedelta(seconds=1)),
        event(EventKind.ARMED, UNIT, "U2", now),
    ]
    with town.transaction() as conn:
        events.write(conn, batch)
    with town.transaction() as conn:
        triage.take(conn, clock, events.take_triage(conn), SETTINGS)
    (incident,) = incidents_of(town)
    assert (incident.kind, incident.active, incident.event_count) == (EventKind.CAMERA_SILENT, False, 2)


def test_thousand_alarms_at_once_are_a_thousand_incidents(store: Store, clock: FakeClock) -> None:
    """No alarm of one home is hidden behind another's."""
    for number in range(300):
        add_unit(store, f"U{number}")
    batch = [event(EventKind.BURGLARY, UNIT, f"U{number}", clock.utc_now()) for number in range(300)]
    assert len(take(store, clock, *batch)) == 300
    with store.transaction() as conn:
        assert audit.verify(conn) is None


def test_alarm_as_urgent_as_what_its_camera_saw_takes_it_over(town: Store, clock: FakeClock) -> None:
    """Then the incident is the unit's: the next alarm joins it at any time, and its restore ends it."""
    take(town, clock, event(EventKind.INTRUSION, CAMERA, "c1", clock.utc_now()))
    clock.advance(4)
    take(town, clock, event(EventKind.BURGLARY, UNIT, "U1", clock.utc_now(), point=1))
    (incident,) = incidents_of(town)
    assert (incident.kind, incident.source_id) == (EventKind.BURGLARY, "U1")
    clock.advance(3600)
    take(town, clock, event(EventKind.BURGLARY, UNIT, "U1", clock.utc_now(), point=2))
    take(town, clock, *(event(EventKind.RESTORE, UNIT, "U1", clock.utc_now(), point=point) for point in (1, 2)))
    (incident,) = incidents_of(town)
    assert (incident.active, incident.event_count) == (False, 5)


def test_busy_camera_does_not_stretch_an_alarm(town: Store, clock: FakeClock) -> None:
    """Nearness is measured from the alarm, not from the last passer-by who joined it."""
    take(town, clock, event(EventKind.BURGLARY, UNIT, "U1", clock.utc_now()))
    for _ in range(10):
        clock.advance(60)
        take(town, clock, event(EventKind.INTRUSION, CAMERA, "c1", clock.utc_now()))
    alarm, street = incidents_of(town)
    assert (alarm.source_id, alarm.event_count) == ("U1", 3)
    assert (street.source_id, street.event_count) == ("c1", 8)


@pytest.mark.parametrize("kind", [EventKind.FLOOD, EventKind.SPOOF])
def test_what_no_camera_could_see_attracts_none(town: Store, clock: FakeClock, kind: EventKind) -> None:
    """A unit that sends too much is no burglary, however urgent."""
    take(town, clock, event(EventKind.INTRUSION, CAMERA, "c1", clock.utc_now()))
    take(town, clock, event(kind, UNIT, "U1", clock.utc_now()))
    take(town, clock, event(EventKind.INTRUSION, CAMERA, "c2", clock.utc_now()))
    assert [incident.event_count for incident in incidents_of(town)] == [1, 1, 1]


def test_alarm_long_after_a_claim_shows_anew(town: Store, clock: FakeClock) -> None:
    """Who claimed this morning and forgot to close must not hide tonight's burglary; one more card, not many."""
    (anna,) = add_users(town, "anna")
    (first,) = take(town, clock, event(EventKind.BURGLARY, UNIT, "U1", clock.utc_now(), point=1))
    desk.claim(town, clock, first, anna)
    clock.advance(triage.HANDLED_FOR.total_seconds())
    assert take(town, clock, event(EventKind.BURGLARY, UNIT, "U1", clock.utc_now(), point=1)) == []
    clock.advance(triage.HANDLED_FOR.total_seconds() + 1)
    assert len(take(town, clock, event(EventKind.BURGLARY, UNIT, "U1", clock.utc_now(), point=1))) == 1
    for _ in range(3):
        clock.advance(3600)
        take(town, clock, event(EventKind.BURGLARY, UNIT, "U1", clock.utc_now(), point=1))
        take(town, clock, event(EventKind.BATTERY_LOW, UNIT, "U1", clock.utc_now()))
    assert len(incidents_of(town)) == 2
    take(town, clock, event(EventKind.RESTORE, UNIT, "U1", clock.utc_now()))
    assert [incident.active for incident in incidents_of(town)] == [False, False], "what stands on both ends on both"


def test_alarm_after_a_claimed_trouble_finds_its_camera(town: Store, clock: FakeClock) -> None:
    """A battery that somebody looks after does not keep the burglary from what the camera saw."""
    (anna,) = add_users(town, "anna")
    (battery,) = take(town, clock, event(EventKind.BATTERY_LOW, UNIT, "U1", clock.utc_now()))
    desk.claim(town, clock, battery, anna)
    take(town, clock, event(EventKind.INTRUSION, CAMERA, "c1", clock.utc_now()))
    take(town, clock, event(EventKind.BURGLARY, UNIT, "U1", clock.utc_now()))
    assert [incident.event_count for incident in incidents_of(town)] == [1, 2]


REJOIN_S = SETTINGS.rejoin_within_s


def test_repeats_join_until_it_has_been_quiet(town: Store, clock: FakeClock) -> None:
    """A point that returns and trips again is one card with a count; after a quiet time it is a new one."""
    for _ in range(20):
        take(town, clock, event(EventKind.BURGLARY, UNIT, "U1", clock.utc_now(), point=1))
        clock.advance(20)
        take(town, clock, event(EventKind.RESTORE, UNIT, "U1", clock.utc_now(), point=1, restores="burglary"))
        clock.advance(REJOIN_S)
    (first,) = incidents_of(town)
    assert (first.event_count, first.active) == (40, False)
    assert reasons(town, first.id).count("same source, after it had returned to normal") == 19
    clock.advance(1)
    assert len(take(town, clock, event(EventKind.BURGLARY, UNIT, "U1", clock.utc_now(), point=1))) == 1
    first, second = incidents_of(town)
    assert (first.event_count, first.active, second.event_count, second.active) == (40, False, 1, True)
    take(town, clock, event(EventKind.DISARMED, UNIT, "U1", clock.utc_now()))
    assert [incident.event_count for incident in incidents_of(town)] == [40, 2], (
        "the story of now gets the facts of now"
    )


def test_what_stands_takes_its_repeats_at_any_time(town: Store, clock: FakeClock) -> None:
    """A burglary that nobody has claimed and that has not returned is still the same one, hours later."""
    take(town, clock, event(EventKind.BURGLARY, UNIT, "U1", clock.utc_now(), point=1))
    clock.advance(REJOIN_S * 20)
    take(town, clock, event(EventKind.BURGLARY, UNIT, "U1", clock.utc_now(), point=1))
    take(town, clock, event(EventKind.BATTERY_LOW, UNIT, "U1", clock.utc_now()))
    assert [incident.event_count for incident in incidents_of(town)] == [3]


def test_old_trouble_takes_no_alarm(town: Store, clock: FakeClock) -> None:
    """A battery that has been low since yesterday does not make tonight's panic a line on its card."""
    take(town, clock, event(EventKind.BATTERY_LOW, UNIT, "U1", clock.utc_now()))
    clock.advance(REJOIN_S + 1)
    assert len(take(town, clock, event(EventKind.PANIC, UNIT, "U1", clock.utc_now()))) == 1
    take(town, clock, event(EventKind.RESTORE, UNIT, "U1", clock.utc_now()))
    assert [incident.active for incident in incidents_of(town)] == [False, False]
    clock.advance(REJOIN_S + 1)
    take(town, clock, event(EventKind.BATTERY_LOW, UNIT, "U1", clock.utc_now()))
    assert [incident.event_count for incident in incidents_of(town)] == [1, 2, 1]


def test_facts_of_another_day_stay_off_an_alarm_that_is_over(town: Store, clock: FakeClock) -> None:
    """Who arms and disarms every day does not add to an alarm that returned and that nobody has claimed."""
    take(town, clock, event(EventKind.BURGLARY, UNIT, "U1", clock.utc_now()))
    take(town, clock, event(EventKind.RESTORE, UNIT, "U1", clock.utc_now()))
    for _ in range(10):
        clock.advance(REJOIN_S / 2)
        take(town, clock, event(EventKind.ARMED, UNIT, "U1", clock.utc_now()))
    assert incidents_of(town)[0].event_count == 4


def test_busy_camera_is_quiet_first(town: Store, clock: FakeClock) -> None:
    """Passers-by are one card while they keep coming, and the next one is new after a quiet time."""
    for _ in range(30):
        take(town, clock, event(EventKind.LINE_CROSSING, CAMERA, "c3", clock.utc_now()))
        clock.advance(60)
    clock.advance(REJOIN_S)
    take(town, clock, event(EventKind.LINE_CROSSING, CAMERA, "c3", clock.utc_now()))
    assert [incident.event_count for incident in incidents_of(town)] == [30, 1]


def test_alarm_at_the_moment_of_closing(town: Store, clock: FakeClock) -> None:
    """Triage waits for the one who closes, and then opens anew: nothing joins what is closed."""
    (anna,) = add_users(town, "anna")
    (first,) = take(town, clock, event(EventKind.BURGLARY, UNIT, "U1", clock.utc_now()))
    desk.claim(town, clock, first, anna)
    clock.advance(5)
    with ThreadPoolExecutor(1) as elsewhere:
        with town.transaction() as closing:
            closed = incidents.close(closing, first, "anna", at=clock.utc_now(), disposition=Disposition.FALSE)
            alarm = elsewhere.submit(take, town, clock, event(EventKind.BURGLARY, UNIT, "U1", clock.utc_now()))
            with pytest.raises(TimeoutError):
                alarm.result(0.3)
        assert closed is not None
        (second,) = alarm.result(10)
    assert second != first
    assert [incident.event_count for incident in incidents_of(town)] == [1, 1]
