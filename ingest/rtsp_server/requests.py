"""RTSP requests as text (RFC 2326), with limits on what a client may send, and the answers to them."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

HEAD_MAX_BYTES = 16 << 10
HEADERS_MAX = 64
BODY_MAX_BYTES = 64 << 10
METHODS = "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER, SET_PARAMETER"
REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    454: "Session Not Found",
    455: "Method Not Valid in This State",
    461: "Unsupported Transport",
    501: "Not Implemented",
    503: "Service Unavailable",
}
_LINE = re.compile(r"([A-Z_]{1,20}) (\S{1,2048}) RTSP/1\.\d")
_NUMBER = re.compile(r"[0-9]{1,10}")
_CHANNEL = re.compile(r"interleaved=([0-9]{1,3})(?![0-9])")
_PORTS = re.compile(r"client_port=([0-9]{1,5})-([0-9]{1,5})(?![0-9])")


class BadRequest(ValueError):
    """The client does not speak RTSP, or too much of it."""


@dataclass(frozen=True, slots=True)
class Request:
    """Method, address and headers; header names in lower case."""

    method: str
    url: str
    headers: Mapping[str, str]

    @property
    def cseq(self) -> str:
        return self.headers.get("cseq", "0")

    @property
    def name(self) -> str:
        """The first part of the path: which camera is meant."""
        return unquote(urlsplit(self.url).path).strip("/").split("/")[0]

    @property
    def base(self) -> str:
        """What a description's relative addresses are meant from."""
        return self.url.partition("?")[0].rstrip("/") + "/"


def parse(head: bytes) -> Request:
    """Read a request up to its empty line; `BadRequest` says what is wrong with it."""
    first, *rest = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    match = _LINE.fullmatch(first)
    if match is None:
        raise BadRequest("no RTSP request")
    if len(rest) > HEADERS_MAX:
        raise BadRequest("too many headers")
    headers = {
        name.strip().lower(): value.strip() for name, colon, value in (line.partition(":") for line in rest) if colon
    }
    for name in ("cseq", "content-length"):
        if name in headers and not _NUMBER.fullmatch(headers[name]):
            raise BadRequest(f"{name} is no number")
    try:
        urlsplit(match[2])
    except ValueError:
        raise BadRequest("no address") from None
    return Request(match[1], match[2], headers)


async def read(reader: asyncio.StreamReader) -> Request | None:
    """Return the next request, None for an interleaved packet of the client's (its RTCP), which is passed over.

    The reader's own limit must be `HEAD_MAX_BYTES`. Raises `BadRequest`, or asyncio's errors when the client left.
    """
    first = await reader.readexactly(1)
    if first == b"$":
        head = await reader.readexactly(3)
        await reader.readexactly(int.from_bytes(head[1:], "big"))
        return None
    try:
        request = parse(first + await reader.readuntil(b"\r\n\r\n"))
    except asyncio.LimitOverrunError:
        raise BadRequest("a head without an end") from None
    length = int(request.headers.get("content-length", "0"))
    if length > BODY_MAX_BYTES:
        raise BadRequest("a body that is too long")
    await reader.readexactly(length)
    return request


def answer(code: int, cseq: str, *lines: str, body: str = "") -> bytes:
    """Return a response; ``lines`` are its headers."""
    head = [f"RTSP/1.0 {code} {REASONS[code]}", f"CSeq: {cseq}", *lines]
    encoded = body.encode()
    if body:
        head.append(f"Content-Length: {len(encoded)}")
    return ("\r\n".join(head) + "\r\n\r\n").encode("latin-1") + encoded


def channel_of(transport: str) -> int | None:
    """Return the interleaved channel for RTP that a Transport header asks for; None when it wants UDP."""
    if "TCP" not in transport:
        return None
    match = _CHANNEL.search(transport)
    return min(int(match[1]), 254) if match else 0


def ports_of(transport: str) -> tuple[int, int] | None:
    """Return the client's pair of UDP ports; None when there is none or it wants multicast."""
    match = _PORTS.search(transport)
    if match is None or "multicast" in transport:
        return None
    ports = int(match[1]), int(match[2])
    return ports if all(0 < port <= 65_535 for port in ports) else None
