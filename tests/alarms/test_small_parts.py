"""Rates, inbox, outbox, places, backoff, secrets: the small parts alone."""

import random
import threading
import time
from datetime import UTC, datetime

import pytest

from alarms import broker
from alarms.inbox import Delivery, Inbox
from alarms.mqtt import Backoff
from alarms.places import PlaceIndex, distance_m
from alarms.rates import FLOOD_PER_MINUTE, PAUSE_S, UnitRates, Verdict
from alarms.simulated_units.outbox import Outbox
from alarms.supervision import common_area


def delivery(number: int) -> Delivery:
    """Return a numbered delivery."""
    return Delivery(
        topic=str(number),
        payload=b"",
        unit_id="U1",
        leaf="evt",
        retain=False,
        puback=None,
        received_at=datetime(2026, 1, 1, tzinfo=UTC),
        received_s=0.0,
    )


def test_bucket_lets_bursts_pass_and_refills() -> None:
    """A hundred at once, then ten a second; nobody pays for another unit."""
    rates = UnitRates(10, 100)
    verdicts = [rates.judge("U1", 0.0) for _ in range(120)]
    assert verdicts == [Verdict.PASS] * 100 + [Verdict.SHED] * 20
    assert rates.judge("U2", 0.0) is Verdict.PASS
    assert [rates.judge("U1", 1.0) for _ in range(11)] == [Verdict.PASS] * 10 + [Verdict.SHED]


def test_flood_is_told_once_and_pauses() -> None:
    """The message that makes it a flood says so; then nothing is heard for a while; then again."""
    rates = UnitRates(10, 100)
    verdicts = [rates.judge("U1", 0.01 * number) for number in range(FLOOD_PER_MINUTE + 200)]
    assert verdicts.count(Verdict.FLOOD) == 1
    flood_s = 0.01 * verdicts.index(Verdict.FLOOD)
    assert rates.paused(flood_s + 1) == {"U1"}
    assert rates.judge("U1", flood_s + PAUSE_S - 1) is Verdict.SHED
    assert rates.judge("U1", flood_s + PAUSE_S + 1) is Verdict.PASS
    assert rates.paused(flood_s + PAUSE_S + 1) == frozenset()


def test_buckets_of_retired_units_are_forgotten() -> None:
    """Memory follows the registry."""
    rates = UnitRates(1, 1)
    rates.judge("U1", 0.0)
    rates.judge("U1", 0.0)
    rates.forget(frozenset())
    assert rates.judge("U1", 0.0) is Verdict.PASS


def test_inbox_keeps_order_and_bounds() -> None:
    """In order, at most as many as asked for, and it says when it is full."""
    inbox = Inbox(capacity=10)
    for number in range(10):
        inbox.put(delivery(number))
    assert (inbox.has_room, inbox.half_empty) == (False, False)
    assert [item.topic for item in inbox.take(4, timeout_s=0)] == ["0", "1", "2", "3"]
    assert (inbox.has_room, inbox.half_empty) == (True, False)
    assert len(inbox.take(100, timeout_s=0)) == 6
    assert inbox.take(1, timeout_s=0) == []


@pytest.mark.alone
def test_inbox_wakes_who_waits() -> None:
    """A waiting committer gets the first message at once, not after its timeout."""
    inbox = Inbox()
    threading.Timer(0.05, inbox.put, [delivery(1)]).start()
    started = time.monotonic()
    assert len(inbox.take(5, timeout_s=10)) == 1
    assert time.monotonic() - started < 5


def test_outbox_resends_until_the_receipt() -> None:
    """At once, after 2, 4, 8 ... at most 60 s; a receipt of another boot changes nothing; late ones say so."""
    outbox = Outbox("b1")
    outbox.add(1, {"seq": 1}, 0.0)
    sent_s = [now for now in range(300) if outbox.due(float(now))]
    assert sent_s == [0, 2, 6, 14, 30, 62, 122, 182, 242]
    outbox.add(2, {"seq": 2}, 300.0)
    assert outbox.due(300.0) == [{"seq": 2}]
    assert outbox.due(302.0) == [{"seq": 1, "q": True}, {"seq": 2}]
    assert outbox.receipt("b0", [1, 2]) == []
    assert outbox.receipt("b1", [2, 3]) == [2]
    assert len(outbox) == 1


def test_places() -> None:
    """What is within reach is found, with its distance, also over the edges of cells and at high latitudes."""
    for lat in (0.0, 20.02, 60.0, -33.3):
        index: PlaceIndex[str] = PlaceIndex(150)
        index.add(lat, 110.0, "here")
        index.add(lat + 100 / 111_195, 110.0, "100 m north")
        index.add(lat + 200 / 111_195, 110.0, "200 m north")
        found = {thing: metres for metres, thing in index.near(lat, 110.0)}
        assert set(found) == {"here", "100 m north"}
        assert found["100 m north"] == pytest.approx(100, abs=1)
    assert distance_m(20, 110, 20, 110) == 0


def test_backoff_grows_spreads_and_stops_growing() -> None:
    """Never longer than the limit, never in step."""
    backoff = Backoff(first_s=1, limit_s=60)
    dice = random.Random(1)
    for attempt, most_s in ((0, 1), (1, 2), (5, 32), (6, 60), (1000, 60)):
        delays = {backoff.delay_s(attempt, dice) for _ in range(50)}
        assert len(delays) == 50
        assert max(delays) <= most_s


def test_secrets_are_hashed_as_mosquitto_does() -> None:
    """The stored form tells right from wrong, and every hash has a salt of its own."""
    hashed = broker.hash_secret("open sesame")
    assert hashed.startswith("$7$101$")
    assert hashed != broker.hash_secret("open sesame")
    assert broker.secret_matches("open sesame", hashed)
    assert not broker.secret_matches("open barley", hashed)
    for nonsense in ("", "-", "$6$1$a$b", "$7$x$a$b", "$7$101$!$b"):
        assert not broker.secret_matches("open sesame", nonsense)


@pytest.mark.parametrize(
    ("areas", "common"),
    [
        ([], ""),
        (["a.b.c"], "a.b.c"),
        (["a.b.c", "a.b.d"], "a.b"),
        (["a.b", "a.b.c"], "a.b"),
        (["a.bc", "a.bd"], "a"),
        (["a.b", "c.d"], ""),
    ],
)
def test_common_area(areas: list[str], common: str) -> None:
    """Whole words are shared, not letters."""
    assert common_area(areas) == common
