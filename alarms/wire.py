"""What units and the centre say to each other: payloads of the topics below ``aw/1/u/<unit>/``, version 1.

Types check form and ranges only; unknown keys are ignored, so that newer units can say more. What the values mean is
decided in `alarms.parse` and `alarms.supervision`.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from models.unit import SEQ_MAX, ArmState, MessageKind

VERSION = 1
ROOT = "aw/1/u/"
PAYLOAD_MAX_BYTES = 4096
COUNTER_MAX = 2**53
POINTS_MAX = 256
"""Points and partitions that one unit may have."""

Boot = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_-]{1,32}\Z")]
Seq = Annotated[int, Meta(ge=1, le=SEQ_MAX)]
Text = Annotated[str, Meta(max_length=64, pattern=r"\A[^\x00-\x1f\x7f]*\Z")]
Point = Annotated[int, Meta(ge=0, le=65535)]
Stamp = int | float | None
"""Milliseconds since 1970 by the unit's clock; any number, because an alarm is not refused for its clock."""


class Device(Struct, frozen=True):
    """The sensor that tripped."""

    id: Text = ""
    type: Text = ""
    battery_low: bool | None = None


class EventMessage(Struct, frozen=True, kw_only=True):
    """``evt``: one alarm, restore, tamper, trouble, arm or test event."""

    unit: Text
    boot: Boot
    seq: Seq
    kind: MessageKind
    ts: Stamp = None
    tq: Literal["ntp", "rtc", "none"] = "rtc"
    code: Text = ""
    cid: Text | None = None
    part: Point | None = None
    zone: Point | None = None
    dev: Device | None = None
    user: Text | None = None
    state: Text | None = None
    cam: Annotated[list[Text], Meta(max_length=16)] = []
    q: bool = False


class ConnMessage(Struct, frozen=True, kw_only=True):
    """``conn``, retained, and the unit's last will. ``n`` counts the unit's connects within one boot."""

    s: Literal["online", "offline", "sleeping"]
    boot: Boot
    n: Annotated[int, Meta(ge=0, le=COUNTER_MAX)] = 0


class StateMessage(Struct, frozen=True, kw_only=True):
    """``state``, retained: how the panel stands after event ``seq``."""

    boot: Boot
    seq: Annotated[int, Meta(ge=0, le=SEQ_MAX)] = 0
    arm: ArmState
    open: Annotated[list[Point], Meta(max_length=POINTS_MAX)] = []


class InfoPoint(Struct, frozen=True):
    """One sensor loop of the panel."""

    id: Point
    name: Text = ""
    type: Text = ""


class InfoMessage(Struct, frozen=True, kw_only=True):
    """``info``, retained: what the unit is."""

    boot: Boot
    model: Text = ""
    hw: Text = ""
    fw: Text = ""
    zones: Annotated[list[InfoPoint], Meta(max_length=POINTS_MAX)] = []
    caps: Annotated[list[Text], Meta(max_length=64)] = []
    cfg_v: Annotated[int, Meta(ge=0, le=COUNTER_MAX)] = 0


class Heartbeat(Struct, frozen=True, kw_only=True):
    """``tel``, QoS 0: a sign of life."""

    boot: Boot
    ts: Stamp = None
    battery: Annotated[float, Meta(ge=0, le=100)] | None = None
    mains: bool | None = None
    rssi: Annotated[float, Meta(ge=-200, le=50)] | None = None
    outbox: Annotated[int, Meta(ge=0, le=COUNTER_MAX)] = 0


class ResultMessage(Struct, frozen=True, kw_only=True):
    """``res``: what became of a command; the same ``cid``."""

    cid: Text
    ok: bool
    text: Text = ""


class Receipt(Struct, frozen=True, kw_only=True):
    """``ack``: these events of this boot are stored; the unit may forget them."""

    v: int = VERSION
    boot: str
    seqs: list[int]


class Command(Struct, frozen=True, kw_only=True):
    """``cmd``: do something before ``exp`` (milliseconds since 1970), else refuse."""

    v: int = VERSION
    cid: Text
    op: Text
    args: dict[str, Text | int | bool] = {}
    exp: Annotated[int, Meta(ge=0, le=COUNTER_MAX)]
    by: Text = ""


UnitMessage = EventMessage | ConnMessage | StateMessage | InfoMessage | Heartbeat | ResultMessage

encode = msgspec.json.Encoder().encode
