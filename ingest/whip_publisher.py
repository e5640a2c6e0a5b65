"""`python -m ingest.whip_publisher`: a camera that pushes a file in a loop over WebRTC (WHIP), for demo and tests.

The file's H.264 goes out as it is, with its own key frames; a link that breaks is made again.
"""

import argparse
import asyncio
import contextlib
import http.client
import logging
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import av
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from av.error import FFmpegError
from av.stream import Stream

from ingest.backoff import Backoff
from ingest.camera_server.footage import TICKS_PER_S, annex_b
from ingest.webrtc import BAD_SDP, SDP_MAX_BYTES, new_connection
from models.errors import BadInput, LinkDown

SDP = "application/sdp"
ASK_TIMEOUT_S = 10.0
CONNECT_WITHIN_S = 15.0
UNHEARD_S = 5.0
"""Without a report of the other side for so long it is gone, though nobody said so."""
LOOK_EVERY_S = 0.5
RETRY_FIRST_S, RETRY_MOST_S = 0.5, 2.0
_TIME_BASE = Fraction(1, TICKS_PER_S)

log = logging.getLogger("whip_publisher")


@dataclass(frozen=True, slots=True)
class Picture:
    """One access unit with start codes; key frames carry their parameter sets."""

    due_s: float
    key: bool
    data: bytes


@dataclass(frozen=True, slots=True)
class Reel:
    """A file's pictures, and how long they last."""

    pictures: tuple[Picture, ...]
    duration_s: float


def read(path: Path) -> Reel:
    """Read an H.264 file without decoding it; `BadInput` when it is none."""
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            if stream.codec_context.name != "h264":
                raise BadInput("file", f"H.264; {path.name} is {stream.codec_context.name}")
            pictures = [
                Picture(float(packet.pts * packet.time_base), packet.is_keyframe, bytes(packet))
                for packet in annex_b(stream, "h264")
                if packet.size and packet.pts is not None
            ]
    except (FFmpegError, OSError, IndexError) as error:
        raise BadInput("file", f"a video file; {path.name} cannot be read ({error})") from error
    if len(pictures) < 2:
        raise BadInput("file", f"at least two pictures; {path.name} has {len(pictures)}")
    span_s = pictures[-1].due_s - pictures[0].due_s
    return Reel(tuple(pictures), span_s * len(pictures) / (len(pictures) - 1))


class LoopTrack(MediaStreamTrack):
    """Hands the file's pictures to the sender when they are due, over and over."""

    kind = "video"

    def __init__(self, reel: Reel) -> None:
        super().__init__()
        self._reel = reel
        self._number = 0
        self._began_s: float | None = None

    async def recv(self) -> "av.Packet[Stream]":
        now_s = time.monotonic()
        if self._began_s is None:
            self._began_s = now_s
        rounds, index = divmod(self._number, len(self._reel.pictures))
        picture = self._reel.pictures[index]
        due_s = rounds * self._reel.duration_s + picture.due_s - self._reel.pictures[0].due_s
        await asyncio.sleep(max(0.0, self._began_s + due_s - now_s))
        self._number += 1
        packet: av.Packet[Stream] = av.Packet(picture.data)
        packet.pts = packet.dts = round(due_s * TICKS_PER_S)
        packet.time_base = _TIME_BASE
        return packet


async def offer_of(connection: RTCPeerConnection, track: MediaStreamTrack) -> str:
    """Return an offer that sends ``track`` as H.264."""
    transceiver = connection.addTransceiver(track, direction="sendonly")
    capabilities = RTCRtpSender.getCapabilities("video").codecs
    transceiver.setCodecPreferences([one for one in capabilities if one.mimeType in ("video/H264", "video/rtx")])
    await connection.setLocalDescription(await connection.createOffer())
    sdp: str = connection.localDescription.sdp
    return sdp


class Publisher:
    """Publishes until cancelled."""

    def __init__(self, url: str, token: str, reel: Reel) -> None:
        self._url, self._token, self._reel = url, token, reel

    async def run(self) -> None:
        """Publish again and again."""
        backoff = Backoff(first_s=RETRY_FIRST_S, limit_s=RETRY_MOST_S)
        while True:
            began_s = time.monotonic()
            try:
                await self.run_once()
            except LinkDown as down:
                log.info("%s; tried again", down)
            backoff.streamed(time.monotonic() - began_s)
            await asyncio.sleep(backoff.next_s())

    async def run_once(self) -> None:
        """Publish until the link breaks, which is said by `LinkDown`."""
        connection = new_connection()
        session = ""
        try:
            offer = await offer_of(connection, LoopTrack(self._reel))
            status, location, answer = await asyncio.to_thread(self._ask, "POST", self._url, offer.encode())
            if status != http.client.CREATED:
                raise LinkDown(self._url, f"status {status} {answer[:200].decode('utf-8', 'replace')}")
            session = urljoin(self._url, location)
            try:
                await connection.setRemoteDescription(RTCSessionDescription(answer.decode("utf-8"), "answer"))
            except BAD_SDP as error:
                raise LinkDown(self._url, f"an answer that cannot be used ({error})") from error
            await self._send(connection)
        finally:
            if session:
                with contextlib.suppress(LinkDown):
                    await asyncio.shield(asyncio.to_thread(self._ask, "DELETE", session, b""))
            await connection.close()

    async def _send(self, connection: RTCPeerConnection) -> None:
        began_s = time.monotonic()
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            state = connection.connectionState
            if state in ("failed", "closed", "disconnected"):
                raise LinkDown(self._url, f"the link has {state}")
            if state != "connected" and time.monotonic() - began_s > CONNECT_WITHIN_S:
                raise LinkDown(self._url, "no way to the other side")
            stats = await connection.getSenders()[0].getStats()
            heard = [one.timestamp for one in stats.values() if one.type == "remote-inbound-rtp"]
            age_s = (datetime.now(UTC) - max(heard)).total_seconds() if heard else time.monotonic() - began_s
            if age_s > UNHEARD_S + (0 if heard else CONNECT_WITHIN_S):
                raise LinkDown(self._url, "the other side is silent")

    def _ask(self, method: str, url: str, body: bytes) -> tuple[int, str, bytes]:
        parts = urlsplit(url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=ASK_TIMEOUT_S)
        headers = {"Authorization": f"Bearer {self._token}"} | ({"Content-Type": SDP} if body else {})
        try:
            connection.request(method, parts.path or "/", body=body or None, headers=headers)
            response = connection.getresponse()
            return response.status, response.headers.get("Location", ""), response.read(SDP_MAX_BYTES)
        except (OSError, http.client.HTTPException) as error:
            raise LinkDown(self._url, type(error).__name__) from error
        finally:
            connection.close()


async def publish(url: str, token: str, path: Path) -> None:
    """Publish until SIGTERM or SIGINT."""
    task = asyncio.ensure_future(Publisher(url, token, read(path)).run())
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task


def main(argv: Sequence[str] | None = None) -> int:
    """Read the command line and publish."""
    parser = argparse.ArgumentParser(prog="python -m ingest.whip_publisher", description=__doc__)
    parser.add_argument("--url", required=True, help="where to publish: http://HOST:PORT/api/v1/cameras/ID/whip")
    parser.add_argument("--token", default="", help="the camera's publishing token")
    parser.add_argument("--token-env", default="", help="or the environment variable that holds it")
    parser.add_argument("--file", required=True, type=Path, help="an H.264 file, played in a loop")
    said = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("aioice").setLevel(logging.WARNING)
    asyncio.run(publish(said.url, said.token or os.environ.get(said.token_env, ""), said.file))
    return 0


if __name__ == "__main__":
    sys.exit(main())
