"""A live feed as an HTTP answer: hello, what was missed, then what comes, until somebody ends it."""

import asyncio
from collections.abc import AsyncIterator, Callable

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from dashboard_api import lanes
from dashboard_api.feed import BEAT_EVERY_S, REPLAY_PARTS_MAX, RETRY_MS, Audience, FeedHub, Viewer, message, resync
from dashboard_api.policy import Access
from dashboard_api.racing import until_first, until_gone
from dashboard_api.watch import LoginWatch
from models.errors import NotFound, NotReady
from models.store.feed import Cursor
from models.wire import instant

CLOSE_WITHIN_S = 0.5


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
        await self._hub.begun()
        if self._after is not None:
            await self._hub.caught_up(self._after)
        with (
            self._hub.viewer(self._audience) as viewer,
            self._watch.watching(self._access, viewer.end),
        ):
            works = [self._stream(viewer, send), until_gone(receive), _until_cut(viewer)]
            if self._present is not None:
                works.append(_say_present(self._present))
            await until_first(*works)

    async def _stream(self, viewer: Viewer, send: Send) -> None:
        async def say(chunk: bytes, *, more: bool = True) -> None:
            with viewer.sending():
                await send({"type": "http.response.body", "body": chunk, "more_body": more})

        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await say(f"retry: {RETRY_MS}\n\n".encode())
        async for chunk in self._opening(viewer):
            await say(chunk)
        while (news := await viewer.next(lambda: self._hub.position)) is not None:
            await say(news)
        await say(b"", more=False)

    async def _opening(self, viewer: Viewer) -> AsyncIterator[bytes]:
        """Yield hello and what was missed, part by part: a browser that was away for long costs no more memory."""
        joined_at, after = viewer.joined_at, self._after
        if after is None:
            yield self._hello(resumed=False, id=joined_at)
            return
        for number in range(REPLAY_PARTS_MAX):
            missed = None
            if after <= joined_at:
                missed = await lanes.REPLAYS.run(self._hub.replay, self._audience, after, joined_at)
            if number == 0:
                yield self._hello(resumed=missed is not None, id=joined_at if missed is None else after)
            if missed is None:
                break
            if missed.chunk:
                yield missed.chunk
            if missed.complete:
                return
            after = missed.after
        yield resync(joined_at)

    def _hello(self, *, resumed: bool, id: Cursor) -> bytes:
        return message("hello", {"at": instant(self._hub.now()), "resumed": resumed}, id=id)


async def _until_cut(viewer: Viewer) -> None:
    """End when the viewer must go, with a moment for a socket that still takes the end."""
    await viewer.over.wait()
    await asyncio.sleep(CLOSE_WITHIN_S)


async def _say_present(present: Callable[[], None]) -> None:
    while True:
        try:
            await run_in_threadpool(present)
        except NotFound:
            return  # the patrol was taken out of service
        except NotReady:
            pass  # the next beat says it again
        await asyncio.sleep(BEAT_EVERY_S)
