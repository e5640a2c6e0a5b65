"""M1, M2: from a unit's alarm to its receipt, with the real core, mosquitto and PostgreSQL, all on this machine.

Durable means: the receipt has come, so the message, its event and its incident are committed. The limit beside the
drain is mosquitto_sub reading the same backlog and throwing it away.
"""

import json
import math
import os
import random
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from alarms import broker
from benchmarks.harness import Report, folder
from benchmarks.mqtt_load import LoadFleet, event, publish
from models.store import units
from models.store.feed import FeedTail
from models.store.launcher import EmbeddedPostgres
from models.store.migrate import migrate
from models.store.pool import Store
from models.unit import Unit

UNITS = 4000
DRAIN_MESSAGES = 60_000
STEADY_S = 15.0
WARM_UP_S = 2.0
RECONNECT_SPREAD_S = 15.0
AREA = "city.district"
SECRET = "bench-secret"
LOADER = "LOADER"
RAW_SESSION = "RAW"


class Site:
    """Database, broker and core in a folder of their own."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        folder.chmod(0o755)
        self.folder = folder
        self.postgres = EmbeddedPostgres(folder)
        self.postgres.start()
        stack.callback(self.postgres.stop)
        migrate(self.postgres.dsn)
        self.store = stack.enter_context(Store(self.postgres.dsn))
        self.ids = [f"U{number:06}" for number in range(UNITS)]
        hashed = broker.hash_secret(SECRET)
        with self.store.transaction() as conn:
            for number, unit_id in enumerate((*self.ids, LOADER, RAW_SESSION)):  # core lets in nobody else
                units.create(conn, Unit(id=unit_id, name=unit_id, area=f"{AREA}.s{number % 40}"), broker_hash=hashed)
        everybody = [(name, hashed) for name in (*self.ids, LOADER, RAW_SESSION)]
        self.spec = broker.prepare(folder, 0, everybody, SECRET)
        with (folder / broker.FOLDER / broker.ACL).open("a") as rules:
            rules.writelines(f"user {name}\ntopic readwrite #\n" for name in (LOADER, RAW_SESSION))
        runtime = {
            "dsn": self.postgres.dsn,
            "broker": {
                "host": "127.0.0.1",
                "port": self.spec.port,
                "username": broker.CORE_USERNAME,
                "password": SECRET,
            },
        }
        (folder / "runtime.json").write_text(json.dumps(runtime))
        (folder / "site.toml").write_text(f'state_dir = "{folder}"\n')
        self.mosquitto: subprocess.Popen[bytes] | None = None
        self.core: subprocess.Popen[bytes] | None = None
        stack.callback(self.stop_broker)
        stack.callback(self.stop_core)

    def start_broker(self) -> None:
        self.mosquitto = subprocess.Popen(self.spec.argv, stderr=subprocess.DEVNULL)
        time.sleep(0.3)

    def stop_broker(self, number: int = signal.SIGTERM) -> None:
        if self.mosquitto is not None:
            self.mosquitto.send_signal(number)
            self.mosquitto.wait(10)
            self.mosquitto = None

    def start_core(self) -> None:
        command = [sys.executable, "-m", "alertwall", "core", "-c", str(self.folder / "site.toml")]
        self.core = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        wait(self.core_connected, within_s=30)

    def stop_core(self) -> None:
        if self.core is not None:
            self.core.terminate()
            self.core.wait(10)
            self.core = None
            with self.store.transaction() as conn:
                conn.execute("DELETE FROM part")

    def core_connected(self) -> bool:
        with self.store.transaction() as conn:
            row = conn.execute("SELECT detail->'broker'->>'connected' FROM part WHERE id = 'core'").fetchone()
        return row == ("true",)

    def close_incidents(self) -> None:
        """Do what operators would do in the meantime, so that the next outage is an incident of its own."""
        with self.store.transaction() as conn:
            conn.execute("UPDATE incident SET state = 'closed', closed_at = now() WHERE state <> 'closed'")

    def core_cpu_s(self) -> float:
        assert self.core is not None
        fields = Path(f"/proc/{self.core.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def core_rss_mb(self) -> float:
        assert self.core is not None
        pages = int(Path(f"/proc/{self.core.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def count(self, table: str, where: str = "true") -> int:
        with self.store.transaction() as conn:
            row = conn.execute(f"SELECT count(*) FROM {table} WHERE {where}".encode()).fetchone()
        assert row is not None
        return int(row[0])

    def fleet(self, ids: list[str], boot: str) -> LoadFleet:
        return LoadFleet("127.0.0.1", self.spec.port, ids, lambda _id: SECRET, boot)


def main() -> int:
    """Measure all of it on one site."""
    report = Report("bench_alarms")
    if broker.choose() != "mosquitto":
        report.add("M1, M2", None, "", note="mosquitto is not on the PATH")
        return 0
    with ExitStack() as stack:
        site = Site(Path(stack.enter_context(folder())), stack)
        site.start_broker()
        site.start_core()
        for rate, goal_ms in ((100, 50.0), (1000, 250.0)):
            steady(report, site, rate, goal_ms)
        burst_wills_restart(report, site)
        drain(report, site)
    return 1 if report.failed else 0


def steady(report: Report, site: Site, rate: int, goal_ms: float) -> None:
    """M1: alarms at a steady rate; from the send to the receipt."""
    fleet = site.fleet(site.ids[: min(rate, 500)], f"s{rate}")
    connect_all(fleet)
    fleet.turn_until(lambda: False, within_s=WARM_UP_S)
    cpu_s = site.core_cpu_s()
    started_s, sent, total = time.perf_counter(), 0, int(rate * STEADY_S)
    while sent < total:
        due = min(total, int((time.perf_counter() - started_s) * rate) + 1)
        while sent < due:
            fleet.alarm(fleet.units[sent % len(fleet.units)])
            sent += 1
        fleet.turn(0.001)
    fleet.turn_until(lambda: fleet.waiting == 0, within_s=30)
    latencies = [latency * 1000 for latency in fleet.latencies_s]
    cores = (site.core_cpu_s() - cpu_s) / (time.perf_counter() - started_s)
    lost = fleet.waiting
    fleet.close()
    name = f"M1 sent to receipt at {rate}/s"
    report.add(f"{name}, p50", statistics.median(latencies), "ms")
    report.add(
        f"{name}, p99", quantile(latencies, 0.99), "ms", goal=goal_ms, note=f"{lost} without receipt, {cores:.2f} cores"
    )
    wait(lambda: site.count("unit_state", "conn = 'online'") == 0, within_s=30)


def burst_wills_restart(report: Report, site: Site) -> None:
    """M2: 4,000 alarms at once, 4,000 wills at once, and a broker that is killed under 4,000 units."""
    fleet = site.fleet(site.ids, "burst")
    connect_all(fleet, within_s=60)
    wait(lambda: site.count("unit_state", "conn = 'online'") == UNITS, within_s=30)
    site.close_incidents()
    cpu_s = site.core_cpu_s()
    with watching(site.postgres.dsn) as shown:
        started_s = time.perf_counter()
        for unit in fleet.units:
            fleet.alarm(unit)
            fleet.turn()
        sent_s = time.perf_counter() - started_s
        fleet.turn_until(lambda: fleet.waiting == 0, within_s=60)
        durable_s = time.perf_counter() - started_s
        fleet.turn_until(lambda: len(shown) >= UNITS, within_s=60)
        shown_s = max(shown.values(), default=math.nan) - started_s
    cpu_s = site.core_cpu_s() - cpu_s
    report.add(
        f"M2 {UNITS} units alarm at once: all durable",
        durable_s,
        "s",
        goal=1.5,
        note=f"sending took {sent_s:.2f} s, core used {cpu_s:.2f} s of CPU; {fleet.waiting} without receipt",
    )
    report.add(f"M2 {UNITS} units alarm at once: all on the feed", shown_s, "s", goal=3, note=f"{len(shown)} incidents")
    rows = site.count("incident", "source_kind = 'unit' AND state = 'new'")
    report.add(f"M2 incidents of {UNITS} units", rows, "rows", goal=UNITS)
    report.add("D2 core with 4,000 units, resident", site.core_rss_mb(), "MB", goal=200)

    site.close_incidents()
    before = site.count("incident")
    started_s = time.perf_counter()
    for unit in fleet.units:
        fleet.drop(unit)
    wait(lambda: site.count("incident") > before, within_s=60)
    told_s = time.perf_counter() - started_s
    time.sleep(15)
    joined = site.count("event", "kind = 'unit_offline' AND received_at > now() - interval '15 s'")
    report.add(f"M2 {UNITS} wills: incidents", site.count("incident") - before, "rows", goal=1)
    report.add(f"M2 {UNITS} wills: told after", told_s, "s", note=f"{joined} units told one by one besides")

    connect_all(fleet, within_s=60)
    wait(lambda: site.count("unit_state", "conn = 'online'") == UNITS, within_s=60)
    time.sleep(2)
    site.close_incidents()
    before = site.count("incident")
    site.stop_broker(signal.SIGKILL)
    time.sleep(1)
    started_s = time.perf_counter()
    site.start_broker()
    back_s = reconnect_spread(fleet)
    fleet.turn_until(lambda: False, within_s=30)
    report.add(
        "M2 broker killed: all units back after",
        back_s,
        "s",
        goal=20,
        note=f"units spread their reconnects over {RECONNECT_SPREAD_S:.0f} s",
    )
    report.add("M2 broker killed: incidents", site.count("incident") - before, "rows", goal=1)
    fleet.close()


@contextmanager
def watching(dsn: str) -> Iterator[dict[str, float]]:
    """Follow the live feed as the API does; yields when each incident was first on it."""
    tail, shown = FeedTail(dsn), dict[str, float]()

    def follow() -> None:
        for rows in tail:
            now_s = time.perf_counter()
            for row in rows:
                if row.kind == "incident":
                    shown.setdefault(row.ref, now_s)

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    tail.connected.wait(10)
    try:
        yield shown
    finally:
        tail.stop()
        thread.join(10)


def reconnect_spread(fleet: LoadFleet) -> float:
    """Let every unit reconnect at a random moment; returns when the last one is back."""
    started_s, dice = time.perf_counter(), random.Random(1)
    for unit in fleet.units:
        fleet.drop(unit)
    due = sorted(((dice.uniform(0, RECONNECT_SPREAD_S), unit.id) for unit in fleet.units), reverse=True)
    by_id = {unit.id: unit for unit in fleet.units}
    while due or fleet.ready < UNITS:
        now_s = time.perf_counter() - started_s
        while due and due[-1][0] <= now_s:
            fleet.connect(by_id[due.pop()[1]])
        fleet.turn(0.005)
        if now_s > 60:
            break
    return time.perf_counter() - started_s


def drain(report: Report, site: Site) -> None:
    """M1: a backlog that waited for the core; beside mosquitto_sub reading the same and throwing it away."""
    subscribe = [
        *("mosquitto_sub", "-p", str(site.spec.port), "-u", RAW_SESSION, "-P", SECRET, "-i", RAW_SESSION, "-c"),
        *("-q", "1", "-t", "aw/1/u/+/evt"),
    ]
    subprocess.run([*subscribe, "-E"], check=True)
    time.sleep(12)  # the units of the last part go offline; that is not to be measured
    site.stop_core()
    already = site.count("alarm_message")
    load = site.fleet([LOADER], "drain")
    connect_all(load)
    (loader,) = load.units
    for number in range(DRAIN_MESSAGES):
        unit_id = site.ids[number % UNITS]
        payload = event(unit_id, "drain", number // UNITS + 1, kind="test", code="RP")
        load.send(loader, publish(f"aw/1/u/{unit_id}/evt", payload, number % 65535 + 1))
        if len(loader.outbound) > 100_000:
            load.turn_until(lambda: len(loader.outbound) < 50_000, within_s=30)
    if not load.turn_until(lambda: not loader.outbound, within_s=30):
        raise SystemExit("the broker does not take the backlog")
    load.turn_until(lambda: False, within_s=1)
    load.close()

    started_s = time.perf_counter()
    subprocess.run([*subscribe, "-C", str(DRAIN_MESSAGES), "-W", "60"], stdout=subprocess.DEVNULL, check=True)
    raw_rate = DRAIN_MESSAGES / (time.perf_counter() - started_s)

    site.start_core()
    first_s, first = time.perf_counter(), site.count("alarm_message") - already
    wait(lambda: site.count("alarm_message") - already >= DRAIN_MESSAGES, within_s=120, every_s=0.05)
    stored = site.count("alarm_message") - already
    rate = (stored - first) / (time.perf_counter() - first_s)
    report.add(
        "M1 durable through the receiver",
        rate,
        "messages/s",
        goal=20_000,
        limit=raw_rate,
        better="more",
        note=f"{stored} of {DRAIN_MESSAGES} stored; limit: mosquitto_sub",
    )


def connect_all(fleet: LoadFleet, *, within_s: float = 30) -> None:
    """Connect everybody, a few at a time (the broker's listen queue is 100)."""
    for number, unit in enumerate(fleet.units):
        fleet.connect(unit)
        if number % 50 == 49:
            fleet.turn_until(lambda known=number: fleet.ready >= known - 20, within_s=within_s)  # type: ignore[misc]
    if not fleet.turn_until(lambda: fleet.ready == len(fleet.units), within_s=within_s):
        raise SystemExit(f"only {fleet.ready} of {len(fleet.units)} units could connect")


def quantile(values: list[float], share: float) -> float:
    """Return the value below which ``share`` of ``values`` lie."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def wait(condition: Callable[[], bool], *, within_s: float, every_s: float = 0.1) -> None:
    """Wait for ``condition``; the report shows what is missing when it does not come."""
    deadline = time.perf_counter() + within_s
    while not condition() and time.perf_counter() < deadline:
        time.sleep(every_s)


if __name__ == "__main__":
    sys.exit(main())
