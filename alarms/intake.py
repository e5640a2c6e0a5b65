"""From a delivery to what is to be stored: a message with its event, a quarantined payload, or only a sign of life.

Runs once per delivery, before the database is asked; what it changes is memory.
"""

from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import msgspec

from alarms import codes, parse, skew, wire
from alarms.inbox import Delivery
from alarms.parse import Quarantined, Reason
from alarms.supervision import Supervision, unit_event
from alarms.unit_watch import UnitWatch
from models.event import Event, EventKind, SourceKind, event_id
from models.store.quarantine import QuarantinedMessage
from models.unit import AlarmMessage, Unit

QUARANTINE_REMEMBERED = 4096
"""The same broken message, sent again and again, is kept once while it is among the last so many."""
Key = tuple[str, str, int]


@dataclass(slots=True)
class Item:
    """One delivery and what becomes of it. ``key`` is set when the unit gets a receipt.

    An event without a message is one whose number an earlier message has.
    """

    delivery: Delivery
    key: Key | None = None
    message: AlarmMessage | None = None
    event: Event | None = None
    quarantined: QuarantinedMessage | None = None


class Intake:
    """Understands deliveries; tells supervision what they say of their unit."""

    def __init__(self, supervision: Supervision) -> None:
        self._supervision = supervision
        self._seen_broken: OrderedDict[int, None] = OrderedDict()
        self.quarantined_total = 0

    def digest(self, delivery: Delivery) -> Item:
        """Return what to store; never raises for what a unit has sent."""
        result = parse.parse(delivery.topic, delivery.payload)
        watch = self._supervision.units.get(delivery.unit_id)
        if isinstance(result, Quarantined):
            return self._quarantine(delivery, watch, result)
        if watch is None or not watch.unit.enabled:
            detail = "not registered" if watch is None else "disabled"
            return self._quarantine(delivery, None, Quarantined(Reason.UNKNOWN_UNIT, detail, result.unit_id))
        message = result.message
        if isinstance(message, wire.EventMessage):
            return self._event(delivery, watch, message)
        self._follow(delivery, watch, message)
        return Item(delivery)

    def refuse(self, item: Item, detail: str) -> None:
        """Turn an item that the database does not take into a quarantined one."""
        watch = self._supervision.units.get(item.delivery.unit_id)
        reason = Quarantined(Reason.REFUSED_BY_STORE, detail, item.delivery.unit_id or None)
        refused = self._quarantine(item.delivery, watch, reason)
        item.key = item.message = item.event = None
        item.quarantined = refused.quarantined

    def keep_reused(self, item: Item) -> None:
        """Keep an event whose (boot, seq) an earlier, other one has: as the event it is, and as it came.

        A unit that counts anew after a restart under an old boot is at fault, but its alarm is still an alarm.
        """
        event, delivery = item.event, item.delivery
        item.message = item.event = None
        if event is None or self._is_repeated(delivery, Reason.NUMBER_REUSED):
            return
        again = event_id(event.id, event.device_time, event.kind, event.attrs)
        item.event = replace(event, id=again, attrs={**event.attrs, "number_reused": True})
        detail = "an earlier event has the same boot and seq"
        item.quarantined = _quarantined(delivery, Quarantined(Reason.NUMBER_REUSED, detail, delivery.unit_id))

    # ── events ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _event(self, delivery: Delivery, watch: UnitWatch, message: wire.EventMessage) -> Item:
        unit = watch.unit
        supervision = self._supervision
        before = watch.face()
        if message.boot not in watch.old_boots or not message.q:
            supervision.boot(watch, message.boot, at=delivery.received_at, at_s=delivery.received_s)
        supervision.heard(watch, at=delivery.received_at, at_s=delivery.received_s)
        timing = skew.place_in_time(message.ts, received_at=delivery.received_at, quality=message.tq, queued=message.q)
        said = codes.classify(message.kind, message.code, message.cid)
        watch.apply_event(message, said, skew_s=timing.skew_s)
        supervision.note_face(watch, before)
        self._judge_clock(watch, timing, delivery.received_at)
        key = (unit.id, message.boot, message.seq)
        return Item(
            delivery,
            key=key,
            message=_alarm_message(unit, message, timing, delivery.received_at),
            event=_unit_event(unit, message, said, timing, delivery.received_at),
        )

    def _judge_clock(self, watch: UnitWatch, timing: skew.Timing, at: datetime) -> None:
        if not timing.trouble:
            watch.clock_told = watch.clock_told and timing.skew_s is None
            return
        if not watch.clock_told:
            watch.clock_told = True
            off = "unreadable" if timing.skew_s is None else f"{-timing.skew_s:+.0f} s off"
            attrs: dict[str, object] = {"skew_s": timing.skew_s}
            key = ("clock", at.isoformat())
            self._supervision.tell(
                unit_event(watch.unit, EventKind.CLOCK_TROUBLE, at, f"clock {off}", key=key, attrs=attrs)
            )

    # ── the rest of what units say ──────────────────────────────────────────────────────────────────────────────────

    def _follow(self, delivery: Delivery, watch: UnitWatch, message: wire.UnitMessage) -> None:
        supervision = self._supervision
        at, at_s, retained = delivery.received_at, delivery.received_s, delivery.retain
        if isinstance(message, wire.ConnMessage):
            supervision.conn(watch, message, at=at, at_s=at_s, retained=retained)
            return
        before = watch.face()
        if not retained:
            supervision.heard(watch, at=at, at_s=at_s)
        if isinstance(message, wire.StateMessage):
            watch.apply_state(message)
        elif isinstance(message, wire.InfoMessage):
            watch.apply_info(message)
        elif isinstance(message, wire.Heartbeat):
            supervision.boot(watch, message.boot, at=at, at_s=at_s)
            timing = skew.place_in_time(message.ts, received_at=at)
            watch.apply_heartbeat(message, skew_s=timing.skew_s)
            self._judge_clock(watch, timing, at)
            supervision.beat(watch, at, _beat(message))
        supervision.note_face(watch, before)

    # ── what is not understood ──────────────────────────────────────────────────────────────────────────────────────

    def _quarantine(self, delivery: Delivery, watch: UnitWatch | None, result: Quarantined) -> Item:
        self.quarantined_total += 1
        if self._is_repeated(delivery, result.reason):
            return Item(delivery)
        if watch is not None:
            self._tell_not_understood(watch.unit, delivery.received_at, result)
        return Item(delivery, quarantined=_quarantined(delivery, result))

    def _is_repeated(self, delivery: Delivery, reason: Reason) -> bool:
        fingerprint = hash((delivery.topic, delivery.payload, reason))
        repeated = fingerprint in self._seen_broken
        self._seen_broken[fingerprint] = None
        self._seen_broken.move_to_end(fingerprint)
        if len(self._seen_broken) > QUARANTINE_REMEMBERED:
            self._seen_broken.popitem(last=False)
        return repeated

    def _tell_not_understood(self, unit: Unit, at: datetime, result: Quarantined) -> None:
        """A person should know, once a minute at most: it may have been an alarm."""
        minute = datetime.fromtimestamp(at.timestamp() // 60 * 60, UTC)
        kind = EventKind.SPOOF if result.reason is Reason.SPOOF else EventKind.NOT_UNDERSTOOD
        label = f"{result.reason.replace('_', ' ')}: {result.detail}"
        key = (result.reason, minute.isoformat())
        self._supervision.tell(unit_event(unit, kind, minute, label, key=key))


def _quarantined(delivery: Delivery, result: Quarantined) -> QuarantinedMessage:
    return QuarantinedMessage(
        received_at=delivery.received_at,
        topic=delivery.topic,
        payload=delivery.payload,
        reason=f"{result.reason}: {result.detail}",
        unit_id=result.unit_id,
    )


def _alarm_message(unit: Unit, message: wire.EventMessage, timing: skew.Timing, received_at: datetime) -> AlarmMessage:
    return AlarmMessage(
        unit_id=unit.id,
        boot_id=message.boot,
        seq=message.seq,
        kind=message.kind,
        code=message.code,
        device_time=timing.device,
        received_at=received_at,
        corrected_time=timing.corrected,
        skewed=timing.skewed,
        queued=message.q,
        partition=message.part,
        point=message.zone,
        state=message.state,
        payload=_payload(message),
    )


def _payload(message: wire.EventMessage) -> dict[str, object]:
    """Return what the unit said, less what is no JSON number the store could keep."""
    payload: dict[str, object] = msgspec.to_builtins(message)
    if message.ts is not None and skew.device_time(message.ts) is None:
        payload["ts"] = None
        payload["ts_text"] = str(message.ts)[:40]
    return payload


def _unit_event(
    unit: Unit, message: wire.EventMessage, said: codes.Classification, timing: skew.Timing, received_at: datetime
) -> Event:
    attrs: dict[str, object] = {"boot": message.boot, "seq": message.seq, "message_kind": str(message.kind)}
    optional = (
        ("code", message.code or None),
        ("cid", message.cid),
        ("point", message.zone),
        ("partition", message.part),
        ("restores", None if said.restores is None else str(said.restores)),
        ("device", message.dev.id if message.dev else None),
        ("device_type", message.dev.type if message.dev else None),
        ("queued", message.q or None),
        ("skew_s", round(timing.skew_s, 3) if timing.skewed and timing.skew_s is not None else None),
    )
    attrs.update((name, value) for name, value in optional if value is not None)
    return Event(
        id=event_id("unit", unit.id, message.boot, message.seq),
        time=timing.corrected,
        received_at=received_at,
        device_time=timing.device,
        area=unit.area,
        kind=said.kind,
        source_kind=SourceKind.UNIT,
        source_id=unit.id,
        priority=said.priority,
        label=said.label,
        attrs=attrs,
    )


def _beat(message: wire.Heartbeat) -> dict[str, object]:
    body = {"battery": message.battery, "mains": message.mains, "rssi": message.rssi, "outbox": message.outbox}
    return {name: value for name, value in body.items() if value is not None}
