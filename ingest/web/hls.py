"""HLS as a camera: three segments behind the live edge, each picture when it is due."""

import io
import time
from collections import deque
from collections.abc import Iterator, Sequence
from urllib.parse import urljoin, urlsplit

from ingest.address import Network, check, check_path, request_url
from ingest.demux import Container, NotPlayable, Pacer, Piece, UnitMaker, at
from ingest.failures import LinkFailure
from ingest.packet import TICKS_PER_S
from ingest.rtsp import AccessUnit
from ingest.web.connection import Answer, Connection, Endpoint, Patience, Steps
from ingest.web.playlist import PLAYLIST_MAX_BYTES, Media, PlaylistRefused, Segment, Variant, best, parse
from models.camera import CameraSource, LinkState, Scheme
from models.errors import BadInput

BEHIND_SEGMENTS = 3
SEGMENT_MAX_BYTES = 32 << 20
MAP_MAX_BYTES = 1 << 20
FETCH_WITHIN_S = 10.0
MISSES_MAX = 3
"""Segments in a row that cannot be had before the link is given up."""
RELOAD_MIN_S, RELOAD_MAX_S = 0.5, 10.0
TICK_S = 0.5
_ODD = "its playlist leads to an odd address"


class HlsReader:
    """One thread does all: while a picture is waited for, the next segment is fetched."""

    repeats = False
    same_since_s: float | None = None

    def __init__(
        self, connection: Connection, source: CameraSource, allowed_networks: Sequence[Network], patience: Patience
    ) -> None:
        self._connection, self._source, self._allowed, self._patience = connection, source, allowed_networks, patience
        self._url = request_url(source)
        self._foreign: Connection | None = None
        self._media = Media(1.0, (), ended=False)
        self._loaded_s = self._changed_s = 0.0
        self._played = -1
        self._map: tuple[str, bytes] = ("", b"")
        self._maker: UnitMaker | None = None
        self._queue: deque[Piece] = deque()
        self.lost = 0

    def close(self) -> None:
        if self._foreign is not None:
            self._foreign.close()

    # playlists

    def begin(self, answer: Answer, deadline_s: float) -> Steps[None]:
        """Read the playlists and the first segment, so that what is wrong with them is known at once."""
        del answer
        said = self._parse((yield from self._connection.body(PLAYLIST_MAX_BYTES, deadline_s)))
        if not isinstance(said, Media):
            self._url = self._absolute(self._best(said).uri)
            said = self._parse((yield from self._get(self._url, PLAYLIST_MAX_BYTES, deadline_s)))
        if not isinstance(said, Media):
            raise self._refused("its playlist leads to another list of variants")
        self._take(said)
        segment = self._next()
        if segment is None:
            raise self._failure("its playlist is empty")
        yield from self._fetch(segment, deadline_s)
        if not self._queue:
            raise self._refused("its segments hold no H.264 or H.265 pictures")

    def _parse(self, raw: bytes) -> tuple[Variant, ...] | Media:
        try:
            return parse(raw)
        except PlaylistRefused as refused:
            raise self._refused(str(refused)) from None

    def _best(self, variants: tuple[Variant, ...]) -> Variant:
        try:
            return best(variants)
        except PlaylistRefused as refused:
            raise self._refused(str(refused)) from None

    def _take(self, media: Media) -> None:
        now_s = time.monotonic()
        newest = media.segments[-1].sequence if media.segments else -1
        known = self._media.segments[-1].sequence if self._media.segments else -1
        if newest != known:
            self._changed_s = now_s
        behind = media.segments[-BEHIND_SEGMENTS:]
        if behind and (self._played < 0 or newest < self._played):  # the first look, or the server began anew
            self._played = behind[0].sequence - 1
        elif media.segments and media.segments[0].sequence > self._played + 1:
            self.lost += behind[0].sequence - self._played - 1
            self._played = behind[0].sequence - 1
        self._media, self._loaded_s = media, now_s

    def _next(self) -> Segment | None:
        return next((one for one in self._media.segments if one.sequence > self._played), None)

    def _reload(self) -> Steps[None]:
        fresh = self._changed_s == self._loaded_s
        every_s = self._media.target_s * (1.0 if fresh else 0.5)
        due_s = self._loaded_s + min(max(every_s, RELOAD_MIN_S), RELOAD_MAX_S)
        while (left_s := due_s - time.monotonic()) > 0:
            time.sleep(min(left_s, self._patience()))
            yield
        said = self._parse((yield from self._get(self._url, PLAYLIST_MAX_BYTES, time.monotonic() + FETCH_WITHIN_S)))
        if not isinstance(said, Media):
            raise self._refused("its playlist became a list of variants")
        self._take(said)

    # segments

    def _fetch(self, segment: Segment, deadline_s: float) -> Steps[None]:
        head = b""
        if segment.map_uri is not None:
            url = self._absolute(segment.map_uri)
            if self._map[0] != url:
                self._map = url, (yield from self._get(url, MAP_MAX_BYTES, deadline_s))
            head = self._map[1]
        data = yield from self._get(self._absolute(segment.uri), SEGMENT_MAX_BYTES, deadline_s)
        self._played = segment.sequence
        try:
            container = Container(io.BytesIO(head + data), "mpegts" if data[:1] == b"\x47" else "mp4")
        except NotPlayable as problem:
            raise self._failure(f"a segment {problem}") from None
        try:
            if container.codec is None:
                raise self._refused(f"its segments hold {container.codec_name[:20]}, not H.264 or H.265")
            if self._maker is None or self._maker.codec is not container.codec:
                self._maker = UnitMaker(container.codec)
            self._queue.extend(container.pieces(self._maker))
        finally:
            container.close()

    def _get(self, url: str, limit_bytes: int, deadline_s: float) -> Steps[bytes]:
        connection, target = self._way(url)
        yield from connection.ask(target, deadline_s)
        return (yield from connection.body(limit_bytes, deadline_s))

    def _absolute(self, uri: str) -> str:
        try:
            return urljoin(self._url, uri)
        except ValueError:
            raise self._refused(_ODD) from None

    def _way(self, url: str) -> tuple[Connection, str]:
        """Return the connection for ``url``: the camera's own, or one without a password inside the site's networks."""
        try:
            parts = urlsplit(url)
            scheme, host = Scheme(parts.scheme), parts.hostname or ""
            port = parts.port or (443 if scheme is Scheme.HTTPS else 80)
        except ValueError:
            raise self._refused(_ODD) from None
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        own = self._connection.endpoint
        foreign = CameraSource(scheme=scheme, host=host, port=port, path=target)
        if scheme not in (Scheme.HTTP, Scheme.HTTPS) or parts.username is not None:
            raise self._refused(_ODD)
        try:
            check_path(target)
            if (scheme, host, port) == (own.scheme, own.host.lower(), own.port):
                return self._connection, target
            if self._foreign is None or (scheme, host, port) != _where(self._foreign):
                address = check(foreign, self._allowed)
                self.close()
                endpoint = Endpoint(scheme=scheme, host=host, port=port, address=address)
                self._foreign = Connection(endpoint, self._patience)
        except BadInput as refused:
            raise self._refused(f"its playlist leads to where it must not: needs {refused.expected}") from None
        return self._foreign, target

    # pictures

    def units(self) -> Iterator[AccessUnit | None]:
        pacer, work = Pacer(), self._work()
        due_s: float | None = None
        while True:
            now_s = time.monotonic()
            if self._queue and due_s is None:
                due_s = pacer.due_s(self._queue[0].decode_90k)
            if self._queue and due_s is not None and due_s <= now_s:
                piece = self._queue.popleft()
                assert piece.unit is not None
                yield at(piece.unit, due_s, piece)
                due_s = None
                continue
            self._patience.wait_s = TICK_S if due_s is None else min(TICK_S, due_s - now_s)
            if self._hungry():
                next(work)
            else:
                time.sleep(self._patience())
            yield None

    def _hungry(self) -> bool:
        if not self._queue:
            return True
        return (self._queue[-1].decode_90k - self._queue[0].decode_90k) / TICKS_PER_S < self._media.target_s

    def _work(self) -> Steps[None]:
        misses = 0
        while True:
            segment = self._next()
            if segment is not None:
                try:
                    yield from self._fetch(segment, time.monotonic() + FETCH_WITHIN_S)
                    misses = 0
                except LinkFailure:
                    # it may have left the window meanwhile, or is broken: the next one may be good
                    misses += 1
                    if misses > MISSES_MAX:
                        raise
                    self.lost += 1
                    self._played = segment.sequence
                yield
            elif not self._media.ended:
                yield from self._reload()
            elif self._queue:
                time.sleep(self._patience())
                yield
            else:
                raise self._failure("its playlist has ended")

    def _failure(self, reason: str) -> LinkFailure:
        return LinkFailure(self._connection.peer, reason)

    def _refused(self, reason: str) -> LinkFailure:
        return LinkFailure(self._connection.peer, reason, state=LinkState.NOT_FOUND)


def _where(connection: Connection) -> tuple[Scheme, str, int]:
    return connection.endpoint.scheme, connection.endpoint.host, connection.endpoint.port
