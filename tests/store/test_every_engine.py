"""What holds on every engine: facts stored once, the feed, lists, rollups, retention, the audit trail."""

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg import Connection

from models.errors import BadInput
from models.event import EventKind, Priority, SourceKind, event_id
from models.store import alarm_messages, audit, events, feed, gaps, heartbeats, parts, segments
from models.store.migrate import migrate
from models.store.pool import Store
from models.store.upkeep import Retention
from models.timeline import GapCause, Segment
from tests.store.facts import a_message, an_event
from tests.support.clock import FakeClock

NORTH = ["city.north"]


@contextmanager
def undone(store: Store) -> Iterator[Connection[Any]]:
    """A transaction that ends in an exception."""
    with contextlib.suppress(ZeroDivisionError), store.transaction() as conn:
        yield conn
        raise ZeroDivisionError


def test_migrating_again_does_nothing(any_dsn: str) -> None:
    """What is applied stays applied."""
    assert migrate(any_dsn) == []


def test_an_event_is_stored_once(any_store: Store, clock: FakeClock) -> None:
    """Writing the same facts again adds no row, no feed row and no triage."""
    facts = [an_event(clock, number) for number in range(5)]
    with any_store.transaction() as conn:
        start = feed.latest(conn)
        assert events.write(conn, [*facts, facts[0]]) == [fact.id for fact in facts]
    with any_store.transaction() as conn:
        assert events.write(conn, facts) == []
    with any_store.transaction() as conn:
        assert [row.ref for row in feed.read(conn, start)] == [str(fact.id) for fact in facts]
        assert events.take_triage(conn) == facts
        assert events.get(conn, facts[3].id) == facts[3]
        assert events.get(conn, event_id("none")) is None
    with any_store.transaction() as conn:
        assert events.take_triage(conn) == []


def test_only_what_may_wake_or_restore_goes_to_triage(any_store: Store, clock: FakeClock) -> None:
    """Plain facts are stored and shown, and triage never sees them."""
    facts = [
        an_event(clock, 1, kind=EventKind.ARMED, priority=Priority.FACT),
        an_event(clock, 2, kind=EventKind.RESTORE, priority=Priority.FACT),
        an_event(clock, 3),
    ]
    with any_store.transaction() as conn:
        assert len(events.write(conn, facts)) == 3
        assert len(events.write(conn, [an_event(clock, 4)], triage=False)) == 1
        assert events.take_triage(conn) == facts[1:]


def test_the_feed_carries_what_the_wall_shows(any_store: Store, clock: FakeClock) -> None:
    """Times with a Z, words for kinds, no path of the snapshot."""
    with any_store.transaction() as conn:
        start = feed.latest(conn)
        events.write(conn, [an_event(clock, 1, snapshot="snapshots/gate/1.jpg", score=0.5)])
    with any_store.transaction() as conn:
        [row] = feed.read(conn, start)
    assert (row.kind, row.area) == ("event", "city.north.street")
    assert row.body["time"] == "2026-01-01T00:00:01.000Z"
    assert row.body["kind"] == "intrusion"
    assert row.body["box_px"] == [1, 2, 30, 40]
    assert row.body["has_snapshot"] is True
    assert "snapshot" not in row.body


def test_what_the_database_cannot_hold_fails_no_neighbour(any_store: Store, clock: FakeClock) -> None:
    """NUL, lone surrogates and NaN from a device are left out; the batch is stored."""
    odd = {"text": "a\0b", "half": "\ud83d", "number": float("nan"), "in\0side": ["\0"], "fine": "\\u0000"}
    with any_store.transaction() as conn:
        assert len(events.write(conn, [an_event(clock, 1), an_event(clock, 2, label="dog\0", attrs=odd)])) == 2
        found = events.get(conn, event_id("gate", 2))
    assert found is not None
    assert found.label == "dog"
    assert found.attrs == {"text": "ab", "half": "", "number": None, "inside": [""], "fine": "\\u0000"}


def test_a_failed_transaction_leaves_nothing(any_store: Store, clock: FakeClock) -> None:
    """An exception of the caller rolls everything back, the feed included."""
    with any_store.transaction() as conn:
        start = feed.latest(conn)
    with undone(any_store) as conn:
        events.write(conn, [an_event(clock, 1)])
    with any_store.transaction() as conn:
        assert events.listing(conn, ["city"]) == ([], None)
        assert feed.read(conn, start) == []


# ── lists ──────────────────────────────────────────────────────────────────────────────────────────


def test_pages_follow_one_another(any_store: Store, clock: FakeClock) -> None:
    """No overlap and no loss, over equal times and over stretches of a day, a week and more."""
    after_s = [0, 0, 0, 1, 90_000, 90_001, 800_000, 800_000, 9_000_000, 9_000_001]
    facts = [an_event(clock, number, after_s=after) for number, after in enumerate(after_s)]
    with any_store.transaction() as conn:
        events.write(conn, facts)
        seen, cursor = events.listing(conn, ["city"], limit=3)
        while cursor:
            page, cursor = events.listing(conn, ["city"], limit=3, cursor=cursor)
            seen += page
    assert seen == sorted(facts, key=lambda fact: (fact.time, fact.id), reverse=True)


def test_areas_are_whole_words(any_store: Store, clock: FakeClock) -> None:
    """An area covers itself and what is inside, never a neighbour with a longer or similar name."""
    names = ["city.north", "city.north.a", "city.northern", "city.nort", "city.north_b", "city.northxb", "city"]
    with any_store.transaction() as conn:
        events.write(conn, [an_event(clock, number, area=area) for number, area in enumerate(names)])
        for areas, seen in (
            (NORTH, {"city.north", "city.north.a"}),
            (["city.north_b"], {"city.north_b"}),
            (["city.nort", "city.north.a"], {"city.nort", "city.north.a"}),
            (["city"], set(names)),
            ([], set()),
        ):
            assert {event.area for event in events.listing(conn, areas)[0]} == seen


def test_filters_narrow_a_list(any_store: Store, clock: FakeClock) -> None:
    """Kind, source and a range that includes its start and not its end."""
    with any_store.transaction() as conn:
        events.write(
            conn,
            [
                an_event(clock, 1),
                an_event(clock, 2, source_id="square"),
                an_event(clock, 3, kind=EventKind.LINE_CROSSING),
                an_event(clock, 4),
            ],
        )

        def numbers(**wanted: Any) -> list[int]:
            return [event.attrs["n"] for event in events.listing(conn, ["city"], **wanted)[0]]

        now = clock.utc_now()
        assert numbers(kinds=["line_crossing", "panic"]) == [3]
        assert numbers(source_id="square") == [2]
        assert numbers(since=now + timedelta(seconds=2), until=now + timedelta(seconds=4)) == [3, 2]
        assert numbers(since=now + timedelta(seconds=3)) == [4, 3]
        with pytest.raises(BadInput, match="cursor"):
            events.listing(conn, ["city"], cursor="nonsense")


# ── other records ──────────────────────────────────────────────────────────────────────────────────


def test_a_resent_message_counts_once(any_store: Store, clock: FakeClock) -> None:
    """The key is (unit, boot, seq): another receive time does not make it new, another boot does."""
    first = [a_message(clock, seq) for seq in (2, 1, 3)]
    with any_store.transaction() as conn:
        assert alarm_messages.write(conn, first) == {("U000001", "b1", seq) for seq in (1, 2, 3)}
    clock.advance(60)
    again = [a_message(clock, 3), a_message(clock, 4), a_message(clock, 3, boot_id="b2", code="13\0")]
    with any_store.transaction() as conn:
        ids = {("U000001", "b1", 4): event_id("m", 4)}
        assert alarm_messages.write(conn, again, ids) == {("U000001", "b1", 4), ("U000001", "b2", 3)}
        stored = conn.execute("SELECT event_id FROM alarm_message WHERE seq = 4").fetchone()
        assert stored == (event_id("m", 4),)
        assert alarm_messages.write(conn, []) == set()


def test_heartbeats_are_kept_once(any_store: Store, clock: FakeClock) -> None:
    """The same beat twice is one."""
    now = clock.utc_now()
    with any_store.transaction() as conn:
        heartbeats.write(conn, [(now, "U000001", {"rssi": -60}), (now, "U000002", {})])
        heartbeats.write(conn, [(now, "U000001", {"rssi": -99})])
        found = heartbeats.listing(conn, "U000001", now, now + timedelta(seconds=1))
        assert found == [(now, {"rssi": -60})]


def test_a_source_has_one_open_gap(any_store: Store, clock: FakeClock) -> None:
    """Opening again makes an unknown cause known; a closed gap is found by what it touches."""
    gate: dict[str, Any] = {"source_kind": SourceKind.CAMERA, "source_id": "gate"}
    now = clock.utc_now()
    with any_store.transaction() as conn:
        assert gaps.open_gap(conn, **gate, area="city", started_at=now, cause=GapCause.UNKNOWN)
        later = now + timedelta(seconds=5)
        assert not gaps.open_gap(conn, **gate, area="city", started_at=later, cause=GapCause.DISK_FULL, detail="full")
        assert gaps.open_sources(conn, SourceKind.CAMERA) == {"gate"}
        assert gaps.close_gap(conn, **gate, ended_at=now + timedelta(seconds=9))
        assert not gaps.close_gap(conn, **gate, ended_at=now + timedelta(seconds=10))
        [gap] = gaps.listing(conn, SourceKind.CAMERA, ["gate"], now + timedelta(seconds=8), now + timedelta(hours=1))
        assert (gap.cause, gap.detail, gap.ended_at) == (GapCause.DISK_FULL, "full", now + timedelta(seconds=9))
        assert gaps.listing(conn, SourceKind.CAMERA, ["gate"], now + timedelta(seconds=9), later) == []


def test_segments_are_found_by_range_and_age(any_store: Store, clock: FakeClock) -> None:
    """A file that is registered again has its last length; removed ones are forgotten."""
    now = clock.utc_now()

    def file(camera: str, start_s: int, size: int = 10) -> Segment:
        start = now + timedelta(seconds=start_s)
        end = start + timedelta(seconds=6)
        path = f"{camera}/{start_s}.mp4"
        return Segment(camera_id=camera, started_at=start, ended_at=end, path=path, size_bytes=size, codec="avc1")

    with any_store.transaction() as conn:
        segments.add(conn, [file("gate", 0), file("gate", 6), file("square", 0), file("gate", 0, 11)])
        segments.add(conn, [file("gate", 6, 99)])
        segments.add(conn, [])
        found = segments.listing(conn, ["gate"], now + timedelta(seconds=6), now + timedelta(seconds=7))
        assert found == [file("gate", 6, 99)]
        assert segments.expired(conn, "gate", now + timedelta(seconds=7)) == [file("gate", 0, 11)]
        segments.remove(conn, [file("gate", 0), file("square", 0)])
        assert segments.oldest_unprotected(conn, now + timedelta(days=1)) == [file("gate", 6, 99)]


def test_parts_beat_and_say_what_changed(any_store: Store, clock: FakeClock) -> None:
    """Viewers are told of the first beat and of a changed state, not of every beat."""
    with any_store.transaction() as conn:
        start = feed.latest(conn)
    for state in ("up", "up", "degraded"):
        with any_store.transaction() as conn:
            parts.beat(conn, id="core", kind="core", now=clock.utc_now(), started_at=clock.utc_now(), state=state)
    with any_store.transaction() as conn:
        assert [row.body["parts"][0]["state"] for row in feed.read(conn, start)] == ["up", "degraded"]
        assert [(part.id, part.state) for part in parts.listing(conn, kind="core")] == [("core", "degraded")]
        parts.remove(conn, "core")
        assert parts.listing(conn) == []


def test_the_audit_trail_names_the_altered_row(any_store: Store) -> None:
    """Each row's hash holds the one before; numbers and keys are hashed as the database spells them."""
    odd = {"z": 1e2, "a": 1.0, "big": 1.5e300, "small": 1e-7, "text": "\0é\ud800", "none": None, "list": [True, -0.0]}
    with any_store.transaction() as conn:
        audit.append(conn, actor="ann", action="login")
        audit.append_many(conn, [audit.Entry(actor="ann", action="note", detail={**odd, "n": n}) for n in range(3)])
        assert audit.verify(conn) is None
    for change, broken in (
        ("UPDATE audit SET actor = 'bob' WHERE id = 3", 3),
        ("UPDATE audit SET detail = detail || '{\"n\": 7}' WHERE id = 2", 2),
        ("DELETE FROM audit WHERE id = 1", 2),
        ("UPDATE audit SET at = at + interval '1 hour' WHERE id = 4", 4),
    ):
        with undone(any_store) as conn:
            conn.execute(change.encode())
            assert audit.verify(conn) == broken
    with any_store.transaction() as conn:
        newest, more = audit.listing(conn, limit=3)
        assert [row.id for row in newest] == [4, 3, 2]
        assert more == 2


# ── the feed, rollups, retention ───────────────────────────────────────────────────────────────────


def test_a_reader_goes_on_where_it_was(any_store: Store) -> None:
    """Rows come in order, at most as many as asked for, each once."""
    with any_store.transaction() as conn:
        cursor = feed.latest(conn)
        feed.append_many(conn, [("a", "event", str(number), {"n": number}) for number in range(5)])
    seen = []
    with any_store.transaction() as conn:
        while rows := feed.read(conn, cursor, limit=2):
            assert len(rows) <= 2
            seen += [row.body["n"] for row in rows]
            cursor = feed.Cursor.parse(str(rows[-1].cursor))
    assert seen == [0, 1, 2, 3, 4]


def test_transactions_are_ordered_as_numbers(any_store: Store, clock: FakeClock) -> None:
    """The ninth comes before the tenth, in reading and in pruning."""
    at = clock.utc_now()
    with any_store.transaction() as conn:
        for tx, seconds in (("9", 0), ("10", 1), ("99", 2), ("100", 3)):
            conn.execute(
                "INSERT INTO feed (tx, at, area, kind, ref, body) VALUES (%s::text::xid8, %s, 'a', 'unit', %s, '{}')",
                (tx, at + timedelta(seconds=seconds), tx),
            )
        assert [row.ref for row in feed.read(conn, feed.Cursor(0, 0))] == ["9", "10", "99", "100"]
        assert feed.prune(conn, at + timedelta(seconds=2)) == 2
        assert [row.ref for row in feed.read(conn, feed.Cursor(0, 0))] == ["99", "100"]
        assert not feed.can_resume(conn, feed.Cursor(9, 10**6))


def test_a_reader_behind_the_pruned_part_cannot_resume(any_store: Store, clock: FakeClock) -> None:
    """Neither with a cursor that was pruned over, nor with one of another server."""
    with any_store.transaction() as conn:
        before = feed.latest(conn)
        feed.append(conn, area="a", kind="event", ref="1", body={})
    with any_store.transaction() as conn:
        [row] = feed.read(conn, before)
        assert feed.can_resume(conn, before)
        assert feed.prune(conn, clock.utc_now()) == 0
        assert feed.prune(conn, row.at + timedelta(seconds=1)) == 1
        assert not feed.can_resume(conn, before)
        assert feed.can_resume(conn, row.cursor)
        assert feed.can_resume(conn, feed.latest(conn))
        assert not feed.can_resume(conn, feed.Cursor(2**62, 0))


@pytest.mark.parametrize("text", ["", "-", "1", "1-", "-1", "1-x", "a-1", "1--1", "1-1-1", "٣-١", "9" * 30 + "-1"])
def test_a_cursor_is_two_numbers(text: str) -> None:
    """Anything else is refused before the database sees it."""
    with pytest.raises(BadInput):
        feed.Cursor.parse(text)


def test_rollups_count_every_event_once(any_store: Store, clock: FakeClock) -> None:
    """At once, after upkeep, after late ones, and after they are counted anew."""
    first = [an_event(clock, n, after_s=n * 20, area=f"city.north.s{n % 2}") for n in range(10)]
    late = [an_event(clock, 100 + n, after_s=n * 20, source_id="square", area="city.south") for n in range(3)]

    def counts(store: Store = any_store) -> tuple[Any, Any]:
        with store.transaction() as conn:
            return (
                conn.execute(
                    """SELECT extract(minute FROM bucket)::int, district, sum(n)::int FROM event_1m
                       WHERE kind = 'intrusion' GROUP BY 1, 2 ORDER BY 1, 2"""
                ).fetchall(),
                conn.execute(
                    "SELECT area, source_id, sum(n)::int FROM event_1h WHERE bucket = %s GROUP BY 1, 2 ORDER BY 1, 2",
                    (clock.utc_now(),),
                ).fetchall(),
            )

    with any_store.transaction() as conn:
        events.write(conn, first)
    by_minute = [(0, "city.north", 3), (1, "city.north", 3), (2, "city.north", 3), (3, "city.north", 1)]
    by_hour = [("city.north.s0", "gate", 5), ("city.north.s1", "gate", 5)]
    assert counts() == (by_minute, by_hour)
    any_store.maintain(clock)
    assert counts() == (by_minute, by_hour)
    with any_store.transaction() as conn:
        events.write(conn, [*first, *late])
    everything = ([by_minute[0], (0, "city.south", 3), *by_minute[1:]], [*by_hour, ("city.south", "square", 3)])
    assert counts() == everything
    dsn, engine = any_store.dsn, any_store.engine
    any_store.close()  # one engine serves one session at a time
    engine.rebuild_rollups(dsn, clock.utc_now(), clock.utc_now() + timedelta(hours=1))
    with Store(dsn, max_size=1, timeout_s=5) as again:
        assert counts(again) == everything
        again.maintain(clock)
        assert counts(again) == everything


@pytest.mark.parametrize("width", ["1 minute", "5 minutes", "1 hour", "1 day", "7 days"])
def test_buckets_begin_alike(any_store: Store, width: str) -> None:
    """time_bucket has the same origin on every engine: a Monday."""
    at = datetime(2026, 11, 24, 13, 37, 59, tzinfo=UTC)
    starts = {
        "1 minute": datetime(2026, 11, 24, 13, 37, tzinfo=UTC),
        "5 minutes": datetime(2026, 11, 24, 13, 35, tzinfo=UTC),
        "1 hour": datetime(2026, 11, 24, 13, tzinfo=UTC),
        "1 day": datetime(2026, 11, 24, tzinfo=UTC),
        "7 days": datetime(2026, 11, 23, tzinfo=UTC),
    }
    with any_store.transaction() as conn:
        row = conn.execute("SELECT time_bucket(%s::interval, %s::timestamptz)", (width, at)).fetchone()
    assert row == (starts[width],)


def test_old_rows_go_and_late_rows_stay(any_store: Store, clock: FakeClock) -> None:
    """Whole days are dropped; a fact from last month, or from tomorrow's clock, has its place."""
    days = [-100, -91, -89, -40, 0, 2, 30]
    facts = [an_event(clock, number, after_s=86_400 * day) for number, day in enumerate(days)]
    beat = clock.utc_now() - timedelta(days=20)
    with any_store.transaction() as conn:
        events.write(conn, facts)
        heartbeats.write(conn, [(beat, "U000001", {})])
    any_store.maintain(clock, retention=Retention(events_days=90, heartbeats_days=14))
    with any_store.transaction() as conn:
        left, _ = events.listing(conn, ["city"])
        assert sorted((event.time - clock.utc_now()).days for event in left) == [-89, -40, 0, 2, 30]
        assert heartbeats.listing(conn, "U000001", beat, clock.utc_now()) == []
        assert events.get(conn, facts[3].id) == facts[3]
    clock.advance(86_400)
    any_store.maintain(clock, retention=Retention(events_days=10))
    with any_store.transaction() as conn:
        assert [event.attrs["n"] for event in events.listing(conn, ["city"])[0]] == [6, 5, 4]
