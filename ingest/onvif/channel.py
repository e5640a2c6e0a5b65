"""HTTP to one checked address and nowhere else: no redirects, one deadline, a limit of bytes.

The standard library reads the answer, but from a socket of ours, which counts bytes and looks at the deadline before
each read: endless headers, a drip of one byte a second and 100 MB all end the same way.
"""

import errno
import io
import secrets
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from http.client import HTTPException, HTTPResponse
from typing import TYPE_CHECKING, cast

from ingest import digest
from ingest.failures import LinkFailure
from models.camera import LinkState

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

ANSWER_MAX_BYTES = 512 << 10
HEAD_MAX_BYTES = 32 << 10
TOO_LARGE = "an answer that is too large"


@dataclass(frozen=True, slots=True)
class Place:
    """Where on the camera something is: a port and a path, never a host."""

    port: int
    path: str


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    content_type: str
    body: bytes


class Channel:
    """Requests one after another, each on a connection of its own; `interrupt` may come from another thread."""

    def __init__(self, host: str, address: tuple[str, int], *, username: str = "", password: str = "") -> None:
        """``host`` is the registered name; ``address`` is the checked one, the only one that is dialled."""
        self.host, self.ip, self.port = host, address[0], address[1]
        self.username, self._password = username, password
        self._challenge: dict[str, str] = {}
        self._count = 0
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None

    def request(
        self,
        method: str,
        place: Place,
        *,
        body: Callable[[bool], bytes] = lambda _proved: b"",
        content_type: str = "",
        timeout_s: float,
        limit_bytes: int = ANSWER_MAX_BYTES,
    ) -> Answer:
        """Return the answer, a refusal included; ``body`` is told whether the password is proved by HTTP digest."""
        deadline_s = time.monotonic() + timeout_s
        once = partial(
            self._once, method, place, content_type=content_type, deadline_s=deadline_s, limit_bytes=limit_bytes
        )
        answer, challenge = once(body=body(bool(self._challenge)))
        if answer.status == 401 and self.username and challenge:
            self._challenge, self._count = challenge, 0
            answer, _ = once(body=body(True))
        if 300 <= answer.status < 400:
            raise LinkFailure(self.host, "redirect refused", state=LinkState.NOT_FOUND)
        return answer

    def interrupt(self) -> None:
        """End the request under way, if there is one."""
        with self._lock:
            if self._socket is not None:
                try:
                    self._socket.shutdown(socket.SHUT_RDWR)
                except OSError:
                    return  # not connected yet, or no longer

    def _once(
        self, method: str, place: Place, *, body: bytes, content_type: str, deadline_s: float, limit_bytes: int
    ) -> tuple[Answer, dict[str, str]]:
        family = socket.AF_INET6 if ":" in self.ip else socket.AF_INET
        try:
            connected = socket.socket(family, socket.SOCK_STREAM)
        except OSError:
            raise LinkFailure(self.host, "out of sockets") from None
        with self._lock:
            self._socket = connected
        try:
            connected.settimeout(_left_s(deadline_s))
            connected.connect((self.ip, place.port))
            connected.sendall(self._head(method, place, len(body), content_type) + body)
            return self._answer(connected, method, deadline_s, limit_bytes)
        except TimeoutError:
            raise LinkFailure(self.host, "no answer in time") from None
        except ConnectionRefusedError:
            raise LinkFailure(self.host, "connection refused") from None
        except _TooLarge:
            raise LinkFailure(self.host, TOO_LARGE) from None
        except HTTPException:
            raise LinkFailure(self.host, "does not speak HTTP") from None
        except OSError as error:
            unreachable = error.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH)
            reason = f"unreachable ({error.strerror})" if unreachable else "connection lost"
            raise LinkFailure(self.host, reason) from None
        finally:
            with self._lock:
                self._socket = None
            connected.close()

    def _answer(
        self, connected: socket.socket, method: str, deadline_s: float, limit_bytes: int
    ) -> tuple[Answer, dict[str, str]]:
        source = _Source(connected, deadline_s, HEAD_MAX_BYTES + limit_bytes)
        response = HTTPResponse(cast("socket.socket", source), method=method)
        try:
            response.begin()
            if (response.length or 0) > limit_bytes:
                raise _TooLarge
            body = response.read(limit_bytes + 1)
            if len(body) > limit_bytes:
                raise _TooLarge
            answer = Answer(response.status, response.headers.get_content_type(), body)
            return answer, _challenge(response.headers.get_all("WWW-Authenticate") or [])
        finally:
            response.close()
            source.raw.close()

    def _head(self, method: str, place: Place, length: int, content_type: str) -> bytes:
        host = f"[{self.host}]" if ":" in self.host else self.host
        lines = [f"{method} {place.path} HTTP/1.1", f"Host: {host}:{place.port}", "Connection: close", "Accept: */*"]
        if method == "POST":
            lines += [f"Content-Type: {content_type}", f"Content-Length: {length}"]
        if self._challenge:
            lines.append(self._authorization(method, place.path))
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def _authorization(self, method: str, uri: str) -> str:
        said = self._challenge
        self._count += 1
        nc, cnonce = f"{self._count:08x}", secrets.token_hex(8)
        proof = digest.response(
            said, method=method, uri=uri, username=self.username, password=self._password, nc=nc, cnonce=cnonce
        )
        values = {"username": self.username, "realm": said["realm"], "nonce": said["nonce"], "uri": uri}
        values["response"] = proof
        if "opaque" in said:
            values["opaque"] = said["opaque"]
        line = ", ".join(f'{key}="{value}"' for key, value in values.items())
        if "algorithm" in said:
            line += f", algorithm={said['algorithm']}"
        if "auth" in said.get("qop", "").replace(" ", "").split(","):
            line += f', qop=auth, nc={nc}, cnonce="{cnonce}"'
        return f"Authorization: Digest {line}"


class _TooLarge(OSError):
    pass


class _Source:
    """What `HTTPResponse` takes for a socket."""

    def __init__(self, connected: socket.socket, deadline_s: float, limit_bytes: int) -> None:
        self.raw = _Reads(connected, deadline_s, limit_bytes)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self.raw)


class _Reads(io.RawIOBase):
    def __init__(self, connected: socket.socket, deadline_s: float, limit_bytes: int) -> None:
        self._connected, self._deadline_s, self._left_bytes = connected, deadline_s, limit_bytes

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        self._connected.settimeout(_left_s(self._deadline_s))
        count = self._connected.recv_into(buffer)
        self._left_bytes -= count
        if self._left_bytes < 0:
            raise _TooLarge
        return count


def _left_s(deadline_s: float) -> float:
    left_s = deadline_s - time.monotonic()
    if left_s <= 0:
        raise TimeoutError
    return left_s


def _challenge(headers: list[str]) -> dict[str, str]:
    """Return the digest challenge that we can answer, the stronger one first; a basic one is not answered."""
    found = []
    for header in headers:
        kind, _, rest = header.strip().partition(" ")
        values = digest.parameters(rest)
        known = values.get("algorithm", "MD5").upper() in digest.ALGORITHMS
        if kind.lower() == "digest" and values.get("nonce") and "realm" in values and known:
            found.append({key: _quotable(value) for key, value in values.items()})
    return max(found, key=lambda values: values.get("algorithm", "").upper() == "SHA-256", default={})


def _quotable(text: str) -> str:
    return "".join(char for char in text if char.isprintable() and char not in '"\\')
