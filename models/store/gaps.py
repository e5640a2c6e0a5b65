"""Stretches in which a source was not heard; at most one open row per source, and each has a cause."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from psycopg import Connection

from models.event import SourceKind
from models.timeline import Gap, GapCause, Segment


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


def apply(conn: Connection[Any], changes: Sequence[Gap]) -> None:
    """Open and end many gaps in their order: one without an end is opened, one with an end ends its source's open gap.

    The losses of a whole city are a few statements. Doing it twice does no harm: a gap is not ended by the end of an
    earlier one.
    """
    for run in _runs(changes):
        opened = [gap for gap in run if gap.ended_at is None]
        ended = [gap for gap in run if gap.ended_at is not None]
        if opened:
            conn.execute(_OPEN_MANY, _columns(opened))
        if ended:
            conn.execute(
                """UPDATE gap SET ended_at = greatest(given.ended_at, gap.started_at)
                   FROM unnest(%b::text[], %b::text[], %b::timestamptz[], %b::timestamptz[])
                        AS given (source_kind, source_id, started_at, ended_at)
                   WHERE (gap.source_kind, gap.source_id) = (given.source_kind, given.source_id)
                     AND gap.ended_at IS NULL AND gap.started_at <= given.started_at""",
                (
                    [str(gap.source_kind) for gap in ended],
                    [gap.source_id for gap in ended],
                    [gap.started_at for gap in ended],
                    [gap.ended_at for gap in ended],
                ),
            )


def add_retention(conn: Connection[Any], gone: Sequence[Segment]) -> None:
    """Say that recordings were deleted before their time; neighbours become one stretch."""
    for segment in sorted(gone, key=lambda one: (one.camera_id, one.started_at)):
        values = {
            "kind": SourceKind.CAMERA,
            "id": segment.camera_id,
            "since": segment.started_at,
            "until": segment.ended_at,
            "cause": GapCause.RETENTION,
            "within": RETENTION_WITHIN,
        }
        extended = conn.execute(_EXTEND_RETENTION, values).rowcount
        if not extended:
            conn.execute(_ADD_RETENTION, values)


def forget_retention(conn: Connection[Any], camera_id: str, before: datetime) -> None:
    """Drop what was deleted so long ago that it would be gone anyway."""
    conn.execute(
        "DELETE FROM gap WHERE source_kind = %s AND source_id = %s AND cause = %s AND ended_at < %s",
        (SourceKind.CAMERA, camera_id, GapCause.RETENTION, before),
    )


RETENTION_WITHIN = timedelta(seconds=2)
_EXTEND_RETENTION = """
    UPDATE gap SET ended_at = greatest(ended_at, %(until)s)
    WHERE source_kind = %(kind)s AND source_id = %(id)s AND cause = %(cause)s
      AND started_at <= %(since)s AND ended_at >= %(since)s - %(within)s::interval"""
_ADD_RETENTION = """
    INSERT INTO gap (source_kind, source_id, area, started_at, ended_at, cause, detail)
    SELECT %(kind)s, id, area, %(since)s, %(until)s, %(cause)s, 'deleted: the disk was nearly full'
    FROM camera WHERE id = %(id)s ON CONFLICT DO NOTHING"""
_OPEN_MANY = """
    WITH given AS (
        SELECT * FROM unnest(%b::text[], %b::text[], %b::text[], %b::timestamptz[], %b::text[], %b::text[])
                      AS one (source_kind, source_id, area, started_at, cause, detail)),
    opened AS (
        INSERT INTO gap (source_kind, source_id, area, started_at, cause, detail)
        SELECT * FROM given ORDER BY source_kind, source_id ON CONFLICT DO NOTHING)
    UPDATE gap SET cause = given.cause, detail = given.detail FROM given
    WHERE (gap.source_kind, gap.source_id) = (given.source_kind, given.source_id)
      AND gap.ended_at IS NULL AND gap.cause IN ('unknown', given.cause)"""


def _columns(found: Sequence[Gap]) -> list[list[Any]]:
    rows = [
        (str(gap.source_kind), gap.source_id, gap.area, gap.started_at, str(gap.cause), gap.detail) for gap in found
    ]
    return [list(column) for column in zip(*rows, strict=True)]


def _runs(changes: Sequence[Gap]) -> Iterator[list[Gap]]:
    """Yield stretches of ``changes`` in which no source comes twice."""
    run: list[Gap] = []
    seen: set[tuple[SourceKind, str]] = set()
    for gap in changes:
        source = (gap.source_kind, gap.source_id)
        if source in seen:
            yield run
            run, seen = [], set()
        run.append(gap)
        seen.add(source)
    yield run


def open_sources(conn: Connection[Any], source_kind: SourceKind) -> set[str]:
    """Return the sources that have an open gap."""
    return {
        r[0]
        for r in conn.execute("SELECT source_id FROM gap WHERE source_kind = %s AND ended_at IS NULL", (source_kind,))
    }


def open_causes(conn: Connection[Any], source_kind: SourceKind) -> dict[str, GapCause]:
    """Return why each source that has an open gap has it."""
    rows = conn.execute("SELECT source_id, cause FROM gap WHERE source_kind = %s AND ended_at IS NULL", (source_kind,))
    return {source_id: GapCause(cause) for source_id, cause in rows}


def explain(conn: Connection[Any], source_kind: SourceKind, source_ids: Sequence[str], detail: str) -> int:
    """Give gaps whose cause nobody knew the one that is left: we did not say. Returns how many."""
    return conn.execute(
        "UPDATE gap SET cause = %s, detail = %s WHERE source_kind = %s AND source_id = ANY(%s) AND cause = %s",
        (GapCause.INGEST_ERROR, detail, source_kind, list(source_ids), GapCause.UNKNOWN),
    ).rowcount


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
