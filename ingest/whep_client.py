"""Pictures pulled from another server over WebRTC (WHEP): our offer by one HTTP request, its H.264 taken as it is.

Only the checked address is asked, no redirect is followed, and of the answer's candidates only those inside the
site's networks are tried. The loop of the connection runs in a thread of its own, which `close` ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import socket
import threading
from collections.abc import Iterator, Sequence
from urllib.parse import urljoin, urlsplit

from aiortc import RTCPeerConnection, RTCSessionDescription

from ingest.address import Network, request_url
from ingest.failures import LinkFailure
from ingest.rtsp import AccessUnit
from ingest.rtsp.wire import tls_context
from ingest.sdpfrag import cleaned, inside
from ingest.webrtc import BAD_SDP, SDP_MAX_BYTES, UnitQueue, UnitSink, new_connection, receive_h264, units_of
from models.camera import CameraSource, LinkState, Scheme

SDP = "application/sdp"
CLOSE_WITHIN_S = 2.0
ENDED = "the other server ended it"
SILENT = "the other server is silent"
_STATES = {
    401: (LinkState.AUTH_FAILED, "the token is refused"),
    403: (LinkState.AUTH_FAILED, "the token is refused"),
    404: (LinkState.NOT_FOUND, "nothing at this path"),
    405: (LinkState.NOT_FOUND, "not a WHEP address"),
}


class WhepClient:
    """A `StreamClient` of one stream of another server; the camera's password is its bearer token."""

    def __init__(
        self, source: CameraSource, password: str, address: tuple[str, int], allowed_networks: Sequence[Network]
    ) -> None:
        self._url, self._token, self._address = request_url(source), password, address
        self._tls = source.scheme == Scheme.WHEPS
        self._allowed = inside(allowed_networks)
        self._queue = UnitQueue()
        self._sink = UnitSink(self._queue.put)
        self._connection: RTCPeerConnection | None = None
        self._session = ""
        self._asking: socket.socket | None = None
        self._closed = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="whep-pull", daemon=True)

    @property
    def peer(self) -> str:
        return self._url

    @property
    def packets_lost(self) -> int:
        return self._sink.packets_lost

    def open(self, timeout_s: float) -> None:
        """Offer, take the answer and wait for the first key frame."""
        self._thread.start()
        opening = asyncio.run_coroutine_threadsafe(self._open(timeout_s), self._loop)
        try:
            opening.result(timeout_s)
            self._wait(timeout_s)
        except TimeoutError:
            opening.cancel()
            self.close()
            raise LinkFailure(self.peer, "no answer") from None
        except BAD_SDP as error:
            self.close()
            raise LinkFailure(self.peer, f"an answer that cannot be used ({error})") from error
        except BaseException:
            self.close()
            raise

    def _wait(self, timeout_s: float) -> None:
        if not self._queue.wait(timeout_s):
            raise LinkFailure(self.peer, self._queue.ended or "no picture")

    def units(self) -> Iterator[AccessUnit | None]:
        return units_of(self._queue, self.peer, SILENT)

    def stop(self) -> None:
        self._queue.end("stopped")

    def close(self) -> None:
        """Say farewell, end the connection and its thread."""
        self._queue.end("closed")
        if self._closed:
            return
        self._closed = True
        if self._thread.ident is not None:
            self._cut()
            closing = asyncio.run_coroutine_threadsafe(self._close(), self._loop)
            try:
                closing.result(CLOSE_WITHIN_S * 2)
            except TimeoutError:
                self._cut()
                closing.cancel()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(CLOSE_WITHIN_S)
        if not self._loop.is_running():
            self._loop.close()

    def _cut(self) -> None:
        """End a request that is under way: a server may send its answer a byte at a time for days."""
        with contextlib.suppress(OSError):
            if self._asking is not None:
                self._asking.shutdown(socket.SHUT_RDWR)

    # in the loop

    async def _open(self, timeout_s: float) -> None:
        connection = self._connection = new_connection()

        async def changed() -> None:
            if connection.connectionState in ("failed", "closed", "disconnected"):
                self._queue.end(ENDED)

        connection.on("connectionstatechange", changed)
        receive_h264(connection, self._sink)
        await connection.setLocalDescription(await connection.createOffer())
        offer: str = connection.localDescription.sdp
        status, location, body = await asyncio.to_thread(self._ask, "POST", self._url, offer.encode(), timeout_s)
        if status != http.client.CREATED:
            state, reason = _STATES.get(status, (LinkState.BACKOFF, f"status {status}"))
            if 300 <= status < 400:
                state, reason = LinkState.NOT_FOUND, "it redirects, which is not followed"
            raise LinkFailure(self.peer, reason, state=state)
        self._session = location
        answer = cleaned(body.decode("utf-8", "replace"), self._allowed)
        await connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def _close(self) -> None:
        target = urljoin(self._url, self._session) if self._session else ""
        if target and urlsplit(target)[:2] == urlsplit(self._url)[:2]:  # a foreign Location leads nowhere
            await asyncio.gather(
                asyncio.to_thread(self._ask, "DELETE", target, b"", CLOSE_WITHIN_S), return_exceptions=True
            )
        if self._connection is not None:
            await self._connection.close()
        await self._loop.shutdown_default_executor()

    # in a thread of the loop's pool

    def _ask(self, method: str, url: str, body: bytes, timeout_s: float) -> tuple[int, str, bytes]:
        """Return (status, location, body); `LinkFailure` when nothing comes."""
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(*self._address, timeout=timeout_s)
        try:
            # our own socket: the checked address is dialled, whatever the name says now
            plain = self._asking = socket.create_connection(self._address, timeout_s)
            connection.sock = tls_context().wrap_socket(plain, server_hostname=parts.hostname) if self._tls else plain
            headers = {"Host": parts.netloc, "Accept": SDP} | ({"Content-Type": SDP} if body else {})
            if self._token:
                headers["Authorization"] = f"Bearer {self._token}"
            path = f"{parts.path}?{parts.query}" if parts.query else parts.path
            connection.request(method, path, body=body or None, headers=headers)
            response = connection.getresponse()
            said = response.read(SDP_MAX_BYTES + 1)
            if len(said) > SDP_MAX_BYTES:
                raise LinkFailure(self.peer, "an answer that is too long")
            return response.status, response.headers.get("Location", ""), said
        except ConnectionRefusedError:
            raise LinkFailure(self.peer, "connection refused") from None
        except TimeoutError:
            raise LinkFailure(self.peer, "no answer in time") from None
        except (OSError, http.client.HTTPException) as error:
            raise LinkFailure(self.peer, f"cannot be asked ({type(error).__name__})") from error
        finally:
            connection.close()
