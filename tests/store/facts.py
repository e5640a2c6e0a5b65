"""Records for store tests."""

from datetime import timedelta
from typing import Any

from models.event import Event, EventKind, Priority, SourceKind, event_id
from models.unit import AlarmMessage, MessageKind
from tests.support.clock import FakeClock


def an_event(clock: FakeClock, number: int, *, after_s: float | None = None, **changed: Any) -> Event:
    """Return one of many facts, a second apart unless told otherwise."""
    facts: dict[str, Any] = {
        "id": event_id("gate", number),
        "time": clock.utc_now() + timedelta(seconds=number if after_s is None else after_s),
        "received_at": clock.utc_now(),
        "area": "city.north.street",
        "kind": EventKind.INTRUSION,
        "source_kind": SourceKind.CAMERA,
        "source_id": "gate",
        "priority": Priority.ALARM,
        "box_px": (1, 2, 30, 40),
        "attrs": {"n": number},
    }
    return Event(**{**facts, **changed})


def a_message(clock: FakeClock, seq: int, **changed: Any) -> AlarmMessage:
    facts: dict[str, Any] = {
        "unit_id": "U000001",
        "boot_id": "b1",
        "seq": seq,
        "kind": MessageKind.ALARM,
        "code": "130",
        "device_time": clock.utc_now(),
        "received_at": clock.utc_now(),
        "corrected_time": clock.utc_now(),
        "payload": {"seq": seq},
    }
    return AlarmMessage(**{**facts, **changed})
