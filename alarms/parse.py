"""From topic and payload to a message, or to the reason why not. Nothing that a unit sends raises out of here.

A hostile payload costs at most `wire.PAYLOAD_MAX_BYTES` of strict decoding; what fails goes to quarantine and its
neighbours are stored.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from alarms import wire
from models.unit import UNIT_ID_PATTERN

DETAIL_MAX_CHARS = 200

_TOPIC = re.compile(rf"{re.escape(wire.ROOT)}({UNIT_ID_PATTERN.pattern})/([a-z]{{2,8}})")


class Reason(StrEnum):
    """Why a message was not understood."""

    BAD_TOPIC = "bad_topic"
    TOO_LARGE = "too_large"
    NOT_JSON = "not_json"
    TOO_DEEP = "too_deep"
    WRONG_FORM = "wrong_form"
    UNKNOWN_VERSION = "unknown_version"
    SPOOF = "spoof"
    UNKNOWN_UNIT = "unknown_unit"
    NUMBER_REUSED = "number_reused"
    REFUSED_BY_STORE = "refused_by_store"


@dataclass(frozen=True, slots=True)
class Parsed:
    """A message in good form; whether its unit is registered is not decided here."""

    unit_id: str
    message: wire.UnitMessage


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A message that was not understood. ``unit_id`` is who the topic names."""

    reason: Reason
    detail: str
    unit_id: str | None = None


class _Versioned(msgspec.Struct, frozen=True):
    v: int


_versions = msgspec.json.Decoder(_Versioned)
_decoders: dict[str, msgspec.json.Decoder[wire.UnitMessage]] = {
    "evt": msgspec.json.Decoder(wire.EventMessage),
    "conn": msgspec.json.Decoder(wire.ConnMessage),
    "state": msgspec.json.Decoder(wire.StateMessage),
    "info": msgspec.json.Decoder(wire.InfoMessage),
    "tel": msgspec.json.Decoder(wire.Heartbeat),
    "res": msgspec.json.Decoder(wire.ResultMessage),
}
LEAVES = frozenset(_decoders)
"""Topics below a unit's own that the centre listens to."""


def split_topic(topic: str) -> tuple[str, str] | None:
    """Return (unit id, leaf) of a unit's topic, or None."""
    match = _TOPIC.fullmatch(topic)
    return (match[1], match[2]) if match and match[2] in LEAVES else None


class _Refused(Exception):
    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail[:DETAIL_MAX_CHARS]


def parse(topic: str, payload: bytes) -> Parsed | Quarantined:
    """Return the message, or why it is none."""
    parts = split_topic(topic)
    if parts is None:
        return Quarantined(Reason.BAD_TOPIC, "not a topic of a unit")
    unit_id, leaf = parts
    try:
        return Parsed(unit_id, _decode(unit_id, leaf, payload))
    except _Refused as refused:
        return Quarantined(refused.reason, refused.detail, unit_id)


def _decode(unit_id: str, leaf: str, payload: bytes) -> wire.UnitMessage:
    if len(payload) > wire.PAYLOAD_MAX_BYTES:
        raise _Refused(Reason.TOO_LARGE, f"more than {wire.PAYLOAD_MAX_BYTES} bytes")
    try:
        if (version := _versions.decode(payload).v) != wire.VERSION:
            raise _Refused(Reason.UNKNOWN_VERSION, f"version {version}")
        message = _decoders[leaf].decode(payload)
    except msgspec.ValidationError as refused:
        raise _Refused(Reason.WRONG_FORM, str(refused)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as refused:
        raise _Refused(Reason.NOT_JSON, str(refused)) from None
    except RecursionError:
        raise _Refused(Reason.TOO_DEEP, "nested too deeply") from None
    if isinstance(message, wire.EventMessage) and message.unit != unit_id:
        raise _Refused(Reason.SPOOF, f"says it is {message.unit}")
    return message
