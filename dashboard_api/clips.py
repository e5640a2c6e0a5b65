"""Clips and snapshots: what of a request may reach a worker or the disk, and how the answer goes on."""

import asyncio
import http.client
import logging
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from starlette.responses import FileResponse, Response
from starlette.types import Receive, Scope, Send

from dashboard_api import lanes
from dashboard_api.context import Context
from dashboard_api.policy import Access
from dashboard_api.racing import until_first, until_gone
from dashboard_api.workers import Stream, camera_path
from models.errors import BadInput, NotFound, Overloaded
from models.wire import instant

CLIP_MAX = timedelta(hours=1)
AROUND = timedelta(seconds=5)
"""An event's clip begins so long before it and ends so long after."""
SETTLED_AFTER = timedelta(seconds=10)
"""So long after its end nothing is added to a clip any more."""
STALLED_AFTER_S = 60.0
"""Whoever takes nothing of a clip for so long gets no more of it."""
SNAPSHOT_PATH_MAX_CHARS = 300
SNAPSHOT_PATH = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_.-]+)*\.jpg")
ONE_RANGE = re.compile(r"bytes=\d{1,15}-(\d{1,15})?")
"""The only kind of range that players ask for; others are answered with the whole."""

log = logging.getLogger(__name__)


def clip_range(since: datetime, until: datetime) -> tuple[datetime, datetime]:
    """Return the range when it is one that a clip may have."""
    if since >= until:
        raise BadInput("to", "a time after from")
    if until - since > CLIP_MAX:
        raise BadInput("to", f"at most {CLIP_MAX.total_seconds() / 3600:g} h after from")
    return since, until


def open_clip(  # noqa: PLR0917
    context: Context, access: Access, urls: Sequence[str], camera_id: str, since: datetime, until: datetime, asked: str
) -> Response:
    """Return the recording as the worker sends it; ``asked`` is the request's Range. Blocking."""
    path = camera_path(camera_id, "clip.mp4", **{"from": str(instant(since)), "to": str(instant(until))})
    # a clip that still grows is another file with each request: its parts would not fit together
    settled = until < context.clock.utc_now() - SETTLED_AFTER
    part = asked if settled and ONE_RANGE.fullmatch(asked) else ""
    return ClipResponse(context, access, context.workers.stream(urls, path, part=part), in_parts=settled)


class ClipResponse(Response):
    """A worker's stream on its way: nothing is held here, and it is cut when the viewer's login ends."""

    media_type = "video/mp4"

    def __init__(self, context: Context, access: Access, stream: Stream, *, in_parts: bool) -> None:
        headers = {"Accept-Ranges": "bytes" if in_parts else "none", "Cache-Control": "private, no-store"}
        super().__init__(status_code=stream.status, headers=headers | stream.headers)
        if "Content-Length" not in stream.headers:
            del self.headers["content-length"]
        self._context, self._access, self._stream = context, access, stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        over = asyncio.Event()
        try:
            with self._context.watch.watching(self._access, over.set):
                await until_first(self._pass_on(send), until_gone(receive), over.wait())
        finally:
            self._stream.close()

    async def _pass_on(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        try:
            while piece := await lanes.CLIPS.run(self._stream.read):
                async with asyncio.timeout(STALLED_AFTER_S):
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except (OSError, http.client.HTTPException, Overloaded) as broken:
            # less than was announced goes out, and the player sees that
            log.warning("a clip broke off: %s", type(broken).__name__)


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
    # whoever signs in next at the same browser asks anew
    headers = {"Cache-Control": "private, max-age=86400", "Vary": "Cookie, Authorization"}
    return FileResponse(found, media_type="image/jpeg", headers=headers)
