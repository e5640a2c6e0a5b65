"""Records as JSON: the shapes that the API answers with and the feed carries."""

from collections.abc import Iterable
from dataclasses import fields
from datetime import UTC, datetime
from enum import Enum
from types import NoneType
from typing import Any
from uuid import UUID

from models.camera import CameraState
from models.event import Event
from models.incident import Incident, IncidentEntry
from models.patrol import Assignment, Patrol
from models.rule import Window
from models.unit import UnitState

_PLAIN = frozenset({str, int, float, bool, NoneType})


def instant(at: datetime | None) -> str | None:
    """RFC 3339 in UTC with milliseconds and a Z."""
    if at is None:
        return None
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def schedule_json(schedule: Iterable[Window]) -> list[dict[str, Any]]:
    """Return when a rule is in force, as stored and as answered."""
    return [{"days": list(window.days), "start": window.start, "end": window.end} for window in schedule]


def plain(value: Any) -> Any:
    """Return ``value`` in JSON's own types."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return instant(value)
    return str(value) if isinstance(value, UUID) else value


EVIDENCE = "evidence"
"""What an event can be judged by again: some ten kilobytes, asked for with its why and never sent in lists."""


def _record(record: Any, *, without: tuple[str, ...] = ()) -> dict[str, Any]:
    return {field.name: plain(getattr(record, field.name)) for field in fields(record) if field.name not in without}


def event_json(event: Event) -> dict[str, Any]:
    """Return what viewers see of an event; written out by hand, since every event of a site passes here."""
    return {
        "id": str(event.id),
        "time": instant(event.time),
        "received_at": instant(event.received_at),
        "device_time": instant(event.device_time),
        "area": event.area,
        "kind": event.kind.value,
        "source_kind": event.source_kind.value,
        "source_id": event.source_id,
        "priority": event.priority.value,
        "label": event.label,
        "score": event.score,
        "track_id": event.track_id,
        "rule_id": event.rule_id,
        "rule_version": event.rule_version,
        "box_px": None if event.box_px is None else list(event.box_px),
        "has_snapshot": event.snapshot is not None,
        "attrs": {name: plain(value) for name, value in event.attrs.items() if name != EVIDENCE},
    }


def incident_json(incident: Incident) -> dict[str, Any]:
    """Return what viewers see of an incident; by hand for the same reason: a city's alarms come at once."""
    return {
        "id": incident.id,
        "area": incident.area,
        "place": incident.place,
        "kind": incident.kind.value,
        "priority": incident.priority.value,
        "state": incident.state.value,
        "source_kind": incident.source_kind.value,
        "source_id": incident.source_id,
        "opened_at": instant(incident.opened_at),
        "last_event_at": instant(incident.last_event_at),
        "event_count": incident.event_count,
        "owner": incident.owner,
        "claimed_at": instant(incident.claimed_at),
        "closed_at": instant(incident.closed_at),
        "disposition": None if incident.disposition is None else incident.disposition.value,
        "active": incident.active,
        "row_version": incident.row_version,
        "lat": incident.lat,
        "lon": incident.lon,
        "cameras": list(incident.cameras),
        "source_name": incident.source_name,
        "standing": list(incident.standing),
    }


def entry_json(entry: IncidentEntry) -> dict[str, Any]:
    return _record(entry, without=("incident_id",))


def unit_state_json(state: UnitState) -> dict[str, Any]:
    return {
        "id": state.unit_id,
        "conn": state.conn.value,
        "arm": state.arm.value,
        "boot_id": state.boot_id,
        "connect_count": state.connect_count,
        "last_seq": state.last_seq,
        "last_heard_at": instant(state.last_heard_at),
        "silent_since": instant(state.silent_since),
        "battery_percent": state.battery_percent,
        "mains": state.mains,
        "rssi_dbm": state.rssi_dbm,
        "skew_s": state.skew_s,
        "points_open": list(state.points_open),
        "info": plain(state.info),
    }


def camera_state_json(state: CameraState) -> dict[str, Any]:
    body = _record(state, without=("camera_id", "worker_id"))
    return {"id": state.camera_id, **body}


def patrol_json(patrol: Patrol) -> dict[str, Any]:
    return _record(patrol, without=("created_at", "retired_at"))


def assignment_json(assignment: Assignment) -> dict[str, Any]:
    return _record(assignment)
