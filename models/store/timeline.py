"""What cameras and units did over a stretch of time: recordings, gaps with causes, events, counts by bucket."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection

from models.event import EventKind, Priority, SourceKind
from models.store import gaps, segments
from models.timeline import Gap, analytics_of

ITEMS_PER_TRACK_MAX = 500
"""The most urgent and newest; the counts tell of the others."""
ITEMS_MAX = 3000
"""Of all tracks together: each of fifty has sixty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One event on a track."""

    time: datetime
    kind: EventKind
    priority: Priority
    label: str
    event_id: UUID
    incident_id: int | None


@dataclass(slots=True, kw_only=True)
class Track:
    """One source's line."""

    kind: SourceKind
    id: str
    name: str
    recordings: list[tuple[datetime, datetime]] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    not_analysed: list[Gap] = field(default_factory=list)
    """Pictures came and were not all looked at; footage may be there."""
    items: list[Item] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Source:
    kind: SourceKind
    id: str
    name: str


_HERE = """source_kind = %(kind)s AND time >= %(since)s AND time < %(until)s
    AND (area = ANY(%(areas)s) OR EXISTS (SELECT 1 FROM unnest(%(inner)s::text[]) a WHERE starts_with(area, a)))"""
_COUNTS = f"""
    SELECT source_id, floor(extract(epoch FROM time - %(since)s) / %(bucket_s)s)::integer, count(*)
    FROM event WHERE source_id = ANY(%(ids)s) AND {_HERE} GROUP BY 1, 2""".encode()  # noqa: S608
_ITEMS = f"""
    SELECT e.source_id, e.time, e.kind, e.priority, e.label, e.id, i.incident_id
    FROM unnest(%(ids)s::text[]) AS wanted (id) CROSS JOIN LATERAL (
        SELECT * FROM event WHERE source_id = wanted.id AND {_HERE}
        ORDER BY priority, time DESC LIMIT %(limit)s) e
    LEFT JOIN incident_event i ON i.event_id = e.id ORDER BY e.time, e.id""".encode()  # noqa: S608


def read(
    conn: Connection[Any],
    sources: Sequence[Source],
    since: datetime,
    until: datetime,
    bucket_s: int,
    *,
    areas: Sequence[str],
) -> list[Track]:
    """Return a track for each of ``sources``, in their order; every stretch is cut to the range.

    Events that lie outside ``areas`` are neither shown nor counted: their source may have stood elsewhere.
    """
    buckets = -int(-(until - since).total_seconds() // bucket_s)
    tracks = {
        (source.kind, source.id): Track(kind=source.kind, id=source.id, name=source.name, counts=[0] * buckets)
        for source in sources
    }
    per_track = min(ITEMS_PER_TRACK_MAX, ITEMS_MAX // max(len(sources), 1))
    for kind in (SourceKind.CAMERA, SourceKind.UNIT):
        ids = [source.id for source in sources if source.kind is kind]
        if not ids:
            continue
        for gap in gaps.listing(conn, kind, ids, since, until):
            tracks[kind, gap.source_id].gaps.append(gap)
        values = {"kind": kind, "ids": ids, "since": since, "until": until, "bucket_s": bucket_s, "limit": per_track}
        values |= {"areas": list(areas), "inner": [f"{area}." for area in areas]}
        for id, bucket, count in conn.execute(_COUNTS, values):
            tracks[kind, id].counts[min(bucket, buckets - 1)] = count
        for id, *item in conn.execute(_ITEMS, values):
            tracks[kind, id].items.append(_item(item))
    _add_not_analysed(conn, tracks, since, until)
    _add_recordings(conn, tracks, since, until)
    return list(tracks.values())


def _item(row: Sequence[Any]) -> Item:
    return Item(
        time=row[0],
        kind=EventKind(row[1]),
        priority=Priority(row[2]),
        label=row[3],
        event_id=row[4],
        incident_id=row[5],
    )


def _add_not_analysed(
    conn: Connection[Any], tracks: dict[tuple[SourceKind, str], Track], since: datetime, until: datetime
) -> None:
    cameras = {analytics_of(id): track for (kind, id), track in tracks.items() if kind is SourceKind.CAMERA}
    for gap in gaps.listing(conn, SourceKind.SYSTEM, list(cameras), since, until) if cameras else ():
        cameras[gap.source_id].not_analysed.append(gap)


def _add_recordings(
    conn: Connection[Any], tracks: dict[tuple[SourceKind, str], Track], since: datetime, until: datetime
) -> None:
    cameras = [id for kind, id in tracks if kind is SourceKind.CAMERA]
    if not cameras:
        return
    for id, stretches in segments.stretches(conn, cameras, since, until).items():
        tracks[SourceKind.CAMERA, id].recordings = stretches
