"""A live feed as an HTTP answer: hello, what was missed, then what comes, until somebody ends it."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from dashboard_api.feed import BEAT_EVERY_S, RETRY_MS, Audience, FeedHub, Viewer, message, resync
from dashboard_api.policy import Access
from dashboard_api.watch import LoginWatch
from models.errors import NotReady
from models.store.feed import Cursor
from models.wire import instant


class FeedResponse(Response):
    """Streams one viewer's feed; ``present`` is called in a thread while the viewer is there."""

    media_type = "text/event-stream"

    def __init__(
        self,
        hub: FeedHub,
        watch: LoginWatch,
        access: Access,
        audience: Audience,
        *,
        after: Cursor | None,
        present: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._hub, self._watch, self._access, self._audience = hub, watch, access, audience
        self._after, self._present = after, present

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        self._watch.check_room(self._access.login.username)
        if self._after is not None:
            await self._hub.caught_up(self._after)
        with (
            self._hub.viewer(self._audience) as viewer,
            self._watch.watching(self._access.id_hash, self._access.login, viewer.end),
        ):
            helpers = [asyncio.create_task(_until_gone(receive, viewer), name="feed-gone")]
            if self._present is not None:
                helpers.append(asyncio.create_task(_say_present(self._present), name="feed-present"))
            try:
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                await send({"type": "http.response.body", "body": await self._opening(viewer), "more_body": True})
                while (chunk := await viewer.next(lambda: self._hub.position)) is not None:
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
                with suppress(OSError):
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
            finally:
                for helper in helpers:
                    helper.cancel()
                await asyncio.gather(*helpers, return_exceptions=True)

    async def _opening(self, viewer: Viewer) -> bytes:
        start = f"retry: {RETRY_MS}\n\n".encode()
        if self._after is None:
            return start + self._hello(resumed=False, id=viewer.joined_at)
        missed = await run_in_threadpool(self._hub.replay, self._audience, self._after, viewer.joined_at)
        if missed is None:
            return start + self._hello(resumed=False, id=viewer.joined_at) + resync(viewer.joined_at)
        return start + self._hello(resumed=True, id=self._after) + missed

    def _hello(self, *, resumed: bool, id: Cursor) -> bytes:
        return message("hello", {"at": instant(self._hub.now()), "resumed": resumed}, id=id)


async def _until_gone(receive: Receive, viewer: Viewer) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    viewer.end()


async def _say_present(present: Callable[[], None]) -> None:
    while True:
        with suppress(NotReady):
            await run_in_threadpool(present)
        await asyncio.sleep(BEAT_EVERY_S)
