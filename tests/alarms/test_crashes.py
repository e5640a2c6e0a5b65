"""Whatever dies under load: what was receipted is stored, once, and what was not comes again."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from alarms import broker as brokers
from configs.parts import AlarmsConfig
from models.event import EventKind
from models.store import units
from models.store.launcher import EmbeddedPostgres
from models.store.migrate import migrate
from models.store.pool import Store
from tests.alarms.conftest import Town
from tests.support.broker import CORE_PASSWORD, TESTER_ENTRY, RunningBroker
from tests.support.postgres import running_server
from tests.support.unit import UnitThread, eventually

UNITS = 4
PATIENCE_S = 60.0
GENEROUS = AlarmsConfig(rate_per_s=1000, rate_burst=10_000)
"""Else these busy units would be held back, and the test would wait for their resends."""


def under_load(town: Town, disaster: list[object], *, seconds: float) -> list[UnitThread]:
    """Let units report steadily while ``disaster``, a list of (after seconds, what), happens."""
    fleet = [town.unit(f"U{number}") for number in range(UNITS)]
    started = time.monotonic()
    plan = list(disaster)
    while time.monotonic() - started < seconds or plan:
        for unit in fleet:
            unit.report("test", "RP", "1602")
        if plan and time.monotonic() - started >= plan[0][0]:  # type: ignore[index]
            plan.pop(0)[1]()  # type: ignore[index]
        time.sleep(0.02)
    return fleet


def check_nothing_lost_nothing_doubled(store: Store, fleet: list[UnitThread]) -> None:
    """Every event of every unit is stored and receipted, and is one row, one event."""
    for unit in fleet:
        unit.wait_receipted(within_s=PATIENCE_S)
    with store.transaction() as conn:
        for unit in fleet:
            rows = conn.execute("SELECT seq FROM alarm_message WHERE unit_id = %s ORDER BY seq", (unit.unit.id,))
            assert [row[0] for row in rows] == list(range(1, unit.sent + 1))
        row = conn.execute("SELECT count(*), count(DISTINCT id) FROM event WHERE kind = 'test'").fetchone()
    total = sum(unit.sent for unit in fleet)
    assert row == (total, total)


@pytest.fixture
def own_postgres() -> Iterator[EmbeddedPostgres]:
    """A server that this test may kill."""
    with running_server() as server:
        migrate(server.dsn)
        yield server


@pytest.mark.slow
def test_database_killed_and_restarted_under_load(own_postgres: EmbeddedPostgres) -> None:
    """Kill -9 of PostgreSQL, twice: units wait for their receipts, and get them."""
    with ExitStack() as stack:
        broker = RunningBroker("mosquitto")
        stack.callback(broker.close)
        store = stack.enter_context(Store(own_postgres.dsn))
        town = Town(store, broker, stack)
        town.register(*(f"U{number}" for number in range(UNITS)))
        centre = town.start(GENEROUS)

        def kill() -> None:
            assert own_postgres.process is not None
            own_postgres.process.send_signal(signal.SIGKILL)
            own_postgres.process.wait(10)

        fleet = under_load(
            town, [(0.5, kill), (1.3, own_postgres.start), (2.2, kill), (2.3, own_postgres.start)], seconds=3.2
        )
        check_nothing_lost_nothing_doubled(store, fleet)
        assert not centre.failed.is_set()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["kill", "term"])
def test_broker_killed_and_restarted_under_load(mosquitto_town: Town, number: signal.Signals) -> None:
    """The broker dies with what it had acknowledged; the units' outboxes make up for it."""
    town = mosquitto_town
    town.register(*(f"U{number}" for number in range(UNITS)))
    centre = town.start(GENEROUS)

    def restart() -> None:
        town.broker.end(number)
        town.broker.start()

    fleet = under_load(town, [(0.6, restart), (1.8, restart)], seconds=2.8)
    check_nothing_lost_nothing_doubled(town.store, fleet)
    assert not centre.failed.is_set()


@pytest.mark.slow
def test_demo_broker_killed_and_restarted_under_load(store: Store) -> None:
    """Iotcore forgets everything; that costs time, not alarms."""
    with ExitStack() as stack:
        broker = RunningBroker("iotcore")
        stack.callback(broker.close)
        town = Town(store, broker, stack)
        town.register(*(f"U{number}" for number in range(UNITS)))
        town.start(GENEROUS)

        def restart() -> None:
            broker.end(signal.SIGKILL)
            broker.start()

        fleet = under_load(town, [(0.7, restart)], seconds=2.5)
        check_nothing_lost_nothing_doubled(store, fleet)


class Core:
    """`alertwall core` as a process."""

    def __init__(self, store: Store, broker: RunningBroker) -> None:
        runtime = {
            "dsn": store.dsn,
            "broker": {
                "host": "127.0.0.1",
                "port": broker.port,
                "username": brokers.CORE_USERNAME,
                "password": CORE_PASSWORD,
            },
        }
        (broker.state_dir / "runtime.json").write_text(json.dumps(runtime))
        self._site = broker.state_dir / "site.toml"
        self._site.write_text(f'state_dir = "{broker.state_dir}"\n[alarms]\nrate_per_s = 1000\nrate_burst = 10000\n')
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen([sys.executable, "-m", "alertwall", "core", "-c", str(self._site)])

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)

    def restart(self) -> None:
        self.kill()
        self.start()

    def end(self) -> int:
        """SIGTERM; returns the exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(10)


@pytest.fixture
def core_town(store: Store) -> Iterator[tuple[Town, Core]]:
    """A town whose centre is a process of its own."""
    with ExitStack() as stack:
        broker = RunningBroker("mosquitto")
        stack.callback(broker.close)
        town = Town(store, broker, stack)
        town.register(*(f"U{number}" for number in range(UNITS)))
        with store.transaction() as conn:
            brokers.admit(broker.state_dir, [*units.broker_hashes(conn), TESTER_ENTRY])
        core = Core(store, broker)
        core.start()
        stack.callback(core.kill)
        yield town, core


@pytest.mark.slow
def test_core_killed_under_load(core_town: tuple[Town, Core]) -> None:
    """Kill -9 of the core, three times: 0 receipted alarms lost, nothing stored twice."""
    town, core = core_town
    fleet = under_load(town, [(0.8, core.restart), (2.0, core.restart), (3.2, core.restart)], seconds=4.0)
    check_nothing_lost_nothing_doubled(town.store, fleet)


@pytest.mark.alone
@pytest.mark.slow
def test_core_ends_on_sigterm_and_the_standby_takes_over(core_town: tuple[Town, Core]) -> None:
    """One core is active; a second one stands by and goes on when the first ends, within seconds."""
    town, core = core_town
    with ExitStack() as stack:
        eventually(lambda: town.count("part") == 1, what="first core active")
        standby = Core(town.store, town.broker)
        standby.start()
        stack.callback(standby.kill)
        eventually(lambda: town.count("part") == 2, what="second core stands by")
        started = time.monotonic()
        assert core.end() == 0
        assert time.monotonic() - started < 5
        unit = town.unit("U1")
        unit.alarm()
        unit.wait_receipted()
        assert standby.end() == 0


@pytest.mark.slow
def test_active_core_killed_beside_a_standby(core_town: tuple[Town, Core]) -> None:
    """Kill -9 of whoever is active, twice, and the other goes on: no alarm is stored by neither of them, or twice."""
    town, core = core_town
    with ExitStack() as stack:
        eventually(lambda: town.count("part") == 1, what="first core active")
        standby = Core(town.store, town.broker)
        standby.start()
        stack.callback(standby.kill)
        eventually(lambda: town.count("part") == 2, what="second core stands by")
        fleet = under_load(town, [(0.5, core.restart), (2.0, standby.restart)], seconds=3.0)
        check_nothing_lost_nothing_doubled(town.store, fleet)


def test_message_that_the_database_refuses(mosquitto_town: Town) -> None:
    """A poison that passed the parser: halving finds it, it goes to quarantine, and its neighbours are stored."""
    town = mosquitto_town
    town.register("U1")
    with town.store.transaction() as conn:
        conn.execute("ALTER TABLE alarm_message ADD CHECK (code <> 'ZZ')")
    centre = town.start()
    speaker = town.speaker("U1")
    for seq in range(1, 61):
        body = {"v": 1, "unit": "U1", "boot": "b", "seq": seq, "kind": "test", "code": "ZZ" if seq % 20 == 7 else "RP"}
        speaker.client.publish("aw/1/u/U1/evt", json.dumps(body), qos=1)
    eventually(lambda: town.count("alarm_message") == 57, what="neighbours stored")
    eventually(lambda: town.count("quarantine") == 3, what="poison kept")
    with town.store.transaction() as conn:
        row = conn.execute("SELECT DISTINCT reason FROM quarantine").fetchall()
        assert row == [("refused_by_store: 23514 CheckViolation",)]
        told = conn.execute("SELECT count(*) FROM event WHERE kind = %s", (str(EventKind.NOT_UNDERSTOOD),)).fetchone()
    assert told is not None
    assert told[0] >= 1
    assert not centre.failed.is_set()
