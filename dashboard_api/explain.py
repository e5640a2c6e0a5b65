"""Why an event was raised: the rule as it stood, or the message as it came; nothing is left to memory."""

from typing import Any

from psycopg import Connection

from analytics.rerun import rerun
from dashboard_api.shapes import event_items, rule_item
from models.event import Event, SourceKind
from models.rule import PARAMS, Rule, RuleKind
from models.store import cameras
from models.wire import plain

DETECTOR_KEYS = ("detector", "digest", "detector_digest", "precision", "threshold", "thresholds")

STEPS_SHOWN = 32
CONFIRMED = (RuleKind.INTRUSION, RuleKind.LINE_CROSSING, RuleKind.WRONG_WAY, RuleKind.SPEED)
MEASURED = {
    RuleKind.LOITERING: ("dwell_s", "{:.1f} s"),
    RuleKind.WRONG_WAY: ("travel", "{:.2f} of the picture's height against it"),
    RuleKind.SPEED: ("kmh", "{:.0f} km/h"),
    RuleKind.CROWD: ("count", "{:.0f} counted"),
}
"""What was measured, after the sentence."""
DID = {
    RuleKind.INTRUSION: "{what} was inside {named}",
    RuleKind.LINE_CROSSING: "{what} crossed {named}",
    RuleKind.LOITERING: "{what} stayed in {named} for {dwell_s:g} s",
    RuleKind.WRONG_WAY: "{what} went against the way of {named}",
    RuleKind.SPEED: "{what} was faster in {named} than {limit_kmh:g} km/h",
    RuleKind.CROWD: "{count_min:g} or more were in {named} for {hold_s:g} s",
    RuleKind.LEFT_OBJECT: "something stood in {named} for {still_s:g} s, with nobody near it",
    RuleKind.REMOVED_OBJECT: "something was gone from {named} for {still_s:g} s",
    RuleKind.TAMPER: "the picture was {what} for {hold_s:g} s, says {named}",
}


def why(conn: Connection[Any], event: Event) -> dict[str, Any]:
    """Return the event with what made it."""
    rule = cameras.rule(conn, event.rule_id, event.rule_version) if event.rule_id is not None else None
    message = _message(conn, event) if event.source_kind is SourceKind.UNIT else None
    attrs, shown = event.attrs, rule_item(rule) if rule is not None else None
    return {
        "event": event_items(conn, [event])[0],
        "because": _sentence(event, rule, message),
        "rule": shown,
        "detector": {key: attrs[key] for key in DETECTOR_KEYS if key in attrs},
        "message": message,
        "geometry": attrs.get("geometry") or (shown["points"] if shown is not None else []),
        "track": attrs.get("track") or [],
        "thresholds": _thresholds(event, rule),
        "measured": attrs.get("measured") or {},
        "frame": attrs.get("frame") or {},
        "schedule": {"windows": shown["schedule"], "calendar": _calendar(attrs)} if shown is not None else None,
        "rerun": _again(rule, attrs) if rule is not None else None,
    }


def _thresholds(event: Event, rule: Rule | None) -> dict[str, float]:
    said = event.attrs.get("thresholds")
    thresholds = dict(said) if isinstance(said, dict) else {}
    if rule is not None:
        thresholds |= {name: rule.param(name, event.label) for name in PARAMS[rule.kind]}
    return thresholds


def _calendar(attrs: dict[str, Any]) -> dict[str, Any] | None:
    evidence = attrs.get("evidence")
    calendar: dict[str, Any] | None = evidence.get("calendar") if isinstance(evidence, dict) else None
    return calendar


def _again(rule: Rule, attrs: dict[str, Any]) -> dict[str, Any]:
    again = rerun(rule, attrs)
    return {"same": again.same, "text": again.text, "looks": len(again.steps), "steps": again.steps[-STEPS_SHOWN:]}


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
        return _judged(event, rule)
    if message is not None:
        point = f", point {message['point']}" if message["point"] is not None else ""
        return f"{event.source_id} sent {message['kind']} {message['code']}{point} as message {message['seq']}"
    reason = event.attrs.get("reason") or event.attrs.get("cause") or event.label
    return f"{event.kind.replace('_', ' ')} of {event.source_id}" + (f": {reason}" if reason else "")


def _judged(event: Event, rule: Rule) -> str:
    what, named = event.label or "something", f"'{rule.name}' (version {rule.version})"
    did = DID[rule.kind].format(what=what, named=named, **{name: rule.param(name, what) for name in PARAMS[rule.kind]})
    looks = f" for {rule.confirm_frames} pictures" if rule.kind in CONFIRMED else ""
    name, form = MEASURED.get(rule.kind, ("", ""))
    value = (event.attrs.get("measured") or {}).get(name)
    figure = f" ({form.format(value)})" if value is not None else ""
    return did + looks + figure + (f", score {event.score:.2f}" if event.score is not None else "")
