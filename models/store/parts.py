"""alertwall's own processes: each says once a second that it lives, and what it thinks of itself."""

import os
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg import Connection

from models.store import feed
from models.store.json_column import Jsonb
from models.wire import instant

BEAT_EVERY_S = 1.0
LATE_AFTER_S = 5.0
"""A part that has not beaten for so long is shown as down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    id: str
    kind: str
    started_at: datetime
    heartbeat_at: datetime
    url: str = ""
    pid: int | None = None
    state: str = "up"
    detail: dict[str, Any] = field(default_factory=dict)


def beat(
    conn: Connection[Any],
    *,
    id: str,
    kind: str,
    now: datetime,
    started_at: datetime,
    url: str = "",
    pid: int | None = None,
    state: str = "up",
    detail: dict[str, Any] | None = None,
) -> None:
    """Write the part's row; a changed state is told to the feed."""
    pid = os.getpid() if pid is None else pid
    before = conn.execute("SELECT state, pid FROM part WHERE id = %s", (id,)).fetchone()
    conn.execute(
        """INSERT INTO part (id, kind, url, pid, started_at, heartbeat_at, state, detail)
           VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
           ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, url = excluded.url, pid = excluded.pid,
               started_at = excluded.started_at, heartbeat_at = excluded.heartbeat_at,
               state = excluded.state, detail = excluded.detail""",
        (id, kind, url, pid, started_at, now, state, Jsonb(detail or {})),
    )
    if before is None or before != (state, pid):
        body = {
            "parts": [{"id": id, "kind": kind, "state": state, "heartbeat_at": instant(now), "detail": detail or {}}]
        }
        feed.append(conn, area="", kind="status", ref=id, body=body)


def remove(conn: Connection[Any], id: str) -> None:
    """Forget a part that ended on purpose."""
    conn.execute("DELETE FROM part WHERE id = %s", (id,))


def listing(conn: Connection[Any], *, kind: str | None = None) -> list[Part]:
    rows = conn.execute(
        """SELECT id, kind, url, pid, started_at, heartbeat_at, state, detail FROM part
           WHERE %s::text IS NULL OR kind = %s ORDER BY id""",
        (kind, kind),
    ).fetchall()
    return [
        Part(id=r[0], kind=r[1], url=r[2], pid=r[3], started_at=r[4], heartbeat_at=r[5], state=r[6], detail=r[7])
        for r in rows
    ]
