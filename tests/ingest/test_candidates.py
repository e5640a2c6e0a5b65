"""Where WebRTC peers say they are: only what the site allows is sent anything before it has spoken to us."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import pytest
from aioice.ice import get_host_addresses
from aiortc import RTCPeerConnection, RTCSessionDescription

from ingest.sdpfrag import Allowed, inside, is_literal, parse_fragment
from ingest.webrtc import new_connection
from ingest.whep import WhepPeers
from ingest.whip import Publishers
from ingest.whip_publisher import LoopTrack, offer_of, read
from tests.ingest.conftest import LOOPBACK
from tests.ingest.test_whep import filled, offer
from tests.ingest.test_whip import reading
from tests.support.rtsp import clip

CHECKED_WITHIN_S = 2.0
FOREIGN = "a=candidate:7 1 udp 2130706431 {} {} typ host"


class Bystander:
    """A port of another machine's service; nobody asked for anything here."""

    def __init__(self) -> None:
        host = get_host_addresses(use_ipv4=True, use_ipv6=False)[0]
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, 0))
        self._socket.settimeout(CHECKED_WITHIN_S)
        self.candidate = FOREIGN.format(*self._socket.getsockname())

    def heard(self) -> bool:
        try:
            return bool(self._socket.recv(2048))
        except TimeoutError:
            return False

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def bystander() -> Iterator[Bystander]:
    with contextlib.closing(Bystander()) as made:
        yield made


def pointing_at(bystander: Bystander, sdp: str) -> str:
    """Return the description with the bystander as its only candidate."""
    lines = [line for line in sdp.splitlines() if "candidate" not in line]
    return "\r\n".join([*lines, bystander.candidate, ""])


@pytest.mark.parametrize(("allowed", "heard"), [(is_literal, True), (inside(LOOPBACK), False)])
@pytest.mark.parametrize("trickled", [False, True])
def test_a_publisher_cannot_point_us_at_others(
    bystander: Bystander, allowed: Allowed, *, heard: bool, trickled: bool
) -> None:
    """Neither in its offer nor in a PATCH; where everything is allowed, the same candidate is tried."""

    async def run() -> None:
        publishers, connection = Publishers(allowed=allowed), new_connection()
        sdp = await offer_of(connection, LoopTrack(read(clip())))
        bare = "\r\n".join(line for line in sdp.splitlines() if "candidate" not in line) + "\r\n"
        session, _ = await publishers.answer("gate", bare if trickled else pointing_at(bystander, sdp))
        if trickled:
            await publishers.trickle("gate", session, f"m=video 9 X 0\r\na=mid:0\r\n{bystander.candidate}\r\n")
        assert await asyncio.to_thread(bystander.heard) is heard
        await publishers.close()
        await connection.close()

    asyncio.run(run())


def test_a_publisher_from_elsewhere_still_connects() -> None:
    """A phone is in no camera network: its own checks tell where it is."""

    async def run() -> None:
        publishers, connection = Publishers(allowed=inside(())), new_connection()
        _, answer = await publishers.answer("gate", await offer_of(connection, LoopTrack(read(clip()))))
        await connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        client, _ = await reading("gate", publishers, 5)
        client.close()
        await publishers.close()
        await connection.close()

    asyncio.run(run())


def test_a_viewer_cannot_point_us_at_others(bystander: Bystander) -> None:
    """Nor does one need to: its pictures come although its address is in no camera network."""

    async def run() -> None:
        peers, connection = WhepPeers(allowed=inside(LOOPBACK)), RTCPeerConnection()
        await peers.answer(filled(clip()), pointing_at(bystander, await offer(connection, "video/H264")))
        assert not await asyncio.to_thread(bystander.heard)
        await connection.close()
        viewer = RTCPeerConnection()
        _, answer = await peers.answer(filled(clip()), await offer(viewer, "video/H264"))
        await viewer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        assert await asyncio.wait_for(viewer.getReceivers()[0].track.recv(), 10)
        await viewer.close()
        await peers.close()

    asyncio.run(run())


def test_what_is_inside() -> None:
    """Names, other networks, and addresses that pick an interface of ours are not."""
    allowed = inside(LOOPBACK)
    assert allowed("127.0.0.9")
    for address in ("10.0.0.1", "gate.local", "::1%lo", "::ffff:10.0.0.1", ""):
        assert not allowed(address)
    line = "a=candidate:1 1 udp 1 {} 9 typ host"
    said = "\r\n".join([line.format("127.0.0.1"), line.format("192.0.2.1")])
    assert [one.ip for one in parse_fragment(said, allowed).candidates] == ["127.0.0.1"]
