"""What cameras and units did over a stretch of time."""

from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
from fastapi import Query, Response

from dashboard_api import policy as who
from dashboard_api.context import Here
from dashboard_api.gate import load_for
from dashboard_api.policy import Access, Allowed, policy
from dashboard_api.routes import router
from dashboard_api.schemas.timeline import Timeline
from dashboard_api.words import Moment
from models.errors import BadInput
from models.event import SourceKind
from models.store import cameras, units
from models.store import timeline as timeline_store
from models.store.timeline import Source, Track
from models.timeline import Gap
from models.wire import instant

routes = router("timeline")

RANGE_MAX = timedelta(days=31)
TRACKS_MAX = 50
BUCKETS_MAX = 2000
BUCKETS_WANTED = 240
BUCKET_SIZES_S = (1, 5, 10, 15, 30, 60, 300, 600, 900, 1800, 3600, 7200, 21600, 86400)
"""Sizes that people read easily; the smallest that gives at most `BUCKETS_WANTED` is taken."""


@routes.get("/timeline", response_model=Timeline)
@policy(who.EVERYBODY, noun="timeline")
def timeline(
    here: Here,
    access: Allowed,
    since: Annotated[Moment, Query(alias="from")],
    until: Annotated[Moment, Query(alias="to")],
    camera: Annotated[list[str] | None, Query(max_length=TRACKS_MAX)] = None,
    unit: Annotated[list[str] | None, Query(max_length=TRACKS_MAX)] = None,
    bucket_s: Annotated[int | None, Query(ge=1, le=86400)] = None,
) -> Response:
    """Return recordings, gaps with causes, events and counts; without camera or unit, of all in your areas."""
    size_s = _bucket_s(since, until, bucket_s)
    with here.store.transaction() as conn:
        sources = _sources(conn, access, camera, unit)
        tracks = timeline_store.read(conn, sources, since, until, size_s, areas=access.login.areas)
    body = {
        "from": instant(since),
        "to": instant(until),
        "bucket_s": size_s,
        "tracks": [_track(track, since, until) for track in tracks],
    }
    # thousands of items: to look at each again would take longer than all the rest
    return Response(msgspec.json.encode(body), media_type="application/json")


def _bucket_s(since: datetime, until: datetime, asked_s: int | None) -> int:
    if not since < until <= since + RANGE_MAX:
        raise BadInput("to", f"after from, by at most {RANGE_MAX.days} days")
    range_s = (until - since).total_seconds()
    if asked_s is None:
        return next((size for size in BUCKET_SIZES_S if range_s / size <= BUCKETS_WANTED), BUCKET_SIZES_S[-1])
    if range_s / asked_s > BUCKETS_MAX:
        raise BadInput("bucket_s", f"at least {range_s / BUCKETS_MAX:.0f} for this range")
    return asked_s


def _sources(conn: Any, access: Access, camera_ids: list[str] | None, unit_ids: list[str] | None) -> list[Source]:
    login = access.login
    if camera_ids is None and unit_ids is None:
        seen = cameras.page(conn, login.areas, limit=TRACKS_MAX)
        heard, _ = units.listing(conn, login.areas, limit=TRACKS_MAX)
        everything = [Source(SourceKind.CAMERA, one.id, one.name) for one in seen]
        everything += [Source(SourceKind.UNIT, one.id, one.name) for one, _ in heard]
        return everything[:TRACKS_MAX]
    asked = [("camera", id) for id in camera_ids or ()] + [("unit", id) for id in unit_ids or ()]
    if len(asked) > TRACKS_MAX:
        raise BadInput("camera", f"at most {TRACKS_MAX} cameras and units")
    found = []
    for kind, id in dict.fromkeys(asked):
        thing = load_for(conn, login, kind, id, retired=True)
        found.append(Source(SourceKind(kind), thing.id, thing.name))
    return found


def _track(track: Track, since: datetime, until: datetime) -> dict[str, Any]:
    return {
        "kind": track.kind,
        "id": track.id,
        "name": track.name,
        "recordings": [{"from": instant(start), "to": instant(end)} for start, end in track.recordings],
        "gaps": [_stretch(gap, since, until) for gap in track.gaps],
        "not_analysed": [_stretch(gap, since, until) for gap in track.not_analysed],
        "items": [
            {
                "time": instant(item.time),
                "kind": item.kind,
                "priority": int(item.priority),
                "label": item.label,
                "event_id": str(item.event_id),
                "incident_id": item.incident_id,
            }
            for item in track.items
        ],
        "counts": track.counts,
    }


def _stretch(gap: Gap, since: datetime, until: datetime) -> dict[str, Any]:
    return {
        "from": instant(max(gap.started_at, since)),
        "to": instant(min(gap.ended_at or until, until)),
        "cause": gap.cause,
        "detail": gap.detail,
    }
