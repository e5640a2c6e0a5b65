"""The RTSP connection: requests with their answers, and the interleaved packets between them (RFC 2326 10.12)."""

import socket
import ssl
import time
from collections.abc import Callable

from ingest.failures import LinkFailure, TransportRefused
from ingest.proof import CHALLENGES_MAX, Proof
from ingest.rtsp.messages import HEAD_MAX_BYTES, Head, NotRtsp, parse_head, request
from models.camera import LinkState

BUFFER_BYTES = 256 << 10
"""Room for an interleaved packet of 64 KiB and then some."""
REQUESTS_OF_CAMERAS = (b"OPTIO", b"ANNOU", b"REDIR", b"SET_P", b"GET_P", b"TEARD", b"PLAY_")
USER_AGENT = "alertwall"
OnPacket = Callable[[int, memoryview, int, int], None]
"""Called with the channel and where in the buffer the packet lies; the buffer is used again afterwards."""


def _ignore(_channel: int, _view: memoryview, _start: int, _end: int) -> None:
    """Before PLAY nothing is expected."""


def tls_context() -> ssl.SSLContext:
    """Encrypt without asking who it is: cameras carry certificates that they made themselves."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Wire:
    """One connection to the checked address. Not thread-safe, but `shut` may be called from any thread."""

    def __init__(
        self, peer: str, address: tuple[str, int], *, username: str, password: str, tls: bool, server_name: str = ""
    ) -> None:
        self._peer, self._address = peer, address
        self._proof = Proof(peer, username, password)
        self._tls, self._server_name = tls, server_name
        self._cseq = 0
        self._buffer = bytearray(BUFFER_BYTES)
        self._view = memoryview(self._buffer)
        self._start = self._end = 0
        self.on_packet: OnPacket = _ignore
        self.session = ""
        self.socket: socket.socket | None = None

    # life

    def connect(self, deadline_s: float) -> None:
        """Dial the address; `LinkFailure` says why not."""
        left_s = self._left_s(deadline_s)
        try:
            raw = socket.create_connection(self._address, timeout=left_s)
        except ConnectionRefusedError:
            raise LinkFailure(self._peer, "connection refused") from None
        except TimeoutError:
            raise LinkFailure(self._peer, "no answer") from None
        except OSError as error:
            raise LinkFailure(self._peer, f"unreachable ({error.strerror or error})") from None
        self.socket = raw
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls:
            try:
                self.socket = tls_context().wrap_socket(raw, server_hostname=self._server_name)
            except (OSError, ValueError) as error:
                raise LinkFailure(self._peer, f"no TLS connection ({error})") from None

    def local_host(self) -> str:
        return str(self._connected().getsockname()[0])

    def file_number(self) -> int:
        return self._connected().fileno()

    def _connected(self) -> socket.socket:
        if self.socket is None:
            raise LinkFailure(self._peer, "not connected")
        return self.socket

    def shut(self) -> None:
        """Wake a blocked read; it then sees the end of the stream."""
        if self.socket is not None:
            try:
                self.socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # already gone

    def close(self) -> None:
        if self.socket is not None:
            self.socket.close()

    def _left_s(self, deadline_s: float) -> float:
        left_s = deadline_s - time.monotonic()
        if left_s <= 0:
            raise LinkFailure(self._peer, "no answer in time")
        return left_s

    # requests

    def ask(self, method: str, url: str, headers: dict[str, str], deadline_s: float) -> tuple[Head, bytes]:
        """Send a request and return its answer; proves the password when asked to, follows no redirect."""
        for _ in range(CHALLENGES_MAX + 1):
            number = self.tell(method, url, headers)
            head, body = self._answer(number, deadline_s)
            if head.code != 401:
                break
            self._proof.take(head.all("www-authenticate"))
        if head.code == 401:
            raise self._proof.wrong()
        if head.code == 403:
            raise LinkFailure(self._peer, "the camera forbids it (403)", state=LinkState.AUTH_FAILED)
        if head.code in (404, 454) or head.code == 410:
            raise LinkFailure(self._peer, f"no such stream ({head.code})", state=LinkState.NOT_FOUND)
        if head.is_redirect:
            raise LinkFailure(self._peer, "redirect refused", state=LinkState.NOT_FOUND)
        if head.code == 461:
            raise TransportRefused(self._peer, "the camera does not send this way (461)")
        if head.code != 200:
            raise LinkFailure(self._peer, f"answered {head.code} to {method}")
        return head, body

    def tell(self, method: str, url: str, headers: dict[str, str]) -> int:
        """Send a request without waiting; return its number."""
        self._cseq += 1
        lines = {"CSeq": str(self._cseq), "User-Agent": USER_AGENT}
        if self.session:
            lines["Session"] = self.session
        authorization = self._proof.header(method, url)
        if authorization:
            lines["Authorization"] = authorization
        if not url.isascii() or not url.isprintable() or " " in url:
            raise NotRtsp("a control attribute with odd characters")
        self.send(request(method, url, lines | headers))
        return self._cseq

    def send(self, data: bytes) -> None:
        try:
            self._connected().sendall(data)
        except OSError:
            raise LinkFailure(self._peer, "connection lost") from None

    # what comes in

    def _answer(self, number: int, deadline_s: float) -> tuple[Head, bytes]:
        while True:
            found = self._next_answer()
            if found is None:
                self.fill(self._left_s(deadline_s))
            elif found[0].get("cseq") in (str(number), ""):
                return found

    def fill(self, timeout_s: float) -> bool:
        """Read once from the camera; False when nothing came within ``timeout_s``."""
        if self._start:
            left = self._end - self._start
            self._view[:left] = self._view[self._start : self._end]
            self._start, self._end = 0, left
        if self._end == BUFFER_BYTES:
            raise NotRtsp("endless headers")
        connected = self._connected()
        try:
            connected.settimeout(timeout_s)
            count = connected.recv_into(self._view[self._end :])
        except TimeoutError:
            return False
        except OSError:
            raise LinkFailure(self._peer, "connection lost") from None
        if count == 0:
            raise LinkFailure(self._peer, "the camera ended the stream")
        self._end += count
        return True

    def pump(self) -> None:
        """Hand all complete packets in the buffer to `on_packet`; answers to keep-alives are read and dropped."""
        while (found := self._next_answer()) is not None:
            if found[0].code == 401:
                self._proof.take(found[0].all("www-authenticate"))

    def _next_answer(self) -> tuple[Head, bytes] | None:
        """Go through the buffer up to the next answer; None when more bytes are needed."""
        buffer, view, on_packet = self._buffer, self._view, self.on_packet
        at, end = self._start, self._end
        while end - at >= 4:
            if buffer[at] != 0x24:  # "$"
                self._start = at
                return self._take_text()
            after = at + 4 + ((buffer[at + 2] << 8) | buffer[at + 3])
            if after > end:
                break
            on_packet(buffer[at + 1], view, at + 4, after)
            at = after
        self._start = at
        return None

    def _take_text(self) -> tuple[Head, bytes] | None:
        start = self._start
        if self._buffer[start : start + 2] == b"\r\n":  # some cameras put an empty line after a body
            self._start += 2
            return self._next_answer()
        at = self._buffer.find(b"\r\n\r\n", start, self._end)
        known = self._buffer.startswith(b"RTSP/", start, self._end)
        if at < 0:
            if self._end - start > HEAD_MAX_BYTES:
                raise NotRtsp("endless headers")
            if not known and self._end - start >= 5 and not self._is_request(start):
                raise NotRtsp("not an RTSP answer")
            return None
        if at - start > HEAD_MAX_BYTES:
            raise NotRtsp("endless headers")
        raw = bytes(self._view[start:at])
        if not known:
            return self._refuse_request(raw, at + 4)
        head = parse_head(raw)
        length = head.content_length
        if at + 4 + length > self._end:
            return None
        self._start = at + 4 + length
        return head, bytes(self._view[at + 4 : at + 4 + length])

    def _is_request(self, start: int) -> bool:
        return bytes(self._view[start : start + 5]) in REQUESTS_OF_CAMERAS

    def _refuse_request(self, raw: bytes, after: int) -> tuple[Head, bytes] | None:
        """Answer a request of the camera's (RFC 2326 allows OPTIONS, ANNOUNCE, REDIRECT) with 501."""
        words = raw.split(b"\r\n", 1)[0].split(b" ")
        if len(words) != 3 or not words[2].startswith(b"RTSP/"):
            raise NotRtsp("not an RTSP answer")
        if words[0] == b"REDIRECT":
            raise LinkFailure(self._peer, "redirect refused", state=LinkState.NOT_FOUND)
        self._start = after
        return self._next_answer()
