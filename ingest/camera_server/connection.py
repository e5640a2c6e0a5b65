"""One client of the camera server: RTSP requests in, RTP out over the same connection or over UDP (RFC 2326)."""

import asyncio
import base64
import binascii
import re
import secrets
import time
from collections.abc import Mapping
from typing import Protocol
from urllib.parse import unquote, urlsplit

from ingest import digest
from ingest.camera_server.delivery import Datagrams, Delivery
from ingest.camera_server.faults import Faults
from ingest.camera_server.stream import LiveStream

REQUEST_MAX_BYTES = 16 << 10
BODY_MAX_BYTES = 64 << 10
REALM = "alertwall camera"
_REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    454: "Session Not Found",
    461: "Unsupported Transport",
    501: "Not Implemented",
}
_METHODS = "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER, SET_PARAMETER"


class Cameras(Protocol):
    """What a connection needs of its server."""

    username: str
    password: str
    basic: bool
    algorithm: str
    idle_timeout_s: float
    frames_dropped: int

    def stream(self, name: str) -> LiveStream | None: ...


class Connection:
    """Reads requests until the client leaves; plays at most one stream."""

    def __init__(self, cameras: Cameras, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._cameras, self._reader, self._writer = cameras, reader, writer
        self._nonce = secrets.token_hex(16)
        self._id = secrets.token_hex(8)
        self._stream: LiveStream | None = None
        self._delivery = Delivery(writer.transport, self._count_dropped)
        self._heard()

    def _heard(self) -> None:
        self._last_heard_s = time.monotonic()

    def _count_dropped(self) -> None:
        self._cameras.frames_dropped += 1

    async def run(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                idle = group.create_task(self._watch_idle())
                await self._read()
                idle.cancel()
        except* (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            pass  # the client is gone or does not speak RTSP
        finally:
            if self._stream:
                self._stream.discard(self._delivery)
            if self._delivery.datagrams:
                self._delivery.datagrams.close()
            self._writer.close()

    async def _watch_idle(self) -> None:
        while True:
            left_s = self._last_heard_s + self._cameras.idle_timeout_s - time.monotonic()
            if left_s <= 0:
                self._writer.transport.abort()
                return
            await asyncio.sleep(left_s)

    async def _read(self) -> None:
        while True:
            first = await self._reader.readexactly(1)
            self._heard()
            if first == b"$":  # the client's own RTCP
                head = await self._reader.readexactly(3)
                await self._reader.readexactly(int.from_bytes(head[1:], "big"))
                continue
            text = (first + await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            lines = text.split("\r\n")
            method, url, _version = lines[0].split(" ", 2)
            headers = {
                name.strip().lower(): value.strip()
                for name, colon, value in (line.partition(":") for line in lines[1:])
                if colon
            }
            length = int(headers.get("content-length", "0"))
            if not 0 <= length <= BODY_MAX_BYTES:
                return
            await self._reader.readexactly(length)
            self._handle(method, url, headers)
            if method == "TEARDOWN":
                return

    def _answer(self, code: int, headers: Mapping[str, str], *lines: str, body: str = "") -> None:
        head = [f"RTSP/1.0 {code} {_REASONS[code]}", f"CSeq: {headers.get('cseq', '0')}", *lines]
        if body:
            head.append(f"Content-Length: {len(body)}")
        self._writer.write(("\r\n".join(head) + "\r\n\r\n" + body).encode("latin-1"))

    def _handle(self, method: str, url: str, headers: Mapping[str, str]) -> None:
        if method == "OPTIONS":
            return self._answer(200, headers, f"Public: {_METHODS}")
        if not self._may(method, headers):
            challenges = [
                f'WWW-Authenticate: Digest realm="{REALM}", nonce="{self._nonce}"'
                + ("" if self._cameras.algorithm == "MD5" else f', qop="auth", algorithm={self._cameras.algorithm}')
            ]
            if self._cameras.basic:
                challenges.append(f'WWW-Authenticate: Basic realm="{REALM}"')
            return self._answer(401, headers, *challenges)
        if method == "DESCRIBE":
            return self._describe(url, headers)
        if method == "SETUP":
            return self._setup(url, headers)
        if method == "PLAY":
            return self._play(headers)
        if method == "PAUSE" and self._stream:
            self._stream.discard(self._delivery)
        known = method in ("PAUSE", "GET_PARAMETER", "SET_PARAMETER", "TEARDOWN")
        return self._answer(200 if known else 501, headers, f"Session: {self._id}")

    def _may(self, method: str, headers: Mapping[str, str]) -> bool:
        username, password = self._cameras.username, self._cameras.password
        if not username:
            return True
        kind, _, rest = headers.get("authorization", "").partition(" ")
        if kind.lower() == "basic" and self._cameras.basic:
            try:
                return secrets.compare_digest(base64.b64decode(rest), f"{username}:{password}".encode())
            except binascii.Error:
                return False
        if kind.lower() != "digest":
            return False
        given = digest.parameters(rest)
        if given.get("username") != username or given.get("nonce") != self._nonce:
            return False
        challenge = {"realm": REALM, "nonce": self._nonce, "algorithm": self._cameras.algorithm}
        challenge["qop"] = given.get("qop", "")
        expected = digest.response(
            challenge,
            method=method,
            uri=given.get("uri", ""),
            username=username,
            password=password,
            nc=given.get("nc", ""),
            cnonce=given.get("cnonce", ""),
        )
        return secrets.compare_digest(expected, given.get("response", ""))

    def _find(self, url: str) -> LiveStream | None:
        return self._cameras.stream(unquote(urlsplit(url).path).strip("/").split("/")[0])

    def _describe(self, url: str, headers: Mapping[str, str]) -> None:
        stream = self._find(url)
        if stream is None:
            return self._answer(404, headers)
        self._delivery.faults = Faults.from_query(urlsplit(url).query)
        footage, host = stream.footage, self._writer.get_extra_info("sockname")[0]
        family = "IP6" if ":" in host else "IP4"
        sdp = (
            f"v=0\r\no=- {stream.stamper.ssrc} 1 IN {family} {host}\r\ns=camera\r\nc=IN {family} "
            f"{'::' if family == 'IP6' else '0.0.0.0'}\r\nt=0 0\r\na=control:*\r\na=range:npt=now-\r\n"  # noqa: S104 - SDP text
            f"m=video 0 RTP/AVP 96\r\na=rtpmap:96 {footage.codec.name}/90000\r\n"
            f"a=fmtp:96 {footage.format_parameters}\r\na=control:track0\r\n"
        )
        base = url.partition("?")[0].rstrip("/")
        return self._answer(200, headers, f"Content-Base: {base}/", "Content-Type: application/sdp", body=sdp)

    def _setup(self, url: str, headers: Mapping[str, str]) -> None:
        stream = self._find(url)
        if stream is None:
            return self._answer(404, headers)
        wanted = headers.get("transport", "")
        if "TCP" in wanted:
            match = re.search(r"interleaved=(\d{1,3})", wanted)
            channel = self._delivery.channel = min(int(match[1]), 254) if match else 0
            given = f"RTP/AVP/TCP;unicast;interleaved={channel}-{channel + 1}"
        else:
            match = re.search(r"client_port=(\d{1,5})-(\d{1,5})", wanted)
            if not match or "multicast" in wanted or self._delivery.datagrams or self._delivery.faults.no_udp:
                return self._answer(461, headers)
            host, peer = (self._writer.get_extra_info(name)[0] for name in ("sockname", "peername"))
            ports = int(match[1]), int(match[2])
            datagrams = self._delivery.datagrams = Datagrams.bind(host, peer, ports)
            datagrams.listen(self._heard)
            server_ports = f"{datagrams.port}-{datagrams.port + 1}"
            given = f"RTP/AVP;unicast;client_port={ports[0]}-{ports[1]};server_port={server_ports}"
        given += f";ssrc={stream.stamper.ssrc:08X}"
        self._stream = stream
        timeout_s = max(1, int(self._cameras.idle_timeout_s))
        return self._answer(200, headers, f"Transport: {given}", f"Session: {self._id};timeout={timeout_s}")

    def _play(self, headers: Mapping[str, str]) -> None:
        if self._stream is None:
            return self._answer(454, headers)
        self._answer(200, headers, f"Session: {self._id}", "Range: npt=now-")
        self._delivery.waits_for_key = True
        return self._stream.add(self._delivery)
