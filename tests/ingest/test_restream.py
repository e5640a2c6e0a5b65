"""Cameras served again over RTSP: played by our client, libavformat and ffmpeg; who may, who may not, who is slow."""

import asyncio
import base64
import itertools
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path

import av
import pytest

from ingest.camera_server import CameraServer, ServerOptions
from ingest.failures import LinkFailure
from ingest.h26x import Codec, join_lengths
from ingest.rtsp import RtspClient
from ingest.rtsp_server import client as serving
from ingest.rtsp_server.requests import HEAD_MAX_BYTES
from models.camera import LinkState, Transport
from tests.ingest.conftest import PASSWORD, dial
from tests.ingest.restreamed import TOKEN, Restreamed
from tests.support.clock import FakeClock
from tests.support.rtsp import clip, make_clip, packets_of

GOP_S = 2
FIRST_PICTURE_WITHIN_S = 0.3
BIG_BYTES = 500_000


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Restreamed]:
    """Two cameras with a key frame every two seconds, one of them H.265, and one that is dark."""
    folder: Path = tmp_path_factory.mktemp("restream")
    gate = make_clip(folder / "gate.mp4", seconds=4, gop=25 * GOP_S)
    yard = make_clip(folder / "yard.mp4", seconds=4, gop=25 * GOP_S, codec="libx265")
    options = ServerOptions(username="viewer", password=PASSWORD)
    with (
        CameraServer({"gate": gate, "yard": yard, "bends": clip("b_frames")}, options) as server,
        Restreamed(server, ["gate", "yard", "bends"]) as made,
    ):
        until(lambda: all(made.fanouts[name].codec for name in ("gate", "yard", "bends")))
        yield made


def until(true: Callable[[], object], within_s: float = 10) -> None:
    deadline_s = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline_s, "it did not come"
        threading.Event().wait(0.01)


def ask(connection: socket.socket, text: str) -> str:
    """Send a request and return the head of its answer."""
    connection.sendall(text.replace("\n", "\r\n").encode("latin-1"))
    return answer(connection)


def answer(connection: socket.socket) -> str:
    said = b""
    while b"\r\n\r\n" not in said:
        piece = connection.recv(1)
        if not piece:
            return said.decode("latin-1")
        said += piece
    return said.decode("latin-1")


def basic(username: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


@pytest.mark.alone
@pytest.mark.parametrize("transport", [Transport.TCP, Transport.UDP])
@pytest.mark.parametrize(("name", "codec"), [("gate", Codec.H264), ("yard", Codec.H265)])
def test_the_first_picture_is_instant_and_decodes(
    site: Restreamed, name: str, codec: Codec, transport: Transport
) -> None:
    """Although the next key frame may be two seconds away; then live, at the camera's own pace."""
    client = dial(site.source(name, transport=transport), TOKEN)
    began_s = time.monotonic()
    media = client.open(5)
    try:
        units = client.units()
        first = next(unit for unit in units if unit is not None)
        took_s = time.monotonic() - began_s
        more = [unit for unit in islice(units, 120) if unit is not None]
    finally:
        client.close()
    assert media.codec is codec
    assert first.key
    assert first.sets.complete
    assert took_s < FIRST_PICTURE_WITHIN_S
    assert not any(unit.damaged for unit in more)
    steps = [later.ticks - one.ticks for one, later in pairwise(more[60:])]
    assert steps
    assert all(abs(step - 3600) < 400 for step in steps)


@pytest.mark.parametrize(("name", "transport"), [("gate", "tcp"), ("gate", "udp"), ("yard", "tcp"), ("bends", "tcp")])
def test_libavformat_plays_it(site: Restreamed, name: str, transport: str) -> None:
    """Pictures decode, and their times rise; with B-frames from where the backlog has joined the live picture."""
    options = {"rtsp_transport": transport, "stimeout": "5000000"}
    with av.open(site.url(name), options=options) as container:
        times = [frame.pts for frame in islice(container.decode(video=0), 40)]
    assert len(times) == 40
    rising = [time for time in times[16 if name == "bends" else 0 :] if time is not None]
    assert all(later > one for one, later in pairwise(rising))


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_ffmpeg_records_it(site: Restreamed, transport: str, tmp_path: Path) -> None:
    """The program as another recorder, with the token in the address."""
    command = ["ffmpeg", "-v", "error", "-nostdin", "-rtsp_transport", transport, "-i", site.url("gate"), "-c", "copy"]
    command += ["-frames:v", "60", str(tmp_path / "gate.ts")]
    said = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert (said.returncode, said.stderr.decode()) == (0, "")
    with av.open(str(tmp_path / "gate.ts")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 60


def test_without_a_token_nothing_is_told(site: Restreamed) -> None:
    """401 for none, for a wrong one, for another user name and for digest; 404 for a camera that is not there."""
    asked = site.door.asked
    with site.connect() as connection:
        assert ask(connection, "OPTIONS * RTSP/1.0\nCSeq: 1\n\n").startswith("RTSP/1.0 200")
        for proof in (
            "",
            "Basic !!",
            basic("admin", TOKEN),
            basic("token", ""),
            'Digest username="token"',
            "Basic /w==",
        ):
            said = ask(connection, f"DESCRIBE rtsp://x/gate RTSP/1.0\nCSeq: 2\nAuthorization: {proof}\n\n")
            assert said.startswith("RTSP/1.0 401")
            assert 'WWW-Authenticate: Basic realm="alertwall"' in said
            length = int(said.lower().partition("content-length: ")[2].partition("\r")[0])
            connection.recv(length, socket.MSG_WAITALL)
    assert site.door.asked == asked, "nobody was asked"
    for name, password, state in (("gate", "wrong", LinkState.AUTH_FAILED), ("none", TOKEN, LinkState.NOT_FOUND)):
        client = RtspClient(site.source(name), password, ("127.0.0.1", site.restream.port))
        with pytest.raises(LinkFailure) as failed:
            client.open(5)
        assert failed.value.state is state


def test_a_connection_ends_after_many_refusals(site: Restreamed) -> None:
    """Tokens cannot be tried for ever on one connection."""
    with site.connect() as connection:
        connection.sendall(b"DESCRIBE rtsp://x/gate RTSP/1.0\r\nCSeq: 1\r\n\r\n" * 50)
        said = b""
        while piece := read(connection):
            said += piece
    assert said.count(b"RTSP/1.0 401") == serving.REFUSALS_MAX


def read(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65_536)
    except ConnectionResetError:
        return b""


def test_a_camera_without_a_picture_says_why(site: Restreamed, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 in the camera's own words, and no viewer is left behind."""
    monkeypatch.setattr(serving, "FIRST_PICTURE_WITHIN_S", 0.05)
    with site.connect() as connection:
        proof = basic("token", TOKEN)
        said = ask(connection, f"DESCRIBE rtsp://x/dark RTSP/1.0\nCSeq: 1\nAuthorization: {proof}\n\n")
        assert said.startswith("RTSP/1.0 503")
        assert connection.recv(100) == b"the cable is out\n"
    assert site.fanouts["dark"].viewers == 0


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00" + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"DESCRIBE rtsp://x/gate RTSP/1.0\r\nCSeq: " + b"9" * 5000 + b"\r\n\r\n",
        b"DESCRIBE rtsp://x/gate RTSP/1.0\r\nCSeq: -1\r\n\r\n",
        b"DESCRIBE rtsp://[x/gate RTSP/1.0\r\nCSeq: 1\r\n\r\n",
        b"OPTIONS * RTSP/1.0\r\n" + b"A: b\r\n" * 100 + b"\r\n",
        b"OPTIONS * RTSP/1.0\r\nContent-Length: 1000000000\r\n\r\n",
        b"OPTIONS * RTSP/1.0\r\nContent-Length: \xb2\r\n\r\n",
        b"OPTIONS * RTSP/1.0\r\nA: " + b"a" * (HEAD_MAX_BYTES * 8),
    ],
)
def test_garbage_costs_nothing(site: Restreamed, sent: bytes) -> None:
    """A short answer without an echo of it, and the connection is over; nobody was asked."""
    asked = site.door.asked
    with site.connect() as connection:
        try:
            connection.sendall(sent)
        except ConnectionError:
            pass  # it has ended in the middle
        else:
            said = b""
            while piece := read(connection):
                said += piece
            assert said in (b"", b"RTSP/1.0 400 Bad Request\r\nCSeq: 0\r\n\r\n")
    until(lambda: site.restream.clients == 0)
    assert site.door.asked == asked


def test_a_slow_head_ends(site: Restreamed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes that never make a request hold no place."""
    monkeypatch.setattr(serving, "HEAD_WITHIN_S", 0.2)
    with site.connect() as connection:
        connection.sendall(b"OPTIONS * RTS")
        assert answer(connection).startswith("RTSP/1.0 400")
        assert connection.recv(1) == b""


def test_methods_out_of_order_are_refused(site: Restreamed) -> None:
    """PLAY before SETUP, multicast, an unknown method, another camera on the same connection."""
    head = f"CSeq: 7\nAuthorization: {basic('token', TOKEN)}\n"
    with site.connect() as connection:
        assert ask(connection, f"PLAY rtsp://x/gate RTSP/1.0\n{head}\n").startswith("RTSP/1.0 454")
        assert ask(connection, f"RECORD rtsp://x/gate RTSP/1.0\n{head}\n").startswith("RTSP/1.0 501")
        for transport in ("RTP/AVP;multicast;client_port=5000-5001", "RTP/AVP;unicast;client_port=0-99999", "x"):
            said = ask(connection, f"SETUP rtsp://x/gate/track0 RTSP/1.0\n{head}Transport: {transport}\n\n")
            assert said.startswith("RTSP/1.0 461")
        said = ask(connection, f"SETUP rtsp://x/gate/track0 RTSP/1.0\n{head}Transport: RTP/AVP/TCP;interleaved=4-5\n\n")
        assert said.startswith("RTSP/1.0 200")
        assert "interleaved=4-5" in said
        assert ask(connection, f"DESCRIBE rtsp://x/yard RTSP/1.0\n{head}\n").startswith("RTSP/1.0 455")


def test_a_client_is_cut_when_its_pass_ends(site: Restreamed) -> None:
    """Within the next look."""
    client = dial(site.source("gate"), TOKEN)
    client.open(5)
    try:
        units = client.units()
        assert any(unit is not None for unit in islice(units, 10))
        site.door.closed = True
        with pytest.raises(LinkFailure):
            for _ in units:
                pass
    finally:
        site.door.closed = False
        client.close()


def test_a_client_that_reads_nothing_slows_nobody(site: Restreamed) -> None:
    """Its pictures wait in a bounded queue; another client gets all of its own."""
    head = f"CSeq: 1\nAuthorization: {basic('token', TOKEN)}\n"
    with site.connect() as stuck:
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        said = ask(stuck, f"SETUP rtsp://x/gate/track0 RTSP/1.0\n{head}Transport: RTP/AVP/TCP;interleaved=0-1\n\n")
        assert said.startswith("RTSP/1.0 200")
        assert ask(stuck, f"PLAY rtsp://x/gate RTSP/1.0\n{head}\n").startswith("RTSP/1.0 200")
        until(lambda: site.fanouts["gate"].viewers == 1)
        client = dial(site.source("gate"), TOKEN)
        client.open(5)
        try:
            units = client.units()
            assert all(not unit.damaged for unit in islice(units, 80) if unit is not None)
        finally:
            client.close()
    until(lambda: site.fanouts["gate"].viewers == 0)


def test_a_slow_client_goes_on_at_a_key_frame(site: Restreamed) -> None:
    """What it was too slow for is counted; its RTP numbers have no gap, and after the hole a key frame comes."""
    model = packets_of(clip(), clock=FakeClock())[0]
    fanout, numbers_given = site.fanouts["dark"], itertools.count(1)

    def put(nal: bytes) -> int:
        number, key = next(numbers_given), nal[0] == 0x65
        at = number * 3600
        body = join_lengths([nal + bytes([number]) * BIG_BYTES])
        fanout.put(replace(model, seq=number, present_90k=at, decode_90k=at, key=key, data=body))
        return number

    head = f"CSeq: 1\nAuthorization: {basic('token', TOKEN)}\n"
    with site.connect() as slow:
        said = ask(slow, f"SETUP rtsp://x/dark/track0 RTSP/1.0\n{head}Transport: RTP/AVP/TCP;interleaved=0-1\n\n")
        assert said.startswith("RTSP/1.0 200")
        assert ask(slow, f"PLAY rtsp://x/dark RTSP/1.0\n{head}\n").startswith("RTSP/1.0 200")
        until(lambda: fanout.viewers == 1)
        put(b"\x65")
        while not site.restream.detail()["packets_lost_total"]:
            assert put(b"\x41") < 100
            site.within(lambda: asyncio.sleep(0))
        put(b"\x65")
        last = put(b"\x41")
        kinds, numbers = received(slow, last)
    assert all((later - one) & 0xFFFF == 1 for one, later in pairwise(numbers))
    assert kinds[-2:] == [(0x65, last - 1), (0x41, last)]
    hole = next(at for at, ((_, one), (_, later)) in enumerate(pairwise(kinds)) if later > one + 1)
    assert kinds[hole + 1][0] == 0x65
    fanout.interrupt()
    until(lambda: fanout.viewers == 0)


def received(connection: socket.socket, last: int) -> tuple[list[tuple[int, int]], list[int]]:
    """Read RTP up to the end of picture ``last``; return the pictures' (type, number) and the RTP numbers."""
    stream, kinds, numbers = connection.makefile("rb"), list[tuple[int, int]](), list[int]()
    with stream:
        while True:
            head = stream.read(4)
            packet = stream.read(int.from_bytes(head[2:], "big"))
            if head[1] != 0:
                continue  # a sender report
            numbers.append(int.from_bytes(packet[2:4], "big"))
            indicator, fu = packet[12], packet[13]
            if indicator & 0x1F == 28 and fu & 0x80:
                kinds.append(((indicator & 0xE0) | (fu & 0x1F), packet[-1]))
            if kinds and kinds[-1][1] == last and packet[1] & 0x80:
                return kinds, numbers


def test_clients_are_limited_by_number_and_by_address() -> None:
    """The next one is told that it is full, and its place is free again afterwards."""
    options = ServerOptions(username="viewer", password=PASSWORD)
    for limits in ({"clients_max": 2}, {"clients_per_address_max": 2}):
        with CameraServer({}, options) as server, Restreamed(server, [], **limits) as made:
            with made.connect() as one, made.connect() as two:
                for connection in (one, two):
                    assert ask(connection, "OPTIONS * RTSP/1.0\nCSeq: 1\n\n").startswith("RTSP/1.0 200")
                with made.connect() as third:
                    assert answer(third).startswith("RTSP/1.0 503")
                    assert third.recv(1) == b""
            until(lambda: made.restream.clients == 0)
            with made.connect() as again:
                assert ask(again, "OPTIONS * RTSP/1.0\nCSeq: 1\n\n").startswith("RTSP/1.0 200")
