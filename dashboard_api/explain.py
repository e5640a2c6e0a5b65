"""Why an event was raised: the rule as it stood, or the message as it came; nothing is left to memory."""

from typing import Any

from psycopg import Connection

from dashboard_api.shapes import event_items, rule_item
from models.camera import Rule, RuleKind
from models.event import Event, SourceKind
from models.store import cameras
from models.wire import plain

DETECTOR_KEYS = ("detector", "digest", "detector_digest", "precision", "threshold", "thresholds")


def why(conn: Connection[Any], event: Event) -> dict[str, Any]:
    """Return the event with what made it."""
    rule = cameras.rule(conn, event.rule_id, event.rule_version) if event.rule_id is not None else None
    message = _message(conn, event) if event.source_kind is SourceKind.UNIT else None
    return {
        "event": event_items(conn, [event])[0],
        "because": _sentence(event, rule, message),
        "rule": rule_item(rule) if rule is not None else None,
        "detector": {key: event.attrs[key] for key in DETECTOR_KEYS if key in event.attrs},
        "message": message,
    }


def _message(conn: Connection[Any], event: Event) -> dict[str, Any] | None:
    row = conn.execute(
        "SELECT boot_id, seq, kind, code, partition, point, state, device_time, received_at, skewed, queued, payload"
        " FROM alarm_message WHERE event_id = %s AND unit_id = %s LIMIT 1",
        (event.id, event.source_id),
    ).fetchone()
    if row is None:
        return None
    names = (
        "boot_id", "seq", "kind", "code", "partition", "point", "state", "device_time", "received_at", "skewed",
        "queued", "payload",
    )  # fmt: skip
    message: dict[str, Any] = plain(dict(zip(names, row, strict=True)))
    return message


def _sentence(event: Event, rule: Rule | None, message: dict[str, Any] | None) -> str:
    if rule is not None:
        what = event.label or "something"
        where = "was inside" if rule.kind is RuleKind.INTRUSION else "crossed"
        score = f", score {event.score:.2f}" if event.score is not None else ""
        return f"{what} {where} '{rule.name}' (version {rule.version}) for {rule.confirm_frames} pictures{score}"
    if message is not None:
        point = f", point {message['point']}" if message["point"] is not None else ""
        return f"{event.source_id} sent {message['kind']} {message['code']}{point} as message {message['seq']}"
    reason = event.attrs.get("reason") or event.attrs.get("cause") or event.label
    return f"{event.kind.replace('_', ' ')} of {event.source_id}" + (f": {reason}" if reason else "")
