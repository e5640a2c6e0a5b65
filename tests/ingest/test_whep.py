"""WebRTC passthrough to another aiortc peer; browsers are tried in the end-to-end tests."""

import asyncio
from pathlib import Path

import pytest
from aiortc import RTCPeerConnection, RTCRtpReceiver, RTCSessionDescription
from av.video.frame import VideoFrame

from ingest.live import LiveFanout
from ingest.whep import WhepPeers
from models.errors import BadInput, NotFound, Overloaded
from tests.support.clock import FakeClock
from tests.support.rtsp import clip, packets_of


def filled(path: Path) -> LiveFanout:
    fanout = LiveFanout()
    for packet in packets_of(path, clock=FakeClock())[:20]:
        fanout.put(packet)
    return fanout


async def offer(connection: RTCPeerConnection, codec: str) -> str:
    transceiver = connection.addTransceiver("video", direction="recvonly")
    capabilities = RTCRtpReceiver.getCapabilities("video")
    assert capabilities is not None
    wanted = [one for one in capabilities.codecs if one.mimeType == codec]
    transceiver.setCodecPreferences(wanted)
    await connection.setLocalDescription(await connection.createOffer())
    return str(connection.localDescription.sdp)


def test_a_peer_sees_the_last_key_frame_at_once_and_is_gone_after_end() -> None:
    """Eight pictures of the GOP are waiting: the first arrives though the camera sends nothing new."""

    async def run() -> None:
        peers, browser = WhepPeers(), RTCPeerConnection()
        peer_id, answer = await peers.answer(filled(clip()), await offer(browser, "video/H264"))
        assert "H264/90000" in answer
        assert "VP8" not in answer
        await browser.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        picture = await asyncio.wait_for(browser.getReceivers()[0].track.recv(), 10)
        assert isinstance(picture, VideoFrame)
        assert (picture.width, picture.height) == (320, 240)
        assert peers.count == 1
        await peers.end(peer_id)
        assert peers.count == 0
        with pytest.raises(NotFound):
            await peers.end(peer_id)
        await browser.close()

    asyncio.run(run())


def test_a_browser_that_leaves_is_forgotten() -> None:
    """Without DELETE, by the closed connection."""

    async def run() -> None:
        peers, browser = WhepPeers(), RTCPeerConnection()
        fanout = filled(clip())
        _, answer = await peers.answer(fanout, await offer(browser, "video/H264"))
        await browser.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        await asyncio.wait_for(browser.getReceivers()[0].track.recv(), 10)
        assert fanout.viewers == 1
        await browser.close()
        async with asyncio.timeout(10):
            while peers.count:  # noqa: ASYNC110 - aiortc tells nobody else
                await asyncio.sleep(0.02)
        assert fanout.viewers == 0

    asyncio.run(run())


def test_offers_that_cannot_be_answered() -> None:
    """A browser without H.264, an H.265 camera, nonsense: each with a reason, no peer left behind."""

    async def run() -> None:
        peers = WhepPeers()
        for fanout, codec, said in (
            (filled(clip()), "video/VP8", "H.264"),
            (filled(clip("h265")), "video/H264", "H.265"),
        ):
            browser = RTCPeerConnection()
            with pytest.raises(BadInput, match=said):
                await peers.answer(fanout, await offer(browser, codec))
            await browser.close()
        for nonsense in (
            "",
            "x" * 100_000,
            "v=0\r\nm=video h264/90000",
            "v=0\r\nm=video 9 X 1\r\na=rtpmap:1 H264/90000",
        ):
            with pytest.raises(BadInput):
                await peers.answer(filled(clip()), nonsense)
        assert peers.count == 0

    asyncio.run(run())


def test_the_number_of_peers_is_bounded() -> None:
    """The next one is told to come back later."""

    async def run() -> None:
        peers, browser = WhepPeers(peers_max=1), RTCPeerConnection()
        wanted = await offer(browser, "video/H264")
        await peers.answer(filled(clip()), wanted)
        with pytest.raises(Overloaded):
            await peers.answer(filled(clip()), wanted)
        await peers.close()
        await browser.close()

    asyncio.run(run())
