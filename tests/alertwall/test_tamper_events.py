"""A fault of a camera's picture on the wall: a condition that stands until its end is told."""

from datetime import UTC, datetime, timedelta

import pytest

from alarms import triage
from alertwall.worker import event_of
from configs.parts import AlarmsConfig
from models.event import EventKind
from models.rule import Rule, RuleKind
from models.store import events
from models.store.pool import Store
from tests.alertwall.test_camera_watch import CAMERA
from tests.alertwall.worker_bench import Found
from tests.support.clock import FakeClock

AT = datetime(2026, 1, 1, tzinfo=UTC)
RULE = Rule(id=4, version=1, camera_id=CAMERA.id, name="tamper", kind=RuleKind.TAMPER, points=())


def found(*, ends: bool = False, at: datetime = AT) -> Found:
    return Found(CAMERA.id, at, RULE, label="covered", track_id=None, ends=ends, jpeg=b"")


@pytest.mark.parametrize("ends", [False, True])
def test_the_end_restores_what_the_beginning_told(ends: bool) -> None:
    """The end is a restore of that kind and of that rule; both have ids of their own, which they keep."""
    event = event_of(found(ends=ends), CAMERA, AT)
    assert event.kind is (EventKind.RESTORE if ends else EventKind.CAMERA_TAMPER)
    assert (event.attrs["point"], event.track_id, event.label) == ("rule 4", None, "covered")
    assert event.attrs.get("restores") == ("camera_tamper" if ends else None)
    assert event.id == event_of(found(ends=ends), CAMERA, AT).id
    other = found(ends=not ends, at=AT + timedelta(seconds=5))
    assert event.id != event_of(other, CAMERA, AT).id


def test_the_incident_returns_to_normal(store: Store, clock: FakeClock) -> None:
    """While the fault stands its incident is active; its end is noted there and opens nothing."""
    now = clock.utc_now()
    for ends in (False, True):
        event = event_of(found(ends=ends, at=now + timedelta(seconds=20 * ends)), CAMERA, now)
        with store.transaction() as conn:
            events.write(conn, [event])
            opened = triage.take(conn, clock, [event], AlarmsConfig())
            [(active,)] = conn.execute("SELECT active FROM incident").fetchall()
        assert (len(opened), active) == (int(not ends), not ends)
