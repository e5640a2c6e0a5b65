"""The line to the broker: who may sign in, what the broker refuses, and what is too large."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from alarms import broker as brokers
from alarms.inbox import Inbox
from alarms.mqtt import Address
from alarms.rates import UnitRates
from alarms.receiver import Receiver
from models.clock import SystemClock
from models.store import quarantine, units
from models.unit import Unit
from tests.alarms.conftest import SECRET, Town
from tests.alarms.people import AREA
from tests.support.unit import UnitThread, eventually

MIB = 2**20


def test_unit_registered_while_running_may_sign_in(mosquitto_town: Town) -> None:
    """The centre tells the broker of new units, of changed secrets and of who is out, each within about a second."""
    town = mosquitto_town
    centre = town.start()
    centre.follow_admissions()
    with town.store.transaction() as conn:
        units.create(conn, Unit(id="U7", name="U7", area=AREA), broker_hash=brokers.hash_secret(SECRET))
    centre.follow_admissions()
    unit = town.unit("U7")
    unit.alarm()
    unit.wait_receipted()
    with town.store.transaction() as conn:
        units.set_broker_hash(conn, "U7", brokers.hash_secret("another"))
    centre.follow_admissions()
    eventually(lambda: not unit.unit.online, what="the old secret is out")
    fresh = UnitThread("U7", town.broker.address("U7", "another"))
    try:
        fresh.wait_online()
        with town.store.transaction() as conn:
            units.update(conn, "U7", {"enabled": False}, expected_version=2)
        centre.follow_admissions()
        eventually(lambda: not fresh.unit.online, what="the disabled unit is out")
    finally:
        fresh.stop()


def test_backlog_of_a_restart_is_stored_whole(mosquitto_town: Town) -> None:
    """What the broker kept for us meets a centre that has not read the registry yet: none of it is shed."""
    town, ids, each = mosquitto_town, [f"U{number}" for number in range(10)], 50
    town.register(*ids)
    town.start().stop()
    speaker = town.speaker()
    for seq in range(1, each + 1):
        for unit_id in ids:
            body = {"v": 1, "unit": unit_id, "boot": "b", "seq": seq, "kind": "test", "code": "RP"}
            speaker.client.publish(f"aw/1/u/{unit_id}/evt", json.dumps(body), qos=1)
    speaker.say("aw/1/u/U0/tel", {"v": 1, "boot": "b"})
    centre = town.start()
    eventually(lambda: town.count("alarm_message") == each * len(ids), what="all of it stored")
    assert centre.rates.shed_total == 0


@pytest.mark.parametrize("size", [5000, 60_000, MIB], ids=["above ours", "below the broker's", "above the broker's"])
def test_oversized_messages(town: Town, size: int) -> None:
    """Ours is cut before it takes room; the broker's own limit costs the sender its line. The next alarm arrives."""
    town.register("U1")
    centre = town.start()
    speaker = town.speaker("U1")
    with suppress(ValueError, RuntimeError):  # the line is gone before the broker has answered
        speaker.client.publish("aw/1/u/U1/evt", b"x" * size, qos=1)
    if size < brokers.PACKET_MAX_BYTES:
        eventually(lambda: town.count("quarantine") == 1, what="kept")
        with town.store.transaction() as conn:
            (kept,) = quarantine.listing(conn)[0]
        assert (len(kept.payload), kept.reason) == (4096, "too_large: more than 4096 bytes")
    speaker.close()
    unit = town.unit("U1")
    unit.alarm()
    unit.wait_receipted()
    assert not centre.failed.is_set()


class Deaf:
    """A broker that lets everybody in and refuses every subscription."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.connects = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                line, _ = self._listener.accept()
                threading.Thread(target=self._talk, args=(line,), daemon=True).start()

    def _talk(self, line: socket.socket) -> None:
        with line, suppress(OSError):
            while packet := line.recv(4096):
                if packet[0] == 0x10:
                    self.connects += 1
                    line.sendall(b"\x20\x02\x00\x00")
                elif packet[0] == 0x82:
                    line.sendall(b"\x90\x08" + packet[2:4] + b"\x80" * 6)


@pytest.fixture
def deaf() -> Iterator[Deaf]:
    broker = Deaf()
    yield broker
    broker.close()


def test_subscription_that_is_refused_is_no_line(deaf: Deaf) -> None:
    """Being let in is not enough: when nothing may be read, the line is down, it is said why, and tried again."""
    receiver = Receiver(
        SystemClock(),
        lambda: Address("127.0.0.1", deaf.port, "core", "secret"),
        Inbox(),
        UnitRates(10, 100),
        is_known=lambda _id: True,
        on_flood=lambda _id: None,
    )
    thread = threading.Thread(target=receiver.run)
    thread.start()
    try:
        eventually(lambda: "refuses the subscription" in receiver.line.detail, what="said why")
        assert not receiver.line.up
        before = deaf.connects
        eventually(lambda: deaf.connects > before, what="tried again")
        assert receiver.line.connects_total == 0
    finally:
        receiver.stop()
        thread.join(10)
