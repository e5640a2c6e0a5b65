"""One client of the camera server: RTSP requests in, RTP out over the same connection or over UDP (RFC 2326)."""

import asyncio
import base64
import binascii
import secrets
import time
from collections.abc import Mapping
from typing import Protocol
from urllib.parse import urlsplit

from ingest import digest
from ingest.camera_server.delivery import Delivery
from ingest.camera_server.faults import Faults
from ingest.camera_server.stream import LiveStream
from ingest.rtsp_server import requests
from ingest.rtsp_server.datagrams import Datagrams
from ingest.rtsp_server.requests import METHODS, Request, channel_of, ports_of
from ingest.rtsp_server.rtp import description

REALM = "alertwall camera"


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
        except* (ConnectionError, asyncio.IncompleteReadError, requests.BadRequest, OSError):
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
            request = await requests.read(self._reader)
            self._heard()
            if request is None:
                continue
            self._handle(request)
            if request.method == "TEARDOWN":
                return

    def _answer(self, code: int, request: Request, *lines: str, body: str = "") -> None:
        self._writer.write(requests.answer(code, request.cseq, *lines, body=body))

    def _handle(self, request: Request) -> None:
        method = request.method
        if method == "OPTIONS":
            return self._answer(200, request, f"Public: {METHODS}")
        if not self._may(method, request.headers):
            challenges = [
                f'WWW-Authenticate: Digest realm="{REALM}", nonce="{self._nonce}"'
                + ("" if self._cameras.algorithm == "MD5" else f', qop="auth", algorithm={self._cameras.algorithm}')
            ]
            if self._cameras.basic:
                challenges.append(f'WWW-Authenticate: Basic realm="{REALM}"')
            return self._answer(401, request, *challenges)
        if method == "DESCRIBE":
            return self._describe(request)
        if method == "SETUP":
            return self._setup(request)
        if method == "PLAY":
            return self._play(request)
        if method == "PAUSE" and self._stream:
            self._stream.discard(self._delivery)
        known = method in ("PAUSE", "GET_PARAMETER", "SET_PARAMETER", "TEARDOWN")
        return self._answer(200 if known else 501, request, f"Session: {self._id}")

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

    def _find(self, request: Request) -> LiveStream | None:
        return self._cameras.stream(request.name)

    def _describe(self, request: Request) -> None:
        stream = self._find(request)
        if stream is None:
            return self._answer(404, request)
        self._delivery.faults = Faults.from_query(urlsplit(request.url).query)
        footage, host = stream.footage, self._writer.get_extra_info("sockname")[0]
        sdp = description(
            footage.codec, footage.format_parameters, host=host, session=stream.stamper.ssrc, name="camera"
        )
        return self._answer(200, request, f"Content-Base: {request.base}", "Content-Type: application/sdp", body=sdp)

    def _setup(self, request: Request) -> None:
        stream = self._find(request)
        if stream is None:
            return self._answer(404, request)
        wanted = request.headers.get("transport", "")
        channel, ports = channel_of(wanted), ports_of(wanted)
        if channel is not None:
            self._delivery.channel = channel
            given = f"RTP/AVP/TCP;unicast;interleaved={channel}-{channel + 1}"
        else:
            if ports is None or self._delivery.datagrams or self._delivery.faults.no_udp:
                return self._answer(461, request)
            host, peer = (self._writer.get_extra_info(name)[0] for name in ("sockname", "peername"))
            datagrams = self._delivery.datagrams = Datagrams.bind(host, peer, ports)
            datagrams.listen(self._heard)
            server_ports = f"{datagrams.port}-{datagrams.port + 1}"
            given = f"RTP/AVP;unicast;client_port={ports[0]}-{ports[1]};server_port={server_ports}"
        given += f";ssrc={stream.stamper.ssrc:08X}"
        self._stream = stream
        timeout_s = max(1, int(self._cameras.idle_timeout_s))
        return self._answer(200, request, f"Transport: {given}", f"Session: {self._id};timeout={timeout_s}")

    def _play(self, request: Request) -> None:
        if self._stream is None:
            return self._answer(454, request)
        self._answer(200, request, f"Session: {self._id}", "Range: npt=now-")
        self._delivery.waits_for_key = True
        return self._stream.add(self._delivery)
