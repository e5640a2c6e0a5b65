"""Cameras that push (WHIP): real aiortc publishers over loopback; browsers are tried in the end-to-end tests."""

import asyncio
import itertools
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiortc import RTCPeerConnection, RTCRtpSender, RTCSessionDescription, VideoStreamTrack
from aiortc.rtp import RtpPacket

from ingest.failures import LinkFailure
from ingest.h26x import split_lengths
from ingest.rtsp import AccessUnit
from ingest.sdpfrag import CANDIDATES_MAX, cleaned, parse_fragment
from ingest.webrtc import ASK_AGAIN_S, KEY_WITHIN_S, QUEUE_MAX_UNITS, UnitQueue, UnitSink, new_connection
from ingest.whip import LEFT, OFFERS_PER_MINUTE, SILENT, WAITING, Publishers, WhipClient
from ingest.whip_publisher import LoopTrack, offer_of, read
from models.errors import BadInput, Conflict, NotFound, Overloaded
from tests.support.clock import FakeClock
from tests.support.rtsp import clip, packets_of

WITHIN_S = 15.0


def in_loop(test: Callable[[Publishers], Coroutine[Any, Any, None]]) -> list[str]:
    """Run a test with publishers that end with it; return who arrived unread."""
    arrived: list[str] = []

    async def run() -> None:
        publishers = Publishers(on_arrival=arrived.append)
        try:
            await test(publishers)
        finally:
            await publishers.close()
        assert publishers.count == 0

    asyncio.run(run())
    return arrived


@asynccontextmanager
async def publishing(
    publishers: Publishers, camera_id: str = "gate", path: Path | None = None
) -> AsyncIterator[tuple[RTCPeerConnection, str]]:
    """Yield a publisher's connection and its session."""
    connection = new_connection()
    try:
        session, answer = await publishers.answer(
            camera_id, await offer_of(connection, LoopTrack(read(path or clip())))
        )
        await connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        yield connection, session
    finally:
        await connection.close()


async def offer(codec: str, *, track: VideoStreamTrack | None = None) -> str:
    connection = new_connection()
    transceiver = connection.addTransceiver(track or VideoStreamTrack(), direction="sendonly")
    capabilities = RTCRtpSender.getCapabilities("video").codecs
    transceiver.setCodecPreferences([one for one in capabilities if one.mimeType == codec])
    await connection.setLocalDescription(await connection.createOffer())
    sdp = str(connection.localDescription.sdp)
    await connection.close()
    return sdp


def read_units(publishers: Publishers, camera_id: str, wanted: int) -> tuple[WhipClient, list[AccessUnit]]:
    """Return what a link's thread would get, with a client that is open."""
    deadline_s = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline_s:
        client = WhipClient(publishers, camera_id)
        try:
            client.open(1.0)
        except LinkFailure:
            continue  # a link makes a new client each time
        found: list[AccessUnit] = []
        for unit in client.units():
            if unit is not None:
                found.append(unit)
            if len(found) == wanted or time.monotonic() > deadline_s:
                return client, found
    raise AssertionError("no picture came")


def units_until_failure(client: WhipClient) -> str:
    try:
        for _ in client.units():
            pass
    except LinkFailure as failure:
        return failure.reason
    return ""


async def reading(camera_id: str, publishers: Publishers, wanted: int) -> tuple[WhipClient, list[AccessUnit]]:
    """Read in a thread of its own, as a link does."""
    return await asyncio.to_thread(read_units, publishers, camera_id, wanted)


def test_what_is_pushed_arrives_as_it_was_sent() -> None:
    """Every picture of the file, byte for byte, beginning with a key frame that carries its parameter sets."""

    async def run(publishers: Publishers) -> None:
        async with publishing(publishers) as (_, session):
            client, found = await reading("gate", publishers, 40)
            assert found[0].key
            assert found[0].sets.complete
            assert (found[0].sets.picture.width_px, found[0].sets.picture.height_px) == (320, 240)
            assert sum(unit.key for unit in found) in (3, 4)  # one in twelve
            assert not any(unit.damaged for unit in found)
            sent = {tuple(split_lengths(packet.data)) for packet in packets_of(clip(), clock=FakeClock())}
            assert {tuple(split_lengths(unit.data)) for unit in found} <= sent
            steps = {later.ticks - unit.ticks for unit, later in itertools.pairwise(found)}
            assert steps <= {3600, 3600 - 2**32}
            assert client.packets_lost == 0
            await publishers.end("gate", session)
            assert await asyncio.to_thread(units_until_failure, client) == LEFT
            client.close()
            with pytest.raises(NotFound):
                await publishers.end("gate", session)

    in_loop(run)


def test_nothing_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The place that reaches into aiortc holds: its decoder gets no frame. A new aiortc that differs fails here."""
    decoded: list[object] = []

    def get_decoder(codec: object) -> None:
        decoded.append(codec)

    monkeypatch.setattr("aiortc.rtcrtpreceiver.get_decoder", get_decoder)

    async def run(publishers: Publishers) -> None:
        async with publishing(publishers):
            client, _ = await reading("gate", publishers, 30)
            client.close()

    in_loop(run)
    assert decoded == []


def test_a_link_waits_for_a_publisher_and_is_woken_by_it() -> None:
    """With nobody there the reason says so; what comes unread names its camera."""

    async def run(publishers: Publishers) -> None:
        client = WhipClient(publishers, "gate")
        with pytest.raises(LinkFailure) as failure:
            await asyncio.to_thread(client.open, 0.05)
        assert failure.value.reason == WAITING
        assert not publishers._readers
        async with publishing(publishers):
            async with asyncio.timeout(WITHIN_S):
                while not arrived:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)

    arrived: list[str] = []

    async def outer(publishers: Publishers) -> None:
        publishers._on_arrival = arrived.append
        await run(publishers)

    in_loop(outer)
    assert set(arrived) == {"gate"}


def test_one_that_vanishes_without_a_word_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its packets stop; after the limit the link ends, and the next publisher takes over."""
    monkeypatch.setattr("ingest.webrtc.SILENT_AFTER_S", 0.6)
    monkeypatch.setattr("ingest.whip.SILENT_AFTER_S", 0.6)

    async def run(publishers: Publishers) -> None:
        async with publishing(publishers) as (connection, first):
            client, _ = await reading("gate", publishers, 5)
            with pytest.raises(Conflict):
                await publishers.answer("gate", await offer("video/H264"))
            connection.getSenders()[0]._enabled = False
            assert await asyncio.to_thread(units_until_failure, client) == SILENT
            client.close()
            async with publishing(publishers) as (_, second):
                assert second != first
                client, _ = await reading("gate", publishers, 5)
                client.close()
                assert publishers.count == 1

    in_loop(run)


def test_two_cameras_do_not_meet() -> None:
    """Each reader has its own camera's pictures; a session is of one camera."""

    async def run(publishers: Publishers) -> None:
        async with (
            publishing(publishers) as (_, first),
            publishing(publishers, "square", clip("large")) as (_, second),
        ):
            gate, small = await reading("gate", publishers, 5)
            square, large = await reading("square", publishers, 5)
            assert small[0].sets.picture.width_px == 320
            assert large[0].sets.picture.width_px == 640
            gate.close()
            square.close()
            for camera_id, session in (("gate", second), ("square", first)):
                with pytest.raises(NotFound):
                    await publishers.end(camera_id, session)
                with pytest.raises(NotFound):
                    await publishers.trickle(camera_id, session, "a=end-of-candidates")

    in_loop(run)


def test_offers_that_are_refused() -> None:
    """Without H.264, too long, with two pictures, nonsense: each in words, and nothing is left behind."""

    async def run(publishers: Publishers) -> None:
        good = await offer("video/H264")
        for sdp, said in (
            (await offer("video/VP8"), "H.264"),
            ("", "H.264"),
            ("\0" * 100, "H.264"),
            (good + "x" * (64 << 10), "at most 65536 bytes"),
            (good + good[good.index("m=video") :], "H.264"),
            ("v=0\r\nm=video h264/90000", "answered"),
            ("v=0\r\nm=video 9 X 1\r\na=rtpmap:1 H264/90000", "answered"),
            (good.replace("a=sendonly", "a=recvonly"), "H.264"),
            (good.replace("a=ice-ufrag", "a=ice-nothing"), "answered"),
            (good.replace("packetization-mode=1", "packetization-mode=0"), "answered"),
            (good[: len(good) // 2], "H.264"),
            ("m=video h264/90000 " * 3000, "H.264"),
        ):
            with pytest.raises(BadInput, match=said):
                await publishers.answer("gate", sdp)
            assert publishers.count == 0

    in_loop(run)


def test_the_number_of_publishers_is_bounded() -> None:
    """The next one is told to come back later."""

    async def run() -> None:
        publishers = Publishers(publishers_max=1)
        async with publishing(publishers):
            with pytest.raises(Overloaded):
                await publishers.answer("square", await offer("video/H264"))
        await publishers.close()

    asyncio.run(run())


def test_sound_is_offered_and_not_taken() -> None:
    """OBS and phones offer it; the answer says inactive and pictures come."""

    async def run(publishers: Publishers) -> None:
        connection = new_connection()
        connection.addTransceiver("audio", direction="sendonly")
        sdp = await offer_of(connection, LoopTrack(read(clip())))
        _, answer = await publishers.answer("gate", sdp)
        sound = answer[answer.index("m=audio") : answer.index("m=video")]
        assert "a=inactive" in sound
        await connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        client, _ = await reading("gate", publishers, 5)
        client.close()
        await connection.close()

    in_loop(run)


def test_trickled_candidates() -> None:
    """An offer without any, then the candidates by PATCH; an ICE restart and nonsense are refused in words."""

    async def run(publishers: Publishers) -> None:
        connection = new_connection()
        sdp = await offer_of(connection, LoopTrack(read(clip())))
        lines = sdp.splitlines()
        candidates = [line for line in lines if line.startswith("a=candidate")]
        bare = "\r\n".join(line for line in lines if "candidate" not in line) + "\r\n"
        session, answer = await publishers.answer("gate", bare)
        ufrag = next(line for line in lines if line.startswith("a=ice-ufrag"))
        for fragment, said in (
            ("", "RFC 8840"),
            ("a=candidate:1 1 udp x 127.0.0.1 9 typ host", "RFC 8840"),
            ("a=ice-ufrag:other\r\na=ice-pwd:another", "restart"),
            ("x" * 20_000, "bytes"),
            ("\r\n".join(f"a=candidate:{n} 1 udp 1 127.0.0.1 {n + 1} typ host" for n in range(100)), "candidates"),
        ):
            with pytest.raises(BadInput, match=said):
                await publishers.trickle("gate", session, fragment)
        names = "a=candidate:9 1 udp 1 4f1f1a.local 5000 typ host\r\na=candidate:9 1 tcp 1 127.0.0.1 9 typ host"
        publishers._publishers[session].candidates = 0
        await publishers.trickle("gate", session, f"{ufrag}\r\nm=video 9 X 0\r\na=mid:0\r\n{names}\r\n")
        body = "\r\n".join([ufrag, "m=video 9 UDP/TLS/RTP/SAVPF 0", "a=mid:0", *candidates, "a=end-of-candidates"])
        await publishers.trickle("gate", session, body + "\r\n")
        await connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        client, _ = await reading("gate", publishers, 5)
        client.close()
        await connection.close()

    in_loop(run)


@pytest.mark.alone
def test_a_publisher_whose_candidates_are_names_still_connects() -> None:
    """Browsers hide their address behind mDNS: their own checks tell where they are."""

    async def run(publishers: Publishers) -> None:
        connection = new_connection()
        sdp = await offer_of(connection, LoopTrack(read(clip())))
        hidden = "\r\n".join(
            " ".join([*line.split()[:4], "7d1c.local", *line.split()[5:]]) if line.startswith("a=candidate") else line
            for line in sdp.splitlines()
        )
        began_s = time.monotonic()
        _, answer = await publishers.answer("gate", hidden + "\r\n")
        assert time.monotonic() - began_s < 2
        await connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        client, _ = await reading("gate", publishers, 5)
        client.close()
        await connection.close()

    in_loop(run)


def test_cut_from_another_thread() -> None:
    """As when the camera is switched off or its token is renewed."""

    async def run(publishers: Publishers) -> None:
        async with publishing(publishers):
            client, _ = await reading("gate", publishers, 5)
            await asyncio.to_thread(publishers.cut, "gate")
            assert await asyncio.to_thread(units_until_failure, client) == LEFT
            client.close()
            assert publishers.count == 0

    in_loop(run)


def test_stop_ends_all_and_every_thread() -> None:
    """Aiortc's receivers have threads that would keep the process."""
    before = threading.active_count()

    async def run(publishers: Publishers) -> None:
        async with publishing(publishers):
            client, _ = await reading("gate", publishers, 5)
            client.close()
            await asyncio.to_thread(publishers.stop, 5.0)
            assert publishers.count == 0

    in_loop(run)
    assert threading.active_count() <= before


def packets(start: int, count: int, *, key: bool = False, ticks: int = 0) -> list[RtpPacket]:
    """Return pictures of one packet each."""
    kind = b"\x65" if key else b"\x41"
    return [
        RtpPacket(
            payload_type=96, marker=1, sequence_number=n & 0xFFFF, timestamp=ticks + n * 3600, ssrc=7, payload=kind * 50
        )
        for n in range(start, start + count)
    ]


class Sunk:
    """A sink with a clock, and what came out."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.units: list[AccessUnit] = []
        self.willing = True
        self.sink = UnitSink(self._take, clock_s=self.clock.monotonic_s)

    def _take(self, unit: AccessUnit) -> bool:
        self.units.append(unit)
        return self.willing

    def add(self, *given: RtpPacket, step_s: float = 0.04) -> list[bool]:
        asked = []
        for packet in given:
            asked.append(self.sink.add(packet)[0])
            self.clock.advance(step_s)
        return asked


def test_a_key_frame_is_asked_for_at_the_start_after_loss_and_when_none_comes() -> None:
    """Not with each packet, and no more once it has come."""
    sunk = Sunk()
    assert sunk.add(*packets(0, 5)) == [True, False, False, False, False]
    sunk.clock.advance(ASK_AGAIN_S)
    assert sunk.add(*packets(5, 1)) == [True]
    sunk.clock.advance(ASK_AGAIN_S)
    assert not any(sunk.add(*packets(6, 1, key=True), *packets(7, 20)))
    sunk.clock.advance(KEY_WITHIN_S)
    assert sunk.add(*packets(27, 1)) == [True]
    assert not any(sunk.add(*packets(28, 1, key=True), *packets(29, 10)))
    assert not any(sunk.add(*packets(40, 5)))  # 39 is missing: it may still be sent again
    sunk.clock.advance(1.0)
    assert sunk.add(*packets(45, 1)) == [True]
    assert [unit.damaged for unit in sunk.units].count(True) == 1
    assert sunk.sink.packets_lost == 1


def test_packets_out_of_order_and_twice() -> None:
    """Put in order while they are young; the number's wrap is no gap."""
    sunk = Sunk()
    sunk.add(*packets(65_533, 1, key=True))
    first, second, third, fourth = packets(65_534, 4)
    sunk.add(third, first, first, second, fourth, second)
    assert [unit.ticks // 3600 for unit in sunk.units] == [65_533, 65_534, 65_535, 65_536, 65_537]
    assert not any(unit.damaged for unit in sunk.units)


def test_a_second_layer_is_passed_over_and_a_new_sender_is_taken() -> None:
    """Simulcast would mix two sizes; a sender that starts anew has another number."""
    sunk = Sunk()
    sunk.add(*packets(0, 3, key=True))
    others = packets(900, 3, key=True)
    for packet in others:
        packet.ssrc = 8
    sunk.add(*others)
    assert len(sunk.units) == 3
    sunk.clock.advance(3)
    sunk.add(*others)
    assert len(sunk.units) == 6
    assert not any(unit.damaged for unit in sunk.units)


def test_a_slow_reader_starts_again_at_a_key_frame() -> None:
    """The queue is bounded; what is dropped is counted."""
    sunk = Sunk()
    sunk.add(*packets(0, 1, key=True), *packets(1, QUEUE_MAX_UNITS + 5), *packets(500, 1, key=True), step_s=0)
    sunk.clock.advance(1)
    sunk.add(*packets(501, 1))
    queue = UnitQueue()
    assert not queue.put(sunk.units[1])
    taken = [queue.put(unit) for unit in sunk.units]
    assert taken[0]
    assert not taken[QUEUE_MAX_UNITS]
    first = queue.get(0)
    assert first is not None
    assert first.key
    assert first.ticks == 500 * 3600
    assert queue.units_dropped == QUEUE_MAX_UNITS + 7
    queue.end("over")
    queue.end("later")
    assert queue.ended == "over"


def test_candidates_of_a_description() -> None:
    """Names go, addresses stay, and no end is said, so that the other side's checks are waited for."""
    sdp = "v=0\r\na=candidate:1 1 udp 1 10.1.2.3 9 typ host\r\na=candidate:2 1 udp 1 x.local 9 typ host\r\n"
    many = "".join(f"a=candidate:{n} 1 udp 1 10.0.0.{n} 9 typ host\r\n" for n in range(3, 200))
    kept = cleaned(sdp + many + "a=end-of-candidates\r\n")
    assert "10.1.2.3" in kept
    assert ".local" not in kept
    assert "end-of-candidates" not in kept
    assert kept.count("a=candidate") <= CANDIDATES_MAX
    assert "10.1.2.3" not in cleaned(sdp, lambda address: address == "10.9.9.9")
    assert parse_fragment("a=end-of-candidates").candidates == ()


def test_offers_of_one_camera_are_counted() -> None:
    """Each costs a key exchange: a broken publisher that tries all the time is told to wait."""

    async def run(publishers: Publishers) -> None:
        sdp = "v=0\r\nm=video 9 X 1\r\na=rtpmap:1 H264/90000"
        for _ in range(OFFERS_PER_MINUTE):
            with pytest.raises(BadInput):
                await publishers.answer("gate", sdp)
        with pytest.raises(Overloaded, match="in a minute"):
            await publishers.answer("gate", sdp)
        with pytest.raises(BadInput):
            await publishers.answer("square", sdp)

    in_loop(run)


def test_only_h264_files_are_published(tmp_path: Path) -> None:
    """Anything else is refused before anybody is asked."""
    (tmp_path / "text.mp4").write_text("no film")
    for path, said in ((clip("h265"), "hevc"), (tmp_path / "text.mp4", "cannot be read"), (tmp_path / "none", "read")):
        with pytest.raises(BadInput, match=said):
            read(path)
    reel = read(clip())
    assert reel.pictures[0].key
    assert reel.duration_s == pytest.approx(3.84, abs=0.01)
