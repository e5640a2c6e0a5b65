"""Facts on their way into the store, over a real database that goes away."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from alertwall.outbox import Fact, GapClosed, GapOpened, NewEvent, NewSegment, Outbox
from models.event import Event, EventKind, Priority, SourceKind, event_id
from models.store import events, gaps, segments
from models.store.migrate import migrate
from models.store.pool import Store
from models.store.spool import Spool
from models.timeline import Gap, GapCause, Segment
from tests.support.postgres import running_server

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def event(number: int, **changes: object) -> Event:
    said: dict[str, object] = {
        "id": event_id("test", number),
        "time": NOW + timedelta(seconds=number),
        "received_at": NOW,
        "area": "city",
        "kind": EventKind.CAMERA_SILENT,
        "source_kind": SourceKind.CAMERA,
        "source_id": "gate",
        "priority": Priority.TROUBLE,
        "attrs": {"n": number},
    }
    return Event(**{**said, **changes})  # type: ignore[arg-type]


def gap(number: int) -> Gap:
    started_at = NOW + timedelta(seconds=number)
    return Gap(
        source_kind=SourceKind.CAMERA,
        source_id="gate",
        area="city",
        started_at=started_at,
        ended_at=None,
        cause=GapCause.DISK_FULL,
        detail="x",
    )


def facts(number: int) -> list[Fact]:
    at = NOW + timedelta(seconds=number)
    segment = Segment(
        camera_id="gate", started_at=at, ended_at=at + timedelta(seconds=1), path="p", size_bytes=1, codec="h264"
    )
    closed = GapClosed("gate", at + timedelta(seconds=0.5))
    return [NewEvent(event(number)), NewSegment(segment), GapOpened(gap(number)), closed]


def stored(store: Store) -> tuple[int, int, int]:
    with store.transaction() as conn:
        found, _ = events.listing(conn, ["city"], since=NOW - timedelta(days=1), limit=500)
        recorded = segments.listing(conn, ["gate"], NOW, NOW + timedelta(days=1))
        holes = gaps.listing(conn, SourceKind.CAMERA, ["gate"], NOW, NOW + timedelta(days=1))
        assert all(hole.ended_at is not None for hole in holes)
        return len(found), len(recorded), len(holes)


def test_facts_wait_in_the_spool_while_the_database_is_away(tmp_path: Path) -> None:
    """Nothing is lost, nothing is twice, the order stays; also when the worker dies meanwhile."""
    with running_server() as server:
        migrate(server.dsn)
        with Store(server.dsn) as store:
            spool = Spool(tmp_path / "spool")
            outbox = Outbox(store, spool)
            outbox.start()
            outbox.put(*facts(0))
            outbox.close()
            assert stored(store) == (1, 1, 1)

            server.stop()
            outbox = Outbox(store, spool)
            outbox.start()
            for number in range(1, 20):
                outbox.put(*facts(number))
            outbox.close(5)
            assert spool.waiting > 0
            spool.close()

            server.start()
            again = Spool(tmp_path / "spool")
            outbox = Outbox(store, again)
            outbox.start()
            outbox.put(*facts(20))
            for _ in range(100):
                if not outbox.waiting:
                    break
                threading.Event().wait(0.1)
            outbox.close(5)
            assert stored(store) == (21, 21, 21)
            again.close()


def test_a_refused_fact_takes_nobody_along(store: Store, tmp_path: Path) -> None:
    """A row that the database refuses is left out and said; its neighbours are stored."""
    spool = Spool(tmp_path / "spool")
    outbox = Outbox(store, spool)
    outbox.put(NewEvent(event(1)), NewEvent(event(2, priority=9)), NewEvent(event(3)))
    outbox.start()
    outbox.close(5)
    assert stored(store)[0] == 2
    assert spool.waiting == 0
    spool.close()


def test_a_disk_that_refuses_to_forget_ends_nothing(store: Store, tmp_path: Path) -> None:
    """The spool's disk is full: what was stored is stored again, once; later facts are stored all the same."""
    spool = Spool(tmp_path / "spool")
    outbox = Outbox(store, spool)
    waiting = Outbox(Store("host=/nowhere"), spool)
    waiting.put(NewEvent(event(1)))
    waiting.start()
    waiting.close(5)
    assert spool.waiting == 1
    spool._db.execute("PRAGMA query_only = ON")
    outbox.start()
    _until(lambda: outbox.stored_total >= 2)
    spool._db.execute("PRAGMA query_only = OFF")
    outbox.put(NewEvent(event(2)))
    _until(lambda: not outbox.waiting)
    outbox.close(5)
    assert stored(store)[0] == 2
    spool.close()


def _until(done: Callable[[], bool]) -> None:
    for _ in range(500):
        if done():
            return
        threading.Event().wait(0.02)
    raise AssertionError("it never came")
