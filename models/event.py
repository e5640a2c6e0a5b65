"""Events: immutable facts from cameras, alarm units and alertwall's own parts."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any
from uuid import UUID, uuid5

EVENT_NAMESPACE = UUID("6f0d7c5e-3d0a-5f6b-9a60-5c1f6f3b2a11")


class SourceKind(StrEnum):
    CAMERA = "camera"
    UNIT = "unit"
    SYSTEM = "system"


class Priority(IntEnum):
    """1 wakes everybody; 4 is a fact for the timeline and opens no incident."""

    LIFE_SAFETY = 1
    ALARM = 2
    TROUBLE = 3
    FACT = 4


class EventKind(StrEnum):
    # cameras
    INTRUSION = "intrusion"
    LINE_CROSSING = "line_crossing"
    LOITERING = "loitering"
    WRONG_WAY = "wrong_way"
    SPEEDING = "speeding"
    CROWD = "crowd"
    LEFT_OBJECT = "left_object"
    REMOVED_OBJECT = "removed_object"
    CAMERA_SILENT = "camera_silent"
    CAMERA_RESTORED = "camera_restored"
    CAMERA_TAMPER = "camera_tamper"
    RECORDING_LOST = "recording_lost"
    RECORDING_RESTORED = "recording_restored"
    MOTION = "motion"
    DIGITAL_INPUT = "digital_input"
    # alarm units
    PANIC = "panic"
    DURESS = "duress"
    FIRE = "fire"
    MEDICAL = "medical"
    GAS = "gas"
    WATER = "water"
    BURGLARY = "burglary"
    UNIT_TAMPER = "unit_tamper"
    RESTORE = "restore"
    BATTERY_LOW = "battery_low"
    MAINS_LOST = "mains_lost"
    UNIT_TROUBLE = "unit_trouble"
    ARMED = "armed"
    DISARMED = "disarmed"
    BYPASS = "bypass"
    TEST = "test"
    UNKNOWN_CODE = "unknown_code"
    UNIT_SILENT = "unit_silent"
    UNIT_OFFLINE = "unit_offline"
    UNIT_ONLINE = "unit_online"
    CLOCK_TROUBLE = "clock_trouble"
    SPOOF = "spoof"
    FLOOD = "flood"
    # alertwall itself
    MASS_OUTAGE = "mass_outage"
    PART_DOWN = "part_down"
    PART_RESTORED = "part_restored"
    NOT_UNDERSTOOD = "not_understood"


DEFAULT_PRIORITY: dict[EventKind, Priority] = {
    EventKind.PANIC: Priority.LIFE_SAFETY,
    EventKind.DURESS: Priority.LIFE_SAFETY,
    EventKind.FIRE: Priority.LIFE_SAFETY,
    EventKind.MEDICAL: Priority.LIFE_SAFETY,
    EventKind.GAS: Priority.LIFE_SAFETY,
    EventKind.BURGLARY: Priority.ALARM,
    EventKind.WATER: Priority.ALARM,
    EventKind.UNIT_TAMPER: Priority.ALARM,
    EventKind.INTRUSION: Priority.ALARM,
    EventKind.CROWD: Priority.ALARM,
    EventKind.LEFT_OBJECT: Priority.ALARM,
    EventKind.SPOOF: Priority.ALARM,
    EventKind.FLOOD: Priority.ALARM,
    EventKind.MASS_OUTAGE: Priority.ALARM,
    EventKind.LINE_CROSSING: Priority.TROUBLE,
    EventKind.LOITERING: Priority.TROUBLE,
    EventKind.WRONG_WAY: Priority.TROUBLE,
    EventKind.SPEEDING: Priority.TROUBLE,
    EventKind.REMOVED_OBJECT: Priority.TROUBLE,
    EventKind.CAMERA_SILENT: Priority.TROUBLE,
    EventKind.CAMERA_TAMPER: Priority.TROUBLE,
    EventKind.RECORDING_LOST: Priority.TROUBLE,
    EventKind.BATTERY_LOW: Priority.TROUBLE,
    EventKind.MAINS_LOST: Priority.TROUBLE,
    EventKind.UNIT_TROUBLE: Priority.TROUBLE,
    EventKind.UNKNOWN_CODE: Priority.TROUBLE,
    EventKind.UNIT_SILENT: Priority.TROUBLE,
    EventKind.UNIT_OFFLINE: Priority.TROUBLE,
    EventKind.CLOCK_TROUBLE: Priority.TROUBLE,
    EventKind.PART_DOWN: Priority.TROUBLE,
    EventKind.NOT_UNDERSTOOD: Priority.TROUBLE,
}
"""Kinds that are not named here are plain facts (`Priority.FACT`)."""


RESTORING = frozenset(
    {
        EventKind.RESTORE,
        EventKind.CAMERA_RESTORED,
        EventKind.RECORDING_RESTORED,
        EventKind.UNIT_ONLINE,
        EventKind.PART_RESTORED,
    }
)
"""Kinds that end a condition: they wake nobody, but triage must see them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One fact. ``time`` is the corrected time it happened; ``device_time`` what the device said.

    ``box_px`` is (x0, y0, x1, y1) in pixels of the analysed picture. ``attrs`` holds what only this
    kind has and must be JSON. ``snapshot`` is a path relative to the site's media folder.
    """

    id: UUID
    time: datetime
    received_at: datetime
    area: str
    kind: EventKind
    source_kind: SourceKind
    source_id: str
    priority: Priority
    device_time: datetime | None = None
    label: str = ""
    score: float | None = None
    track_id: int | None = None
    rule_id: int | None = None
    rule_version: int | None = None
    box_px: tuple[int, int, int, int] | None = None
    snapshot: str | None = None
    attrs: dict[str, Any] = field(default_factory=dict)


def event_id(*parts: object) -> UUID:
    """Return the id that the same fact always gets, so that storing it twice stores it once."""
    return uuid5(EVENT_NAMESPACE, "\x1f".join(map(str, parts)))


def default_priority(kind: EventKind) -> Priority:
    return DEFAULT_PRIORITY.get(kind, Priority.FACT)
