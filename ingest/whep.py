"""WebRTC for the one focused picture: the camera's own H.264 goes to the browser as it is (WHEP)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Coroutine
from fractions import Fraction

import av
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av.stream import Stream

from ingest.h26x import Codec, split_lengths, with_start_codes
from ingest.live import H265_PROBLEM, LiveFanout, Viewer, compress
from ingest.packet import TICKS_PER_S, Packet
from ingest.sdpfrag import Allowed, cleaned, is_literal
from models.errors import BadInput, NotFound, Overloaded

PEERS_MAX = 32
OFFER_MAX_BYTES = 64 << 10
CONNECT_WITHIN_S = 15.0
BACKLOG_PACE_S = 0.002
"""The last GOP goes out quickly but not as one burst that overflows the socket's buffer."""
_TIME_BASE = Fraction(1, TICKS_PER_S)

log = logging.getLogger(__name__)


class PassthroughTrack(MediaStreamTrack):
    """Hands encoded packets to the sender; never decodes or encodes."""

    kind = "video"

    def __init__(self, fanout: LiveFanout) -> None:
        super().__init__()
        self._fanout = fanout
        self._viewer: Viewer | None = None
        self._times: list[tuple[int, int]] = []
        self._origin: int | None = None

    async def recv(self) -> av.Packet[Stream]:
        """Return the next access unit with start codes and, before key frames, its parameter sets."""
        if self._viewer is None:  # only now the connection stands
            self._viewer = self._fanout.join()
            if self._viewer.backlog:
                self._times, self._origin = compress(self._viewer.backlog)
        if self._times:
            packet = self._viewer.backlog.pop(0)
            present = self._times.pop(0)[1]
            await asyncio.sleep(BACKLOG_PACE_S)
            return self._wrap(packet, present)
        live = await self._viewer.next()
        if live is None:
            self.stop()
            raise MediaStreamError
        if self._origin is None:
            self._origin = live.decode_90k
        return self._wrap(live, live.present_90k - self._origin)

    @staticmethod
    def _wrap(packet: Packet, present_90k: int) -> av.Packet[Stream]:
        nals = [*(packet.sets.nals() if packet.key else ()), *split_lengths(packet.data)]
        wrapped: av.Packet[Stream] = av.Packet(with_start_codes(nals))
        wrapped.pts = wrapped.dts = max(0, present_90k)
        wrapped.time_base = _TIME_BASE
        return wrapped

    def stop(self) -> None:
        if self._viewer is not None:
            self._fanout.leave(self._viewer)
        super().stop()


class WhepPeers:
    """All WebRTC viewers of one worker; lives in one event loop."""

    def __init__(self, *, peers_max: int = PEERS_MAX, allowed: Allowed = is_literal) -> None:
        """Of a viewer's candidates only those that are ``allowed`` are tried; any other has to reach us first."""
        self._allowed = allowed
        self._peers_max = peers_max
        self._peers: dict[str, RTCPeerConnection] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def count(self) -> int:
        return len(self._peers)

    async def answer(self, fanout: LiveFanout, offer_sdp: str) -> tuple[str, str]:
        """Return (peer id, answer); `BadInput` when the browser cannot take this camera's video."""
        if len(self._peers) >= self._peers_max:
            raise Overloaded("live viewers over WebRTC", len(self._peers))
        if len(offer_sdp) > OFFER_MAX_BYTES or "m=video" not in offer_sdp:
            raise BadInput("sdp", "an offer with video")
        if "h264/90000" not in offer_sdp.lower():
            raise BadInput("sdp", "a browser that receives H.264")
        if fanout.codec is Codec.H265:
            raise BadInput("camera", H265_PROBLEM)
        connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))  # aiortc would ask a server on the internet
        peer_id = secrets.token_urlsafe(18)
        self._peers[peer_id] = connection
        try:
            answer = await self._negotiate(connection, fanout, cleaned(offer_sdp, self._allowed))
        except BadInput:
            await self.end(peer_id)
            raise
        except (ValueError, KeyError, IndexError, AttributeError, AssertionError) as error:
            await self.end(peer_id)
            raise BadInput("sdp", f"an offer that can be answered ({error})") from error
        self._watch(peer_id, connection)
        return peer_id, answer

    @staticmethod
    async def _negotiate(connection: RTCPeerConnection, fanout: LiveFanout, offer_sdp: str) -> str:
        sender = connection.addTrack(PassthroughTrack(fanout))
        transceiver = next(one for one in connection.getTransceivers() if one.sender is sender)
        capabilities = RTCRtpSender.getCapabilities("video").codecs
        # before setRemoteDescription: afterwards VP8 may already be agreed and H.264 bytes would go out under its name
        transceiver.setCodecPreferences([codec for codec in capabilities if codec.mimeType == "video/H264"])
        await connection.setRemoteDescription(RTCSessionDescription(offer_sdp, "offer"))
        await connection.setLocalDescription(await connection.createAnswer())
        answer: str = connection.localDescription.sdp
        if "h264/90000" not in answer.lower() or "vp8/90000" in answer.lower():
            raise BadInput("sdp", "a browser that receives H.264")
        return answer

    def _watch(self, peer_id: str, connection: RTCPeerConnection) -> None:
        connected = asyncio.Event()

        async def changed() -> None:
            if connection.connectionState == "connected":
                connected.set()
            elif connection.connectionState in ("failed", "closed", "disconnected"):
                connected.set()
                self._start(self._forget(peer_id))

        async def expire() -> None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(connected.wait(), CONNECT_WITHIN_S)
                return
            await self._forget(peer_id)

        connection.on("connectionstatechange", changed)
        self._start(expire())

    def _start(self, coroutine: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine, name="whep-peer")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _forget(self, peer_id: str) -> None:
        with contextlib.suppress(NotFound):
            await self.end(peer_id)

    async def end(self, peer_id: str) -> None:
        """End a peer; `NotFound` when there is none of that id."""
        connection = self._peers.pop(peer_id, None)
        if connection is None:
            raise NotFound("peer", peer_id)
        for sender in connection.getSenders():
            if sender.track:
                sender.track.stop()
        await connection.close()

    async def close(self) -> None:
        for peer_id in list(self._peers):
            await self._forget(peer_id)
