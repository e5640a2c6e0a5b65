"""The trail of who did what: append-only, each row chained to the one before by SHA-256."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from psycopg import Connection

from models.store.json_column import Jsonb
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
    at: datetime | None = None,
) -> None:
    """Write one row in the caller's transaction."""
    append_many(conn, [Entry(actor=actor, action=action, object=object, area=area, detail=detail or {})], at=at)


def append_many(conn: Connection[Any], entries: Sequence[Entry], *, at: datetime | None = None) -> None:
    """Write rows in order. The chain's lock is held until the caller's transaction ends: append last."""
    if not entries:
        return
    conn.execute("SELECT pg_advisory_xact_lock(%s)", (CHAIN_LOCK_KEY,))
    # the hash is over the database's own spelling of the detail: jsonb writes numbers and keys in its own way
    details = [Jsonb(plain(entry.detail)) for entry in entries]
    row = conn.execute(
        """SELECT (SELECT hash FROM audit ORDER BY id DESC LIMIT 1),
                  (SELECT array_agg(one::text ORDER BY nr) FROM unnest(%b::jsonb[]) WITH ORDINALITY AS u (one, nr))""",
        (details,),
    ).fetchone()
    assert row is not None
    previous, spelled = row[0] or GENESIS, row[1]
    at = at or datetime.now(UTC)
    at = at.replace(microsecond=at.microsecond // 1000 * 1000)
    hashes = [previous]
    for entry, text in zip(entries, spelled, strict=True):
        hashes.append(_digest(hashes[-1], at, entry.actor, entry.action, entry.object, entry.area, text))
    conn.execute(
        """INSERT INTO audit (at, actor, action, object, area, detail, prev_hash, hash)
           SELECT %s, * FROM unnest(%b::text[], %b::text[], %b::text[], %b::text[], %b::jsonb[], %b::bytea[],
                                    %b::bytea[])""",
        (
            at,
            [entry.actor for entry in entries],
            [entry.action for entry in entries],
            [entry.object for entry in entries],
            [entry.area for entry in entries],
            details,
            hashes[:-1],
            hashes[1:],
        ),
    )


def verify(conn: Connection[Any]) -> int | None:
    """Return the id of the first row that was altered or moved, or follows a removed one; None when all is whole."""
    previous = GENESIS
    with conn.cursor(name="audit_verify") as rows:
        rows.execute("SELECT id, at, actor, action, object, area, detail::text, prev_hash, hash FROM audit ORDER BY id")
        for id, at, actor, action, object, area, detail, prev_hash, digest in rows:
            if prev_hash != previous or digest != _digest(previous, at, actor, action, object, area, detail):
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


def _digest(previous: bytes, at: datetime, *parts: str) -> bytes:
    text = json.dumps([instant(at), *parts], separators=(",", ":"))
    return hashlib.sha256(previous + text.encode()).digest()
