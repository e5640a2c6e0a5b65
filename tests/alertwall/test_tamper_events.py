"""A fault of a camera's picture on the wall: a condition that stands until its end is told."""

from datetime import UTC, datetime

import pytest

from alarms import triage
from alertwall.worker import event_of
from configs.parts import AlarmsConfig
from models.camera import Camera
from models.event import EventKind
from models.rule import Rule, RuleKind
from models.store.pool import Store
from tests.alertwall.worker_bench import Found
from tests.support.clock import FakeClock

AT = datetime(2026, 1, 1, tzinfo=UTC)
RULE = Rule(id=4, version=1, camera_id="gate", name="tamper", kind=RuleKind.TAMPER, points=())


def found(*, ends: bool = False, at: datetime = AT) -> Found:
    return Found("gate", at, RULE, label="covered", track_id=None, ends=ends, jpeg=b"")


@pytest.mark.parametrize("ends", [False, True])
def test_the_end_restores_what_the_beginning_told(ends: bool, camera: Camera) -> None:
    """The end is a restore of that kind and of that rule; both ids stay what they are."""
    event = event_of(found(ends=ends), camera, AT)
    assert event.kind is (EventKind.RESTORE if ends else EventKind.CAMERA_TAMPER)
    assert (event.attrs["point"], event.track_id, event.label) == ("rule 4", None, "covered")
    assert event.attrs.get("restores") == ("camera_tamper" if ends else None)
    assert event.id == event_of(found(ends=ends), camera, AT).id
    assert event.id != event_of(found(ends=not ends), camera, AT).id
