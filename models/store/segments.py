"""Recorded files: what exists on disk, by camera and time."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from psycopg import Connection

from models.timeline import Segment

_COLUMNS = "camera_id, started_at, ended_at, path, size_bytes, codec"


def add(conn: Connection[Any], segments: Sequence[Segment]) -> None:
    """Register finished files; one that is known already gets its final length."""
    unique = {(segment.camera_id, segment.started_at): segment for segment in segments}
    if not unique:
        return
    rows = [unique[key] for key in sorted(unique)]
    conn.execute(
        f"""INSERT INTO segment ({_COLUMNS})
            SELECT * FROM unnest(%b::text[], %b::timestamptz[], %b::timestamptz[], %b::text[], %b::int8[], %b::text[])
            ON CONFLICT (camera_id, started_at) DO UPDATE
            SET ended_at = excluded.ended_at, size_bytes = excluded.size_bytes""".encode(),  # noqa: S608
        (
            [row.camera_id for row in rows],
            [row.started_at for row in rows],
            [row.ended_at for row in rows],
            [row.path for row in rows],
            [row.size_bytes for row in rows],
            [row.codec for row in rows],
        ),
    )


def listing(conn: Connection[Any], camera_ids: Sequence[str], since: datetime, until: datetime) -> list[Segment]:
    """Return the files of these cameras that touch the range, in order."""
    return _rows(
        conn,
        "camera_id = ANY(%s) AND started_at < %s AND ended_at > %s ORDER BY camera_id, started_at",
        (list(camera_ids), until, since),
    )


def expired(conn: Connection[Any], camera_id: str, before: datetime, limit: int = 1000) -> list[Segment]:
    """Return files that ended before ``before``, oldest first."""
    return _rows(conn, "camera_id = %s AND ended_at < %s ORDER BY ended_at LIMIT %s", (camera_id, before, limit))


def oldest(conn: Connection[Any], limit: int = 100) -> list[Segment]:
    """Return the oldest files of all cameras, for when the disk is nearly full."""
    return _rows(conn, "true ORDER BY ended_at LIMIT %s", (limit,))


def remove(conn: Connection[Any], segments: Sequence[Segment]) -> None:
    """Forget files that were deleted."""
    conn.execute(
        """DELETE FROM segment WHERE (camera_id, started_at) IN
               (SELECT * FROM unnest(%b::text[], %b::timestamptz[]))""",
        ([segment.camera_id for segment in segments], [segment.started_at for segment in segments]),
    )


def _rows(conn: Connection[Any], where: str, values: Sequence[Any]) -> list[Segment]:
    rows = conn.execute(f"SELECT {_COLUMNS} FROM segment WHERE {where}".encode(), values).fetchall()  # noqa: S608
    return [
        Segment(camera_id=r[0], started_at=r[1], ended_at=r[2], path=r[3], size_bytes=r[4], codec=r[5]) for r in rows
    ]
