"""Idempotency-Key: the same request sent twice is done once and answered twice."""

import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from psycopg import Connection
from psycopg.types.json import Jsonb

from dashboard_api.context import Context
from models.errors import BadInput, Conflict

RESERVED = 0
"""Status of a key whose request is still being done."""
STALE_AFTER = timedelta(seconds=60)
"""A reservation older than this was left by a process that died."""
KEPT = timedelta(hours=24)


def once(
    context: Context,
    *,
    key: str | None,
    username: str,
    route: str,
    request: Any,
    status: int,
    act: Callable[[], dict[str, Any]],
) -> dict[str, Any]:
    """Return what ``act`` answers, done at most once for this key of this user and route."""
    if key is None:
        return act()
    if not key or not key.isprintable():
        raise BadInput("idempotency-key", "1 to 200 printable characters")
    digest = hashlib.sha256(json.dumps(request, sort_keys=True, default=str).encode()).hexdigest()
    with context.store.transaction() as conn:
        earlier = _reserve(conn, context.clock.utc_now(), key=key, username=username, route=route, digest=digest)
    if earlier is not None:
        return earlier
    try:
        answer = act()
    except BaseException:
        with context.store.transaction() as conn:
            conn.execute(
                "DELETE FROM idempotency WHERE username = %s AND route = %s AND key = %s AND status = %s",
                (username, route, key, RESERVED),
            )
        raise
    with context.store.transaction() as conn:
        conn.execute(
            "UPDATE idempotency SET status = %s, body = %s WHERE username = %s AND route = %s AND key = %s",
            (status, Jsonb({"request": digest, "answer": answer}), username, route, key),
        )
    return answer


def _reserve(
    conn: Connection[Any], now: datetime, *, key: str, username: str, route: str, digest: str
) -> dict[str, Any] | None:
    conn.execute("DELETE FROM idempotency WHERE created_at < %s", (now - KEPT,))
    conn.execute(
        "DELETE FROM idempotency WHERE username = %s AND route = %s AND key = %s AND status = %s AND created_at < %s",
        (username, route, key, RESERVED, now - STALE_AFTER),
    )
    made = conn.execute(
        "INSERT INTO idempotency (username, route, key, status, body, created_at) VALUES (%s, %s, %s, %s, %s, %s)"
        " ON CONFLICT DO NOTHING",
        (username, route, key, RESERVED, Jsonb({"request": digest}), now),
    )
    if made.rowcount:
        return None
    row = conn.execute(
        "SELECT status, body FROM idempotency WHERE username = %s AND route = %s AND key = %s", (username, route, key)
    ).fetchone()
    if row is None or row[0] == RESERVED:
        raise Conflict("the same request is being done at this moment")
    if row[1]["request"] != digest:
        raise BadInput("idempotency-key", "a new key: this one was used for another request")
    answer: dict[str, Any] = row[1]["answer"]
    return answer
