"""A running alarm centre on a fresh database and a real broker, of both kinds."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from alarms import broker as brokers
from alarms.centre import AlarmCentre
from alarms.mqtt import Address
from configs.parts import AlarmsConfig
from models.clock import SystemClock
from models.store import units
from models.store.pool import Store
from models.unit import Unit
from tests.alarms.people import AREA
from tests.support.broker import TESTER, TESTER_ENTRY, TESTER_SECRET, RunningBroker
from tests.support.unit import Speaker, UnitThread, eventually

SECRET = "unit-secret"


class Town:
    """A centre, its broker, and whoever speaks to it."""

    def __init__(self, store: Store, broker: RunningBroker, stack: ExitStack) -> None:
        self.store = store
        self.broker = broker
        self._stack = stack
        self.centre: AlarmCentre | None = None

    def register(self, *unit_ids: str, **more: object) -> None:
        """Register units; they may sign in once the centre has looked."""
        with self.store.transaction() as conn:
            for unit_id in unit_ids:
                fields = {"name": unit_id, "area": AREA, **more}
                units.create(conn, Unit(id=unit_id, **fields), broker_hash=brokers.hash_secret(SECRET))  # type: ignore[arg-type]
            brokers.admit(self.broker.state_dir, [*units.broker_hashes(conn), TESTER_ENTRY])

    def start(self, settings: AlarmsConfig | None = None) -> AlarmCentre:
        """Start the centre and wait for its line."""
        self.centre = AlarmCentre(
            self.store,
            SystemClock(),
            settings or AlarmsConfig(),
            self.broker.address,
            admit=lambda pairs: brokers.admit(self.broker.state_dir, pairs),
        )
        self.centre.start()
        self._stack.callback(self.centre.stop)
        eventually(lambda: self.centre is not None and self.centre.receiver.line.up, what="centre connected")
        return self.centre

    def unit(self, unit_id: str, *, heartbeat_s: float = 60) -> UnitThread:
        """Put a unit on the line."""
        unit = UnitThread(unit_id, self._address(unit_id), heartbeat_s=heartbeat_s)
        self._stack.callback(unit.stop)
        return unit.wait_online()

    def speaker(self, unit_id: str | None = None) -> Speaker:
        """Return somebody who says anything, as a unit or as whoever may."""
        address = self.broker.address(TESTER, TESTER_SECRET) if unit_id is None else self._address(unit_id)
        speaker = Speaker(address, unit_id or TESTER)
        self._stack.callback(speaker.close)
        return speaker

    def count(self, table: str) -> int:
        """Return how many rows a table has."""
        with self.store.transaction() as conn:
            row = conn.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
        assert row is not None
        return int(row[0])

    def _address(self, unit_id: str) -> Address:
        return self.broker.address(unit_id, SECRET)


@pytest.fixture(params=["mosquitto", "iotcore"])
def town(request: pytest.FixtureRequest, store: Store) -> Iterator[Town]:
    """A town on each kind of broker."""
    with ExitStack() as stack:
        broker = RunningBroker(request.param)
        stack.callback(broker.close)
        yield Town(store, broker, stack)


@pytest.fixture
def mosquitto_town(store: Store) -> Iterator[Town]:
    """A town on mosquitto: for what needs identities, MQTT 5 or a queue that outlives the broker."""
    with ExitStack() as stack:
        broker = RunningBroker("mosquitto")
        stack.callback(broker.close)
        yield Town(store, broker, stack)
