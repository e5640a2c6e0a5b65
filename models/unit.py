"""Home alarm units: who they are, what they send, what they were last heard to be."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

UNIT_ID_PATTERN = re.compile(r"[A-Z0-9-]{1,32}")
SEQ_MAX = 2**53
"""JSON readers of other languages keep integers exact only up to here."""


class MessageKind(StrEnum):
    ALARM = "alarm"
    RESTORE = "restore"
    TAMPER = "tamper"
    TROUBLE = "trouble"
    ARM = "arm"
    TEST = "test"


class ConnState(StrEnum):
    ONLINE = "online"
    OFFLINE = "offline"
    SLEEPING = "sleeping"
    UNKNOWN = "unknown"


class ArmState(StrEnum):
    """Home Assistant's words for a panel's state."""

    DISARMED = "disarmed"
    ARMING = "arming"
    ARMED_HOME = "armed_home"
    ARMED_AWAY = "armed_away"
    ARMED_NIGHT = "armed_night"
    PENDING = "pending"
    TRIGGERED = "triggered"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A registered alarm unit. ``silence_limit_s`` without a sign of life makes it silent."""

    id: str
    name: str
    area: str
    place: str = ""
    lat: float | None = None
    lon: float | None = None
    heartbeat_s: int = 60
    silence_limit_s: int = 150
    enabled: bool = True
    cameras: tuple[str, ...] = ()
    row_version: int = 1
    created_at: datetime | None = None
    retired_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitState:
    """What a unit was last heard to be. ``points_open`` are the points not yet restored.

    ``loss_stage`` is how far the alarm centre has gone with the unit's loss; it is nobody else's business.
    """

    unit_id: str
    conn: ConnState = ConnState.UNKNOWN
    arm: ArmState = ArmState.UNKNOWN
    boot_id: str = ""
    connect_count: int = 0
    last_seq: int = 0
    last_heard_at: datetime | None = None
    silent_since: datetime | None = None
    battery_percent: float | None = None
    mains: bool | None = None
    rssi_dbm: float | None = None
    skew_s: float | None = None
    points_open: tuple[int, ...] = ()
    info: dict[str, Any] = field(default_factory=dict)
    loss_stage: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmMessage:
    """One raw message of a unit, keyed (unit_id, boot_id, seq); device and receive time kept apart."""

    unit_id: str
    boot_id: str
    seq: int
    kind: MessageKind
    code: str
    device_time: datetime | None
    received_at: datetime
    corrected_time: datetime
    skewed: bool = False
    queued: bool = False
    partition: int | None = None
    point: int | None = None
    state: str | None = None
    payload: dict[str, Any] = field(default_factory=dict)
