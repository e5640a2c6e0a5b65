"""Parsing never raises, whatever the bytes."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarms import wire
from alarms.parse import LEAVES, Parsed, Quarantined, Reason, parse, split_topic

GOOD: dict[str, Any] = {
    "v": 1,
    "unit": "U000123",
    "boot": "7f3a",
    "seq": 1842,
    "ts": 1790000000123,
    "tq": "ntp",
    "kind": "alarm",
    "code": "BA",
    "cid": "1130",
    "part": 1,
    "zone": 3,
    "dev": {"id": "pir-07", "type": "motion", "battery_low": False},
    "user": None,
    "state": "triggered",
    "cam": ["c12"],
}
TOPIC = "aw/1/u/U000123/evt"


def test_the_example_of_the_scheme() -> None:
    """Every field of the written scheme arrives."""
    result = parse(TOPIC, json.dumps({**GOOD, "of the future": [1, {"a": 2}]}).encode())
    assert isinstance(result, Parsed)
    message = result.message
    assert isinstance(message, wire.EventMessage)
    assert (result.unit_id, message.seq, message.zone, message.dev and message.dev.id) == ("U000123", 1842, 3, "pir-07")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"v": 2}, Reason.UNKNOWN_VERSION),
        ({"v": "1"}, Reason.WRONG_FORM),
        ({"unit": "U000124"}, Reason.SPOOF),
        ({"seq": 0}, Reason.WRONG_FORM),
        ({"seq": -1}, Reason.WRONG_FORM),
        ({"seq": 2**53 + 1}, Reason.WRONG_FORM),
        ({"seq": 10**30}, Reason.WRONG_FORM),
        ({"seq": True}, Reason.WRONG_FORM),
        ({"seq": None}, Reason.WRONG_FORM),
        ({"boot": ""}, Reason.WRONG_FORM),
        ({"boot": "a b"}, Reason.WRONG_FORM),
        ({"boot": "a\n"}, Reason.WRONG_FORM),
        ({"kind": "party"}, Reason.WRONG_FORM),
        ({"code": "A\u0000"}, Reason.WRONG_FORM),
        ({"code": "A" * 65}, Reason.WRONG_FORM),
        ({"zone": -1}, Reason.WRONG_FORM),
        ({"zone": 70000}, Reason.WRONG_FORM),
        ({"zone": "3"}, Reason.WRONG_FORM),
        ({"ts": "now"}, Reason.WRONG_FORM),
        ({"cam": ["c"] * 17}, Reason.WRONG_FORM),
        ({"state": "x" * 5000}, Reason.TOO_LARGE),
    ],
)
def test_what_is_refused(changes: dict[str, Any], reason: Reason) -> None:
    """Each limit says its own reason and names the unit of the topic."""
    result = parse(TOPIC, json.dumps({**GOOD, **changes}).encode())
    assert isinstance(result, Quarantined)
    assert (result.reason, result.unit_id) == (reason, "U000123")


@pytest.mark.parametrize("ts", [None, 0, -1, 10**18, 10**30, 1.5, 1790000000123])
def test_no_time_is_refused(ts: float | None) -> None:
    """An alarm is not refused for its clock."""
    assert isinstance(parse(TOPIC, json.dumps({**GOOD, "ts": ts}).encode()), Parsed)


@pytest.mark.parametrize(
    ("topic", "parts"),
    [
        ("aw/1/u/U1/evt", ("U1", "evt")),
        ("aw/1/u/A-B-9/tel", ("A-B-9", "tel")),
        ("aw/1/u/U1/ack", None),
        ("aw/1/u/U1/cmd", None),
        ("aw/1/u/u1/evt", None),
        ("aw/1/u//evt", None),
        ("aw/2/u/U1/evt", None),
        ("aw/1/u/U1/evt/x", None),
        ("aw/1/u/U1/evt\n", None),
        ("", None),
    ],
)
def test_topics(topic: str, parts: tuple[str, str] | None) -> None:
    """Only what units may say, only by names that units may have."""
    assert split_topic(topic) == parts


@given(st.sampled_from(sorted(LEAVES)), st.binary(max_size=5000))
def test_any_bytes(leaf: str, payload: bytes) -> None:
    """No payload raises."""
    assert isinstance(parse(f"aw/1/u/U1/{leaf}", payload), Parsed | Quarantined)


@given(st.text(max_size=100), st.binary(max_size=50))
def test_any_topic(topic: str, payload: bytes) -> None:
    """No topic raises."""
    assert isinstance(parse(topic, payload), Parsed | Quarantined)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@given(st.sampled_from(sorted(LEAVES)), st.dictionaries(st.sampled_from([*GOOD, "s", "n", "arm", "open", "x"]), _json))
def test_any_json_object(leaf: str, said: dict[str, Any]) -> None:
    """Right keys with wrong values of every kind."""
    payload = json.dumps({**GOOD, **said}).encode()
    assert isinstance(parse(f"aw/1/u/U000123/{leaf}", payload), Parsed | Quarantined)


@given(st.integers(min_value=0, max_value=400))
def test_truncated(length: int) -> None:
    """A good message cut anywhere is no message."""
    payload = json.dumps(GOOD).encode()
    if length < len(payload):
        assert isinstance(parse(TOPIC, payload[:length]), Quarantined)


def test_receipts_and_commands_are_read_as_they_were_written() -> None:
    """What the centre writes, units can read."""
    receipt = wire.Receipt(boot="b", seqs=[1, 2])
    assert json.loads(wire.encode(receipt)) == {"v": 1, "boot": "b", "seqs": [1, 2]}
