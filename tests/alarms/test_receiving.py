"""The whole way of an alarm over a real broker: sent, stored, receipted; and everything that must not disturb it."""

import json
import time
from typing import Any

import pytest

from configs.parts import AlarmsConfig
from models.event import EventKind
from models.incident import IncidentState
from models.store import incidents, quarantine, units
from models.unit import ArmState, ConnState, UnitState
from tests.alarms.conftest import SECRET, Town
from tests.alarms.people import AREA
from tests.support.unit import UnitThread, eventually

GOOD: dict[str, Any] = {"v": 1, "unit": "U1", "boot": "b1", "seq": 1, "kind": "alarm", "code": "BA"}
TOPIC = "aw/1/u/U1/evt"


def evt(**changes: Any) -> bytes:
    """Return a good event with some keys changed."""
    return json.dumps({**GOOD, **changes}).encode()


BAD_PAYLOADS = {
    "empty": b"",
    "no json": b"hello",
    "html": b"<html>",
    "not utf-8": b'{"v":1,"unit":"\xff\xfe"}',
    "null": b"null",
    "array": b"[]",
    "nan": b"NaN",
    "braces": b"{" * 4000,
    "brackets": b"[" * 4000,
    "deep value": b'{"v":1,"x":' + b"[" * 2000 + b"]" * 2000 + b"}",
    "infinite": evt().replace(b'"seq": 1', b'"seq": 1e999'),
    "no version": b"{}",
    "next version": evt(v=2),
    "wrong types": evt(seq="1"),
    "seq of 10^30": evt(seq=10**30),
    "seq 0": evt(seq=0),
    "fraction": evt(seq=1.5),
    "nul in text": evt(code="B\u0000"),
    "lone surrogate": evt().replace(b'"BA"', b'"\\ud800"'),
    "unknown kind": evt(kind="explosion"),
    "oversized": evt(state="x" * 5000),
    "long boot": evt(boot="b" * 33),
    "no boot": json.dumps({key: value for key, value in GOOD.items() if key != "boot"}).encode(),
}


def state_of(town: Town, unit_id: str) -> UnitState:
    """Return a unit's stored state."""
    with town.store.transaction() as conn:
        return units.states(conn, [unit_id])[unit_id]


def kinds(town: Town) -> list[str]:
    """Return the kinds of all events, in order of their arrival."""
    with town.store.transaction() as conn:
        return [row[0] for row in conn.execute("SELECT kind FROM event ORDER BY received_at, kind")]


def quarantined(town: Town) -> list[str]:
    """Return the reasons of all quarantined messages, oldest first."""
    with town.store.transaction() as conn:
        return [message.reason for message in quarantine.listing(conn)[0]][::-1]


def test_alarm_becomes_an_incident_and_is_receipted(town: Town) -> None:
    """From the unit's button to the wall's incident, on both brokers."""
    town.register("U1")
    town.start()
    unit = town.unit("U1")
    unit.alarm(point=2)
    unit.wait_receipted()
    with town.store.transaction() as conn:
        (incident,) = incidents.listing(conn, [AREA])[0]
        assert (incident.kind, incident.state, incident.source_id) == (EventKind.BURGLARY, IncidentState.NEW, "U1")
        row = conn.execute("SELECT attrs->>'point', attrs->>'code' FROM event").fetchone()
        assert row == ("2", "BA")
    eventually(lambda: state_of(town, "U1").arm is ArmState.TRIGGERED, what="unit state stored")
    assert state_of(town, "U1").conn is ConnState.ONLINE
    assert state_of(town, "U1").info["model"] == "simulated"
    assert len(unit.unit.outbox) == 0


def test_everything_a_unit_may_do(town: Town) -> None:
    """Arm, burglary, restore, tamper, battery, an unknown code: each stored; what wakes has one incident."""
    town.register("U1")
    town.start()
    unit = town.unit("U1")
    unit.report("arm", "CL", "3401", state="armed_away")
    unit.alarm(point=3)
    unit.report("restore", "BR", "3130", zone=3)
    unit.report("tamper", "TA", "1137")
    unit.report("trouble", "YT", "1302")
    unit.report("alarm", "QX")
    unit.wait_receipted()
    assert set(kinds(town)) == {"armed", "burglary", "restore", "unit_tamper", "battery_low", "unknown_code"}
    assert town.count("alarm_message") == 6
    assert town.count("incident") == 1
    with town.store.transaction() as conn:
        row = conn.execute("SELECT priority FROM event WHERE kind = 'unknown_code'").fetchone()
    assert row == (2,), "an alarm with an unknown code still wakes"


def test_bad_input_is_quarantined_and_good_neighbours_are_stored(town: Town) -> None:
    """Whatever a unit sends, the receiver lives, keeps it for a look, and stores the next good alarm."""
    town.register("U1")
    centre = town.start()
    speaker = town.speaker("U1")
    for seq, payload in enumerate(BAD_PAYLOADS.values(), start=100):
        speaker.say(TOPIC, payload)
        speaker.say(TOPIC, evt(seq=seq))
    eventually(lambda: town.count("alarm_message") == len(BAD_PAYLOADS), what="good neighbours stored")
    eventually(lambda: town.count("quarantine") == len(BAD_PAYLOADS), what="bad ones kept")
    assert not centre.failed.is_set()
    assert town.count("incident") == 1
    assert "not_understood" in kinds(town)


def test_same_bad_message_is_kept_once(town: Town) -> None:
    """A broken message without a receipt comes again and again; once in quarantine is enough."""
    town.register("U1")
    town.start()
    speaker = town.speaker("U1")
    for _ in range(20):
        speaker.say(TOPIC, b"broken")
    speaker.say(TOPIC, evt())
    eventually(lambda: town.count("alarm_message") == 1, what="stored")
    assert town.count("quarantine") == 1


def test_impossible_clock_is_no_reason_to_refuse(town: Town) -> None:
    """An alarm is an alarm at any time: stored by our clock, flagged, with one event for the clock itself."""
    town.register("U1")
    town.start()
    speaker = town.speaker("U1")
    now_ms = int(time.time() * 1000)
    stamps = [10**18, -5, 0, 1e17, now_ms - 3_600_000, now_ms + 86_400_000]
    for seq, stamp in enumerate(stamps, start=1):
        speaker.say(TOPIC, evt(seq=seq, ts=stamp))
    eventually(lambda: town.count("alarm_message") == len(stamps), what="stored")
    with town.store.transaction() as conn:
        rows = conn.execute(
            "SELECT skewed, abs(extract(epoch FROM corrected_time - received_at)) < 1 FROM alarm_message"
        )
        assert set(rows) == {(True, True)}
    eventually(lambda: kinds(town).count("clock_trouble") == 1, what="clock trouble told once")


def test_event_from_the_outbox_keeps_its_own_time(town: Town) -> None:
    """What a unit held back while it had no line happened when the unit says."""
    town.register("U1")
    town.start()
    hour_ago_ms = int(time.time() * 1000) - 3_600_000
    town.speaker("U1").say(TOPIC, evt(ts=hour_ago_ms, q=True))
    eventually(lambda: town.count("alarm_message") == 1, what="stored")
    with town.store.transaction() as conn:
        row = conn.execute(
            "SELECT queued, skewed, extract(epoch FROM received_at - corrected_time) > 3590 FROM alarm_message"
        ).fetchone()
    assert row == (True, False, True)


def test_replay_stores_once_and_is_receipted_again(town: Town) -> None:
    """The same (unit, boot, seq) fifty times: one row, one event, one incident."""
    town.register("U1")
    town.start()
    speaker = town.speaker("U1")
    receipts: list[bytes] = []
    speaker.client.on_message = lambda *args: receipts.append(args[2].payload)
    speaker.client.subscribe("aw/1/u/U1/ack")
    for _ in range(50):
        speaker.say(TOPIC, evt())
    eventually(lambda: sum(receipt.count(b"1]") for receipt in receipts) >= 1, what="receipts")
    eventually(lambda: sum(len(json.loads(receipt)["seqs"]) for receipt in receipts) == 50, what="50 receipts")
    assert (town.count("alarm_message"), town.count("event"), town.count("incident")) == (1, 1, 1)


def test_payload_that_claims_another_unit(town: Town) -> None:
    """The unit in the payload must be the one of the topic; else it is kept, and somebody is told."""
    town.register("U1", "U2")
    town.start()
    town.speaker("U1").say(TOPIC, evt(unit="U2"))
    eventually(lambda: kinds(town) == ["spoof"], what="told")
    assert town.count("alarm_message") == 0
    assert quarantined(town) == ["spoof: says it is U2"]
    with town.store.transaction() as conn:
        (incident,) = incidents.listing(conn, [AREA])[0]
    assert (incident.kind, incident.source_id) == (EventKind.SPOOF, "U1")


def test_unregistered_and_disabled_units(town: Town) -> None:
    """Nobody outside the registry gets a receipt; what they say is kept for a look."""
    town.register("U1", "U2")
    watched = town.start().committer.supervision.units
    with town.store.transaction() as conn:
        units.update(conn, "U2", {"enabled": False}, expected_version=1)
    speaker = town.speaker()
    eventually(lambda: "U2" in watched and not watched["U2"].unit.enabled, what="the registry read")
    speaker.say("aw/1/u/U9/evt", evt(unit="U9"))
    speaker.say("aw/1/u/U2/evt", evt(unit="U2"))
    eventually(lambda: town.count("quarantine") == 2, what="kept")
    assert sorted(quarantined(town)) == ["unknown_unit: disabled", "unknown_unit: not registered"]
    assert town.count("alarm_message") == 0


def test_unit_registered_while_running(town: Town) -> None:
    """An engineer adds a unit: it signs in and its first alarm is stored, without a restart."""
    town.start()
    town.register("U7")
    unit = town.unit("U7")
    unit.alarm()
    unit.wait_receipted()


def test_retained_event_is_wiped_not_believed(town: Town) -> None:
    """An alarm of yesterday that the broker keeps is no alarm of today."""
    town.register("U1")
    speaker = town.speaker("U1")
    speaker.say(TOPIC, evt(), retain=True)
    town.start()
    speaker.say(TOPIC, evt(seq=2))
    eventually(lambda: town.count("alarm_message") == 1, what="the live one stored")
    late = town.speaker()
    seen: list[bool] = []
    late.client.on_message = lambda *args: seen.append(bool(args[2].payload))
    late.client.subscribe(TOPIC, 1)
    time.sleep(0.3)
    assert seen == []
    assert town.count("quarantine") == 0


@pytest.mark.alone
def test_flooding_unit_does_not_slow_the_others(town: Town) -> None:
    """Over its allowance a unit gets no receipts; a thousand a minute and it is told and paused. U2 stays fast."""
    town.register("U1", "U2")
    centre = town.start(AlarmsConfig(rate_per_s=10, rate_burst=100))
    calm = town.unit("U2")
    flooder = town.speaker("U1")
    for seq in range(1, 1501):
        flooder.client.publish(TOPIC, evt(seq=seq), qos=1)
    started = time.monotonic()
    calm.alarm()
    calm.wait_receipted(within_s=5)
    assert time.monotonic() - started < 5
    eventually(lambda: "flood" in kinds(town), what="flood told")
    eventually(lambda: centre.rates.shed_total > 800, what="shed")
    with town.store.transaction() as conn:
        row = conn.execute("SELECT count(*) FROM alarm_message WHERE unit_id = 'U1'").fetchone()
    assert row is not None
    assert row[0] < 500


def test_flooding_unit_is_cut_off(mosquitto_town: Town) -> None:
    """The broker is told that the flooding unit may not sign in for now, and drops its connection."""
    mosquitto_town.register("U1", "U2")
    centre = mosquitto_town.start()
    flooder = mosquitto_town.speaker("U1")
    for seq in range(1, 1501):
        flooder.client.publish(TOPIC, evt(seq=seq), qos=1)

    def cut() -> bool:
        centre.follow_admissions()
        return not flooder.client.is_connected()

    eventually(cut, what="connection cut")
    mosquitto_town.unit("U2").alarm()


def test_units_cannot_speak_for_each_other(mosquitto_town: Town) -> None:
    """The ACL pattern lets a unit write below its own name only; a wrong secret lets nobody in."""
    mosquitto_town.register("U1", "U2")
    mosquitto_town.start()
    speaker = mosquitto_town.speaker("U1")
    speaker.client.publish("aw/1/u/U2/evt", evt(unit="U2"), qos=1)
    speaker.client.publish("aw/1/u/U1/cmd", b"{}", qos=1)
    speaker.say(TOPIC, evt())
    eventually(lambda: mosquitto_town.count("alarm_message") == 1, what="own message stored")
    assert mosquitto_town.count("quarantine") == 0
    stranger = UnitThread("U2", mosquitto_town.broker.address("U2", SECRET + "x"))
    time.sleep(0.5)
    assert not stranger.unit.online
    stranger.stop()


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("aw/1/u/u1/evt", evt()),
        ("aw/1/u/U1/evt/more", evt()),
        ("aw/1/u/" + "U" * 33 + "/evt", evt()),
        ("aw/1/u/U 1/evt", evt()),
    ],
    ids=["lower case", "too deep", "too long", "blank"],
)
def test_odd_topics(town: Town, topic: str, payload: bytes) -> None:
    """Names that no unit can have are kept or never arrive; they disturb nothing."""
    town.register("U1")
    centre = town.start()
    speaker = town.speaker()
    speaker.say(topic, payload)
    speaker.say(TOPIC, evt())
    eventually(lambda: town.count("alarm_message") == 1, what="stored")
    assert not centre.failed.is_set()
