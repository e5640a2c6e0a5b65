"""One client of the re-stream: requests in, the camera's own packets out, over the same connection or over UDP."""

import asyncio
import base64
import binascii
import contextlib
import logging
import secrets
import time
from collections.abc import Awaitable, Callable

from ingest.h26x import ParameterSets, split_lengths
from ingest.live import VIEWERS_MAX, Viewer, compress
from ingest.packet import Packet
from ingest.rtsp_server import requests
from ingest.rtsp_server.datagrams import Datagrams
from ingest.rtsp_server.door import Pass, Refused
from ingest.rtsp_server.requests import METHODS, BadRequest, Request
from ingest.rtsp_server.rtp import (
    SENDER_REPORT_EVERY_S,
    RtpStamper,
    description,
    format_parameters,
    interleave,
    payloads,
)

USERNAME = "token"
"""The user name that goes with an API token as the password."""
REALM = "alertwall"
TOKEN_MAX_CHARS = 200
REFUSALS_MAX = 8
"""After so many answers that were no, the connection ends."""
HEAD_WITHIN_S = 10.0
IDLE_S = 60.0
"""A client from which nothing is heard and that takes nothing for so long is gone."""
FIRST_PICTURE_WITHIN_S = 6.0
WRITE_BUFFER_BYTES = 256 << 10
"""More than this waits in the viewer's bounded queue, which drops to the next key frame."""
BACKLOG_PACE_S = 0.002
"""Between pictures of the last GOP, so that it is no burst that overflows a client's UDP buffer."""

Admit = Callable[[str, str, str], Awaitable[Pass]]
log = logging.getLogger(__name__)


class Client:
    """Reads requests until the client leaves; plays at most one camera."""

    def __init__(self, admit: Admit, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._admit, self._reader, self._writer = admit, reader, writer
        self._id = secrets.token_hex(8)
        self._stamper = RtpStamper()
        self.shown: Pass | None = None
        self._lost = 0
        self._viewer: Viewer | None = None
        self._proof = ""
        self._ready = False
        self._channel = 0
        self._datagrams: Datagrams | None = None
        self._player: asyncio.Task[None] | None = None
        self._refusals = 0
        self._alive()
        writer.transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)

    def _alive(self) -> None:
        self._alive_s = time.monotonic()

    @property
    def playing(self) -> bool:
        return self._player is not None and not self._player.done()

    @property
    def packets_lost(self) -> int:
        """What this client was too slow for."""
        viewer = self._viewer
        return self._lost + (viewer.packets_lost if viewer is not None else 0)

    def cut(self) -> None:
        """End the connection at once."""
        self._writer.transport.abort()

    async def run(self) -> None:
        """Serve until one side ends; never raises for what a client does."""
        idle = asyncio.create_task(self._watch_idle(), name="restream-idle")
        try:
            await self._serve()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client is gone
        except BadRequest as bad:
            log.debug("re-stream: %s", bad)
            self._writer.write(requests.answer(400, "0"))
        finally:
            idle.cancel()
            await asyncio.gather(idle, return_exceptions=True)
            await self._stop_playing()
            if self._datagrams is not None:
                self._datagrams.close()
            self._writer.close()

    async def _watch_idle(self) -> None:
        while True:
            left_s = self._alive_s + IDLE_S - time.monotonic()
            if left_s <= 0:
                self.cut()
                return
            await asyncio.sleep(left_s)

    async def _serve(self) -> None:
        while self._refusals < REFUSALS_MAX:
            request = await self._next()
            self._alive()
            if request is None:
                continue
            await self._handle(request)
            await self._writer.drain()
            if request.method == "TEARDOWN":
                return

    async def _next(self) -> Request | None:
        if self._ready:  # whoever watches may be quiet for `IDLE_S`
            return await requests.read(self._reader)
        try:
            async with asyncio.timeout(HEAD_WITHIN_S):
                return await requests.read(self._reader)
        except TimeoutError:
            raise BadRequest("no whole request in time") from None

    # requests

    def _say(self, code: int, request: Request, *lines: str, body: str = "") -> None:
        self._refusals += code >= 400
        self._writer.write(requests.answer(code, request.cseq, *lines, body=body))

    async def _handle(self, request: Request) -> None:
        if request.method == "OPTIONS":
            self._say(200, request, f"Public: {METHODS}")
            return
        try:
            await self._allow(request)
        except Refused as refused:
            lines = [f'WWW-Authenticate: Basic realm="{REALM}"'] if refused.code == 401 else []
            self._say(refused.code, request, *lines, "Content-Type: text/plain", body=f"{refused.reason}\n")
            return
        match request.method:
            case "DESCRIBE":
                await self._describe(request)
            case "SETUP":
                self._setup(request)
            case "PLAY" | "PAUSE" if not self._ready:
                self._say(454, request)
            case "PLAY":
                self._say(200, request, f"Session: {self._id}", "Range: npt=now-")
                if not self.playing:
                    self._player = asyncio.create_task(self._play(), name="restream-play")
            case "PAUSE":
                await self._stop_playing()
                self._say(200, request, f"Session: {self._id}")
            case "GET_PARAMETER" | "SET_PARAMETER" | "TEARDOWN":
                self._say(200, request, f"Session: {self._id}")
            case _:
                self._say(501, request)

    async def _allow(self, request: Request) -> None:
        """Know who asks and that they may see the camera; raise `Refused`."""
        shown, proof = self.shown, request.headers.get("authorization", "")
        if shown is not None and secrets.compare_digest(proof.encode(), self._proof.encode()):
            if request.name in ("", shown.camera_id):
                return
            if self._ready:
                raise Refused(455, "this connection shows another camera")
        token = token_of(proof)
        if token is None:
            raise Refused(401, f"user name {USERNAME}, password: an API token")
        address = self._writer.get_extra_info("peername")[0]
        allowed = await self._admit(token, request.name, address)
        if self._ready and shown is not None and shown.camera_id != allowed.camera_id:
            raise Refused(455, "this connection shows another camera")
        self.shown, self._proof = allowed, proof

    async def _describe(self, request: Request) -> None:
        assert self.shown is not None
        sets = await self._sets(self.shown)
        if sets is None:
            why = self.shown.why_dark() or "the camera gives no picture yet"
            self._say(503, request, "Content-Type: text/plain", body=f"{why}\n")
            return
        host = self._writer.get_extra_info("sockname")[0]
        parameters = format_parameters(sets.codec, sets.nals())
        sdp = description(sets.codec, parameters, host=host, session=self._stamper.ssrc, name=self.shown.camera_id)
        self._say(200, request, f"Content-Base: {request.base}", "Content-Type: application/sdp", body=sdp)

    @staticmethod
    async def _sets(shown: Pass) -> ParameterSets | None:
        """Return what the camera's decoder must know; a camera that has just begun is waited for."""
        viewer = shown.live.join()
        try:
            if viewer.backlog:
                return viewer.backlog[0].sets
            async with asyncio.timeout(FIRST_PICTURE_WITHIN_S):
                packet = await viewer.next()
            return packet.sets if packet is not None else None
        except TimeoutError:
            return None
        finally:
            shown.live.leave(viewer)

    def _setup(self, request: Request) -> None:
        if self.playing:
            self._say(455, request)
            return
        wanted = request.headers.get("transport", "")
        channel, ports = requests.channel_of(wanted), requests.ports_of(wanted)
        if channel is not None:
            self._channel = channel
            given = f"RTP/AVP/TCP;unicast;interleaved={channel}-{channel + 1}"
        elif ports is None or self._datagrams is not None:
            self._say(461, request)
            return
        else:
            host, peer = (self._writer.get_extra_info(name)[0] for name in ("sockname", "peername"))
            try:
                self._datagrams = Datagrams.bind(host, peer, ports)
            except OSError:
                self._say(461, request)
                return
            self._datagrams.listen(self._alive)
            own = self._datagrams.port
            given = f"RTP/AVP;unicast;client_port={ports[0]}-{ports[1]};server_port={own}-{own + 1}"
        self._ready = True
        self._say(
            200,
            request,
            f"Transport: {given};ssrc={self._stamper.ssrc:08X}",
            f"Session: {self._id};timeout={IDLE_S:.0f}",
        )

    # pictures

    async def _stop_playing(self) -> None:
        player, self._player = self._player, None
        if player is not None:
            player.cancel()
            await asyncio.gather(player, return_exceptions=True)

    async def _play(self) -> None:
        """Send what came since the last key frame at once, then each picture as it comes."""
        assert self.shown is not None
        live = self.shown.live
        if live.viewers >= VIEWERS_MAX:
            self.cut()
            return
        viewer = self._viewer = live.join()
        try:
            await self._send_all(viewer)
        except OSError:
            pass  # the reader notices, too
        except Exception:
            log.exception("re-stream of %s", self.shown.camera_id)
        finally:
            self._lost, self._viewer = self.packets_lost, None
            live.leave(viewer)
        self.cut()  # the camera is gone or is another one now: its description holds no longer

    async def _send_all(self, viewer: Viewer) -> None:
        origin: int | None = None
        codec = None
        report_s = 0.0
        if viewer.backlog:
            times, origin = compress(viewer.backlog)
            codec = viewer.backlog[0].sets.codec
            for packet, (_, present) in zip(viewer.backlog, times, strict=True):
                await self._send(packet, present)
                await asyncio.sleep(BACKLOG_PACE_S)
            viewer.backlog = []
        while (live := await viewer.next()) is not None:
            if codec not in (None, live.sets.codec):
                return
            codec = live.sets.codec
            if origin is None:
                origin = live.decode_90k
            await self._send(live, live.present_90k - origin)
            if live.monotonic_s >= report_s:
                report_s = live.monotonic_s + SENDER_REPORT_EVERY_S
                await self._send_report()

    async def _send(self, packet: Packet, ticks: int) -> None:
        codec = packet.sets.codec
        nals = [*(packet.sets.nals() if packet.key else ()), *split_lengths(packet.data)]
        cut = [payload for nal in nals for payload in payloads(nal, codec)]
        if not cut:
            return
        stamped = self._stamper.packets(cut, ticks)
        if self._datagrams is None:
            self._writer.write(interleave(stamped, self._channel))
            await self._writer.drain()
            self._alive()  # it takes what it is sent
            return
        with contextlib.suppress(OSError):  # full buffer or closed port: UDP loses
            for datagram in stamped:
                self._datagrams.rtp.send(datagram)

    async def _send_report(self) -> None:
        report = self._stamper.sender_report()
        if self._datagrams is None:
            self._writer.write(interleave([report], self._channel + 1))
            return
        with contextlib.suppress(OSError):
            self._datagrams.rtcp.send(report)


def token_of(authorization: str) -> str | None:
    """Return the API token that a basic ``Authorization`` header shows as the password of the user ``token``."""
    kind, _, rest = authorization.partition(" ")
    if kind.lower() != "basic" or len(rest) > 4 * TOKEN_MAX_CHARS:
        return None
    try:
        username, _, token = base64.b64decode(rest.strip(), validate=True).decode("ascii").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return token if username == USERNAME and 0 < len(token) <= TOKEN_MAX_CHARS and token.isprintable() else None
