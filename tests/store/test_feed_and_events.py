"""The feed loses nothing of slow transactions; events are stored once; the audit trail shows tampering."""

import threading
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from models.errors import ConfigError, StoreDown
from models.event import Event, EventKind, Priority, SourceKind, event_id
from models.store import audit, events, feed
from models.store.pool import Store
from models.store.secrets import SecretBox
from tests.support.clock import FakeClock


def an_event(clock: FakeClock, number: int, kind: EventKind = EventKind.INTRUSION) -> Event:
    return Event(
        id=event_id("gate", number),
        time=clock.utc_now() + timedelta(seconds=number),
        received_at=clock.utc_now(),
        area="city.north",
        kind=kind,
        source_kind=SourceKind.CAMERA,
        source_id="gate",
        priority=Priority.ALARM,
        box_px=(1, 2, 30, 40),
        attrs={"n": number},
    )


def test_an_event_is_stored_once(store: Store, clock: FakeClock) -> None:
    """Writing the same facts again adds no row, no feed row and no triage."""
    facts = [an_event(clock, number) for number in range(5)]
    with store.transaction() as conn:
        start = feed.latest(conn)
        assert len(events.write(conn, facts)) == 5
    with store.transaction() as conn:
        assert events.write(conn, facts) == []
    with store.transaction() as conn:
        assert [row.ref for row in feed.read(conn, start)] == [str(fact.id) for fact in facts]
        assert events.take_triage(conn) == facts
        assert events.get(conn, facts[0].id) == facts[0]


def test_listing_pages_inside_areas(store: Store, clock: FakeClock) -> None:
    """Pages follow one another without overlap; another area sees nothing."""
    facts = [an_event(clock, number) for number in range(7)]
    with store.transaction() as conn:
        events.write(conn, facts)
        first, cursor = events.listing(conn, ["city"], limit=4)
        second, end = events.listing(conn, ["city"], limit=4, cursor=cursor)
        assert [event.attrs["n"] for event in first + second] == [6, 5, 4, 3, 2, 1, 0]
        assert end is None
        assert events.listing(conn, ["city.nort"])[0] == []


def test_feed_waits_for_slow_transactions(store: Store) -> None:
    """A row whose transaction commits late is still read, after those that it held back."""
    with psycopg.connect(store.dsn) as slow:
        with store.transaction() as conn:
            cursor = feed.latest(conn)
        feed.append(slow, area="a", kind="event", ref="slow", body={})
        with store.transaction() as conn:
            feed.append(conn, area="a", kind="event", ref="quick", body={})
        with store.transaction() as conn:
            assert feed.read(conn, cursor) == []
        slow.commit()
    with store.transaction() as conn:
        assert {row.ref for row in feed.read(conn, cursor)} == {"slow", "quick"}


def test_tail_sees_every_row_once(store: Store) -> None:
    """Rows of several writers arrive in a tail without loss or repetition."""
    tail = feed.FeedTail(store.dsn, poll_s=0.1)
    seen: list[str] = []

    def follow() -> None:
        for rows in tail:
            seen.extend(row.ref for row in rows)
            if len(seen) >= 60:
                tail.stop()

    follower = threading.Thread(target=follow)
    follower.start()
    assert tail.connected.wait(5)

    def write(writer: int) -> None:
        for number in range(20):
            with store.transaction() as conn:
                feed.append(conn, area="a", kind="event", ref=f"{writer}-{number}", body={})

    writers = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    for thread in writers:
        thread.start()
    for thread in writers:
        thread.join()
    follower.join(10)
    assert len(seen) == 60
    assert len(set(seen)) == 60


def test_audit_names_the_altered_row(store: Store) -> None:
    """Changing one row breaks the chain at its id."""
    with store.transaction() as conn:
        audit.append_many(conn, [audit.Entry(actor="ann", action="login", detail={"n": n}) for n in range(4)])
        assert audit.verify(conn) is None
    with store.transaction() as conn:
        conn.execute("UPDATE audit SET actor = 'bob' WHERE id = 3")
    with store.transaction() as conn:
        assert audit.verify(conn) == 3


def test_no_database_is_store_down() -> None:
    """A database that is not there is a `StoreDown`, soon."""
    store = Store("host=127.0.0.1 port=1 user=nobody dbname=none", timeout_s=0.2)
    with pytest.raises(StoreDown):
        store.open(wait_s=0.3)
    with pytest.raises(StoreDown), store.transaction():
        pass
    store.close()


def test_a_sealed_password_stays_with_its_row(tmp_path: Path) -> None:
    """A ciphertext moved to another row does not decrypt."""
    box = SecretBox(tmp_path / "secret.key")
    sealed = box.encrypt("geheim", bound_to="camera:gate:password")
    assert box.decrypt(sealed, bound_to="camera:gate:password") == "geheim"
    assert b"geheim" not in sealed
    with pytest.raises(ConfigError):
        box.decrypt(sealed, bound_to="camera:square:password")


def test_maintenance_runs_twice(store: Store, clock: FakeClock) -> None:
    """Parts ahead are made once and old ones dropped."""
    store.maintain(clock)
    clock.advance(86400 * 2)
    store.maintain(clock)
    with store.transaction() as conn:
        assert conn.execute("SELECT count(*) FROM pg_inherits WHERE inhparent = 'event'::regclass").fetchone() != (0,)
