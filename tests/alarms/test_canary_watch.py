"""The way from a worker to the feed, watched by what comes along it."""

from alarms.canary_watch import GRACE_S, MISSED_MAX, CanaryWatch
from configs.parts import AlarmsConfig
from models.event import EventKind
from models.incident import Incident
from models.store import canaries, incidents, parts
from models.store.canaries import CANARY_EVERY_S
from models.store.pool import Store
from tests.support.clock import FakeClock

LATE_S = MISSED_MAX * CANARY_EVERY_S + GRACE_S


class Site:
    """Two workers on a fake clock; a test says whose canaries arrive, and who beats."""

    def __init__(self, store: Store, clock: FakeClock) -> None:
        self.store, self.clock = store, clock
        self.living = {"worker-1", "worker-2"}
        self.singing = {"worker-1", "worker-2"}
        self.due_s = clock.monotonic_s()
        self.start()

    def start(self) -> None:
        self.watch = CanaryWatch(self.store, self.clock, AlarmsConfig())

    def run(self, seconds: float, *, step_s: float = 1.0) -> None:
        for _ in range(int(seconds / step_s)):
            self.clock.advance(step_s)
            now = self.clock.utc_now()
            with self.store.transaction() as conn:
                for id in sorted(self.living):
                    parts.beat(conn, id=id, kind="worker", now=now, started_at=now)
                if self.clock.monotonic_s() >= self.due_s:
                    self.due_s += CANARY_EVERY_S
                    for id in sorted(self.singing):
                        canaries.send(conn, id, now)
            self.watch.check()

    def found(self) -> list[Incident]:
        with self.store.transaction() as conn:
            return incidents.listing(conn, ["site"])[0][::-1]


def test_a_canary_that_arrives_says_how_long_it_took(store: Store, clock: FakeClock) -> None:
    """What was under way before core began has no latency."""
    site = Site(store, clock)
    site.run(10)
    assert site.watch.detail()["worker-1"] == {"latency_s": None, "missed": 0}
    site.run(CANARY_EVERY_S)
    assert site.watch.detail()["worker-1"] == {"latency_s": 0.0, "missed": 0}
    with store.transaction() as conn:
        canaries.send(conn, "worker-2", clock.utc_now())
    site.singing = {"worker-1"}
    clock.advance(0.7)
    site.run(1)
    assert site.watch.detail()["worker-2"]["latency_s"] == 1.7
    assert site.found() == []


def test_two_missed_in_a_row_are_an_incident_until_one_arrives(store: Store, clock: FakeClock) -> None:
    """Of that worker's way alone, once; a new core knows of it."""
    site = Site(store, clock)
    site.run(2 * CANARY_EVERY_S)
    site.singing = {"worker-1"}
    site.run(CANARY_EVERY_S + GRACE_S + 2)
    assert site.found() == []
    site.run(CANARY_EVERY_S)
    (incident,) = site.found()
    assert (incident.kind, incident.source_id, incident.active) == (EventKind.PART_DOWN, "canary of worker-2", True)
    assert site.watch.detail()["worker-2"]["missed"] == MISSED_MAX
    site.start()
    site.run(LATE_S + 5)
    assert [(one.active, one.event_count) for one in site.found()] == [(True, 1)]
    site.singing = {"worker-1", "worker-2"}
    site.run(CANARY_EVERY_S + 2)
    assert [(one.active, one.event_count) for one in site.found()] == [(False, 2)]


def test_a_worker_that_is_down_is_not_missed_twice(store: Store, clock: FakeClock) -> None:
    """Its silence has an incident of its own; one that is retired ends what was told of it."""
    site = Site(store, clock)
    site.run(90)
    site.living = site.singing = {"worker-1"}
    site.run(3 * LATE_S)
    assert site.found() == []
    site.living = {"worker-1", "worker-2"}
    site.run(LATE_S + 2)
    assert [one.active for one in site.found()] == [True]
    site.living = {"worker-1"}
    with store.transaction() as conn:
        parts.remove(conn, "worker-2")
    site.run(2)
    assert [one.active for one in site.found()] == [False]


def test_a_pause_of_our_own_is_nobodys_fault(store: Store, clock: FakeClock) -> None:
    """After ten minutes without the database everybody has his minutes anew."""
    site = Site(store, clock)
    site.run(90)
    clock.advance(600)
    site.due_s = clock.monotonic_s() + CANARY_EVERY_S
    site.run(CANARY_EVERY_S * 2)
    assert site.found() == []
