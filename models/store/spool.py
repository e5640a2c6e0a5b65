"""Where batches wait on disk while the database is away: SQLite, durable at each `put`."""

import sqlite3
import threading
from pathlib import Path

from models.errors import Overloaded

DEFAULT_LIMIT_BYTES = 256 * 2**20


class Spool:
    """A first-in-first-out of byte strings that survives `kill -9` and power cuts. Safe across threads."""

    def __init__(self, path: Path, *, limit_bytes: int = DEFAULT_LIMIT_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute("CREATE TABLE IF NOT EXISTS batch (id INTEGER PRIMARY KEY AUTOINCREMENT, body BLOB NOT NULL)")
        count, size = self._db.execute("SELECT count(*), coalesce(sum(length(body)), 0) FROM batch").fetchone()
        self.waiting = int(count)
        self.size_bytes = int(size)

    def put(self, body: bytes) -> None:
        """Keep ``body``; `Overloaded` when the limit would be passed."""
        with self._lock:
            if self.size_bytes + len(body) > self._limit_bytes:
                raise Overloaded("spool", self.waiting)
            self._db.execute("INSERT INTO batch (body) VALUES (?)", (body,))
            self.waiting += 1
            self.size_bytes += len(body)

    def peek(self) -> tuple[int, bytes] | None:
        """Return the oldest (id, body), None when nothing waits."""
        with self._lock:
            row = self._db.execute("SELECT id, body FROM batch ORDER BY id LIMIT 1").fetchone()
        return (int(row[0]), bytes(row[1])) if row else None

    def done(self, id: int) -> None:
        """Forget one that has been stored elsewhere."""
        with self._lock:
            row = self._db.execute("DELETE FROM batch WHERE id = ? RETURNING length(body)", (id,)).fetchone()
            if row:
                self.waiting -= 1
                self.size_bytes -= int(row[0])

    def close(self) -> None:
        with self._lock:
            self._db.close()
