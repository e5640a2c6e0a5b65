"""The outermost layer: names the request, refuses foreign hosts and origins, bounds bodies, sets headers.

Plain ASGI, so that streams pass through untouched. A browser's page of another site cannot make a change here: writes
need our Origin and a content type that no form can send, and no CORS header is ever given. The one exception are the
routes of publishers (WHIP), which look at a bearer token and never at a cookie: any page may call them with one.
"""

import asyncio
import ipaddress
import logging
import re
import uuid
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard_api import problems
from dashboard_api.refusals import ForeignOrigin, TooLarge, WrongContentType
from models.errors import AlertwallError, BadInput

BODY_MAX_BYTES = 256 * 1024
BULK_PATH = "/api/v1/cameras/bulk"
BULK_MAX_BYTES = 2 * 1024 * 1024
BODY_TIMEOUT_S = 20.0
URL_MAX_CHARS = 8192
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
CONTENT_TYPES = frozenset({"application/json"})
BULK_TYPES = CONTENT_TYPES | {"text/csv"}  # neither can a form of another site send
SDP_TYPES = frozenset({"application/sdp"})
SDP_PATH = re.compile(r"/api/v1/cameras/[^/]+/wh[ei]p")
FRAGMENT_TYPES = frozenset({"application/trickle-ice-sdpfrag"})
PUBLISHER_PATH = re.compile(r"/api/v1/cameras/[^/]+/whip(/[^/]+)?")
PUBLISHER_HEADERS = {
    "Access-Control-Allow-Origin": "*",  # which browsers never combine with cookies
    "Access-Control-Expose-Headers": "Location, ETag, Accept-Patch",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
CSP = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' blob: data:;"
    " media-src 'self' blob:; connect-src 'self' ws: wss:; worker-src 'self' blob:; font-src 'self';"
    " object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
PERMISSIONS = "microphone=(), geolocation=(self), payment=(), usb=()"
PUBLISH_PAGE = re.compile(r"/publish/?")
"""The one page that may ask for a device's camera, to send what it sees."""
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": f"camera=(), {PERMISSIONS}",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
HSTS = "max-age=31536000"

log = logging.getLogger(__name__)


class Gatekeeper:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, *, public_origin: str | None, hosts: Iterable[str] = ()) -> None:
        self._app = app
        self._public_origin = public_origin.lower() if public_origin is not None else None  # as browsers write it
        self._hosts = {"localhost", *(host.lower() for host in hosts)}
        if public_origin is not None:
            self._hosts.add((urlsplit(public_origin).hostname or "").lower())
        self._headers = dict(HEADERS)
        if public_origin is not None and public_origin.startswith("https://"):
            self._headers["Strict-Transport-Security"] = HSTS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        request_id = given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        if scope["type"] == "websocket":
            await self._websocket(scope, receive, send, headers)
        else:
            await self._http(scope, receive, send, headers, request_id)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send, headers: Headers) -> None:
        try:
            self._check_host(headers)
            # a script with a token may leave the Origin out, a browser never does
            if "origin" in headers or "authorization" not in headers:
                self._check_origin(headers.get("origin", ""), headers)
        except ForeignOrigin:
            # closing before accepting answers the handshake with 403
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        await self._app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send, headers: Headers, request_id: str) -> None:
        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                answer = MutableHeaders(scope=message)
                answer["X-Request-ID"] = request_id
                if pushes:
                    answer.update(PUBLISHER_HEADERS)
                if PUBLISH_PAGE.fullmatch(path):
                    answer["Permissions-Policy"] = f"camera=(self), {PERMISSIONS}"
                for name, value in self._headers.items():
                    answer.setdefault(name, value)
                answer.setdefault("Cache-Control", "no-store")
            await send(message)

        path = scope["path"]
        pushes = PUBLISHER_PATH.fullmatch(path) is not None
        try:
            self._check(scope, headers, pushes=pushes)
            await self._app(scope, _bounded(scope, receive), send_with_headers)
        except AlertwallError as refused:
            await problems.of_error(refused, path)(scope, receive, send_with_headers)
        except Exception:
            log.exception("%s %s failed; request %s", scope["method"], path, request_id)
            if started:
                raise
            await problems.unexpected(path)(scope, receive, send_with_headers)

    def _check(self, scope: Scope, headers: Headers, *, pushes: bool) -> None:
        self._check_host(headers)
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > URL_MAX_CHARS:
            raise TooLarge("the address is too long")
        if "\0" in scope["path"]:
            raise BadInput("path", "no NUL")
        if b"%00" in scope["query_string"] or b"\0" in scope["query_string"]:
            raise BadInput("query", "no NUL")
        if scope["method"] in SAFE_METHODS:
            return
        # no page can make a browser add a token by itself, and the publishers' routes look at nothing else
        if not (pushes and "authorization" in headers):
            self._check_page(headers)
        length = headers.get("content-length")
        most = _most_bytes(scope["path"])
        if length is not None and not (length.isascii() and length.isdigit() and int(length) <= most):
            raise TooLarge(f"at most {most} bytes")
        if length not in (None, "0") or "transfer-encoding" in headers:
            kind = headers.get("content-type", "").partition(";")[0].strip().lower()
            wanted = _wanted_types(scope["method"], scope["path"])
            if kind not in wanted:
                raise WrongContentType(f"send {', '.join(sorted(wanted))}")

    def _check_page(self, headers: Headers) -> None:
        """Refuse what a page of another site has a browser send."""
        origin = headers.get("origin")
        if origin is not None:
            self._check_origin(origin, headers)
        elif headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise ForeignOrigin("a page of another site may not change anything here")

    def _check_host(self, headers: Headers) -> None:
        """Refuse to answer to a name that is not ours: a page could have pointed its own name at this machine."""
        said = headers.get("host", "")
        try:
            host = urlsplit(f"//{said}").hostname or ""
            if host not in self._hosts:
                ipaddress.ip_address(host)  # a bare address cannot be pointed elsewhere
        except ValueError:
            raise ForeignOrigin(f"this is not {said[:100] or 'a named host'}; set api.public_origin") from None

    def _check_origin(self, origin: str, headers: Headers) -> None:
        if origin == self._public_origin:
            return
        try:
            parts = urlsplit(origin)
        except ValueError:
            parts = urlsplit("")
        host = headers.get("host", "").lower()
        same_host = parts.netloc.lower() == host
        if self._public_origin is not None and host == urlsplit(self._public_origin).netloc.lower():
            same_host = False  # under its public name only the public scheme is ours: http is anybody's on the way
        if parts.scheme not in ("http", "https") or not same_host or parts.path:
            raise ForeignOrigin("a page of another site may not do this")


def _most_bytes(path: str) -> int:
    return BULK_MAX_BYTES if path == BULK_PATH else BODY_MAX_BYTES


def _wanted_types(method: str, path: str) -> frozenset[str]:
    if path == BULK_PATH:
        return BULK_TYPES
    if SDP_PATH.fullmatch(path):
        return SDP_TYPES
    return FRAGMENT_TYPES if method == "PATCH" and PUBLISHER_PATH.fullmatch(path) else CONTENT_TYPES


def _bounded(scope: Scope, receive: Receive) -> Receive:
    """Return a receive that gives up on a body that is too long or too slow."""
    if scope["method"] in SAFE_METHODS:
        return receive
    seen_bytes, done, most = 0, False, _most_bytes(scope["path"])
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + BODY_TIMEOUT_S

    async def bounded() -> Message:
        nonlocal seen_bytes, done
        if done:
            return await receive()
        try:
            # of the whole body: else a byte now and then would hold on for days
            async with asyncio.timeout_at(deadline_s):
                message = await receive()
        except TimeoutError:
            raise HTTPException(408, "the body came too slowly") from None
        seen_bytes += len(message.get("body", b""))
        done = not message.get("more_body", False)
        if seen_bytes > most:
            raise HTTPException(413, f"at most {most} bytes")
        return message

    return bounded
