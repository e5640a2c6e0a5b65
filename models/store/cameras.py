"""Cameras in the store: registration, what their links last reported, and their rules.

The password goes in and out only through a `SecretBox`; records never hold it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from psycopg import Connection
from psycopg.errors import UniqueViolation
from psycopg.sql import SQL

from models.camera import (
    Camera,
    CameraSource,
    CameraState,
    LinkState,
    RecordMode,
    Scheme,
    Transport,
)
from models.errors import Conflict, NotFound
from models.rule import Direction, Rule, RuleKind, Window
from models.store import areas as area_store
from models.store import feed
from models.store.json_column import Jsonb
from models.store.secrets import SecretBox
from models.wire import camera_state_json, instant, schedule_json

_CAMERA = SQL(
    "id, name, area, place, scheme, host, port, path, transport, username, sub_path, lat, lon, enabled, record,"
    " retention_days, password_enc IS NOT NULL, row_version, created_at, retired_at, onvif_port, onvif_events,"
    " record_mode, record_pre_s, record_post_s, min_retention_days, masks"
)
_STATE = SQL(
    "camera_id, worker_id, state, reason, since, updated_at, last_frame_at, fps, bitrate_kbps, width_px, height_px,"
    " codec, frames_total, frames_lost_total, recording"
)
_RULE = SQL("id, version, camera_id, name, kind, body, enabled, created_at, created_by")

_LISTING = SQL("SELECT {} FROM camera WHERE %s OR retired_at IS NULL ORDER BY id").format(_CAMERA)
_PAGE = SQL("SELECT {} FROM camera WHERE retired_at IS NULL AND {} AND id > %s ORDER BY id LIMIT %s").format(
    _CAMERA, area_store.inside()
)
_GET = SQL("SELECT {} FROM camera WHERE id = %s").format(_CAMERA)
_CREATE = SQL(
    "INSERT INTO camera (id, name, area, place, scheme, host, port, path, transport, username, sub_path, lat, lon,"
    " enabled, record, retention_days, onvif_port, onvif_events,"
    " record_mode, record_pre_s, record_post_s, min_retention_days, masks, password_enc)"
    " VALUES (%(id)s, %(name)s, %(area)s, %(place)s, %(scheme)s, %(host)s, %(port)s, %(path)s, %(transport)s,"
    " %(username)s, %(sub_path)s, %(lat)s, %(lon)s, %(enabled)s, %(record)s, %(retention_days)s,"
    " %(onvif_port)s, %(onvif_events)s,"
    " %(record_mode)s, %(record_pre_s)s, %(record_post_s)s, %(min_retention_days)s, %(masks)s, %(password_enc)s)"
    " RETURNING {}"
).format(_CAMERA)
_UPDATE = SQL(
    "UPDATE camera SET name = %(name)s, area = %(area)s, place = %(place)s, scheme = %(scheme)s, host = %(host)s,"
    " port = %(port)s, path = %(path)s, transport = %(transport)s, username = %(username)s, sub_path = %(sub_path)s,"
    " lat = %(lat)s, lon = %(lon)s, enabled = %(enabled)s, record = %(record)s, retention_days = %(retention_days)s,"
    " onvif_port = %(onvif_port)s, onvif_events = %(onvif_events)s, row_version = row_version + 1,"
    " record_mode = %(record_mode)s, record_pre_s = %(record_pre_s)s, record_post_s = %(record_post_s)s,"
    " min_retention_days = %(min_retention_days)s, masks = %(masks)s,"
    " password_enc = CASE WHEN %(drop)s THEN NULL ELSE coalesce(%(password_enc)s::bytea, password_enc) END"
    " WHERE id = %(id)s AND retired_at IS NULL AND (%(expected)s::integer IS NULL OR row_version = %(expected)s)"
    " RETURNING {}"
).format(_CAMERA)
_RETIRE = SQL(
    "UPDATE camera SET retired_at = %s, enabled = false, password_enc = NULL, publish_hash = NULL,"
    " row_version = row_version + 1"
    " WHERE id = %s AND retired_at IS NULL RETURNING {}"
).format(_CAMERA)
_WRITE_STATE = SQL(
    "WITH old AS (SELECT state, reason, recording FROM camera_state WHERE camera_id = %(camera_id)s),"
    " new AS (INSERT INTO camera_state ({}) SELECT %(camera_id)s, %(worker_id)s, %(state)s, %(reason)s,"
    " %(since)s, %(updated_at)s, %(last_frame_at)s, %(fps)s, %(bitrate_kbps)s, %(width_px)s, %(height_px)s,"
    " %(codec)s, %(frames_total)s, %(frames_lost_total)s, %(recording)s"
    " FROM camera WHERE id = %(camera_id)s AND retired_at IS NULL"
    " ON CONFLICT (camera_id) DO UPDATE SET worker_id = excluded.worker_id, state = excluded.state,"
    " reason = excluded.reason, since = excluded.since, updated_at = excluded.updated_at,"
    " last_frame_at = excluded.last_frame_at, fps = excluded.fps, bitrate_kbps = excluded.bitrate_kbps,"
    " width_px = excluded.width_px, height_px = excluded.height_px, codec = excluded.codec,"
    " frames_total = excluded.frames_total, frames_lost_total = excluded.frames_lost_total,"
    " recording = excluded.recording RETURNING 1)"
    " SELECT camera.area, old.state, old.reason, old.recording"
    " FROM new CROSS JOIN camera LEFT JOIN old ON true WHERE camera.id = %(camera_id)s"
).format(_STATE)
_STATES = SQL("SELECT {} FROM camera_state WHERE %s::text[] IS NULL OR camera_id = ANY(%s)").format(_STATE)
_RULES = SQL(
    "SELECT {} FROM rule WHERE current AND (%s::text IS NULL OR camera_id = %s) ORDER BY camera_id, id"
).format(_RULE)
_RULE_VERSION = SQL(
    "SELECT {} FROM rule WHERE id = %s AND (%s::integer IS NULL OR version = %s) ORDER BY version DESC LIMIT 1"
).format(_RULE)
_NEW_RULE = SQL(
    "INSERT INTO rule (id, version, camera_id, name, kind, body, enabled, created_by)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING {}"
).format(_RULE)
_END_RULE = SQL("UPDATE rule SET current = false WHERE id = %s AND camera_id = %s AND current RETURNING {}").format(
    _RULE
)


def listing(conn: Connection[Any], *, include_retired: bool = False) -> list[Camera]:
    """Return every camera by id; what a worker reads."""
    rows = conn.execute(_LISTING, (include_retired,)).fetchall()
    return [_camera(row) for row in rows]


def page(conn: Connection[Any], areas: Sequence[str], *, after: str = "", limit: int = 200) -> list[Camera]:
    """Return cameras of these areas by id, from behind ``after`` on."""
    rows = conn.execute(_PAGE, (list(areas), after, limit)).fetchall()
    return [_camera(row) for row in rows]


def get(conn: Connection[Any], camera_id: str) -> Camera | None:
    """Return a camera, retired ones included (their past stays on the timeline)."""
    row = conn.execute(_GET, (camera_id,)).fetchone()
    return _camera(row) if row else None


def create(conn: Connection[Any], camera: Camera, password_enc: bytes | None) -> Camera:
    """Register a camera; `Conflict` when the id is taken, also by a retired one."""
    try:
        with conn.transaction():
            row = conn.execute(_CREATE, {**_columns(camera), "password_enc": password_enc}).fetchone()
    except UniqueViolation as taken:
        raise Conflict(f"there is, or was, a camera {camera.id}") from taken
    assert row is not None
    created = _camera(row)
    _tell(conn, created)
    return created


def update(
    conn: Connection[Any],
    camera: Camera,
    *,
    password_enc: bytes | None = None,
    drop_password: bool = False,
    expected_version: int | None = None,
) -> Camera:
    """Write all fields of a registered camera; a password of None leaves it as it is.

    `Conflict` when the row is no longer ``expected_version``.
    """
    before = conn.execute("SELECT area FROM camera WHERE id = %s FOR UPDATE", (camera.id,)).fetchone()
    row = conn.execute(
        _UPDATE,
        {**_columns(camera), "password_enc": password_enc, "drop": drop_password, "expected": expected_version},
    ).fetchone()
    if row is None:
        _why_missing(conn, camera.id)
    updated = _camera(row)
    _tell(conn, updated, was_in=before[0] if before else None)
    return updated


def retire(conn: Connection[Any], camera_id: str, at: datetime) -> Camera:
    """End a camera's registration; its events and recordings stay, its links to units and rules end."""
    row = conn.execute(_RETIRE, (at, camera_id)).fetchone()
    if row is None:
        raise NotFound("camera", camera_id)
    conn.execute("DELETE FROM unit_camera WHERE camera_id = %s", (camera_id,))
    conn.execute("UPDATE rule SET current = false WHERE camera_id = %s AND current", (camera_id,))
    conn.execute("DELETE FROM camera_state WHERE camera_id = %s", (camera_id,))
    retired = _camera(row)
    _tell(conn, retired)
    return retired


def names(conn: Connection[Any], camera_ids: Iterable[str]) -> dict[str, str]:
    """Return id to name, retired cameras included."""
    return dict(conn.execute("SELECT id, name FROM camera WHERE id = ANY(%s)", (list(set(camera_ids)),)).fetchall())


# ── passwords ──────────────────────────────────────────────────────────────────────────────────────


def seal(box: SecretBox, camera_id: str, password: str) -> bytes | None:
    """Encrypt a camera's password so that it opens only for this camera; None for an empty one."""
    return box.encrypt(password, bound_to=_bound_to(camera_id)) if password else None


def password(conn: Connection[Any], camera_id: str, box: SecretBox) -> str:
    """Return the camera's password, empty when it has none. Only a worker asks."""
    row = conn.execute("SELECT password_enc FROM camera WHERE id = %s", (camera_id,)).fetchone()
    if row is None:
        raise NotFound("camera", camera_id)
    return box.decrypt(bytes(row[0]), bound_to=_bound_to(camera_id)) if row[0] is not None else ""


def _bound_to(camera_id: str) -> str:
    return f"camera:{camera_id}:password"


# ── what the links report ──────────────────────────────────────────────────────────────────────────


def write_states(conn: Connection[Any], states: Sequence[CameraState]) -> list[str]:
    """Keep what links report; walls hear of those whose state or reason changed, whose ids are returned."""
    told: list[str] = []
    for state in states:
        row = conn.execute(_WRITE_STATE, _state_params(state)).fetchone()
        if row is None:  # retired meanwhile
            continue
        area, *before = row
        if before != [state.state, state.reason, state.recording]:
            feed.append(conn, area=area, kind="camera", ref=state.camera_id, body=camera_state_json(state))
            told.append(state.camera_id)
    return told


def states(conn: Connection[Any], camera_ids: Sequence[str] | None = None) -> dict[str, CameraState]:
    """Return what each camera's link last reported, by camera id."""
    ids = list(camera_ids) if camera_ids is not None else None
    rows = conn.execute(_STATES, (ids, ids)).fetchall()
    return {row[0]: _state(row) for row in rows}


# ── rules ──────────────────────────────────────────────────────────────────────────────────────────


def rules(conn: Connection[Any], camera_id: str | None = None) -> list[Rule]:
    """Return the rules that stand now, enabled or not, of one camera or of all."""
    rows = conn.execute(_RULES, (camera_id, camera_id)).fetchall()
    return [_rule(row) for row in rows]


def rule(conn: Connection[Any], rule_id: int, version: int | None = None) -> Rule | None:
    """Return one version of a rule, the newest without ``version``; removed rules stay readable."""
    row = conn.execute(_RULE_VERSION, (rule_id, version, version)).fetchone()
    return _rule(row) if row else None


def put_rule(conn: Connection[Any], new: Rule) -> Rule:
    """Store ``new`` as the next version of its id, or under a new id when its id is 0."""
    conn.execute("SELECT pg_advisory_xact_lock(hashtext('alertwall rule ' || %s))", (new.camera_id,))
    if new.id == 0:
        made = conn.execute("SELECT nextval('rule_id_seq')::integer").fetchone()
        assert made is not None
        new = replace(new, id=made[0], version=1)
    else:
        old = conn.execute(
            "UPDATE rule SET current = false WHERE id = %s AND camera_id = %s AND current RETURNING version",
            (new.id, new.camera_id),
        ).fetchone()
        if old is None:
            raise NotFound("rule", new.id)
        new = replace(new, version=old[0] + 1)
    row = conn.execute(
        _NEW_RULE,
        (new.id, new.version, new.camera_id, new.name, new.kind, Jsonb(_rule_body(new)), new.enabled, new.created_by),
    ).fetchone()
    assert row is not None
    return _rule(row)


def remove_rule(conn: Connection[Any], camera_id: str, rule_id: int) -> Rule:
    """End a rule; its versions stay, so that old events can still say why they fired."""
    row = conn.execute(_END_RULE, (rule_id, camera_id)).fetchone()
    if row is None:
        raise NotFound("rule", rule_id)
    return _rule(row)


# ── rows and records ───────────────────────────────────────────────────────────────────────────────


def registration_json(camera: Camera, state: CameraState | None) -> dict[str, Any]:
    """Return what everybody in its area may know of a camera: all but how it is reached."""
    return {
        "id": camera.id,
        "name": camera.name,
        "area": camera.area,
        "place": camera.place,
        "lat": camera.lat,
        "lon": camera.lon,
        "enabled": camera.enabled,
        "record": camera.record,
        "record_mode": camera.record_mode,
        "record_pre_s": camera.record_pre_s,
        "record_post_s": camera.record_post_s,
        "retention_days": camera.retention_days,
        "min_retention_days": camera.min_retention_days,
        "masks": masks_json(camera),
        "has_password": camera.has_password,
        "has_onvif": camera.onvif_port is not None,
        "onvif_events": camera.onvif_events,
        "row_version": camera.row_version,
        "state": camera_state_json(state) if state is not None else None,
    }


def masks_at(conn: Connection[Any], source: CameraSource) -> list[list[list[float]]]:
    """Return the masks of whatever cameras are registered at this address: a probe must not look behind them."""
    rows = conn.execute(
        "SELECT masks FROM camera WHERE retired_at IS NULL AND scheme = %s AND host = %s AND port = %s"
        " AND %s IN (path, sub_path)",
        (source.scheme, source.host, source.port, source.path),
    )
    return [polygon for (masks,) in rows for polygon in masks]


def masks_json(camera: Camera) -> list[list[list[float]]]:
    """Return the masks as JSON has them."""
    return [[list(point) for point in polygon] for polygon in camera.masks]


def _tell(conn: Connection[Any], camera: Camera, *, was_in: str | None = None) -> None:
    """Tell walls of a registration; those that only saw the area it ``was_in`` hear that it is gone."""
    if was_in is not None and was_in != camera.area:
        gone = {"id": camera.id, "retired_at": instant(datetime.now(UTC))}
        feed.append(conn, area=was_in, kind="camera", ref=camera.id, body=gone)
    body = registration_json(camera, states(conn, [camera.id]).get(camera.id))
    if camera.retired_at is not None:
        body["retired_at"] = instant(camera.retired_at)
    feed.append(conn, area=camera.area, kind="camera", ref=camera.id, body=body)


def _why_missing(conn: Connection[Any], camera_id: str) -> None:
    found = conn.execute("SELECT 1 FROM camera WHERE id = %s AND retired_at IS NULL", (camera_id,)).fetchone()
    if found is None:
        raise NotFound("camera", camera_id)
    raise Conflict(f"camera {camera_id} was changed meanwhile")


def _camera(row: Any) -> Camera:
    return Camera(
        id=row[0],
        name=row[1],
        area=row[2],
        place=row[3],
        source=CameraSource(
            scheme=Scheme(row[4]),
            host=row[5],
            port=row[6],
            path=row[7],
            transport=Transport(row[8]),
            username=row[9],
        ),
        sub_path=row[10],
        lat=row[11],
        lon=row[12],
        enabled=row[13],
        record=row[14],
        retention_days=row[15],
        has_password=row[16],
        row_version=row[17],
        created_at=row[18],
        retired_at=row[19],
        onvif_port=row[20],
        onvif_events=row[21],
        record_mode=RecordMode(row[22]),
        record_pre_s=row[23],
        record_post_s=row[24],
        min_retention_days=row[25],
        masks=tuple(tuple((x, y) for x, y in polygon) for polygon in row[26]),
    )


def _columns(camera: Camera) -> dict[str, Any]:
    source = camera.source
    return {
        "id": camera.id,
        "name": camera.name,
        "area": camera.area,
        "place": camera.place,
        "scheme": source.scheme,
        "host": source.host,
        "port": source.port,
        "path": source.path,
        "transport": source.transport,
        "username": source.username,
        "sub_path": camera.sub_path,
        "lat": camera.lat,
        "lon": camera.lon,
        "enabled": camera.enabled,
        "record": camera.record,
        "retention_days": camera.retention_days,
        "onvif_port": camera.onvif_port,
        "onvif_events": camera.onvif_events,
        "record_mode": camera.record_mode,
        "record_pre_s": camera.record_pre_s,
        "record_post_s": camera.record_post_s,
        "min_retention_days": camera.min_retention_days,
        "masks": Jsonb(masks_json(camera)),
    }


def _state(row: Any) -> CameraState:
    return CameraState(
        camera_id=row[0],
        worker_id=row[1],
        state=LinkState(row[2]),
        reason=row[3],
        since=row[4],
        updated_at=row[5],
        last_frame_at=row[6],
        fps=row[7],
        bitrate_kbps=row[8],
        width_px=row[9],
        height_px=row[10],
        codec=row[11],
        frames_total=row[12],
        frames_lost_total=row[13],
        recording=row[14],
    )


def _state_params(state: CameraState) -> dict[str, Any]:
    return {name: getattr(state, name) for name in CameraState.__slots__}


def _rule_body(rule: Rule) -> dict[str, Any]:
    return {
        "points": [list(point) for point in rule.points],
        "labels": list(rule.labels),
        "direction": rule.direction,
        "confirm_frames": rule.confirm_frames,
        "cool_down_s": rule.cool_down_s,
        "min_score": rule.min_score,
        "params": dict(rule.params),
        "schedule": schedule_json(rule.schedule),
    }


def _rule(row: Any) -> Rule:
    body = row[5]
    return Rule(
        id=row[0],
        version=row[1],
        camera_id=row[2],
        name=row[3],
        kind=RuleKind(row[4]),
        points=tuple((x, y) for x, y in body["points"]),
        labels=tuple(body["labels"]),
        direction=Direction(body["direction"]),
        confirm_frames=body["confirm_frames"],
        cool_down_s=body["cool_down_s"],
        min_score=body["min_score"],
        params=body["params"],
        schedule=tuple(
            Window(days=tuple(one["days"]), start=one["start"], end=one["end"]) for one in body.get("schedule", ())
        ),
        enabled=row[6],
        created_at=row[7],
        created_by=row[8],
    )
