"""From records to the JSON that routes answer with; names of sources and incidents of events are looked up here."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from psycopg import Connection

from models.area import any_covers
from models.camera import Camera, CameraState
from models.event import Event, SourceKind
from models.patrol import Assignment
from models.rule import Rule
from models.store import cameras, incidents, units
from models.unit import Unit, UnitState
from models.user import Login, Role, User
from models.wire import assignment_json, event_json, instant, plain, schedule_json, unit_state_json

SEES_SOURCES = frozenset({Role.ENGINEER, Role.ADMIN})


def camera_item(camera: Camera, state: CameraState | None, login: Login) -> dict[str, Any]:
    """Return a camera; how it is reached only for those who register cameras."""
    source = camera.source
    shown = {
        "scheme": source.scheme,
        "host": source.host,
        "port": source.port,
        "path": source.path,
        "transport": source.transport,
        "username": source.username,
    }
    technical = login.role in SEES_SOURCES
    return {
        **cameras.registration_json(camera, state),
        "source": shown if technical else None,
        "sub_path": camera.sub_path if technical else None,
        "onvif_port": camera.onvif_port if technical else None,
    }


def rule_item(rule: Rule) -> dict[str, Any]:
    """Return a rule."""
    return {
        "id": rule.id,
        "version": rule.version,
        "camera_id": rule.camera_id,
        "name": rule.name,
        "kind": rule.kind,
        "points": [list(point) for point in rule.points],
        "labels": list(rule.labels),
        "direction": rule.direction,
        "confirm_frames": rule.confirm_frames,
        "cool_down_s": rule.cool_down_s,
        "min_score": rule.min_score,
        "params": dict(rule.params),
        "schedule": schedule_json(rule.schedule),
        "enabled": rule.enabled,
        "created_at": instant(rule.created_at),
        "created_by": rule.created_by,
    }


def unit_item(unit: Unit, state: UnitState | None) -> dict[str, Any]:
    """Return a unit with what it was last heard to be."""
    return {
        "id": unit.id,
        "name": unit.name,
        "area": unit.area,
        "place": unit.place,
        "lat": unit.lat,
        "lon": unit.lon,
        "heartbeat_s": unit.heartbeat_s,
        "silence_limit_s": unit.silence_limit_s,
        "enabled": unit.enabled,
        "cameras": list(unit.cameras),
        "row_version": unit.row_version,
        "state": unit_state_json(state) if state is not None else None,
    }


def user_item(user: User) -> dict[str, Any]:
    """Return an account."""
    return {
        "username": user.username,
        "display_name": user.display_name,
        "role": user.role,
        "areas": list(user.areas),
        "language": user.language,
        "disabled": user.disabled,
        "row_version": user.row_version,
        "created_at": instant(user.created_at),
    }


def event_items(conn: Connection[Any], found: Sequence[Event]) -> list[dict[str, Any]]:
    """Return events, each with its source's name and its incident."""
    names = source_names(conn, ((event.source_kind, event.source_id) for event in found))
    joined = incidents_of(conn, [event.id for event in found])
    return [
        {
            **event_json(event),
            "source_name": names.get((event.source_kind, event.source_id), event.source_id),
            "incident_id": joined.get(event.id),
        }
        for event in found
    ]


def source_names(conn: Connection[Any], sources: Iterable[tuple[SourceKind, str]]) -> dict[tuple[SourceKind, str], str]:
    """Return the names of cameras and units; alertwall's own parts are called by their id."""
    wanted = set(sources)
    camera_ids = [id for kind, id in wanted if kind is SourceKind.CAMERA]
    unit_ids = [id for kind, id in wanted if kind is SourceKind.UNIT]
    found: dict[tuple[SourceKind, str], str] = {}
    if camera_ids:
        found.update({(SourceKind.CAMERA, id): name for id, name in cameras.names(conn, camera_ids).items()})
    if unit_ids:
        rows = conn.execute("SELECT id, name FROM unit WHERE id = ANY(%s)", (unit_ids,)).fetchall()
        found.update({(SourceKind.UNIT, id): name for id, name in rows})
    return found


def incidents_of(conn: Connection[Any], event_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Return which incident each event belongs to."""
    if not event_ids:
        return {}
    return dict(
        conn.execute(
            "SELECT event_id, incident_id FROM incident_event WHERE event_id = ANY(%s)", (list(event_ids),)
        ).fetchall()
    )


def unit_of(conn: Connection[Any], unit_id: str, areas: Sequence[str]) -> dict[str, Any] | None:
    """Return a unit as a shape by its id, if it lies in ``areas``: it may have moved since."""
    unit = units.get(conn, unit_id)
    if unit is None or not any_covers(areas, unit.area):
        return None
    return unit_item(unit, units.states(conn, [unit_id]).get(unit_id))


def patrol_assignments(conn: Connection[Any], found: Sequence[Assignment]) -> list[dict[str, Any]]:
    """Return assignments as a patrol sees them: with what it must know of the incident, and no more."""
    known = {incident.id: incident for incident in incidents.get_many(conn, list({one.incident_id for one in found}))}
    shown = ("id", "area", "place", "kind", "priority", "state", "source_name", "opened_at", "active", "lat", "lon")
    return [
        {
            **assignment_json(one),
            "incident": {name: plain(getattr(known[one.incident_id], name)) for name in shown},
        }
        for one in found
        if one.incident_id in known
    ]
