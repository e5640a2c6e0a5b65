"""Stretches in which a source was not heard; at most one open row per source, and each has a cause."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from psycopg import Connection

from models.event import SourceKind
from models.timeline import Gap, GapCause


def open_gap(
    conn: Connection[Any],
    *,
    source_kind: SourceKind,
    source_id: str,
    area: str,
    started_at: datetime,
    cause: GapCause,
    detail: str = "",
) -> bool:
    """Open a gap unless one is open; then only its cause is made more exact. Tells whether it is new."""
    inserted = conn.execute(
        """INSERT INTO gap (source_kind, source_id, area, started_at, cause, detail) VALUES (%s, %s, %s, %s, %s, %s)
           ON CONFLICT DO NOTHING""",
        (source_kind, source_id, area, started_at, cause, detail),
    ).rowcount
    if not inserted:
        conn.execute(
            """UPDATE gap SET cause = %s, detail = %s
               WHERE source_kind = %s AND source_id = %s AND ended_at IS NULL AND cause IN ('unknown', %s)""",
            (cause, detail, source_kind, source_id, cause),
        )
    return bool(inserted)


def close_gap(conn: Connection[Any], *, source_kind: SourceKind, source_id: str, ended_at: datetime) -> bool:
    """End the open gap of a source, if there is one."""
    return bool(
        conn.execute(
            """UPDATE gap SET ended_at = greatest(%s, started_at)
               WHERE source_kind = %s AND source_id = %s AND ended_at IS NULL""",
            (ended_at, source_kind, source_id),
        ).rowcount
    )


def open_sources(conn: Connection[Any], source_kind: SourceKind) -> set[str]:
    """Return the sources that have an open gap."""
    return {
        r[0]
        for r in conn.execute("SELECT source_id FROM gap WHERE source_kind = %s AND ended_at IS NULL", (source_kind,))
    }


def listing(
    conn: Connection[Any], source_kind: SourceKind, source_ids: Sequence[str], since: datetime, until: datetime
) -> list[Gap]:
    """Return the gaps of these sources that touch the range."""
    rows = conn.execute(
        """SELECT source_kind, source_id, area, started_at, ended_at, cause, detail FROM gap
           WHERE source_kind = %s AND source_id = ANY(%s) AND started_at < %s AND coalesce(ended_at, 'infinity') > %s
           ORDER BY source_id, started_at""",
        (source_kind, list(source_ids), until, since),
    ).fetchall()
    return [
        Gap(
            source_kind=SourceKind(r[0]),
            source_id=r[1],
            area=r[2],
            started_at=r[3],
            ended_at=r[4],
            cause=GapCause(r[5]),
            detail=r[6],
        )
        for r in rows
    ]
