"""alertwall's own parts, watched."""

from datetime import timedelta

from alarms.part_watch import LATE_AFTER, PartWatch
from configs.parts import AlarmsConfig
from models.event import EventKind
from models.incident import Incident
from models.store import incidents, parts
from models.store.pool import Store
from tests.support.clock import FakeClock


def beat(store: Store, clock: FakeClock, part_id: str, kind: str = "worker") -> None:
    """Let a part give a sign of life."""
    with store.transaction() as conn:
        parts.beat(conn, id=part_id, kind=kind, now=clock.utc_now(), started_at=clock.utc_now())


def look(watch: PartWatch, store: Store, clock: FakeClock, seconds: float, *living: str) -> None:
    """Let time pass with a look a second; the API and ``living`` workers beat."""
    for _ in range(int(seconds)):
        clock.advance(1)
        beat(store, clock, "api-1", "api")
        for part_id in living:
            beat(store, clock, part_id)
        watch.check()


def found(store: Store) -> list[Incident]:
    """Return all incidents, oldest first."""
    with store.transaction() as conn:
        return incidents.listing(conn, ["site"])[0][::-1]


def test_part_that_falls_silent_and_returns(store: Store, clock: FakeClock) -> None:
    """After ten seconds it is an incident, once; its return ends the condition, also under a new core."""
    beat(store, clock, "worker-1")
    beat(store, clock, "api-1", "api")
    beat(store, clock, "database", "database")
    watch = PartWatch(store, clock, AlarmsConfig())
    watch.check()
    look(watch, store, clock, LATE_AFTER.total_seconds())
    assert found(store) == []
    look(watch, store, clock, 5)
    (incident,) = found(store)
    assert (incident.kind, incident.source_id, incident.active) == (EventKind.PART_DOWN, "worker-1", True)
    assert incident.event_count == 1
    watch = PartWatch(store, clock, AlarmsConfig())
    watch.check()
    beat(store, clock, "worker-1")
    watch.check()
    (incident,) = found(store)
    assert (incident.active, incident.event_count) == (False, 2)


def test_part_taken_out_of_service_is_not_missed(store: Store, clock: FakeClock) -> None:
    """A row that was old when this core started belongs to a worker of another time."""
    beat(store, clock, "worker-9")
    clock.advance(timedelta(days=1).total_seconds())
    PartWatch(store, clock, AlarmsConfig()).check()
    assert found(store) == []


def test_parts_have_time_to_return_with_us(store: Store, clock: FakeClock) -> None:
    """After a cold start, or a minute without the database, everybody's last beat is old: that is no outage."""
    beat(store, clock, "worker-1")
    clock.advance(600)
    watch = PartWatch(store, clock, AlarmsConfig())
    watch.check()
    look(watch, store, clock, 3)
    look(watch, store, clock, 30, "worker-1")
    clock.advance(60)
    watch.check()
    look(watch, store, clock, 5)
    look(watch, store, clock, 30, "worker-1")
    assert found(store) == []
    look(watch, store, clock, LATE_AFTER.total_seconds() + 2)
    assert [incident.source_id for incident in found(store)] == ["worker-1"]


def test_a_wall_clock_that_is_set_is_no_outage(store: Store, clock: FakeClock) -> None:
    """Set forward, every beat looks old for a moment; set back, a dead worker's must not look fresh for hours."""
    beat(store, clock, "worker-1")
    watch = PartWatch(store, clock, AlarmsConfig())
    watch.check()
    look(watch, store, clock, 15, "worker-1")
    clock.step_utc(3600)
    watch.check()
    look(watch, store, clock, 30, "worker-1")
    assert found(store) == []
    clock.step_utc(-7200)
    watch.check()
    look(watch, store, clock, 30)
    assert [incident.source_id for incident in found(store)] == ["worker-1"]
