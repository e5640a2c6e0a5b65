"""Event codes of panels: SIA letters and Contact ID numbers, and what they mean here.

A code that is not in the table is stored as `EventKind.UNKNOWN_CODE`; how urgent it is then follows from the kind of
message that carried it, so that an alarm with an unknown code still wakes somebody.
"""

from dataclasses import dataclass

from models.event import EventKind, Priority, default_priority
from models.unit import MessageKind

CID_NEW, CID_RESTORE, CID_STATUS = "1", "3", "6"
"""First digit of a Contact ID: a new event (or opening), its restore (or closing), still as reported before."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one code says. ``restores`` is set when it ends an earlier condition instead of starting one."""

    kind: EventKind
    label: str
    restores: EventKind | None = None


@dataclass(frozen=True, slots=True)
class Classification:
    """What one message says, with how urgent it is."""

    kind: EventKind
    priority: Priority
    label: str
    restores: EventKind | None = None


def _pair(alarm: str, restore: str, kind: EventKind, label: str) -> dict[str, Meaning]:
    return {alarm: Meaning(kind, label), restore: Meaning(EventKind.RESTORE, f"{label} restored", restores=kind)}


SIA: dict[str, Meaning] = {
    **_pair("BA", "BR", EventKind.BURGLARY, "burglary"),
    "BH": Meaning(EventKind.RESTORE, "burglary restored", restores=EventKind.BURGLARY),
    "BV": Meaning(EventKind.BURGLARY, "burglary, verified"),
    **_pair("PA", "PR", EventKind.PANIC, "panic"),
    "PH": Meaning(EventKind.RESTORE, "panic restored", restores=EventKind.PANIC),
    **_pair("HA", "HR", EventKind.DURESS, "hold-up"),
    "HH": Meaning(EventKind.RESTORE, "hold-up restored", restores=EventKind.DURESS),
    **_pair("FA", "FR", EventKind.FIRE, "fire"),
    "FH": Meaning(EventKind.RESTORE, "fire restored", restores=EventKind.FIRE),
    **_pair("MA", "MR", EventKind.MEDICAL, "medical"),
    "MH": Meaning(EventKind.RESTORE, "medical restored", restores=EventKind.MEDICAL),
    **_pair("GA", "GR", EventKind.GAS, "gas"),
    "GH": Meaning(EventKind.RESTORE, "gas restored", restores=EventKind.GAS),
    **_pair("WA", "WR", EventKind.WATER, "water"),
    "WH": Meaning(EventKind.RESTORE, "water restored", restores=EventKind.WATER),
    **_pair("TA", "TR", EventKind.UNIT_TAMPER, "tamper"),
    **_pair("XT", "XR", EventKind.BATTERY_LOW, "sensor battery low"),
    **_pair("YT", "YR", EventKind.BATTERY_LOW, "panel battery low"),
    **_pair("AT", "AR", EventKind.MAINS_LOST, "mains lost"),
    **_pair("YC", "YK", EventKind.UNIT_TROUBLE, "communication failed"),
    "OP": Meaning(EventKind.DISARMED, "disarmed"),
    "OC": Meaning(EventKind.DISARMED, "cancelled by the user"),
    "CL": Meaning(EventKind.ARMED, "armed"),
    "CG": Meaning(EventKind.ARMED, "armed in part"),
    "BB": Meaning(EventKind.BYPASS, "point bypassed"),
    "BU": Meaning(EventKind.BYPASS, "bypass ended"),
    "RP": Meaning(EventKind.TEST, "periodic test"),
    "RX": Meaning(EventKind.TEST, "manual test"),
}

_CID_CONDITIONS: dict[str, tuple[EventKind, str]] = {
    "100": (EventKind.MEDICAL, "medical"),
    "110": (EventKind.FIRE, "fire"),
    "113": (EventKind.WATER, "water"),
    "120": (EventKind.PANIC, "panic"),
    "121": (EventKind.DURESS, "duress"),
    "122": (EventKind.DURESS, "hold-up"),
    "130": (EventKind.BURGLARY, "burglary"),
    "131": (EventKind.BURGLARY, "burglary, perimeter"),
    "132": (EventKind.BURGLARY, "burglary, interior"),
    "133": (EventKind.BURGLARY, "burglary, 24 hours"),
    "134": (EventKind.BURGLARY, "burglary, entry or exit"),
    "135": (EventKind.BURGLARY, "burglary, day or night"),
    "136": (EventKind.BURGLARY, "burglary, outdoor"),
    "137": (EventKind.UNIT_TAMPER, "tamper"),
    "144": (EventKind.UNIT_TAMPER, "sensor tamper"),
    "151": (EventKind.GAS, "gas"),
    "154": (EventKind.WATER, "water"),
    "301": (EventKind.MAINS_LOST, "mains lost"),
    "302": (EventKind.BATTERY_LOW, "panel battery low"),
    "350": (EventKind.UNIT_TROUBLE, "communication failed"),
    "354": (EventKind.UNIT_TROUBLE, "communication failed"),
    "381": (EventKind.UNIT_TROUBLE, "sensor not heard"),
    "383": (EventKind.UNIT_TAMPER, "sensor tamper"),
    "384": (EventKind.BATTERY_LOW, "sensor battery low"),
}
_CID_SWITCHES: dict[str, tuple[tuple[EventKind, str], tuple[EventKind, str]]] = {
    "401": ((EventKind.DISARMED, "disarmed"), (EventKind.ARMED, "armed")),
    "406": ((EventKind.DISARMED, "cancelled by the user"), (EventKind.ARMED, "armed")),
    "441": ((EventKind.DISARMED, "disarmed from stay"), (EventKind.ARMED, "armed, stay")),
    "570": ((EventKind.BYPASS, "point bypassed"), (EventKind.BYPASS, "bypass ended")),
    "601": ((EventKind.TEST, "manual test"), (EventKind.TEST, "manual test ended")),
    "602": ((EventKind.TEST, "periodic test"), (EventKind.TEST, "periodic test ended")),
}
"""Openings and closings: what qualifier 1 says, and what qualifier 3 says."""

RESTORABLE = frozenset(meaning.restores for meaning in SIA.values() if meaning.restores is not None)
"""Kinds of conditions that a unit reports the end of."""

_KIND_ALONE: dict[MessageKind, Meaning] = {
    MessageKind.TAMPER: Meaning(EventKind.UNIT_TAMPER, "tamper"),
    MessageKind.TROUBLE: Meaning(EventKind.UNIT_TROUBLE, "trouble"),
    MessageKind.TEST: Meaning(EventKind.TEST, "test"),
    MessageKind.RESTORE: Meaning(EventKind.RESTORE, "restored"),
}
"""For messages that carry no code at all; an alarm or a switch without one is not guessed at."""

_UNKNOWN_PRIORITY: dict[MessageKind, Priority] = {
    MessageKind.ALARM: Priority.ALARM,
    MessageKind.TAMPER: Priority.ALARM,
    MessageKind.TROUBLE: Priority.TROUBLE,
    MessageKind.RESTORE: Priority.FACT,
    MessageKind.ARM: Priority.FACT,
    MessageKind.TEST: Priority.FACT,
}
_WAKING = frozenset({MessageKind.ALARM, MessageKind.TAMPER, MessageKind.TROUBLE})


def classify(kind: MessageKind, code: str, cid: str | None = None) -> Classification:
    """Return what a message of ``kind`` with a SIA ``code`` or a Contact ID ``cid`` says."""
    meaning = SIA.get(code.upper()) or _contact_id(cid)
    if meaning is None and not code and not cid:
        meaning = _KIND_ALONE.get(kind)
    if meaning is None:
        named = code or cid or "none"
        return Classification(EventKind.UNKNOWN_CODE, _UNKNOWN_PRIORITY[kind], f"unknown code {named}")
    if kind is MessageKind.TEST and meaning.kind is not EventKind.TEST:
        return Classification(EventKind.TEST, Priority.FACT, f"test: {meaning.label}")
    if kind is MessageKind.RESTORE and meaning.restores is None and meaning.kind in RESTORABLE:
        return Classification(EventKind.RESTORE, Priority.FACT, f"{meaning.label} restored", meaning.kind)
    priority = default_priority(meaning.kind)
    if kind in _WAKING and meaning.restores is None and priority > _UNKNOWN_PRIORITY[kind]:
        priority = _UNKNOWN_PRIORITY[kind]
    return Classification(meaning.kind, priority, meaning.label, meaning.restores)


def _contact_id(cid: str | None) -> Meaning | None:
    if cid is None or len(cid) != 4 or not cid.isdigit():
        return None
    qualifier, number = cid[0], cid[1:]
    if number in _CID_SWITCHES and qualifier in (CID_NEW, CID_RESTORE):
        kind, label = _CID_SWITCHES[number][0 if qualifier == CID_NEW else 1]
        return Meaning(kind, label)
    if number not in _CID_CONDITIONS:
        return None
    kind, label = _CID_CONDITIONS[number]
    if qualifier == CID_RESTORE:
        return Meaning(EventKind.RESTORE, f"{label} restored", restores=kind)
    return Meaning(kind, label) if qualifier in (CID_NEW, CID_STATUS) else None
