"""Codes of panels, both alphabets."""

import pytest

from alarms.codes import classify
from models.event import EventKind, Priority
from models.unit import MessageKind

K, E, P = MessageKind, EventKind, Priority


@pytest.mark.parametrize(
    ("kind", "code", "cid", "means", "priority", "restores"),
    [
        (K.ALARM, "BA", None, E.BURGLARY, P.ALARM, None),
        (K.ALARM, "ba", None, E.BURGLARY, P.ALARM, None),
        (K.ALARM, "", "1130", E.BURGLARY, P.ALARM, None),
        (K.ALARM, "", "1131", E.BURGLARY, P.ALARM, None),
        (K.RESTORE, "BR", None, E.RESTORE, P.FACT, E.BURGLARY),
        (K.RESTORE, "", "3130", E.RESTORE, P.FACT, E.BURGLARY),
        (K.RESTORE, "BA", None, E.RESTORE, P.FACT, E.BURGLARY),
        (K.ALARM, "PA", None, E.PANIC, P.LIFE_SAFETY, None),
        (K.ALARM, "", "1120", E.PANIC, P.LIFE_SAFETY, None),
        (K.ALARM, "HA", None, E.DURESS, P.LIFE_SAFETY, None),
        (K.ALARM, "", "1121", E.DURESS, P.LIFE_SAFETY, None),
        (K.ALARM, "", "1122", E.DURESS, P.LIFE_SAFETY, None),
        (K.ALARM, "FA", None, E.FIRE, P.LIFE_SAFETY, None),
        (K.ALARM, "MA", None, E.MEDICAL, P.LIFE_SAFETY, None),
        (K.ALARM, "GA", None, E.GAS, P.LIFE_SAFETY, None),
        (K.ALARM, "WA", None, E.WATER, P.ALARM, None),
        (K.TAMPER, "TA", "1137", E.UNIT_TAMPER, P.ALARM, None),
        (K.TAMPER, "", "1383", E.UNIT_TAMPER, P.ALARM, None),
        (K.TROUBLE, "XT", None, E.BATTERY_LOW, P.TROUBLE, None),
        (K.TROUBLE, "YT", "1302", E.BATTERY_LOW, P.TROUBLE, None),
        (K.TROUBLE, "AT", "1301", E.MAINS_LOST, P.TROUBLE, None),
        (K.RESTORE, "AR", "3301", E.RESTORE, P.FACT, E.MAINS_LOST),
        (K.TROUBLE, "", "1381", E.UNIT_TROUBLE, P.TROUBLE, None),
        (K.TROUBLE, "YC", "1354", E.UNIT_TROUBLE, P.TROUBLE, None),
        (K.ARM, "CL", "3401", E.ARMED, P.FACT, None),
        (K.ARM, "", "3401", E.ARMED, P.FACT, None),
        (K.ARM, "OP", "1401", E.DISARMED, P.FACT, None),
        (K.ARM, "", "1401", E.DISARMED, P.FACT, None),
        (K.ARM, "", "3441", E.ARMED, P.FACT, None),
        (K.ARM, "", "1406", E.DISARMED, P.FACT, None),
        (K.ARM, "BB", "1570", E.BYPASS, P.FACT, None),
        (K.TEST, "RP", "1602", E.TEST, P.FACT, None),
        (K.TEST, "BA", None, E.TEST, P.FACT, None),
        (K.ALARM, "QX", None, E.UNKNOWN_CODE, P.ALARM, None),
        (K.ALARM, "", "1999", E.UNKNOWN_CODE, P.ALARM, None),
        (K.ALARM, "", None, E.UNKNOWN_CODE, P.ALARM, None),
        (K.TROUBLE, "QX", None, E.UNKNOWN_CODE, P.TROUBLE, None),
        (K.ARM, "QX", None, E.UNKNOWN_CODE, P.FACT, None),
        (K.TAMPER, "", None, E.UNIT_TAMPER, P.ALARM, None),
        (K.TROUBLE, "", None, E.UNIT_TROUBLE, P.TROUBLE, None),
        (K.RESTORE, "", None, E.RESTORE, P.FACT, None),
        (K.ALARM, "AT", None, E.MAINS_LOST, P.ALARM, None),
        (K.ALARM, "", "x130", E.UNKNOWN_CODE, P.ALARM, None),
        (K.ALARM, "", "9130", E.UNKNOWN_CODE, P.ALARM, None),
    ],
)
def test_codes(
    *, kind: MessageKind, code: str, cid: str | None, means: EventKind, priority: Priority, restores: EventKind | None
) -> None:
    """Every code of the table, unknown ones, and codes that contradict the message that carries them."""
    said = classify(kind, code, cid)
    assert (said.kind, said.priority, said.restores) == (means, priority, restores)
    assert said.label
