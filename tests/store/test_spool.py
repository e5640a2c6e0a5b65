"""The spool: first in, first out, bounded, still there after a crash, never in the way of alarms."""

import os
import signal
from pathlib import Path

import pytest

from models.errors import Overloaded, StoreDown
from models.store.spool import SHRINK_ABOVE_BYTES, Spool


def drain(spool: Spool) -> list[bytes]:
    bodies = []
    while oldest := spool.peek():
        bodies.append(oldest[1])
        spool.done(oldest[0])
    return bodies


def test_first_in_first_out(tmp_path: Path) -> None:
    """Peeking does not take; only done does."""
    spool = Spool(tmp_path / "spool.db")
    assert spool.peek() is None
    for body in (b"one", b"", b"three"):
        spool.put(body)
    assert spool.peek() == spool.peek()
    assert (spool.waiting, spool.size_bytes) == (3, 8)
    assert drain(spool) == [b"one", b"", b"three"]
    assert (spool.waiting, spool.size_bytes) == (0, 0)
    spool.done(99)
    spool.close()


def test_it_survives_kill_9(tmp_path: Path) -> None:
    """What `put` has returned for is there when the next process opens the file, which only its owner may read."""
    path = tmp_path / "spool.db"
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        spool = Spool(path)
        for number in range(5):
            spool.put(str(number).encode())
        os.write(writes, b"x")
        signal.pause()
    os.read(reads, 1)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(reads)
    os.close(writes)
    spool = Spool(path)
    assert spool.waiting == 5
    assert drain(spool) == [b"0", b"1", b"2", b"3", b"4"]
    assert path.stat().st_mode & 0o077 == 0
    spool.close()


def test_it_is_bounded(tmp_path: Path) -> None:
    """Over its limit it refuses, and takes again when there is room."""
    spool = Spool(tmp_path / "spool.db", limit_bytes=10)
    spool.put(b"12345678")
    with pytest.raises(Overloaded) as full:
        spool.put(b"123")
    assert full.value.waiting == 1
    drain(spool)
    spool.put(b"123")
    spool.close()


def test_an_emptied_file_is_small_again(tmp_path: Path) -> None:
    """A long outage does not keep its room for ever."""
    path = tmp_path / "spool.db"
    spool = Spool(path)
    for _ in range(20):
        spool.put(os.urandom(2**20))
    spool.close()
    assert path.stat().st_size > SHRINK_ABOVE_BYTES
    spool = Spool(path)
    drain(spool)
    spool.close()
    assert path.stat().st_size < 2**20


def test_an_unreadable_file_is_set_aside(tmp_path: Path) -> None:
    """Alarms are accepted all the same, and nothing is deleted."""
    path = tmp_path / "spool.db"
    path.write_bytes(b"this is no database" * 100)
    spool = Spool(path)
    spool.put(b"alarm")
    assert drain(spool) == [b"alarm"]
    assert (tmp_path / "spool.db.unreadable").read_bytes().startswith(b"this is no database")
    spool.close()


def test_a_full_disk_is_store_down(tmp_path: Path) -> None:
    """Whether it refuses to keep or to forget: callers hear one error, and nothing is lost or counted wrong."""
    spool = Spool(tmp_path / "spool.db")
    spool.put(b"kept")
    spool._db.execute("PRAGMA max_page_count = 3")
    with pytest.raises(StoreDown, match="full"):
        spool.put(os.urandom(2**16))
    spool._db.execute("PRAGMA query_only = ON")
    with pytest.raises(StoreDown):
        spool.done(1)
    assert (spool.waiting, spool.size_bytes) == (1, 4)
    spool._db.execute("PRAGMA query_only = OFF")
    assert drain(spool) == [b"kept"]
    spool.close()


def test_an_emptied_file_that_cannot_shrink_is_empty_all_the_same(tmp_path: Path) -> None:
    """Shrinking needs room that a full disk has not."""
    spool = Spool(tmp_path / "spool.db")
    for _ in range(17):
        spool.put(bytes(2**20))
    spool._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    spool._db.execute("BEGIN")  # SQLite refuses to shrink inside a transaction
    assert len(drain(spool)) == 17
    assert (spool.waiting, spool.peek()) == (0, None)
    spool._db.execute("COMMIT")
    spool.close()
