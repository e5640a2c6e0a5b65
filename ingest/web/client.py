"""A camera over HTTP or HTTPS; its answer's content type says what kind it is."""

import time
from collections.abc import Iterator, Sequence

from ingest.address import Network
from ingest.failures import LinkFailure
from ingest.rtsp import AccessUnit
from ingest.web.connection import Answer, Connection, Endpoint, Patience, Steps, finish
from ingest.web.hls import HlsReader
from ingest.web.pictures import JPEG_TYPES, MJPEG_TYPE, MjpegReader, Reader, SnapshotReader
from ingest.web.playlist import PLAYLIST_TYPES
from models.camera import CameraSource, LinkState, Scheme

TICK_S = 0.5
"""How often a silent camera gives its reader a chance to look at the clock."""


class WebClient:
    """Plays the pictures of one address. One thread uses it; `stop` may come from another."""

    def __init__(
        self, source: CameraSource, password: str, address: tuple[str, int], allowed_networks: Sequence[Network]
    ) -> None:
        self._source, self._allowed = source, allowed_networks
        self.peer = f"{source.host}:{source.port}{source.path.partition('?')[0]}"
        self._patience = Patience(self.peer, TICK_S)
        endpoint = Endpoint(
            scheme=Scheme(source.scheme),
            host=source.host,
            port=source.port,
            address=address,
            username=source.username,
            password=password,
        )
        self._connection = Connection(endpoint, self._patience)
        self._reader: Reader | None = None

    @property
    def packets_lost(self) -> int:
        return self._reader.lost if self._reader else 0

    @property
    def repeats(self) -> bool:
        return self._reader is not None and self._reader.repeats

    @property
    def same_since_s(self) -> float | None:
        return self._reader.same_since_s if self._reader else None

    def open(self, timeout_s: float) -> None:
        """Ask for the pictures and see what comes; `LinkFailure` says what went wrong, and nothing is left open."""
        opened = False
        try:
            finish(self._open(time.monotonic() + timeout_s))
            opened = True
        finally:
            if not opened:
                self.close()

    def _open(self, deadline_s: float) -> Steps[None]:
        answer = yield from self._connection.ask(self._source.path, deadline_s)
        self._reader = self._reader_of(answer)
        yield from self._reader.begin(answer, deadline_s)

    def _reader_of(self, answer: Answer) -> Reader:
        kind = answer.content_type
        if kind == MJPEG_TYPE:
            return MjpegReader(self._connection)
        if kind in JPEG_TYPES:
            return SnapshotReader(self._connection, self._source.path, TICK_S)
        if kind in PLAYLIST_TYPES:
            return HlsReader(self._connection, self._source, self._allowed, self._patience)
        said = "".join(char for char in kind[:60] if char.isprintable()) or "something unnamed"
        raise LinkFailure(self.peer, f"sends {said}, not MJPEG, JPEG or HLS", state=LinkState.NOT_FOUND)

    def units(self) -> Iterator[AccessUnit | None]:
        """Yield access units as they come, and None every `TICK_S` without one. Ends only by `LinkFailure`."""
        if self._reader is None:
            raise LinkFailure(self.peer, "not open")
        for unit in self._reader.units():
            self._patience()
            yield unit

    def stop(self) -> None:
        """Make `open` or `units` end within `TICK_S`; from any thread."""
        self._patience.stopped = True

    def close(self) -> None:
        self._connection.close()
        if self._reader is not None:
            self._reader.close()
