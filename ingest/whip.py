"""Cameras that push: phones, browsers and OBS publish H.264 over WebRTC by one HTTP request (WHIP, RFC 9725).

`Publishers` lives in one event loop and answers them; a camera's link reads what its publisher sends with a
`WhipClient`, in the link's own thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass

from aiortc import RTCPeerConnection, RTCSessionDescription

from ingest.failures import LinkFailure
from ingest.rtsp import AccessUnit
from ingest.sdpfrag import Allowed, Fragment, cleaned, is_literal, parse_fragment, ufrag_of
from ingest.webrtc import (
    BAD_SDP,
    SDP_MAX_BYTES,
    SILENT_AFTER_S,
    UnitQueue,
    UnitSink,
    new_connection,
    receive_h264,
    units_of,
)
from models.errors import BadInput, Conflict, NotFound, Overloaded

PUBLISHERS_MAX = 64
CONNECT_WITHIN_S = 15.0
OFFERS_PER_MINUTE = 30
"""Of one camera: each costs a key exchange."""
WAIT_MAX_S = 1.0
"""A link that waits longer would hold the slot of a camera that answers; an arrival wakes it anyway."""
WAKE_EVERY_S = 0.5
WAITING = "waiting for a publisher"
LEFT = "the publisher left"
SILENT = "the publisher is silent"
NO_H264 = "an offer that sends H.264 video; this one does not"

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Publisher:
    """One that pushes: its connection and what came of it."""

    id: str
    camera_id: str
    connection: RTCPeerConnection
    sink: UnitSink
    ufrag: str
    began_s: float
    candidates: int = 0

    def silent(self, now_s: float) -> bool:
        return now_s - max(self.began_s, self.sink.last_s) > SILENT_AFTER_S


class Publishers:
    """All that push to one worker, one to a camera."""

    def __init__(
        self,
        *,
        on_arrival: Callable[[str], None] = lambda _camera_id: None,
        publishers_max: int = PUBLISHERS_MAX,
        allowed: Allowed = is_literal,
    ) -> None:
        """``on_arrival`` is told the camera whose pictures nobody reads; it must not block.

        Of a publisher's candidates only those that are ``allowed`` are tried; any other has to reach us first.
        """
        self._allowed = allowed
        self._on_arrival, self._publishers_max = on_arrival, publishers_max
        self._publishers: dict[str, Publisher] = {}
        self._woken_s: dict[str, float] = {}
        self._offers: dict[str, deque[float]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._lock = threading.Lock()
        self._readers: dict[str, UnitQueue] = {}

    @property
    def count(self) -> int:
        return len(self._publishers)

    # the loop of the peers

    async def answer(self, camera_id: str, offer_sdp: str) -> tuple[str, str]:
        """Return (session id, answer).

        `Conflict` while another publisher of this camera sends; one that has been silent for five seconds makes room.
        """
        self._loop = asyncio.get_running_loop()
        if len(offer_sdp) > SDP_MAX_BYTES:
            raise BadInput("sdp", f"an offer of at most {SDP_MAX_BYTES} bytes")
        if offer_sdp.count("m=video") != 1 or "h264/90000" not in offer_sdp.lower():
            raise BadInput("sdp", NO_H264)
        before = self._of_camera(camera_id)
        if before is not None and not before.silent(time.monotonic()):
            raise Conflict("another publisher of this camera is sending")
        self._count_offer(camera_id)
        if before is None and len(self._publishers) >= self._publishers_max:
            raise Overloaded("publishers over WebRTC", len(self._publishers))
        connection = new_connection()
        sink = UnitSink(lambda unit: self._take(camera_id, unit))
        publisher = Publisher(
            secrets.token_urlsafe(18), camera_id, connection, sink, ufrag_of(offer_sdp), time.monotonic()
        )
        self._publishers[publisher.id] = publisher  # before anything is awaited: a third one must see it
        if before is not None:
            await self._end(before)
        try:
            answer = await self._negotiate(connection, sink, cleaned(offer_sdp, self._allowed))
        except BAD_SDP as error:
            await self._end(publisher)
            raise BadInput("sdp", f"an offer of H.264 video that can be answered ({error})") from error
        except BaseException:
            await self._end(publisher)
            raise
        self._watch(publisher)
        return publisher.id, answer

    @staticmethod
    async def _negotiate(connection: RTCPeerConnection, sink: UnitSink, offer_sdp: str) -> str:
        receive_h264(connection, sink)
        await connection.setRemoteDescription(RTCSessionDescription(offer_sdp, "offer"))
        for transceiver in connection.getTransceivers():
            if transceiver.kind != "video":
                transceiver.direction = "inactive"  # sound is not taken; aiortc would decode it for nobody
        await connection.setLocalDescription(await connection.createAnswer())
        answer: str = connection.localDescription.sdp
        video = answer[answer.index("m=video") :]
        if "h264/90000" not in video.lower() or "a=recvonly" not in video:
            raise ValueError("it sends no H.264")
        return answer

    async def trickle(self, camera_id: str, session: str, text: str) -> None:
        """Take more candidates (RFC 8840); `BadInput` for an ICE restart: POST a new offer instead."""
        publisher = self._get(camera_id, session)
        fragment: Fragment = parse_fragment(text, self._allowed)
        if fragment.ufrag and fragment.ufrag != publisher.ufrag:
            raise BadInput("sdpfrag", "candidates of this session; an ICE restart is a new POST here")
        publisher.candidates += len(fragment.candidates)
        if publisher.candidates > fragment.most:
            raise BadInput("sdpfrag", f"at most {fragment.most} candidates")
        for candidate in fragment.candidates:
            try:
                await publisher.connection.addIceCandidate(candidate)
            except BAD_SDP as error:
                raise BadInput("sdpfrag", f"candidates ({error})") from error

    async def end(self, camera_id: str, session: str) -> None:
        """End a session; `NotFound` when this camera has none of that id."""
        await self._end(self._get(camera_id, session))

    async def end_camera(self, camera_id: str) -> None:
        """End whoever publishes for this camera."""
        publisher = self._of_camera(camera_id)
        if publisher is not None:
            await self._end(publisher)

    async def close(self) -> None:
        for publisher in list(self._publishers.values()):
            await self._end(publisher)

    def _count_offer(self, camera_id: str) -> None:
        now_s = time.monotonic()
        offers = self._offers.setdefault(camera_id, deque(maxlen=OFFERS_PER_MINUTE))
        if len(offers) == OFFERS_PER_MINUTE and now_s - offers[0] < 60:
            raise Overloaded("offers of this camera in a minute", len(offers))
        offers.append(now_s)

    def _get(self, camera_id: str, session: str) -> Publisher:
        publisher = self._publishers.get(session)
        if publisher is None or publisher.camera_id != camera_id:
            raise NotFound("session", session[:80])
        return publisher

    def _of_camera(self, camera_id: str) -> Publisher | None:
        return next((one for one in list(self._publishers.values()) if one.camera_id == camera_id), None)

    def _watch(self, publisher: Publisher) -> None:
        connection = publisher.connection

        async def changed() -> None:
            if connection.connectionState in ("failed", "closed", "disconnected"):
                self._start(self._end(publisher))

        async def expire() -> None:
            await asyncio.sleep(CONNECT_WITHIN_S)
            if connection.connectionState != "connected":
                await self._end(publisher)

        connection.on("connectionstatechange", changed)
        self._start(expire())

    def _start(self, coroutine: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine, name="whip")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _end(self, publisher: Publisher) -> None:
        if self._publishers.pop(publisher.id, None) is None:
            return
        with self._lock:
            reader = self._readers.get(publisher.camera_id)
        if reader is not None:
            reader.end(LEFT)  # also when another takes over: its clock is another one
        await publisher.connection.close()

    def _take(self, camera_id: str, unit: AccessUnit) -> bool:
        with self._lock:
            reader = self._readers.get(camera_id)
        if reader is not None and reader.ended is None:
            return reader.put(unit)
        now_s = time.monotonic()
        if now_s - self._woken_s.get(camera_id, float("-inf")) > WAKE_EVERY_S:
            self._woken_s[camera_id] = now_s
            self._on_arrival(camera_id)
        return False

    # from any thread

    def cut(self, camera_id: str) -> None:
        """End whoever publishes for this camera, without waiting for it."""
        if self._loop is not None and self._of_camera(camera_id) is not None:
            with contextlib.suppress(RuntimeError):  # the loop ended with the worker
                self._loop.call_soon_threadsafe(lambda: self._start(self.end_camera(camera_id)))

    def stop(self, timeout_s: float) -> None:
        """End all; their decoder threads would keep the process."""
        loop = self._loop
        if loop is None or not self._publishers:
            return
        closing = self.close()
        try:
            asyncio.run_coroutine_threadsafe(closing, loop).result(timeout_s)
        except (RuntimeError, TimeoutError):
            closing.close()
            log.warning("publishers do not end")

    def attach(self, camera_id: str, reader: UnitQueue) -> None:
        """Let ``reader`` have what the camera's publisher sends, in place of an earlier one."""
        with self._lock:
            self._readers[camera_id] = reader

    def detach(self, camera_id: str, reader: UnitQueue) -> None:
        with self._lock:
            if self._readers.get(camera_id) is reader:
                del self._readers[camera_id]

    def packets_lost(self, camera_id: str) -> int:
        publisher = self._of_camera(camera_id)
        return publisher.sink.packets_lost if publisher is not None else 0


class WhipClient:
    """A `StreamClient` of what one camera's publisher sends; it dials nobody."""

    def __init__(self, publishers: Publishers, camera_id: str) -> None:
        self._publishers, self._camera_id = publishers, camera_id
        self._queue = UnitQueue()

    @property
    def peer(self) -> str:
        return f"publisher of {self._camera_id}"

    @property
    def packets_lost(self) -> int:
        return self._publishers.packets_lost(self._camera_id)

    def open(self, timeout_s: float) -> None:
        """Wait a moment for a publisher, and for the key frame of one that sends.

        A moment only, since `Publishers` tells who should try again at once.
        """
        self._publishers.attach(self._camera_id, self._queue)
        there = self._queue.wait(min(timeout_s, WAIT_MAX_S))
        if not there and self._queue.units_dropped:
            there = self._queue.wait(timeout_s)
        if not there:
            self.close()
            raise LinkFailure(self.peer, WAITING)

    def units(self) -> Iterator[AccessUnit | None]:
        return units_of(self._queue, self.peer, SILENT)

    def stop(self) -> None:
        self._queue.end("stopped")

    def close(self) -> None:
        self._queue.end("closed")
        self._publishers.detach(self._camera_id, self._queue)
