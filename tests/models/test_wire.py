"""Records as JSON: the same shapes for the API and the feed, in JSON's own types."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from models import wire
from models.camera import CameraState, LinkState
from models.event import Event, EventKind, Priority, SourceKind, event_id
from models.incident import Incident, IncidentState
from models.patrol import Patrol, PatrolState
from models.unit import ArmState, ConnState, UnitState

AT = datetime(2026, 1, 2, 3, 4, 5, 678_900, tzinfo=UTC)


def test_times_are_utc_with_milliseconds() -> None:
    """RFC 3339 with a Z, whatever zone they came in."""
    assert wire.instant(AT) == "2026-01-02T03:04:05.678Z"
    assert wire.instant(AT.astimezone(timezone(timedelta(hours=8)))) == "2026-01-02T03:04:05.678Z"
    assert wire.instant(AT.replace(microsecond=0)) == "2026-01-02T03:04:05.000Z"
    assert wire.instant(None) is None


def test_an_event_hides_where_its_picture_lies() -> None:
    """Every other field is there under its own name."""
    event = Event(
        id=event_id("x"),
        time=AT,
        received_at=AT,
        area="city",
        kind=EventKind.INTRUSION,
        source_kind=SourceKind.CAMERA,
        source_id="gate",
        priority=Priority.ALARM,
        snapshot="snapshots/1.jpg",
        attrs={"track": [(0.5, 1)], "at": AT},
    )
    body = wire.event_json(event)
    assert set(body) == {field for field in Event.__dataclass_fields__ if field != "snapshot"} | {"has_snapshot"}
    assert (body["kind"], body["priority"], body["has_snapshot"]) == ("intrusion", 2, True)
    assert body["attrs"] == {"track": [[0.5, 1]], "at": "2026-01-02T03:04:05.678Z"}
    assert json.loads(json.dumps(body)) == body


def test_states_are_named_by_the_id_of_their_thing() -> None:
    """`id`, not `unit_id` or `camera_id`; which worker has a camera is nobody's business."""
    unit = wire.unit_state_json(
        UnitState(unit_id="U1", conn=ConnState.ONLINE, arm=ArmState.ARMED_AWAY, points_open=(3,))
    )
    assert (unit["id"], unit["conn"], unit["arm"], unit["points_open"]) == ("U1", "online", "armed_away", [3])
    hidden = {"unit_id", "loss_stage"}
    assert set(unit) == {field for field in UnitState.__dataclass_fields__ if field not in hidden} | {"id"}
    camera = wire.camera_state_json(
        CameraState(
            camera_id="gate", worker_id="worker-1", state=LinkState.STREAMING, reason="", since=AT, updated_at=AT
        )
    )
    assert (camera["id"], camera["state"]) == ("gate", "streaming")
    assert not {"camera_id", "worker_id"} & set(camera)
    patrol = wire.patrol_json(Patrol(id="p1", name="One", area="city", state=PatrolState.AVAILABLE))
    assert (patrol["id"], patrol["state"]) == ("p1", "available")


def test_an_incident_is_all_json() -> None:
    """Every field is there: enums as text, tuples as lists."""
    body = wire.incident_json(
        Incident(
            id=1,
            area="city",
            place="",
            kind=EventKind.PANIC,
            priority=Priority.LIFE_SAFETY,
            state=IncidentState.NEW,
            source_kind=SourceKind.UNIT,
            source_id="U1",
            opened_at=AT,
            last_event_at=AT,
            event_count=1,
            cameras=("gate",),
        )
    )
    assert set(body) == set(Incident.__dataclass_fields__)
    assert (body["kind"], body["priority"], body["cameras"]) == ("panic", 1, ["gate"])
    assert json.loads(json.dumps(body)) == body


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text() | st.uuids() | st.datetimes(timezones=st.just(UTC)),
        lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text() | st.integers(), inner),
    )
)
def test_plain_makes_json_of_what_records_hold(value: Any) -> None:
    """Whatever the nesting."""
    plain = wire.plain(value)
    assert json.loads(json.dumps(plain)) == plain
