"""Registration of alarm units."""

import math
import secrets
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Header, Query, Response

from alarms.broker import hash_secret
from dashboard_api import policy as who
from dashboard_api.context import Context, Here
from dashboard_api.gate import load_for, narrowed, require_area
from dashboard_api.paging import PAGE_DEFAULT, Cursor, Limit, opaque, plain
from dashboard_api.policy import Access, Allowed, policy
from dashboard_api.preconditions import check_version, hold, tag
from dashboard_api.refusals import StaleVersion
from dashboard_api.routes import router
from dashboard_api.schemas.units import UnitChange, UnitCreate, UnitItem, UnitList, UnitSecret
from dashboard_api.shapes import unit_item
from models.errors import BadInput, Conflict
from models.store import audit, feed, units
from models.unit import Unit, UnitState
from models.wire import instant

routes = router("units")

SILENT_AFTER_BEATS = 2.5


@routes.get("/units", response_model=UnitList)
@policy(who.EVERYBODY, noun="units")
def list_units(
    here: Here,
    access: Allowed,
    area: Annotated[str | None, Query(max_length=200)] = None,
    cursor: Cursor = None,
    limit: Limit = PAGE_DEFAULT,
) -> dict[str, Any]:
    """List alarm units by id, each with what it was last heard to be."""
    with here.store.transaction() as conn:
        found, following = units.listing(conn, narrowed(access.login, area), cursor=plain(cursor), limit=limit)
    return {"items": [unit_item(unit, state) for unit, state in found], "next_cursor": opaque(following)}


@routes.post("/units", status_code=201, response_model=UnitSecret)
@policy(who.ENGINEERS, noun="units")
def create_unit(here: Here, response: Response, access: Allowed, body: UnitCreate) -> dict[str, Any]:
    """Register a unit; its secret is shown this once."""
    require_area(access.login, body.area)
    limit_s = body.silence_limit_s or math.ceil(body.heartbeat_s * SILENT_AFTER_BEATS)
    _check_limit(body.heartbeat_s, limit_s)
    secret = _new_secret()
    mqtt = _mqtt(here, body.id)
    with here.store.transaction() as conn:
        _check_cameras(conn, access, body.cameras)
        unit = units.create(
            conn,
            Unit(
                id=body.id,
                name=body.name,
                area=body.area,
                place=body.place,
                lat=body.lat,
                lon=body.lon,
                heartbeat_s=body.heartbeat_s,
                silence_limit_s=limit_s,
                enabled=body.enabled,
                cameras=tuple(body.cameras),
            ),
            broker_hash=hash_secret(secret),
        )
        state = _told(conn, unit)
        _note(conn, access, "unit.create", unit, body.model_dump(mode="json"))
    response.headers["Location"] = f"/api/v1/units/{unit.id}"
    tag(response, unit)
    return {"unit": unit_item(unit, state), "secret": secret, "mqtt": mqtt}


@routes.get("/units/{unit_id}", response_model=UnitItem)
@policy(who.EVERYBODY, noun="units", object="unit")
def get_unit(here: Here, response: Response, unit_id: str, access: Allowed) -> dict[str, Any]:
    """Return one unit; ETag is its version."""
    with here.store.transaction() as conn:
        state = units.states(conn, [unit_id]).get(unit_id)
    tag(response, access.thing)
    return unit_item(access.thing, state)


@routes.patch("/units/{unit_id}", response_model=UnitItem)
@policy(who.ENGINEERS, noun="units", object="unit")
def change_unit(
    here: Here,
    response: Response,
    unit_id: str,
    access: Allowed,
    body: UnitChange,
    if_match: Annotated[str | None, Header()] = None,
) -> dict[str, Any]:
    """Change a unit; with If-Match, 412 when somebody else changed it."""
    unit: Unit = access.thing
    version = check_version(if_match, unit, required=False)
    said = body.model_dump(exclude_unset=True)
    changes = {name: value for name, value in said.items() if value is not None or name in ("lat", "lon")}
    if "area" in changes:
        require_area(access.login, changes["area"])
    _check_limit(changes.get("heartbeat_s", unit.heartbeat_s), changes.get("silence_limit_s", unit.silence_limit_s))
    with here.store.transaction() as conn:
        _check_cameras(conn, access, changes.get("cameras", []))
        try:
            changed = units.update(conn, unit_id, changes, expected_version=version)
        except Conflict as raced:
            raise StaleVersion(str(raced)) from raced
        state = _told(conn, changed, was_in=unit.area)
        _note(conn, access, "unit.change", changed, body.model_dump(mode="json", exclude_unset=True))
    tag(response, changed)
    return unit_item(changed, state)


@routes.delete("/units/{unit_id}", status_code=204)
@policy(who.ENGINEERS, noun="units", object="unit")
def retire_unit(here: Here, unit_id: str, access: Allowed, if_match: Annotated[str | None, Header()] = None) -> None:
    """End a unit's registration; its messages and events stay."""
    with here.store.transaction() as conn:
        hold(conn, "unit", unit_id, if_match)
        retired = units.retire(conn, unit_id, at=here.clock.utc_now())
        _told(conn, retired)
        _note(conn, access, "unit.retire", retired, {})


@routes.post("/units/{unit_id}/secret", response_model=UnitSecret)
@policy(who.ENGINEERS, noun="units", object="unit")
def renew_secret(here: Here, unit_id: str, access: Allowed) -> dict[str, Any]:
    """Give a unit a new secret; the old one ends within seconds."""
    secret = _new_secret()
    mqtt = _mqtt(here, unit_id)
    with here.store.transaction() as conn:
        units.set_broker_hash(conn, unit_id, hash_secret(secret))
        unit = units.get(conn, unit_id)
        assert unit is not None
        state = units.states(conn, [unit_id]).get(unit_id)
        _note(conn, access, "unit.secret", unit, {})
    return {"unit": unit_item(unit, state), "secret": secret, "mqtt": mqtt}


def _new_secret() -> str:
    return secrets.token_urlsafe(24)


def _mqtt(here: Context, unit_id: str) -> dict[str, Any]:
    link = here.site.broker_link
    return {"host": link.host, "port": link.port, "username": unit_id}


def _check_limit(heartbeat_s: int, silence_limit_s: int) -> None:
    if silence_limit_s < heartbeat_s:
        raise BadInput("silence_limit_s", f"at least the heartbeat, {heartbeat_s} s")


def _check_cameras(conn: Any, access: Access, camera_ids: list[str]) -> None:
    """Refuse links to cameras that the engineer does not see: they would show on the unit's incidents."""
    for camera_id in camera_ids:
        load_for(conn, access.login, "camera", camera_id)


def _told(conn: Any, unit: Unit, *, was_in: str | None = None) -> UnitState | None:
    """Tell walls of a registration; those that only saw the area it ``was_in`` hear that it is gone."""
    state = units.states(conn, [unit.id]).get(unit.id)
    if was_in is not None and was_in != unit.area:
        gone = {"id": unit.id, "retired_at": instant(datetime.now(UTC))}
        feed.append(conn, area=was_in, kind="unit", ref=unit.id, body=gone)
    body = unit_item(unit, state)
    if unit.retired_at is not None:
        body["retired_at"] = instant(unit.retired_at)
    feed.append(conn, area=unit.area, kind="unit", ref=unit.id, body=body)
    return state


def _note(conn: Any, access: Access, action: str, unit: Unit, detail: dict[str, Any]) -> None:
    audit.append(
        conn,
        actor=access.login.username,
        action=action,
        object=f"unit:{unit.id}",
        area=unit.area,
        detail=detail,
    )
