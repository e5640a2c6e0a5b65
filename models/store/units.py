"""Alarm units: who is registered, and what each was last heard to be.

Registration belongs to engineers (the API), the state to the alarm core, which writes it in batches.
Callers write the audit row of a registration themselves: only they know who asked.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from psycopg import Connection, errors, sql

from models.errors import BadInput, Conflict, NotFound
from models.store.json_column import Jsonb
from models.unit import ArmState, ConnState, Unit, UnitState

WRITABLE = frozenset({"name", "area", "place", "lat", "lon", "heartbeat_s", "silence_limit_s", "enabled"})
"""What `update` may change, besides ``cameras``."""

_UNIT = sql.SQL("""
    u.id, u.name, u.area, u.place, u.lat, u.lon, u.heartbeat_s, u.silence_limit_s, u.enabled,
    ARRAY(SELECT camera_id FROM unit_camera WHERE unit_id = u.id ORDER BY camera_id),
    u.row_version, u.created_at, u.retired_at""")
_STATE = sql.SQL("""
    s.unit_id, s.conn, s.arm, s.boot_id, s.connect_count, s.last_seq, s.last_heard_at, s.silent_since,
    s.battery_percent, s.mains, s.rssi_dbm, s.skew_s, s.points_open, s.info, s.loss_stage""")
_GET = sql.SQL("SELECT {} FROM unit u WHERE u.id = %s").format(_UNIT).as_string()
_REGISTRY = sql.SQL("SELECT {} FROM unit u WHERE u.retired_at IS NULL").format(_UNIT).as_string()
_LISTING = (
    sql.SQL("""
    SELECT {}, {} FROM unit u LEFT JOIN unit_state s ON s.unit_id = u.id
    WHERE u.retired_at IS NULL
      AND EXISTS (SELECT 1 FROM unnest(%(areas)s::text[]) a WHERE u.area = a OR starts_with(u.area, a || '.'))
      AND (%(area)s::text IS NULL OR u.area = %(area)s OR starts_with(u.area, %(area)s || '.'))
      AND u.id > %(after)s
    ORDER BY u.id LIMIT %(limit)s""")
    .format(_UNIT, _STATE)
    .as_string()
)
_STATES = sql.SQL("SELECT {} FROM unit_state s WHERE s.unit_id = ANY(%s)").format(_STATE).as_string()
_ALL_STATES = sql.SQL("SELECT {} FROM unit_state s").format(_STATE).as_string()

_UNIT_COLUMNS = 13


def _unit(row: Sequence[Any]) -> Unit:
    return Unit(
        id=row[0],
        name=row[1],
        area=row[2],
        place=row[3],
        lat=row[4],
        lon=row[5],
        heartbeat_s=row[6],
        silence_limit_s=row[7],
        enabled=row[8],
        cameras=tuple(row[9]),
        row_version=row[10],
        created_at=row[11],
        retired_at=row[12],
    )


def _state(row: Sequence[Any]) -> UnitState:
    return UnitState(
        unit_id=row[0],
        conn=ConnState(row[1]),
        arm=ArmState(row[2]),
        boot_id=row[3],
        connect_count=row[4],
        last_seq=row[5],
        last_heard_at=row[6],
        silent_since=row[7],
        battery_percent=row[8],
        mains=row[9],
        rssi_dbm=row[10],
        skew_s=row[11],
        points_open=tuple(row[12]),
        info=row[13],
        loss_stage=row[14],
    )


def create(conn: Connection, unit: Unit, *, broker_hash: str) -> Unit:
    """Register ``unit``; `Conflict` when the id is or was somebody's (ids are never given twice)."""
    try:
        with conn.transaction():
            conn.execute(
                """INSERT INTO unit (id, name, area, place, lat, lon, heartbeat_s, silence_limit_s, broker_hash,
                                     enabled)
                   VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
                (
                    unit.id,
                    unit.name,
                    unit.area,
                    unit.place,
                    unit.lat,
                    unit.lon,
                    unit.heartbeat_s,
                    unit.silence_limit_s,
                    broker_hash,
                    unit.enabled,
                ),
            )
    except errors.UniqueViolation:
        raise Conflict(f"a unit {unit.id} exists or existed") from None
    conn.execute("INSERT INTO unit_state (unit_id) VALUES (%s)", (unit.id,))
    _link_cameras(conn, unit.id, unit.cameras)
    return _require(conn, unit.id)


def get(conn: Connection, unit_id: str) -> Unit | None:
    """Return one unit, retired ones included."""
    row = conn.execute(_GET, (unit_id,)).fetchone()
    return _unit(row) if row else None


def update(conn: Connection, unit_id: str, changes: Mapping[str, Any], *, expected_version: int) -> Unit:
    """Change a registration; keys are `WRITABLE` or ``cameras``. `Conflict` when somebody changed it meanwhile."""
    unknown = changes.keys() - WRITABLE - {"cameras"}
    if unknown:
        raise BadInput(min(unknown), "a field that can be changed")
    columns = [key for key in changes if key in WRITABLE]
    assignments = [sql.SQL("{} = {}").format(sql.Identifier(key), sql.Placeholder(key)) for key in columns]
    statement = sql.SQL(
        """UPDATE unit SET {} WHERE id = %(unit_id)s AND row_version = %(expected_version)s AND retired_at IS NULL"""
    ).format(sql.SQL(", ").join([*assignments, sql.SQL("row_version = row_version + 1")]))
    values = {**{key: changes[key] for key in columns}, "unit_id": unit_id, "expected_version": expected_version}
    if conn.execute(statement, values).rowcount == 0:
        if (unit := get(conn, unit_id)) is None or unit.retired_at is not None:
            raise NotFound("unit", unit_id)
        raise Conflict(f"unit {unit_id} is at version {unit.row_version}, not {expected_version}")
    if "cameras" in changes:
        conn.execute("DELETE FROM unit_camera WHERE unit_id = %s", (unit_id,))
        _link_cameras(conn, unit_id, changes["cameras"])
    return _require(conn, unit_id)


def retire(conn: Connection, unit_id: str, *, at: datetime) -> Unit:
    """Take a unit out of service for good; its history stays."""
    statement = """UPDATE unit SET retired_at = %s, enabled = false, row_version = row_version + 1
                   WHERE id = %s AND retired_at IS NULL"""
    if conn.execute(statement, (at, unit_id)).rowcount == 0:
        raise NotFound("unit", unit_id)
    return _require(conn, unit_id)


def set_broker_hash(conn: Connection, unit_id: str, broker_hash: str) -> None:
    """Replace the hash of the unit's secret: the old secret ends when the broker has read it (about a second)."""
    statement = """UPDATE unit SET broker_hash = %s, row_version = row_version + 1
                   WHERE id = %s AND retired_at IS NULL"""
    if conn.execute(statement, (broker_hash, unit_id)).rowcount == 0:
        raise NotFound("unit", unit_id)


def broker_hashes(conn: Connection) -> list[tuple[str, str]]:
    """Return (id, hash) of every unit that may sign in to the broker."""
    statement = "SELECT id, broker_hash FROM unit WHERE enabled AND retired_at IS NULL ORDER BY id"
    return [(row[0], row[1]) for row in conn.execute(statement)]


def listing(
    conn: Connection, areas: Sequence[str], *, area: str | None = None, cursor: str | None = None, limit: int = 100
) -> tuple[list[tuple[Unit, UnitState | None]], str | None]:
    """Return units inside ``areas`` with their states by id, and the cursor of the next page."""
    values = {"areas": list(areas), "area": area, "after": cursor or "", "limit": limit + 1}
    rows = conn.execute(_LISTING, values).fetchall()
    items = [
        (_unit(row), _state(row[_UNIT_COLUMNS:]) if row[_UNIT_COLUMNS] is not None else None) for row in rows[:limit]
    ]
    return items, items[-1][0].id if len(rows) > limit else None


def registry(conn: Connection) -> dict[str, Unit]:
    """Return every unit in service by id, disabled ones included."""
    return {row[0]: _unit(row) for row in conn.execute(_REGISTRY)}


def registry_version(conn: Connection) -> tuple[int, int]:
    """Return a value that changes whenever any registration does; cheaper than reading them all."""
    row = conn.execute(
        "SELECT count(*), coalesce(sum(row_version), 0) FROM unit",
    ).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


def states(conn: Connection, unit_ids: Sequence[str] | None = None) -> dict[str, UnitState]:
    """Return the last known states by unit id; all of them when no ids are given."""
    cursor = conn.execute(_ALL_STATES) if unit_ids is None else conn.execute(_STATES, (list(unit_ids),))
    return {row[0]: _state(row) for row in cursor}


def write_states(conn: Connection, changed: Iterable[UnitState]) -> None:
    """Store what units were last heard to be, one statement for all."""
    rows = list(changed)
    if not rows:
        return
    conn.execute(
        """
        INSERT INTO unit_state AS s (unit_id, conn, arm, boot_id, connect_count, last_seq, last_heard_at, silent_since,
                                     battery_percent, mains, rssi_dbm, skew_s, points_open, info, loss_stage)
        SELECT n.unit_id, n.conn, n.arm, n.boot_id, n.connect_count, n.last_seq, n.last_heard_at, n.silent_since,
               n.battery_percent, n.mains, n.rssi_dbm, n.skew_s,
               ARRAY(SELECT jsonb_array_elements_text(n.points_open)::integer), n.info, n.loss_stage
        FROM unnest(%b::text[], %b::text[], %b::text[], %b::text[], %b::bigint[], %b::bigint[], %b::timestamptz[],
                    %b::timestamptz[], %b::float4[], %b::boolean[], %b::float4[], %b::float4[], %b::jsonb[],
                    %b::jsonb[], %b::text[])
             AS n (unit_id, conn, arm, boot_id, connect_count, last_seq, last_heard_at, silent_since,
                   battery_percent, mains, rssi_dbm, skew_s, points_open, info, loss_stage)
        JOIN unit u ON u.id = n.unit_id
        ORDER BY n.unit_id
        ON CONFLICT (unit_id) DO UPDATE SET
            conn = excluded.conn, arm = excluded.arm, boot_id = excluded.boot_id,
            connect_count = excluded.connect_count, last_seq = excluded.last_seq,
            last_heard_at = excluded.last_heard_at, silent_since = excluded.silent_since,
            battery_percent = excluded.battery_percent, mains = excluded.mains, rssi_dbm = excluded.rssi_dbm,
            skew_s = excluded.skew_s, points_open = excluded.points_open, info = excluded.info,
            loss_stage = excluded.loss_stage
        """,
        (
            [row.unit_id for row in rows],
            [str(row.conn) for row in rows],
            [str(row.arm) for row in rows],
            [row.boot_id for row in rows],
            [row.connect_count for row in rows],
            [row.last_seq for row in rows],
            [row.last_heard_at for row in rows],
            [row.silent_since for row in rows],
            [row.battery_percent for row in rows],
            [row.mains for row in rows],
            [row.rssi_dbm for row in rows],
            [row.skew_s for row in rows],
            [Jsonb(list(row.points_open)) for row in rows],
            [Jsonb(row.info) for row in rows],
            [row.loss_stage for row in rows],
        ),
    )


def _link_cameras(conn: Connection, unit_id: str, cameras: Iterable[str]) -> None:
    wanted = list(dict.fromkeys(cameras))
    known = conn.execute("SELECT id FROM camera WHERE id = ANY(%s) AND retired_at IS NULL", (wanted,))
    missing = set(wanted) - {row[0] for row in known}
    if missing:
        raise BadInput("cameras", f"registered cameras; there is no {min(missing)}")
    conn.execute("INSERT INTO unit_camera (unit_id, camera_id) SELECT %s, unnest(%s::text[])", (unit_id, wanted))


def _require(conn: Connection, unit_id: str) -> Unit:
    unit = get(conn, unit_id)
    if unit is None:
        raise NotFound("unit", unit_id)
    return unit
