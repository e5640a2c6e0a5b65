"""Live pictures for many viewers, never re-encoded: each gets the same packets, from the last key frame on.

The link's thread only appends; all else happens in the event loop of the viewers. A viewer that is too slow
loses pictures up to the next key frame and the loss is counted; nobody waits for it.
"""

import asyncio
import contextlib
import json
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable

from ingest.fmp4 import DEFAULT_DURATION, Sample, fragment, init_segment
from ingest.h26x import Codec, ParameterSets
from ingest.packet import TICKS_PER_S, Packet

QUEUE_MAX_BYTES = 8 << 20
QUEUE_MAX_S = 4.0
"""A viewer this far behind live starts again at the next key frame."""
GOP_MAX_PACKETS = 1500
GOP_MAX_BYTES = 32 << 20
CATCH_UP_TICKS = TICKS_PER_S // 1000
"""What was missed since the last key frame is shown at a thousand pictures a second: the viewer is live at once."""
VIEWERS_MAX = 256
H265_PROBLEM = "browsers do not play H.265; give the camera an H.264 sub-stream"


class Viewer:
    """One viewer's bounded queue; belongs to one event loop."""

    def __init__(self, backlog: list[Packet]) -> None:
        self.packets_lost = 0
        self.backlog = backlog
        self._last_seq = backlog[-1].seq if backlog else -1
        self._queue: deque[Packet] = deque()
        self._bytes = 0
        self._waits_for_key = not backlog
        self._news = asyncio.Event()
        self._ended: str | None = None

    def offer(self, packet: Packet) -> None:
        """Queue a packet, or drop to the next key frame when too much waits."""
        if packet.seq <= self._last_seq:
            return
        self._last_seq = packet.seq
        if self._waits_for_key and not packet.key:
            self.packets_lost += 1
            return
        self._waits_for_key = False
        queue = self._queue
        late = queue and packet.monotonic_s - queue[0].monotonic_s > QUEUE_MAX_S
        if late or self._bytes + len(packet.data) > QUEUE_MAX_BYTES:
            self.packets_lost += len(queue) + (not packet.key)
            queue.clear()
            self._bytes = 0
            if not packet.key:
                self._waits_for_key = True
                return
        queue.append(packet)
        self._bytes += len(packet.data)
        self._news.set()

    def end(self, problem: str) -> None:
        """Tell the viewer that nothing more will come."""
        self._ended = problem
        self._news.set()

    async def next(self) -> Packet | None:
        """Return the next packet, or None when the stream has ended; `problem` says why."""
        while not self._queue:
            if self._ended is not None:
                return None
            self._news.clear()
            await self._news.wait()
        packet = self._queue.popleft()
        self._bytes -= len(packet.data)
        return packet

    @property
    def waiting(self) -> int:
        return len(self._queue)

    @property
    def began(self) -> bool:
        """Whether there ever was something to send."""
        return self._last_seq >= 0 and not self._waits_for_key

    @property
    def problem(self) -> str:
        return self._ended or ""


class LiveFanout:
    """Keeps one camera's last GOP and passes packets on to its viewers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._gop: list[Packet] = []
        self._gop_bytes = 0
        self._viewers: set[Viewer] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lost_total = 0

    # the link's thread

    def put(self, packet: Packet) -> None:
        with self._lock:
            if packet.key:
                self._gop, self._gop_bytes = [], 0
            elif not self._gop:
                return
            self._gop.append(packet)
            self._gop_bytes += len(packet.data)
            if len(self._gop) > GOP_MAX_PACKETS or self._gop_bytes > GOP_MAX_BYTES:
                self._gop, self._gop_bytes = [], 0
            loop = self._loop
        if loop is not None:
            self._call(loop, lambda: self._pass_on(packet))

    def interrupt(self) -> None:
        """Forget the GOP: the stream broke off, a new one will not continue it."""
        with self._lock:
            self._gop, self._gop_bytes = [], 0

    def end(self, problem: str) -> None:
        """End every viewer; from any thread."""
        self.interrupt()
        loop = self._loop
        if loop is not None:
            self._call(loop, lambda: self._end_viewers(problem))

    def _end_viewers(self, problem: str) -> None:
        for viewer in self._viewers:
            viewer.end(problem)

    @staticmethod
    def _call(loop: asyncio.AbstractEventLoop, action: Callable[[], object]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop ended with the worker
            loop.call_soon_threadsafe(action)

    # the viewers' loop

    def _pass_on(self, packet: Packet) -> None:
        for viewer in self._viewers:
            viewer.offer(packet)

    def join(self) -> Viewer:
        """Add a viewer; its backlog is what came since the last key frame."""
        with self._lock:
            self._loop = asyncio.get_running_loop()
            viewer = Viewer(list(self._gop))
        self._viewers.add(viewer)
        return viewer

    def leave(self, viewer: Viewer) -> None:
        self._viewers.discard(viewer)
        self._lost_total += viewer.packets_lost
        if not self._viewers:
            with self._lock:
                self._loop = None

    @property
    def codec(self) -> Codec | None:
        """What the camera sends; None before its first key frame."""
        with self._lock:
            return self._gop[0].sets.codec if self._gop else None

    @property
    def viewers(self) -> int:
        return len(self._viewers)

    @property
    def packets_lost_total(self) -> int:
        """What slow viewers missed."""
        return self._lost_total + sum(viewer.packets_lost for viewer in self._viewers)


def compress(backlog: list[Packet]) -> tuple[list[tuple[int, int]], int]:
    """Return (decode, present) times that run through ``backlog`` in no time, and the origin live packets count from.

    The order of presentation is kept; the last picture of the backlog joins the first live one without a step.
    """
    count = len(backlog)
    ranks = {index: rank for rank, index in enumerate(sorted(range(count), key=lambda i: backlog[i].present_90k))}
    times = [(index * CATCH_UP_TICKS, ranks[index] * CATCH_UP_TICKS) for index in range(count)]
    return times, backlog[-1].decode_90k - (count - 1) * CATCH_UP_TICKS


def description(sets: ParameterSets) -> str:
    """Return the text that tells a browser what follows."""
    picture = sets.picture
    mime = f'video/mp4; codecs="{sets.codec_string}"'
    return json.dumps({"mime": mime, "width_px": picture.width_px, "height_px": picture.height_px})


def problem(text: str) -> str:
    return json.dumps({"problem": text})


async def mse_messages(viewer: Viewer) -> AsyncIterator[str | bytes]:
    """Yield what goes over the WebSocket: a description, an init segment, fragments; anew when the camera changes."""
    number, step = 0, DEFAULT_DURATION
    origin: int | None = None
    sets: ParameterSets | None = None
    last_decode = 0
    if viewer.backlog:
        sets = viewer.backlog[0].sets
        if sets.codec is Codec.H265:
            yield problem(H265_PROBLEM)
            return
        # parameter sets may change only with a key frame, and the backlog has one key frame
        times, origin = compress(viewer.backlog)
        ends = [*(decode for decode, _ in times[1:]), times[-1][0] + step]
        number = 1
        last_decode = viewer.backlog[-1].decode_90k
        yield description(sets)
        yield init_segment(sets)
        yield fragment(
            number,
            [
                Sample(decode, present, end - decode, packet.key, len(packet.data), packet.data)
                for (decode, present), end, packet in zip(times, ends, viewer.backlog, strict=True)
            ],
        )
        viewer.backlog = []
    while (packet := await viewer.next()) is not None:
        if packet.key and packet.sets != sets:
            sets = packet.sets
            if sets.codec is Codec.H265:
                yield problem(H265_PROBLEM)
                return
            origin, last_decode = packet.decode_90k, packet.decode_90k - step
            yield description(sets)
            yield init_segment(sets)
        if origin is None:
            continue
        jump = packet.decode_90k - last_decode
        if not 0 < jump < TICKS_PER_S * QUEUE_MAX_S:  # a new stream of the same camera: go on without a hole
            origin += jump - step
        elif jump < TICKS_PER_S:
            step = jump
        last_decode = packet.decode_90k
        number += 1
        decode, present = packet.decode_90k - origin, packet.present_90k - origin
        yield fragment(number, [Sample(decode, present, step, packet.key, len(packet.data), packet.data)])
    if viewer.problem:
        yield problem(viewer.problem)
