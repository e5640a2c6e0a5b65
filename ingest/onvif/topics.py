"""What cameras say by ONVIF events, in our kinds; what could tell who somebody is goes no further than this file.

A topic that nobody listed is not read. Topics about faces, plates and recognition are dropped by their name, before a
value of theirs is looked at, and only counted. Of the others, only values of the names listed here are kept.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from ingest.onvif.xml import Node
from models.event import EventKind

PRIVATE = re.compile(r"face|facial|plate|recogni|identi|person|gait|iris", re.IGNORECASE)
KEPT_SOURCE = frozenset(
    {"VideoSourceConfigurationToken", "VideoAnalyticsConfigurationToken", "VideoSource", "Source", "Rule", "InputToken"}
)
KEPT_DATA = frozenset({"State", "IsMotion", "IsTamper", "IsInside", "LogicalState", "ObjectId"})
VALUE = re.compile(r"[\w .:/-]{1,64}", re.ASCII)
TRUE, FALSE = frozenset({"true", "1"}), frozenset({"false", "0"})
STATES_MAX = 256
ACTIVE_MAX = timedelta(minutes=5)
"""Cameras forget to say that something is over: after this the same state is news again."""
CLOCK_TRUSTED_WITHIN = timedelta(minutes=1)
SAID_BY = "said by the camera itself"


@dataclass(frozen=True, slots=True)
class Meaning:
    """``state`` is the value that says whether it lasts; None where each message is one happening."""

    kind: EventKind
    state: str | None = None


_TAMPER = Meaning(EventKind.CAMERA_TAMPER, "State")
TOPICS: dict[str, Meaning] = {
    "VideoSource/MotionAlarm": Meaning(EventKind.MOTION, "State"),
    "RuleEngine/CellMotionDetector/Motion": Meaning(EventKind.MOTION, "IsMotion"),
    "RuleEngine/MotionRegionDetector/Motion": Meaning(EventKind.MOTION, "State"),
    "RuleEngine/LineDetector/Crossed": Meaning(EventKind.LINE_CROSSING),
    "RuleEngine/FieldDetector/ObjectsInside": Meaning(EventKind.INTRUSION, "IsInside"),
    "RuleEngine/TamperDetector/Tamper": Meaning(EventKind.CAMERA_TAMPER, "IsTamper"),
    "VideoSource/SignalLoss": _TAMPER,
    "VideoSource/ImageTooBlurry": _TAMPER,
    "VideoSource/ImageTooDark": _TAMPER,
    "VideoSource/ImageTooBright": _TAMPER,
    "VideoSource/GlobalSceneChange": _TAMPER,
    "Device/Trigger/DigitalInput": Meaning(EventKind.DIGITAL_INPUT, "LogicalState"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraSaid:
    """What becomes an event. ``time`` is by our clock, ``device_time`` by the camera's."""

    kind: EventKind
    time: datetime
    device_time: datetime | None
    attrs: dict[str, Any]


@dataclass(slots=True)
class _Standing:
    active: bool
    since: datetime
    kind: EventKind


@dataclass(slots=True)
class Reader:
    """Turns notifications of one camera into what is new; remembers what stands."""

    private_total: int = 0
    """Dropped because they are about persons or plates."""
    ignored_total: int = 0
    """Of other topics, or not understood."""
    _standing: dict[tuple[str, ...], _Standing] = field(default_factory=dict)

    def read(self, answer: Node, now: datetime, skew: timedelta) -> Iterator[CameraSaid]:
        """Yield what is news in an answer to PullMessages."""
        for notification in answer.walk("NotificationMessage"):
            said = self._one(notification, now, skew)
            if said is not None:
                yield said

    def _one(self, notification: Node, now: datetime, skew: timedelta) -> CameraSaid | None:
        topic = topic_of(notification.text_of("Topic"))
        if PRIVATE.search(topic):
            self.private_total += 1
            return None
        meaning = _meaning(topic)
        message = notification.find("Message", "Message") or notification.find("Message")
        if meaning is None or message is None:
            self.ignored_total += 1
            return None
        source, data = _items(message.find("Source"), KEPT_SOURCE), _items(message.find("Data"), KEPT_DATA)
        kind: EventKind | None = meaning.kind
        restores: dict[str, Any] = {}
        if meaning.state is not None:
            active = _state(data.get(meaning.state) or data.get("State"), message.attributes.get("PropertyOperation"))
            if active is None:
                self.ignored_total += 1
                return None
            kind = self._change((topic, *sorted(source.values())), meaning.kind, active=active, now=now)
            restores = {"restores": meaning.kind.value} if kind is EventKind.RESTORE else {}
        if kind is None:
            return None
        device_time = instant(message.attributes.get("UtcTime", ""))
        return CameraSaid(
            kind=kind,
            time=_time(device_time, now, skew),
            device_time=device_time,
            attrs={"reason": SAID_BY, "topic": topic, "source": source, "data": data, **restores},
        )

    def _change(self, key: tuple[str, ...], kind: EventKind, *, active: bool, now: datetime) -> EventKind | None:
        """Return what a state means now: its kind when it begins, a restore when the last tamper ends."""
        before = self._standing.get(key)
        stood = before is not None and before.active
        if active:
            if stood and before is not None and now - before.since < ACTIVE_MAX:
                return None
            if before is None and len(self._standing) >= STATES_MAX:
                self._standing.pop(next(iter(self._standing)))
            self._standing[key] = _Standing(True, now, kind)
            return kind
        self._standing.pop(key, None)
        others = any(one.active and one.kind is kind for one in self._standing.values())
        return EventKind.RESTORE if stood and kind is EventKind.CAMERA_TAMPER and not others else None


def topic_of(text: str) -> str:
    """Return a topic without the prefixes of its name spaces."""
    return "/".join(part.rpartition(":")[2] for part in text.strip()[:256].split("/"))


def _meaning(topic: str) -> Meaning | None:
    if topic in TOPICS:
        return TOPICS[topic]
    above = topic.rpartition("/")[0]  # ImageTooDark/ImagingService and its like
    found = TOPICS.get(above)
    return found if found is _TAMPER else None


def _items(node: Node | None, kept: frozenset[str]) -> dict[str, str]:
    found = {}
    for item in node.walk("SimpleItem") if node is not None else ():
        name, value = item.attributes.get("Name", ""), item.attributes.get("Value", "")
        if name in kept and VALUE.fullmatch(value):
            found[name] = value
    return found


def _state(value: str | None, operation: str | None) -> bool | None:
    if operation == "Deleted":
        return False
    text = (value or "").lower()
    return True if text in TRUE else False if text in FALSE else None


def instant(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text.strip())
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _time(device_time: datetime | None, now: datetime, skew: timedelta) -> datetime:
    """Return the camera's time by our clock, or when we heard of it where the camera cannot be right."""
    try:
        corrected = device_time - skew if device_time is not None else now
    except OverflowError:
        return now
    return min(corrected, now) if abs(corrected - now) <= CLOCK_TRUSTED_WITHIN else now
