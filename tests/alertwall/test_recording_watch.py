"""When not being recorded becomes an event, by cause, and when it is over."""

from dataclasses import replace
from typing import Any

import pytest

from alarms import triage
from alertwall.outbox import Fact, GapOpened, NewEvent
from alertwall.recording_watch import LOST_AFTER_S, DiskWatch, RecordingWatch
from configs.parts import AlarmsConfig
from models.camera import Camera
from models.event import Event, EventKind, SourceKind
from models.store import events, gaps, incidents
from models.store.pool import Store
from models.timeline import GapCause
from tests.alertwall.test_camera_watch import CAMERA, Looked, kinds
from tests.alertwall.test_outbox import gap
from tests.support.clock import FakeClock

WITHIN_S = 20
LOOK_S = 0.5


class Watched:
    """A recorder that writes, or not, on a fake clock."""

    def __init__(self, *, left: GapCause | None = None, camera: Camera = CAMERA) -> None:
        self.looked = Looked(gap_open=left)
        self.looked.watch.camera = camera
        self.clock = self.looked.clock
        self.recording = RecordingWatch(self.looked.watch, left=left)
        self.written_s: float | None = None

    def look(self, seconds: float = LOOK_S, *, writes: bool = False, **said: Any) -> list[Fact]:
        """Look twice a second; return all that was said."""
        facts: list[Fact] = []
        for _ in range(round(seconds / LOOK_S)):
            self.clock.advance(LOOK_S)
            if writes:
                self.written_s = self.clock.monotonic_s()
            seen = {"wanted": True, "trouble": None, "disk_behind": False, **said}
            now, now_s = self.clock.utc_now(), self.clock.monotonic_s()
            facts += self.recording.look(now=now, now_s=now_s, written_s=self.written_s, **seen)
        return facts


def told(facts: list[Fact]) -> list[Event]:
    return [fact.event for fact in facts if isinstance(fact, NewEvent)]


def test_a_recorder_that_writes_says_nothing() -> None:
    """Nor one that has nothing to write."""
    watched = Watched()
    assert watched.look(60, writes=True) == []
    assert watched.look(60, wanted=False) == []
    assert watched.look(LOST_AFTER_S - 1) == []


def test_nothing_written_is_an_event_with_a_gap_from_the_last_write_on() -> None:
    """Within twenty seconds, once; the next write ends both."""
    watched = Watched()
    watched.look(5, writes=True)
    last = watched.clock.utc_now()
    facts = watched.look(WITHIN_S)
    assert kinds(facts) == ["open ingest_error", EventKind.RECORDING_LOST]
    opened, event = facts
    assert isinstance(opened, GapOpened)
    assert isinstance(event, NewEvent)
    assert opened.gap.started_at == event.event.time == last
    assert event.event.attrs["cause"] == "ingest_error"
    assert watched.look(60) == []
    assert kinds(watched.look(writes=True)) == ["GapClosed", EventKind.RECORDING_RESTORED]


def test_a_disk_that_does_not_answer_is_named() -> None:
    """The recorder has handed over all it had; the disk still has it in its queue."""
    watched = Watched()
    assert kinds(watched.look(WITHIN_S, disk_behind=True)) == ["open overload"]
    assert watched.recording.lost is GapCause.OVERLOAD


def test_a_short_trigger_on_a_full_disk_is_noticed_too() -> None:
    """It is over before the time is: the trouble is not."""
    watched = Watched()
    watched.look(3, trouble=GapCause.DISK_FULL)
    watched.look(WITHIN_S, wanted=False, trouble=GapCause.DISK_FULL)
    assert watched.recording.lost is GapCause.DISK_FULL


def test_who_is_no_longer_recorded_is_not_missed() -> None:
    """Switching recording off ends the condition."""
    watched = Watched()
    watched.look(WITHIN_S)
    facts = watched.recording.over(watched.clock.utc_now())
    assert kinds(facts) == ["GapClosed", EventKind.RECORDING_RESTORED]
    assert watched.recording.over(watched.clock.utc_now()) == []


@pytest.mark.parametrize("cause", [GapCause.DISK_FULL, GapCause.OVERLOAD])
def test_a_disk_that_stops_many_cameras_is_one_event(cause: GapCause) -> None:
    """Of their worker, in the area that holds them all; over when the last of them is recorded again."""
    cameras = [replace(CAMERA, id=f"c{number}", area=f"city.street{number}") for number in range(5)]
    watched = [Watched(camera=camera) for camera in cameras]
    disk = DiskWatch("worker-1")
    for one in watched:
        one.look(5, writes=True)
        assert told(one.look(WITHIN_S, trouble=cause)) == []
    pairs = [(camera, one.recording) for camera, one in zip(cameras, watched, strict=True)]
    now = watched[0].clock.utc_now()
    (event,) = told(disk.look(now, pairs))
    assert (event.kind, event.source_kind, event.source_id) == (
        EventKind.RECORDING_LOST,
        SourceKind.SYSTEM,
        "recordings of worker-1",
    )
    assert (event.area, event.attrs["cause"], event.attrs["cameras"]) == ("city", str(cause), 5)
    for one in watched[1:]:
        one.look(writes=True)
    assert disk.look(now, pairs) == []
    watched[0].look(writes=True)
    (event,) = told(disk.look(now, pairs))
    assert event.kind is EventKind.RECORDING_RESTORED


def test_a_new_worker_ends_what_an_earlier_one_told() -> None:
    """The gap that was left open says that somebody was told."""
    watched = Watched(left=GapCause.DISK_FULL)
    disk = DiskWatch("worker-1")
    pairs = [(CAMERA, watched.recording)]
    assert [event.kind for event in told(disk.look(watched.clock.utc_now(), pairs))] == [EventKind.RECORDING_LOST]
    assert kinds(watched.look(writes=True)) == ["GapClosed"]
    assert [event.kind for event in told(disk.look(watched.clock.utc_now(), pairs))] == [EventKind.RECORDING_RESTORED]


def test_it_is_an_incident_until_it_is_recorded_again(store: Store, clock: FakeClock) -> None:
    """One of the camera's own, with its cause."""
    watched = Watched()
    for facts, active in ((watched.look(WITHIN_S), True), (watched.look(writes=True), False)):
        found = told(facts)
        with store.transaction() as conn:
            events.write(conn, found, triage=False)
            triage.take(conn, clock, found, AlarmsConfig())
            (incident,) = incidents.listing(conn, ["city"])[0]
        assert (incident.kind, incident.source_id, incident.active) == (EventKind.RECORDING_LOST, "gate", active)


def test_no_gap_stays_unexplained(store: Store) -> None:
    """When a worker takes a camera, gaps of unknown cause get one, open or not; those of others stay."""
    unknown = replace(gap(0), cause=GapCause.UNKNOWN)
    with store.transaction() as conn:
        for number, ended in ((0, True), (60, False)):
            opened = replace(unknown, started_at=gap(number).started_at)
            gaps.open_gap(
                conn,
                source_kind=SourceKind.CAMERA,
                source_id="gate",
                area="city",
                started_at=opened.started_at,
                cause=opened.cause,
            )
            if ended:
                gaps.close_gap(
                    conn, source_kind=SourceKind.CAMERA, source_id="gate", ended_at=gap(number + 1).started_at
                )
        assert gaps.explain(conn, SourceKind.CAMERA, ["square"], "x") == 0
        assert gaps.explain(conn, SourceKind.CAMERA, ["gate"], "nobody said") == 2
        assert gaps.open_causes(conn, SourceKind.CAMERA) == {"gate": GapCause.INGEST_ERROR}
