"""Clips and snapshots: what of a request may reach a worker or the disk, and how the answer goes on."""

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from fastapi import Response
from psycopg import Connection
from starlette.responses import FileResponse, StreamingResponse

from dashboard_api.context import Context
from dashboard_api.workers import camera_path
from models.errors import BadInput, NotFound
from models.wire import instant

CLIP_MAX = timedelta(hours=1)
AROUND = timedelta(seconds=5)
"""An event's clip begins so long before it and ends so long after."""
SNAPSHOT_PATH_MAX_CHARS = 300
SNAPSHOT_PATH = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_.-]+)*\.jpg")


def clip_range(since: datetime, until: datetime) -> tuple[datetime, datetime]:
    """Return the range when it is one that a clip may have."""
    for field, value in (("from", since), ("to", until)):
        if value.tzinfo is None:
            raise BadInput(field, "a time with its offset, such as 2026-01-31T08:00:00Z")
    if since >= until:
        raise BadInput("to", "a time after from")
    if until - since > CLIP_MAX:
        raise BadInput("to", f"at most {CLIP_MAX.total_seconds() / 3600:g} h after from")
    return since, until


def clip(context: Context, conn: Connection[Any], camera_id: str, since: datetime, until: datetime) -> Response:
    """Return the recording as the worker sends it: not re-encoded, not buffered here, without ranges."""
    path = camera_path(camera_id, "clip.mp4", **{"from": str(instant(since)), "to": str(instant(until))})
    stream = context.workers.stream(context.workers.of_camera(conn, camera_id), path)
    headers = {"Accept-Ranges": "none", "Cache-Control": "private, no-store"}
    if stream.content_length is not None:
        headers["Content-Length"] = stream.content_length
    return StreamingResponse(stream, media_type="video/mp4", headers=headers)


def kept_snapshot(media_dir: Path, relative: str) -> FileResponse:
    """Return a picture below the media folder; the path comes from the database, and still is not trusted."""
    root = media_dir.resolve()
    if len(relative) > SNAPSHOT_PATH_MAX_CHARS or not SNAPSHOT_PATH.fullmatch(relative):
        raise NotFound("snapshot", "of this event")
    try:
        found = (root / relative).resolve()
        there = found.is_relative_to(root) and found.is_file()
    except OSError:  # a name that the file system cannot hold
        there = False
    if not there:
        raise NotFound("snapshot", "of this event")
    return FileResponse(found, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=86400"})
