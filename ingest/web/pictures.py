"""JPEG cameras: MJPEG as it comes, and single pictures that are asked for again and again."""

import time
import zlib
from collections.abc import Iterator
from typing import Protocol

from ingest.door import JPEG_MAX_BYTES, Door, PictureRefused, Sparing
from ingest.failures import LinkFailure
from ingest.packet import TICKS_PER_S
from ingest.rtsp import AccessUnit
from ingest.web.connection import Answer, Connection, Steps
from ingest.web.parts import Parts, boundary_of

POLL_EVERY_S = 1.0
"""A snapshot camera is asked for a picture so often."""
PICTURE_WITHIN_S = 5.0
MJPEG_TYPE = "multipart/x-mixed-replace"
JPEG_TYPES = frozenset({"image/jpeg", "image/jpg", "image/pjpeg"})


class Reader(Protocol):
    """Makes access units of one kind of answer."""

    @property
    def lost(self) -> int:
        """Pictures that came and could not be used."""
        ...

    @property
    def repeats(self) -> bool:
        """As `ingest.clients.Repeating.repeats`."""
        ...

    @property
    def same_since_s(self) -> float | None:
        """As `ingest.clients.Repeating.same_since_s`."""
        ...

    def begin(self, answer: Answer, deadline_s: float) -> Steps[None]:
        """Take the first answer's headers, and what must be known before there can be pictures."""
        ...

    def units(self) -> Iterator[AccessUnit | None]:
        """As `ingest.clients.StreamClient.units`."""
        ...

    def close(self) -> None:
        """Let go of connections of its own."""
        ...


class Sameness:
    """Since when one picture's address gives the same picture, as far as its answers tell.

    A road camera makes a new picture every minute or every quarter of an hour, and is asked each second. Only an
    unchanged Last-Modified or ETag beside unchanged bytes says that there is no newer picture.
    """

    def __init__(self) -> None:
        self.since_s: float | None = None
        self._last: tuple[str, str, int] | None = None

    def take(self, answer: Answer, body: bytes, now_s: float) -> None:
        """Take an answer with its picture."""
        named = answer.get("last-modified"), answer.get("etag")
        this = (*named, zlib.crc32(body))
        if not any(named):
            self.since_s = None
        elif this != self._last:
            self.since_s = now_s
        self._last = this


class _Pictures:
    """What both have in common: the door, and its refusals in words."""

    repeats = True
    """Many cameras send a still scene as the very same JPEG: what tells that they live is that it comes."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._door = Door()

    @property
    def lost(self) -> int:
        return self._door.broken_total

    @property
    def same_since_s(self) -> float | None:
        return None

    def close(self) -> None:
        """The connection is the client's."""

    def _encode(self, data: bytes) -> AccessUnit | None:
        try:
            return self._door.jpeg(data, round(time.monotonic() * TICKS_PER_S))
        except PictureRefused as refused:
            raise self._refusal(refused) from None

    def _refusal(self, refused: PictureRefused) -> LinkFailure:
        return LinkFailure(self._connection.peer, str(refused))


class MjpegReader(_Pictures):
    """Pictures in one answer that never ends; at most `DOOR_FPS_MAX` a second are looked at."""

    def begin(self, answer: Answer, deadline_s: float) -> Steps[None]:
        del deadline_s
        try:
            self._parts = Parts(boundary_of(answer.get("content-type")))
        except PictureRefused as refused:
            raise self._refusal(refused) from None
        self._connection.endless()
        yield from ()

    def units(self) -> Iterator[AccessUnit | None]:
        sparing = Sparing()
        while True:
            piece = yield from self._connection.piece()
            if not piece:
                raise LinkFailure(self._connection.peer, "the camera ended the stream")
            try:
                pictures = self._parts.push(piece)
            except PictureRefused as refused:
                raise self._refusal(refused) from None
            # of several that came at once only the newest is news
            yield self._encode(pictures[-1]) if pictures and sparing.keeps(time.monotonic()) else None


class SnapshotReader(_Pictures):
    """One picture an answer, asked for every `POLL_EVERY_S` on the same connection."""

    def __init__(self, connection: Connection, target: str, patience_s: float) -> None:
        super().__init__(connection)
        self._target, self._patience_s = target, patience_s
        self._first = b""
        self._sameness = Sameness()

    @property
    def same_since_s(self) -> float | None:
        return self._sameness.since_s

    def begin(self, answer: Answer, deadline_s: float) -> Steps[None]:
        self._first = yield from self._body(answer, deadline_s)

    def _body(self, answer: Answer, deadline_s: float) -> Steps[bytes]:
        body = yield from self._connection.body(JPEG_MAX_BYTES, deadline_s)
        self._sameness.take(answer, body, time.monotonic())
        return body

    def units(self) -> Iterator[AccessUnit | None]:
        due_s = time.monotonic()
        yield self._encode(self._first)
        self._first = b""
        while True:
            due_s = max(due_s + POLL_EVERY_S, time.monotonic())
            while (left_s := due_s - time.monotonic()) > 0:
                time.sleep(min(left_s, self._patience_s))
                yield None
            deadline_s = time.monotonic() + PICTURE_WITHIN_S
            answer = yield from self._connection.ask(self._target, deadline_s)
            if answer.content_type not in JPEG_TYPES:
                raise LinkFailure(self._connection.peer, "sends something else than JPEG now")
            yield self._encode((yield from self._body(answer, deadline_s)))
