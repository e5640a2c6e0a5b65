"""Where batches wait on disk while the database is away: SQLite, durable at each `put`."""

import contextlib
import logging
import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

from models.errors import Overloaded, StoreDown

DEFAULT_LIMIT_BYTES = 256 * 2**20
SHRINK_ABOVE_BYTES = 16 * 2**20
"""An emptied file larger than this is made small again."""

log = logging.getLogger(__name__)


class Spool:
    """A first-in-first-out of byte strings that survives `kill -9` and power cuts. Safe across threads.

    A file that cannot be read is set aside and a new one begun: it must not keep alarms from being accepted.
    """

    def __init__(self, path: Path, *, limit_bytes: int = DEFAULT_LIMIT_BYTES) -> None:
        self._path = path
        self._limit_bytes = limit_bytes
        self._lock = threading.Lock()
        try:
            self._db = self._open()
        except sqlite3.DatabaseError as broken:
            if broken.sqlite_errorcode not in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                raise StoreDown(f"spool: {path.name}: {broken}") from broken
            aside = path.with_name(f"{path.name}.unreadable")
            log.error("spool: %s: %s; set aside as %s", path.name, broken, aside.name)  # noqa: TRY400
            path.replace(aside)
            for leftover in ("-wal", "-shm"):
                path.with_name(path.name + leftover).unlink(missing_ok=True)
            self._db = self._open()
        count, size = self._db.execute("SELECT count(*), coalesce(sum(length(body)), 0) FROM batch").fetchone()
        self.waiting = int(count)
        self.size_bytes = int(size)

    def put(self, body: bytes) -> None:
        """Keep ``body``; `Overloaded` when the limit would be passed, `StoreDown` when the disk refuses."""
        with self._lock:
            if self.size_bytes + len(body) > self._limit_bytes:
                raise Overloaded("spool", self.waiting)
            with _disk():
                self._db.execute("INSERT INTO batch (body) VALUES (?)", (body,))
            self.waiting += 1
            self.size_bytes += len(body)

    def peek(self) -> tuple[int, bytes] | None:
        """Return the oldest (id, body), None when nothing waits; `StoreDown` when the disk refuses."""
        with self._lock, _disk():
            row = self._db.execute("SELECT id, body FROM batch ORDER BY id LIMIT 1").fetchone()
        return (int(row[0]), bytes(row[1])) if row else None

    def done(self, id: int) -> None:
        """Forget one that has been stored elsewhere; `StoreDown` when a full disk refuses: it is then still here."""
        with self._lock:
            with _disk():
                row = self._db.execute("DELETE FROM batch WHERE id = ? RETURNING length(body)", (id,)).fetchone()
            if row is None:
                return
            self.waiting -= 1
            self.size_bytes -= int(row[0])
            if not self.waiting and self._path.stat().st_size > SHRINK_ABOVE_BYTES:
                with contextlib.suppress(sqlite3.DatabaseError):  # it needs room, and there is always another time
                    self._db.execute("VACUUM")

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def _open(self) -> sqlite3.Connection:
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
        db = sqlite3.connect(self._path, check_same_thread=False, isolation_level=None)
        try:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=FULL")
            db.execute("CREATE TABLE IF NOT EXISTS batch (id INTEGER PRIMARY KEY AUTOINCREMENT, body BLOB NOT NULL)")
            db.execute("SELECT count(*) FROM batch").fetchone()
        except sqlite3.DatabaseError:
            db.close()
            raise
        return db


@contextlib.contextmanager
def _disk() -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as refused:
        raise StoreDown(f"spool: {refused}") from refused
