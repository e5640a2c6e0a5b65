"""S1 and S2: how fast events are stored beside raw COPY, and how fast lists and counts of millions are read.

`python -m benchmarks.bench_store [--json] [--events 1000000] [--timescale-events 100000]`; ALERTWALL_TEST_DSN names a
TimescaleDB of one's own for S2 instead of the one in WebAssembly. Needs about 0.4 GB of disk for each million.
"""

import argparse
import multiprocessing
import os
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from benchmarks.harness import Report
from models.event import Event, EventKind, Priority, SourceKind
from models.store import events, rollups
from models.store.engine import probe
from models.store.json_column import Jsonb
from models.store.migrate import migrate
from models.store.pool import Store
from tests.support.postgres import running_server
from tests.support.timescale import timescale_server

DURABLE = {"fsync": "on", "full_page_writes": "on"}
BATCH, COPY_BATCH = 1_000, 10_000
ROUND_ROWS, ROUNDS = 20_000, 5
WRITERS, WRITER_ROWS = 8, 20_000
CAMERAS, COMMUNITIES, DAYS = 500, 50, 30
ASKS = 100
DISTRICT = "haikou.meilan"
COLUMNS = sql.SQL(events.COLUMNS)


def facts(count: int) -> list[Event]:
    """Return new events of the last hour, one in ten of which may wake somebody."""
    now = datetime.now(UTC)
    return [
        Event(
            id=uuid4(),
            time=now - timedelta(seconds=random.random() * 3600),
            received_at=now,
            device_time=now,
            area=f"{DISTRICT}.street{n % 10}.community{n % COMMUNITIES}",
            kind=EventKind.LINE_CROSSING,
            source_kind=SourceKind.CAMERA,
            source_id=f"camera-{n % CAMERAS}",
            priority=Priority.FACT if n % 10 else Priority.TROUBLE,
            label="person",
            score=0.87,
            track_id=n,
            rule_id=3,
            rule_version=1,
            box_px=(10, 20, 110, 220),
            snapshot="snapshots/camera/20260101/picture.jpg",
            attrs={"speed": 1.5, "zone": "entrance"},
        )
        for n in range(count)
    ]


# ── S1 ─────────────────────────────────────────────────────────────────────────────────────────────


def copy_rows(dsn: str, found: Sequence[Event]) -> float:
    """Store by binary COPY, which is fast and stores nothing twice only by luck; return the seconds."""
    rows = [
        (
            e.id, e.time, e.received_at, e.device_time, e.area, str(e.kind), str(e.source_kind), e.source_id,
            int(e.priority), e.label, e.score, e.track_id, e.rule_id, e.rule_version, *(e.box_px or (None,) * 4),
            e.snapshot, Jsonb(e.attrs),
        )
        for e in found
    ]  # fmt: skip
    types = ["uuid", *["timestamptz"] * 3, *["text"] * 4, "int2", "text", "float4", "int8", *["int4"] * 6, "text"]
    with psycopg.connect(dsn) as conn:
        begun_s = time.perf_counter()
        for at in range(0, len(rows), COPY_BATCH):
            statement = sql.SQL("COPY event ({}) FROM STDIN (FORMAT BINARY)").format(COLUMNS)
            with conn.cursor() as cursor, cursor.copy(statement) as copy:
                copy.set_types([*types, "jsonb"])
                for row in rows[at : at + COPY_BATCH]:
                    copy.write_row(row)
            conn.commit()
        return time.perf_counter() - begun_s


def store_rows(dsn: str, found: Sequence[Event], write: Callable[[Any, Sequence[Event]], Any]) -> float:
    """Store in batches by one of the room's own functions; return the seconds."""
    with psycopg.connect(dsn) as conn:
        begun_s = time.perf_counter()
        for at in range(0, len(found), BATCH):
            write(conn, found[at : at + BATCH])
            conn.commit()
        return time.perf_counter() - begun_s


def insert_rows(dsn: str, found: Sequence[Event]) -> float:
    return store_rows(dsn, found, events.insert)


def write_rows(dsn: str, found: Sequence[Event]) -> float:
    return store_rows(dsn, found, events.write)


def one_writer(arguments: tuple[str, str, Any]) -> tuple[float, float]:
    """Run in a process of its own; return when it began and ended, by the clock all processes share."""
    dsn, path, barrier = arguments
    found = facts(WRITER_ROWS)
    barrier.wait()
    begun_s = time.monotonic()
    PATHS[path](dsn, found)
    return begun_s, time.monotonic()


PATHS = {"copy": copy_rows, "insert": insert_rows, "write": write_rows}


def all_writers(dsn: str, path: str) -> float:
    """Return the rows a second of several processes together."""
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager, context.Pool(WRITERS) as pool:
        barrier = manager.Barrier(WRITERS)
        spans = pool.map(one_writer, [(dsn, path, barrier)] * WRITERS, chunksize=1)
    return WRITERS * WRITER_ROWS / (max(end for _, end in spans) - min(begin for begin, _ in spans))


def bench_writing(report: Report) -> None:
    """S1: the idempotent path beside COPY, turn by turn, on a durable server."""
    with running_server(**DURABLE) as server:
        migrate(server.dsn)
        taken_s: dict[str, list[float]] = {path: [] for path in PATHS}
        for _ in range(ROUNDS):
            for path, run in PATHS.items():
                taken_s[path].append(run(server.dsn, facts(ROUND_ROWS)))
        rates = {path: ROUND_ROWS / statistics.median(found) for path, found in taken_s.items()}
        scale = f"median of {ROUNDS} x {ROUND_ROWS} rows, {os.cpu_count()} cores, fsync on"
        limit = rates["copy"]
        report.add(
            f"S1 stored once, {BATCH} a batch (limit: COPY {COPY_BATCH})",
            rates["insert"], "rows/s", goal=round(0.33 * limit), limit=limit, better="more", scale=scale,
        )  # fmt: skip
        report.add(
            "S1 the same with feed and triage", rates["write"], "rows/s", limit=limit, better="more", scale=scale
        )
        limit = all_writers(server.dsn, "copy")
        scale = f"{WRITERS} processes x {WRITER_ROWS} rows, {os.cpu_count()} cores, fsync on"
        for path, metric, goal in (
            ("insert", f"S1 stored once by {WRITERS} writers", 100_000),
            ("write", f"S1 the same by {WRITERS} writers with feed and triage", None),
        ):
            rate = all_writers(server.dsn, path)
            report.add(metric, rate, "rows/s", goal=goal, limit=limit, better="more", scale=scale)


# ── S2 ─────────────────────────────────────────────────────────────────────────────────────────────


def fill(dsn: str, count: int, until: datetime) -> str:
    """Make ``count`` events over the last days, a day at a time, by the server itself; return the engine's name.

    One connection after the other: one of the engines can serve no more.
    """
    with psycopg.connect(dsn) as conn:
        engine = probe(conn)
    each = count // DAYS
    for day in range(DAYS):
        start = until - timedelta(days=day + 1)
        with psycopg.connect(dsn) as conn:
            engine.ensure_partitions(conn, "event", start, ahead_days=1)
            conn.execute(
                """INSERT INTO event (time, id, received_at, area, kind, source_kind, source_id, priority, label, score,
                                      track_id, rule_id, rule_version, x0, y0, x1, y1, attrs)
                   SELECT at, gen_random_uuid(), at, %s || '.street' || c %% 10 || '.community' || c %% %s,
                          (ARRAY['intrusion', 'line_crossing', 'camera_tamper'])[1 + n %% 3], 'camera', 'camera-' || c,
                          3, (ARRAY['person', 'car', 'bicycle'])[1 + n %% 3], 0.5, n, c, 1, 1, 2, 30, 40, '{"n": 1}'
                   FROM (SELECT n, (random() * %s)::int AS c, %s + random() * interval '1 day' AS at
                         FROM generate_series(1, %s) AS n) AS made""",
                (DISTRICT, COMMUNITIES, CAMERAS - 1, start, each),
            )
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("ANALYZE event")
    engine.rebuild_rollups(dsn, until - timedelta(days=DAYS + 1), until)
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("VACUUM ANALYZE" if engine.name == "plain" else "ANALYZE")
    return engine.name


def p95_ms(ask: Callable[[], Any], times: int = ASKS) -> float:
    taken_ms = []
    for _ in range(times):
        begun_s = time.perf_counter()
        ask()
        taken_ms.append((time.perf_counter() - begun_s) * 1000)
    return statistics.quantiles(taken_ms, n=20)[-1]


def bench_reading(report: Report, dsn: str, count: int, scale: str) -> None:
    """S2: what the wall and the timeline ask, over a month of a district."""
    until = datetime.now(UTC)
    begun_s = time.perf_counter()
    name = fill(dsn, count, until)
    report.add(f"S2 {name}: made, with rollups", count / (time.perf_counter() - begun_s), "rows/s", scale=scale)
    with Store(dsn, max_size=1, timeout_s=5) as store, store.transaction() as conn:
        newest, _ = events.listing(conn, [DISTRICT], limit=500)
        ids = [event.id for event in newest]

        def day_of_a_camera() -> None:
            start = until - timedelta(days=random.uniform(1, DAYS))
            camera = f"camera-{random.randrange(CAMERAS)}"
            events.listing(conn, [DISTRICT], source_id=camera, since=start, until=start + timedelta(days=1), limit=500)

        def week_by_minute() -> None:
            rollups.by_time(conn, DISTRICT, until - timedelta(days=7), until)

        def community() -> None:
            number = random.randrange(COMMUNITIES)
            events.listing(conn, [f"{DISTRICT}.street{number % 10}.community{number}"], limit=200)

        def district() -> None:
            events.listing(conn, [DISTRICT], limit=200)

        def district_earlier() -> None:
            events.listing(conn, [DISTRICT], until=until - timedelta(days=random.uniform(1, DAYS)), limit=200)

        def one() -> None:
            events.get(conn, random.choice(ids))

        for metric, goal, ask in (
            ("one camera's day p95", 10, day_of_a_camera),
            ("district, 7 days by minute p95", 50, week_by_minute),
            ("latest 200 of a community p95", 5, community),
            ("latest 200 of the district p95", 5, district),
            ("200 of the district, earlier p95", None, district_earlier),
            ("one event by its id p95", None, one),
        ):
            ask()
            report.add(f"S2 {name}: {metric}", p95_ms(ask), "ms", goal=goal, scale=scale)


@contextmanager
def timescale(count: int) -> Iterator[tuple[str, str]]:
    """A TimescaleDB and what it is: the environment's, else the one in WebAssembly."""
    given = os.environ.get("ALERTWALL_TEST_DSN")
    if given is None:
        with timescale_server() as dsn:
            yield dsn, f"{count:,} events, WebAssembly, fsync off"
        return
    name = f"aw_bench_{os.getpid()}"
    with psycopg.connect(given, autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {name}")
    try:
        yield make_conninfo(given, dbname=name), f"{count:,} events, the server of ALERTWALL_TEST_DSN"
    finally:
        with psycopg.connect(given, autocommit=True) as conn:
            conn.execute(f"DROP DATABASE {name} WITH (FORCE)")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument(
        "--events", type=int, default=1_000_000, help="for S2 on plain PostgreSQL; goals are for 10000000"
    )
    parser.add_argument("--timescale-events", type=int, default=100_000, help="for S2 on TimescaleDB")
    options = parser.parse_args()
    report = Report("bench_store", as_json=options.json)
    bench_writing(report)
    with running_server(**DURABLE) as server:
        migrate(server.dsn)
        bench_reading(report, server.dsn, options.events, f"{options.events:,} events over {DAYS} days")
    try:
        with timescale(options.timescale_events) as (dsn, scale):
            migrate(dsn)
            bench_reading(report, dsn, options.timescale_events, f"{scale}, {DAYS} days")
    except pytest.skip.Exception as missing:
        report.add("S2 timescale", None, "ms", note=str(missing))
    return 1 if report.failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
