"""The live feed of one API process: one reader of the outbox, any number of viewers.

A row is encoded once; viewers who see the same areas share the bytes. Each viewer has a bounded queue: who reads too
slowly loses the queue and is told to fetch everything again (`resync`), and harms nobody else.
"""

import asyncio
import json
import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from dashboard_api import lanes
from dashboard_api.feed_names import SourceNames
from models.area import any_covers
from models.clock import Clock
from models.errors import NotReady, Overloaded, StoreDown
from models.store import feed
from models.store.feed import Cursor, FeedRow, FeedTail
from models.store.pool import Store
from models.wire import instant

BEAT_EVERY_S = 5.0
PULSE_EVERY_S = 1.0
RETRY_MS = 2000
QUEUE_MAX_BYTES = 1024 * 1024
STUCK_AFTER_S = 60.0
VIEWERS_MAX = 2000
REPLAY_PARTS_MAX = 50
"""Whoever missed more than so many times `feed.READ_LIMIT` rows fetches everything again."""
GATHER_S_PER_VIEWER = 0.0002
"""Rows are gathered for longer when many look: 4 ms for 20 viewers, 100 ms for 500."""
GATHER_MAX_S = 0.1
BEGIN_LOOKS = 250
CATCH_UP_LOOKS = 100
CATCH_UP_LOOK_S = 0.02

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Audience:
    """Which rows a viewer sees."""

    areas: tuple[str, ...]
    kinds: frozenset[str]
    patrol_id: str | None = None

    def sees(self, row: FeedRow) -> bool:
        """Tell whether ``row`` is for this audience."""
        if row.kind not in self.kinds:
            return False
        if self.patrol_id is not None:
            return row.body.get("patrol_id") == self.patrol_id or (row.kind == "patrol" and row.ref == self.patrol_id)
        return row.kind == "status" or any_covers(self.areas, row.area)


@dataclass(frozen=True, slots=True)
class Missed:
    """A part of what a viewer missed; ``after`` is where the next part begins, unless it is ``complete``."""

    chunk: bytes
    after: Cursor
    complete: bool


class Viewer:
    """One open connection: a bounded queue between the feed and a socket. Belongs to the event loop."""

    def __init__(self, audience: Audience, joined_at: Cursor) -> None:
        self.audience, self.joined_at = audience, joined_at
        self.lost_total = 0
        self.over = asyncio.Event()
        """Set once this connection must close."""
        self._queue: list[bytes] = []
        self._bytes = 0
        self._lost = False
        self._news = asyncio.Event()
        self._sending_since_s: float | None = None

    def push(self, chunk: bytes) -> None:
        """Queue ``chunk``; a queue that is too long already is dropped and the viewer told so.

        Whoever has read all so far gets any burst whole: only what waits behind something counts as slow.
        """
        if self._queue and self._bytes + len(chunk) > QUEUE_MAX_BYTES:
            self.lose()
        elif not self._lost:
            self._queue.append(chunk)
            self._bytes += len(chunk)
        self._news.set()

    def lose(self) -> None:
        """Drop what is queued; the next message tells the viewer to fetch everything again."""
        self._queue.clear()
        self._bytes = 0
        self._lost = True
        self.lost_total += 1
        self._news.set()

    def end(self) -> None:
        """Close the connection; nothing that is still queued goes out."""
        self.over.set()
        self._news.set()

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Say that the socket is being written to; `is_stuck` tells when that takes too long."""
        self._sending_since_s = asyncio.get_running_loop().time()
        try:
            yield
        finally:
            self._sending_since_s = None

    def is_stuck(self) -> bool:
        """Tell whether the other side has taken nothing for a long time."""
        since_s = self._sending_since_s
        return since_s is not None and asyncio.get_running_loop().time() - since_s > STUCK_AFTER_S

    async def next(self, position: Callable[[], Cursor]) -> bytes | None:
        """Return all that is queued, as one; None at the end."""
        await self._news.wait()
        self._news.clear()
        if self.over.is_set():
            return None
        lost, self._lost = self._lost, False
        chunk = resync(position()) if lost else b"".join(self._queue)
        self._queue.clear()
        self._bytes = 0
        return chunk


class FeedHub:
    """Reads the outbox in a thread and hands rows to viewers in the event loop."""

    def __init__(self, store: Store, clock: Clock, state_of_parts: Callable[[], dict[str, Any]]) -> None:
        self._store, self._clock = store, clock
        self._state_of_parts = state_of_parts
        self._names = SourceNames(store, clock)
        self._groups: dict[Audience, set[Viewer]] = defaultdict(set)
        self._viewers = 0
        self._pending: list[tuple[FeedRow, bytes]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._tail: FeedTail | None = None
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._last_parts: str | None = None
        self._position: Cursor | None = None
        self.closing = False

    @property
    def position(self) -> Cursor:
        """The last cursor that all viewers were handed; `NotReady` until the database has answered once."""
        if self._position is None:
            raise NotReady("the live feed has not begun yet")
        return self._position

    @property
    def viewer_count(self) -> int:
        """How many connections are open in this process."""
        return self._viewers

    def now(self) -> datetime:
        """Return the time that viewers are told."""
        return self._clock.utc_now()

    def start(self) -> None:
        """Begin to read; call it in the event loop that serves the viewers."""
        loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._read, args=(loop,), name="feed-reader", daemon=True)
        self._thread.start()
        self._tasks = [
            asyncio.create_task(self._beat(), name="feed-beat"),
            asyncio.create_task(self._pulse(), name="feed-pulse"),
        ]

    async def stop(self) -> None:
        """End every viewer and the reader."""
        self.end_viewers()
        self._stopping.set()
        if self._tail is not None:
            self._tail.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._thread is not None:
            await lanes.WATCH.run(self._thread.join, 3)

    def end_viewers(self) -> None:
        """Close every connection and take no new ones: the process is going."""
        self.closing = True
        for viewers in self._groups.values():
            for viewer in list(viewers):
                viewer.end()

    @contextmanager
    def viewer(self, audience: Audience) -> Iterator[Viewer]:
        """Join at the present position; what comes after it is queued from here on."""
        if self._viewers >= VIEWERS_MAX or self.closing:
            raise Overloaded("live feed", self._viewers)
        viewer = Viewer(audience, self.position)
        self._groups[audience].add(viewer)
        self._viewers += 1
        try:
            yield viewer
        finally:
            self._viewers -= 1
            self._groups[audience].discard(viewer)
            if not self._groups[audience]:
                del self._groups[audience]

    async def begun(self) -> None:
        """Wait a little for the reader's first word from the database: a wall that is there at once is not refused."""
        for _ in range(BEGIN_LOOKS):
            if self._position is not None:
                return
            await asyncio.sleep(CATCH_UP_LOOK_S)

    async def caught_up(self, after: Cursor) -> None:
        """Wait a little for ``after``, which another process may have handed out before this one read so far."""
        for _ in range(CATCH_UP_LOOKS):
            if self.position >= after:
                return
            await asyncio.sleep(CATCH_UP_LOOK_S)

    def replay(self, audience: Audience, after: Cursor, until: Cursor) -> Missed | None:
        """Return the first part of what ``audience`` missed behind ``after`` up to ``until``.

        None when not all of it is kept any more. Blocking; call it again from `Missed.after` on.
        """
        with self._store.transaction() as conn:
            if not feed.can_resume(conn, after):
                return None
            rows = feed.read(conn, after)
        wanted = [row for row in rows if row.cursor <= until and audience.sees(row)]
        last = rows[-1].cursor if rows else until
        return Missed(b"".join(chunk for _, chunk in self._encode(wanted)), last, complete=last >= until)

    def hand_out(self, rows: Sequence[tuple[FeedRow, bytes]]) -> None:
        """Take rows from the reader; they go out together after a moment."""
        self._pending.extend(rows)
        if self._timer is None:
            wait_s = min(GATHER_MAX_S, self._viewers * GATHER_S_PER_VIEWER)
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._flush)

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._pending:
            return
        rows, self._pending = self._pending, []
        for audience, viewers in self._groups.items():
            chunk = b"".join(chunk for row, chunk in rows if audience.sees(row))
            if chunk:
                for viewer in viewers:
                    viewer.push(chunk)
        self._position = rows[-1][0].cursor

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        """The reader's thread: nothing but the end of the process ends it."""
        start = self._first_position()
        if start is None or not _call(loop, partial(self._begin_at, start)):
            return
        while not self._stopping.is_set():
            self._tail = tail = FeedTail(self._store.dsn, after=start)
            try:
                for rows in tail:
                    if self._stopping.is_set() or not _call(loop, partial(self.hand_out, self._encode(rows))):
                        return
            except Exception:
                # rows that cannot be handed out must not stand in the way of those behind them
                log.exception("feed: the reader failed; it goes on behind, and viewers fetch everything")
                start = tail.cursor or start
                _call(loop, partial(self._go_on_behind, start))
                self._stopping.wait(feed.RETRY_S)

    def _first_position(self) -> Cursor | None:
        while not self._stopping.is_set():
            try:
                with self._store.transaction() as conn:
                    return feed.latest(conn)
            except StoreDown:
                self._stopping.wait(feed.RETRY_S)
        return None

    def _begin_at(self, start: Cursor) -> None:
        self._position = start

    def _go_on_behind(self, position: Cursor) -> None:
        self._flush()
        self._position = position
        for viewers in self._groups.values():
            for viewer in viewers:
                viewer.lose()

    def _encode(self, rows: Sequence[FeedRow]) -> list[tuple[FeedRow, bytes]]:
        self._names.add(rows)
        return [(row, message(row.kind, row.body, id=row.cursor)) for row in rows]

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_EVERY_S)
            self._flush()
            if self._position is not None:
                self._push_all(message("beat", {"at": instant(self.now())}, id=self._position))
            self.end_stuck()

    async def _pulse(self) -> None:
        """Tell walls when a part or the database goes or comes back: nobody else would."""
        while True:
            await asyncio.sleep(PULSE_EVERY_S)
            try:
                state = await lanes.WATCH.run(self._state_of_parts)
            except Exception:
                log.exception("feed: cannot look at the parts")
                continue
            shape = json.dumps([state["database"], [[part["id"], part["state"]] for part in state["parts"]]])
            if shape != self._last_parts and self._last_parts is not None:
                self._push_all(message("status", state), kind="status")
            self._last_parts = shape

    def end_stuck(self) -> None:
        """Let go of viewers whose sockets take nothing."""
        for viewers in self._groups.values():
            for viewer in list(viewers):
                if viewer.is_stuck():
                    log.info("feed: a viewer has read nothing for %.0f s; closed", STUCK_AFTER_S)
                    viewer.end()

    def _push_all(self, chunk: bytes, *, kind: str | None = None) -> None:
        for audience, viewers in self._groups.items():
            if kind is None or kind in audience.kinds:
                for viewer in viewers:
                    viewer.push(chunk)


def _call(loop: asyncio.AbstractEventLoop, work: Callable[[], object]) -> bool:
    """Let the event loop do ``work``; False when it is closed."""
    try:
        loop.call_soon_threadsafe(work)
    except RuntimeError:
        return False
    return True


def message(kind: str, body: dict[str, Any], *, id: Cursor | None = None) -> bytes:
    """Return one server-sent event."""
    data = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    head = f"id: {id}\n" if id is not None else ""
    return f"{head}event: {kind}\ndata: {data}\n\n".encode()


def resync(position: Cursor) -> bytes:
    """Return the message that says: fetch everything again, then go on from here."""
    return message("resync", {}, id=position)
