"""One HTTP/1.1 connection to a checked address: every size and every wait has its end, a redirect leads nowhere.

What takes time is a generator that yields None after each short wait, so that one thread can watch the clock.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import ssl
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import TypeVar

import h11

from ingest.failures import LinkFailure
from ingest.proof import CHALLENGES_MAX, Proof
from ingest.rtsp.wire import USER_AGENT, tls_context
from models.camera import LinkState, Scheme

HEAD_MAX_BYTES = 32 << 10
HEADERS_MAX = 64
INTERIM_MAX = 4
REFUSAL_MAX_BYTES = 64 << 10
"""Of the page beside a 401, which is read so that the connection can be used again."""
READ_BYTES = 128 << 10
SEND_WITHIN_S = 2.0

T = TypeVar("T")
Steps = Generator[None, None, T]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a connection leads: what is said (host) and what is dialled (address, checked)."""

    scheme: Scheme
    host: str
    port: int
    address: tuple[str, int]
    username: str = ""
    password: str = field(default="", repr=False)

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = 443 if self.scheme == Scheme.HTTPS else 80
        return host if self.port == usual else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and its headers; names in lower case."""

    code: int
    headers: tuple[tuple[str, str], ...]

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    def get(self, name: str) -> str:
        return next(iter(self.all(name)), "")

    @property
    def content_type(self) -> str:
        return self.get("content-type").partition(";")[0].strip().lower()


class Patience:
    """How long one wait may take (s); once stopped, from any thread, the next wait fails instead."""

    def __init__(self, peer: str, wait_s: float) -> None:
        self.wait_s, self.stopped, self._peer = wait_s, False, peer

    def __call__(self) -> float:
        if self.stopped:
            raise LinkFailure(self._peer, "stopped")
        return self.wait_s


class _Ended(LinkFailure):
    """The other side closed."""


def finish(steps: Steps[T]) -> T:
    """Take all steps at once, for callers that may block; their own deadline ends them."""
    while True:
        try:
            next(steps)
        except StopIteration as done:
            value: T = done.value
            return value


class Connection:
    """Kept alive between requests."""

    def __init__(self, endpoint: Endpoint, patience: Patience) -> None:
        self.endpoint = endpoint
        self.peer = f"{endpoint.host}:{endpoint.port}"
        self._patience = patience
        self._proof = Proof(self.peer, endpoint.username, endpoint.password)
        self._socket: socket.socket | None = None
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_MAX_BYTES)
        self._deadline_s = float("inf")
        self._unheard = True

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    # requests

    def ask(self, target: str, deadline_s: float) -> Steps[Answer]:
        """GET ``target``; the body is still to be read. `LinkFailure` for all that is not a plain 200."""
        self._deadline_s = deadline_s
        for _ in range(CHALLENGES_MAX + 1):
            answer = yield from self._exchange(target)
            if answer.code != 401:
                break
            self._proof.take(answer.all("www-authenticate"))
            yield from self._discard()
        self._judge(answer)
        return answer

    def body(self, limit_bytes: int, deadline_s: float) -> Steps[bytes]:
        """Return the whole body."""
        self._deadline_s = deadline_s
        pieces, size = [], 0
        while piece := (yield from self.piece()):
            size += len(piece)
            if size > limit_bytes:
                raise self._failure(f"sends more than {limit_bytes >> 10} KiB at once")
            pieces.append(piece)
            if time.monotonic() > deadline_s:
                raise self._failure("no whole answer in time")
            yield  # who waits for a picture meanwhile gets a look at the clock
        return b"".join(pieces)

    def piece(self) -> Steps[bytes]:
        """Return what came next of the body; empty at its end."""
        event = yield from self._event()
        return bytes(event.data) if isinstance(event, h11.Data) else b""

    def endless(self) -> None:
        """From here on the body may take as long as it likes; its reader watches the clock."""
        self._deadline_s = float("inf")

    def _exchange(self, target: str) -> Steps[Answer]:
        if self._reusable():
            self._http.start_next_cycle()
            try:
                self._send(target)
                return (yield from self._head())
            except _Ended:
                pass  # it was closed while idle, which every server may do
        self.close()
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_MAX_BYTES)
        yield from self._connect()
        self._send(target)
        return (yield from self._head())

    def _reusable(self) -> bool:
        return self._socket is not None and self._http.our_state is h11.DONE and self._http.their_state is h11.DONE

    def _send(self, target: str) -> None:
        headers = [
            ("Host", self.endpoint.authority),
            ("User-Agent", USER_AGENT),
            ("Accept", "*/*"),
            ("Accept-Encoding", "identity"),
        ]
        if authorization := self._proof.header("GET", target):
            headers.append(("Authorization", authorization))
        try:
            data = self._http.send(h11.Request(method="GET", target=target, headers=headers)) or b""
            self._http.send(h11.EndOfMessage())
        except h11.LocalProtocolError:
            raise self._failure("the camera asks for an odd proof of the password") from None
        self._unheard = True
        connected = self._connected()
        try:
            connected.settimeout(SEND_WITHIN_S)
            connected.sendall(data)
            connected.setblocking(False)
        except OSError:
            raise _Ended(self.peer, "connection lost") from None

    def _head(self) -> Steps[Answer]:
        for _ in range(INTERIM_MAX + 1):
            event = yield from self._event()
            if isinstance(event, h11.Response):
                break
            if not isinstance(event, h11.InformationalResponse):
                raise self._failure("does not speak HTTP")
        else:
            raise self._failure("does not speak HTTP: it never comes to an answer")
        if len(event.headers) > HEADERS_MAX:
            raise self._failure("endless headers")
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers)
        return Answer(event.status_code, headers)

    def _discard(self) -> Steps[None]:
        """Read a small body to its end, or give the connection up."""
        size = 0
        while piece := (yield from self.piece()):
            size += len(piece)
            if size > REFUSAL_MAX_BYTES:
                self.close()
                return

    def _judge(self, answer: Answer) -> None:
        code = answer.code
        if code == 401:
            raise self._proof.wrong()
        if code == 403:
            raise self._failure("the camera forbids it (403)", LinkState.AUTH_FAILED)
        if code in (404, 410):
            raise self._failure(f"no such stream ({code})", LinkState.NOT_FOUND)
        if 300 <= code < 400:
            raise self._failure(f"redirect refused ({code}); register the address it leads to", LinkState.NOT_FOUND)
        if code != 200:
            raise self._failure(f"answered {code}")
        if answer.get("content-encoding").lower() not in ("", "identity"):
            raise self._failure("sends compressed pages, which were not asked for")

    # bytes

    def _event(self) -> Steps[h11.Event]:
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                if self._http.trailing_data[1]:
                    raise _Ended(self.peer, "the camera ended the connection") from None
                reason = "endless headers" if "too long" in str(error) else "does not speak HTTP"
                raise self._failure(reason) from None
            if isinstance(event, h11.ConnectionClosed):
                raise _Ended(self.peer, "the camera ended the connection")
            if event is h11.NEED_DATA:
                yield from self._receive()
            elif event is h11.PAUSED:
                raise self._failure("does not speak HTTP")
            else:
                assert not isinstance(event, type)
                return event

    def _receive(self) -> Steps[None]:
        connected = self._connected()
        while True:
            try:
                data = connected.recv(READ_BYTES)
            except (BlockingIOError, ssl.SSLWantReadError):
                yield from self._wait(select.POLLIN)
            except ssl.SSLWantWriteError:
                yield from self._wait(select.POLLOUT)
            except OSError:
                raise _Ended(self.peer, "connection lost") from None
            else:
                self._left_s()
                if self._unheard and data and not (data.startswith(b"HTTP/") or b"HTTP/".startswith(data)):
                    raise self._failure("does not speak HTTP")
                self._unheard = False
                try:
                    self._http.receive_data(data)
                except h11.RemoteProtocolError:
                    raise self._failure("does not speak HTTP") from None
                return

    def _connect(self) -> Steps[None]:
        address = self.endpoint.address
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._socket = raw = socket.socket(family, socket.SOCK_STREAM)
        raw.setblocking(False)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        code = raw.connect_ex(address)
        if code == errno.EINPROGRESS:
            yield from self._wait(select.POLLOUT)
            code = raw.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code == errno.ECONNREFUSED:
            raise self._failure("connection refused")
        if code:
            raise self._failure(f"unreachable ({os.strerror(code)})")
        if self.endpoint.scheme == Scheme.HTTPS:
            yield from self._shake_hands(raw)

    def _shake_hands(self, raw: socket.socket) -> Steps[None]:
        try:
            wrapped = tls_context().wrap_socket(raw, server_hostname=self.endpoint.host, do_handshake_on_connect=False)
            self._socket = wrapped
            while True:
                try:
                    wrapped.do_handshake()
                    return
                except ssl.SSLWantReadError:
                    yield from self._wait(select.POLLIN)
                except ssl.SSLWantWriteError:
                    yield from self._wait(select.POLLOUT)
        except (OSError, ValueError) as error:
            raise self._failure(f"no TLS connection ({error})") from None

    def _wait(self, what: int) -> Steps[None]:
        """Return when the socket is ready; yield each time a wait was in vain."""
        poll = select.poll()
        poll.register(self._connected(), what)
        while not poll.poll(min(self._patience(), self._left_s()) * 1000):
            yield

    def _left_s(self) -> float:
        left_s = self._deadline_s - time.monotonic()
        if left_s <= 0:
            raise self._failure("no answer in time")
        return left_s

    def _connected(self) -> socket.socket:
        if self._socket is None:
            raise self._failure("not connected")
        return self._socket

    def _failure(self, reason: str, state: LinkState = LinkState.BACKOFF) -> LinkFailure:
        with contextlib.suppress(OSError):
            self.close()
        return LinkFailure(self.peer, reason, state=state)
