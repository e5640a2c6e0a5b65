"""W1: from the commit of an event to every open wall, with the real API and PostgreSQL, all on this machine.

The limit beside it is a FastAPI feed that only hands on what it makes itself: no database, no areas, no resuming.
"""

import json
import math
import multiprocessing
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from benchmarks.harness import Report, folder
from benchmarks.sse_load import Seen, ViewerProcess, echo
from models.event import Event, EventKind, Priority, SourceKind
from models.store import areas, events, logins, users
from models.store.launcher import EmbeddedPostgres
from models.store.migrate import migrate
from models.store.pool import Store
from models.user import Role, User

AREA = "city.district"
ACCOUNTS = 20
SLOW = 3
START_WITHIN_S = 60.0
FEED = "/api/v1/feed"
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Load:
    """So many viewers, so many events a second, for so long."""

    viewers: int
    rate_per_s: float
    seconds: float

    @property
    def count(self) -> int:
        return int(self.rate_per_s * self.seconds)


WALLS, CROWD = Load(20, 200.0, 10.0), Load(500, 100.0, 12.0)


class Wall:
    """Database and API in a folder of their own, and the cookies of people who look."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        folder.chmod(0o755)
        postgres = EmbeddedPostgres(folder)
        postgres.start()
        stack.callback(postgres.stop)
        migrate(postgres.dsn)
        self.store = stack.enter_context(Store(postgres.dsn))
        self.port = free_port()
        (folder / "internal.token").write_text("bench", "ascii")
        site = {
            "state_dir": str(folder),
            "database": {"dsn": postgres.dsn},
            "broker": {"url": "mqtt://127.0.0.1:1"},
            "api": {"port": self.port},
        }
        (folder / "site.toml").write_text(toml(site))
        self.cookies = [f"alertwall_login={secret}" for secret in self._people()]
        command = [sys.executable, "-m", "alertwall", "api", "-c", str(folder / "site.toml")]
        self.api = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        stack.callback(self._stop)
        wait(lambda: answers(self.port), within_s=START_WITHIN_S)
        time.sleep(1)

    def _people(self) -> Iterator[str]:
        now = datetime.now(UTC)
        with self.store.transaction() as conn:
            areas.ensure(conn, AREA, "District")
            for number in range(ACCOUNTS):
                user = User(username=f"op{number}", display_name="Op", role=Role.OPERATOR, areas=(AREA,))
                users.create(conn, user, "-")
                yield logins.start_browser(conn, user.username, now)

    def _stop(self) -> None:
        self.api.terminate()
        self.api.wait(15)

    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self.api.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_S

    def rss_mb(self) -> float:
        pages = int(Path(f"/proc/{self.api.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> int:
    """Measure a few walls, the same beside viewers who never read, and a crowd."""
    report = Report("bench_feed")
    with ExitStack() as stack:
        wall = Wall(Path(stack.enter_context(folder())), stack)
        name = f"W1 commit to {WALLS.viewers} walls at {WALLS.rate_per_s:.0f}/s"
        measure(report, wall, name, WALLS, goal_ms=100, limit=echoed(WALLS))
        measure(report, wall, f"{name}, {SLOW} more read nothing", WALLS, goal_ms=100, slow=SLOW)
        name = f"W1 commit to {CROWD.viewers} viewers at {CROWD.rate_per_s:.0f}/s"
        measure(report, wall, name, CROWD, goal_ms=500, limit=echoed(CROWD))
        report.add(f"API after {CROWD.viewers} viewers, resident", wall.rss_mb(), "MB")
    return 1 if report.failed else 0


def measure(
    report: Report,
    wall: Wall,
    name: str,
    load: Load,
    *,
    goal_ms: float,
    limit: float | None = None,
    slow: int = 0,
) -> None:
    """Commit events one by one at a steady rate; every viewer must get each exactly once."""
    viewers, count = load.viewers, load.count
    cookies = [wall.cookies[number % ACCOUNTS] for number in range(viewers)]
    process = ViewerProcess(wall.port, FEED, cookies, slow=slow)
    committed_s = [0.0] * count
    cpu_before_s, begun_s = wall.cpu_s(), time.monotonic()
    for number in range(count):
        time.sleep(max(0.0, begun_s + number / load.rate_per_s - time.monotonic()))
        with wall.store.transaction() as conn:
            events.write(conn, [fact(number)])
        committed_s[number] = time.monotonic()
    took_s = time.monotonic() - begun_s
    seen = process.end(count * viewers)
    cpu = (wall.cpu_s() - cpu_before_s) / took_s
    latencies = [
        max(0.0, received_s - committed_s[number]) * 1000
        for number, received_s in zip(seen.numbers, seen.received_s, strict=True)
    ]
    note = f"{count / took_s:.0f}/s committed, API used {cpu:.2f} cores"
    report.add(f"{name}, p50", statistics.median(latencies), "ms")
    report.add(
        f"{name}, p99", quantile(latencies, 0.99), "ms", goal=goal_ms, limit=limit, note=f"{note}; limit: FastAPI echo"
    )
    wrong = abs(count * viewers - len(seen.numbers)) + seen.resyncs
    report.add(f"{name}, lost or doubled", wrong + doubled(seen, count, viewers), "events", goal=0)


def doubled(seen: Seen, count: int, viewers: int) -> int:
    """Return how many receipts of single events are not exactly one a viewer."""
    times = [0] * count
    for number in seen.numbers:
        times[number] += 1
    return sum(found != viewers for found in times)


def echoed(load: Load) -> float:
    """Return the p99 in ms of the plain feed at the same rate."""
    context = multiprocessing.get_context("spawn")
    start, port = context.Event(), free_port()
    server = context.Process(target=echo, args=(port, load.rate_per_s, start, load.count))
    server.start()
    try:
        wait(lambda: answers(port), within_s=START_WITHIN_S)
        process = ViewerProcess(port, "/feed", ["none=1"] * load.viewers)
        start.set()
        time.sleep(load.seconds)
        seen = process.end(load.count * load.viewers)
    finally:
        server.kill()
        server.join()
    return quantile([(got - made) * 1000 for got, made in zip(seen.received_s, seen.made_s, strict=True)], 0.99)


def fact(number: int) -> Event:
    """Return an event that wakes nobody."""
    now = datetime.now(UTC)
    return Event(
        id=uuid4(),
        time=now,
        received_at=now,
        area=f"{AREA}.street{number % 10}",
        kind=EventKind.LINE_CROSSING,
        source_kind=SourceKind.CAMERA,
        source_id=f"camera-{number % 50}",
        priority=Priority.FACT,
        label="person",
        score=0.87,
        box_px=(10, 20, 110, 220),
        attrs={"number": number},
    )


def toml(body: Mapping[str, object]) -> str:
    """Write a site file."""
    top = [f"{key} = {json.dumps(value)}" for key, value in body.items() if not isinstance(value, dict)]
    for key, value in body.items():
        if isinstance(value, dict):
            top += [f"[{key}]", *(f"{inner} = {json.dumps(said)}" for inner, said in value.items())]
    return "\n".join(top) + "\n"


def quantile(values: list[float], share: float) -> float:
    """Return the value below which ``share`` of ``values`` lie."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)] if values else math.nan


def wait(condition: Callable[[], bool], *, within_s: float) -> None:
    """Wait for ``condition``; without it there is nothing to measure."""
    deadline_s = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline_s:
            raise SystemExit(f"not within {within_s:g} s")
        time.sleep(0.05)


def answers(port: int) -> bool:
    """Tell whether somebody listens there."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
