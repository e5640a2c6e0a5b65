"""Recorded files: what exists on disk, by camera and time."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from psycopg import Connection

from models.event import EventKind
from models.timeline import Segment

_COLUMNS = "camera_id, started_at, ended_at, path, size_bytes, codec"
JOIN_WITHIN = timedelta(seconds=2)
"""Recorded files this close are one stretch: their ends are measured, not exact."""
_NEAR = timedelta(hours=1)
"""No file is longer; so far back is looked for the one before."""
_STRETCHES = b"""
WITH wanted AS (SELECT unnest(%(ids)s::text[]) AS id),
starts AS (
    SELECT w.id, f.started_at FROM wanted w CROSS JOIN LATERAL (
        SELECT started_at FROM segment WHERE camera_id = w.id AND started_at <= %(since)s
        ORDER BY started_at DESC LIMIT 1) f
    UNION SELECT w.id, f.started_at FROM wanted w CROSS JOIN LATERAL (
        SELECT started_at FROM segment WHERE camera_id = w.id AND started_at > %(since)s AND started_at < %(until)s
        ORDER BY started_at LIMIT 1) f
    UNION SELECT w.id, f.started_at FROM wanted w CROSS JOIN LATERAL (
        SELECT started_at FROM segment WHERE begins AND camera_id = w.id AND started_at > %(since)s
            AND started_at < %(until)s) f),
bounded AS (
    SELECT id, started_at, lead(started_at, 1, %(until)s) OVER (PARTITION BY id ORDER BY started_at) AS next_at
    FROM starts)
SELECT b.id, b.started_at, l.ended_at FROM bounded b CROSS JOIN LATERAL (
    SELECT ended_at FROM segment WHERE camera_id = b.id AND started_at >= b.started_at AND started_at < b.next_at
    ORDER BY started_at DESC LIMIT 1) l
WHERE l.ended_at > %(since)s ORDER BY b.id, b.started_at"""
"""From each beginning, and from the first file in reach, to the last file before the next beginning."""

ABOUT_THE_PICTURE = [
    str(kind)
    for kind in (
        EventKind.INTRUSION,
        EventKind.LINE_CROSSING,
        EventKind.CAMERA_TAMPER,
        EventKind.MOTION,
        EventKind.DIGITAL_INPUT,
    )
]
"""Events of a camera whose recording somebody may want to see."""
_UNPROTECTED = """
(camera_id, started_at) IN (
    SELECT s.camera_id, s.started_at FROM segment s LEFT JOIN camera c ON c.id = s.camera_id,
        LATERAL (SELECT s.started_at - make_interval(secs => coalesce(c.record_post_s, 0)) AS since,
                        s.ended_at + make_interval(secs => coalesce(c.record_pre_s, 0)) AS until) near
    WHERE s.ended_at < %(now)s - make_interval(days => coalesce(least(c.min_retention_days, c.retention_days), 0))
      AND NOT EXISTS (SELECT 1 FROM event e WHERE e.source_id = s.camera_id AND e.source_kind = 'camera'
          AND e.time BETWEEN near.since AND near.until AND e.kind = ANY(%(kinds)s))
      AND NOT EXISTS (SELECT 1 FROM incident i JOIN incident_event ie ON ie.incident_id = i.id
          WHERE i.cameras @> ARRAY[s.camera_id] AND ie.event_time BETWEEN near.since AND near.until)
    ORDER BY s.ended_at LIMIT %(limit)s)
ORDER BY ended_at"""


def add(conn: Connection[Any], segments: Sequence[Segment]) -> None:
    """Register finished files; one that is known already gets its final length."""
    unique = {(segment.camera_id, segment.started_at): segment for segment in segments}
    if not unique:
        return
    rows = [unique[key] for key in sorted(unique)]
    conn.execute(
        f"""INSERT INTO segment ({_COLUMNS}, begins)
            SELECT n.*, NOT EXISTS (
                SELECT 1 FROM segment p WHERE p.camera_id = n.camera_id AND p.started_at < n.started_at
                    AND p.started_at > n.started_at - %b::interval AND p.ended_at >= n.started_at - %b::interval)
            FROM unnest(%b::text[], %b::timestamptz[], %b::timestamptz[], %b::text[], %b::int8[], %b::text[])
                AS n ({_COLUMNS})
            ON CONFLICT (camera_id, started_at) DO UPDATE
            SET ended_at = excluded.ended_at, size_bytes = excluded.size_bytes""".encode(),  # noqa: S608
        (
            _NEAR,
            JOIN_WITHIN,
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


def stretches(
    conn: Connection[Any], camera_ids: Sequence[str], since: datetime, until: datetime
) -> dict[str, list[tuple[datetime, datetime]]]:
    """Return what of the range each camera recorded, cut to it; reads a row or two of each stretch, not each file."""
    found: dict[str, list[tuple[datetime, datetime]]] = {}
    values = {"ids": list(camera_ids), "since": since, "until": until}
    for camera_id, started_at, ended_at in conn.execute(_STRETCHES, values):
        of_camera = found.setdefault(camera_id, [])
        start, end = max(started_at, since), min(ended_at, until)
        if of_camera and start - of_camera[-1][1] <= JOIN_WITHIN:
            of_camera[-1] = (of_camera[-1][0], max(of_camera[-1][1], end))
        else:
            of_camera.append((start, end))
    return found


def expired(conn: Connection[Any], camera_id: str, before: datetime, limit: int = 1000) -> list[Segment]:
    """Return files that ended before ``before``, oldest first."""
    return _rows(conn, "camera_id = %s AND ended_at < %s ORDER BY ended_at LIMIT %s", (camera_id, before, limit))


def oldest_unprotected(conn: Connection[Any], now: datetime, limit: int = 100) -> list[Segment]:
    """Return the oldest files of all cameras that may go when the disk is nearly full.

    Protected is what is younger than its camera's ``min_retention_days``, and what belongs to an event of the camera
    or to an incident that it shows, with the seconds before and after.
    """
    return _rows(conn, _UNPROTECTED, {"now": now, "kinds": ABOUT_THE_PICTURE, "limit": limit})


def remove(conn: Connection[Any], segments: Sequence[Segment]) -> None:
    """Forget files that were deleted."""
    conn.execute(
        """DELETE FROM segment WHERE (camera_id, started_at) IN
               (SELECT * FROM unnest(%b::text[], %b::timestamptz[]))""",
        ([segment.camera_id for segment in segments], [segment.started_at for segment in segments]),
    )


def _rows(conn: Connection[Any], where: str, values: Sequence[Any] | dict[str, Any]) -> list[Segment]:
    rows = conn.execute(f"SELECT {_COLUMNS} FROM segment WHERE {where}".encode(), values).fetchall()  # noqa: S608
    return [
        Segment(camera_id=r[0], started_at=r[1], ended_at=r[2], path=r[3], size_bytes=r[4], codec=r[5]) for r in rows
    ]
