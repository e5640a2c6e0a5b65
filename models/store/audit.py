"""The trail of who did what: append-only, each row chained to the one before by SHA-256."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from psycopg import Connection
from psycopg.types.json import Jsonb

from models.wire import instant, plain

CHAIN_LOCK_KEY = 0x61756469  # "audi"
GENESIS = bytes(32)
LISTING_LIMIT = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is about to be written."""

    actor: str
    action: str
    object: str = ""
    area: str = ""
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    id: int
    at: datetime
    actor: str
    action: str
    object: str
    area: str
    detail: dict[str, Any]


def append(
    conn: Connection[Any],
    *,
    actor: str,
    action: str,
    object: str = "",
    area: str = "",
    detail: dict[str, Any] | None = None,
) -> None:
    """Write one row in the caller's transaction."""
    append_many(conn, [Entry(actor=actor, action=action, object=object, area=area, detail=detail or {})])


def append_many(conn: Connection[Any], entries: Sequence[Entry]) -> None:
    """Write rows in order. The chain's lock is held until the caller's transaction ends: append last."""
    if not entries:
        return
    conn.execute("SELECT pg_advisory_xact_lock(%s)", (CHAIN_LOCK_KEY,))
    row = conn.execute("SELECT hash FROM audit ORDER BY id DESC LIMIT 1").fetchone()
    previous = row[0] if row else GENESIS
    at = datetime.now(UTC)
    at = at.replace(microsecond=at.microsecond // 1000 * 1000)
    columns: list[list[Any]] = [[] for _ in range(8)]
    for entry in entries:
        detail = plain(entry.detail)
        digest = _digest(previous, at, entry.actor, entry.action, entry.object, entry.area, detail)
        values = (at, entry.actor, entry.action, entry.object, entry.area, Jsonb(detail), previous, digest)
        for column, value in zip(columns, values, strict=True):
            column.append(value)
        previous = digest
    conn.execute(
        """INSERT INTO audit (at, actor, action, object, area, detail, prev_hash, hash)
           SELECT * FROM unnest(%b::timestamptz[], %b::text[], %b::text[], %b::text[], %b::text[], %b::jsonb[],
                                %b::bytea[], %b::bytea[])""",
        columns,
    )


def verify(conn: Connection[Any]) -> int | None:
    """Return the id of the first row that was altered, removed before, or moved; None when all is whole."""
    previous = GENESIS
    with conn.cursor(name="audit_verify") as rows:
        rows.execute("SELECT id, at, actor, action, object, area, detail, prev_hash, hash FROM audit ORDER BY id")
        for id, at, actor, action, object, area, detail, prev_hash, digest in rows:
            expected = _digest(previous, at, actor, action, object, area, detail)
            if prev_hash != previous or digest != expected:
                return int(id)
            previous = digest
    return None


def listing(
    conn: Connection[Any], *, before_id: int | None = None, limit: int = 100
) -> tuple[list[AuditRow], int | None]:
    """Return the newest rows first and the id to continue before."""
    limit = max(1, min(limit, LISTING_LIMIT))
    rows = conn.execute(
        """SELECT id, at, actor, action, object, area, detail FROM audit
           WHERE %s::bigint IS NULL OR id < %s ORDER BY id DESC LIMIT %s""",
        (before_id, before_id, limit),
    ).fetchall()
    found = [
        AuditRow(id=id, at=at, actor=actor, action=action, object=object, area=area, detail=detail)
        for id, at, actor, action, object, area, detail in rows
    ]
    return found, found[-1].id if len(found) == limit else None


def _digest(previous: bytes, at: datetime, *parts: Any) -> bytes:
    text = json.dumps([instant(at), *parts], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(previous + text.encode()).digest()
