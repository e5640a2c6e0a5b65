"""Cameras over HTTP that behave: MJPEG, snapshots, HLS; what they send becomes access units of H.264."""

import itertools
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from ingest.clients import Dialer, StreamClient
from ingest.door import DOOR_FPS_MAX
from ingest.gate import open_decoder
from ingest.h26x import Codec
from ingest.probe import probe
from ingest.rtsp import AccessUnit
from ingest.web.parts import Parts
from models.camera import CameraSource, Scheme
from tests.ingest.conftest import LOOPBACK
from tests.support.rtsp import HostileServer
from tests.support.web import (
    BASIC,
    PASSWORD,
    USER,
    HlsCamera,
    Serve,
    answering,
    digest_checked,
    header,
    mjpeg,
    pictures,
    reply,
    snapshots,
    source,
    target,
    tls_context,
)


def watch(camera: CameraSource, count: int, *, within_s: float = 6, password: str = PASSWORD) -> list[AccessUnit]:
    """Return the first ``count`` access units, all of which must come in time."""
    client: StreamClient = Dialer()(camera, password, LOOPBACK)
    try:
        client.open(3)
        return list(itertools.islice(_units(client, within_s), count))
    finally:
        client.close()


def _units(client: StreamClient, within_s: float) -> Iterator[AccessUnit]:
    deadline_s = looked_s = time.monotonic()
    deadline_s += within_s
    for unit in client.units():
        now_s = time.monotonic()
        assert now_s < deadline_s, "the pictures did not come"
        assert now_s - looked_s < 0.9, "its reader did not get a look at the clock"
        looked_s = now_s
        if unit is not None:
            yield unit


def decoded(units: list[AccessUnit]) -> list[tuple[int, int]]:
    """Return the sizes of the pictures."""
    decoder = open_decoder(units[0].sets)
    frames = []
    for index, unit in enumerate(units):
        packet = av.Packet(unit.data)
        packet.pts = index
        frames += decoder.decode(packet)
    return [(frame.width, frame.height) for frame in frames]


@pytest.mark.parametrize(("lengths", "chunked"), [(True, False), (False, False), (True, True)])
def test_mjpeg_becomes_h264(lengths: bool, chunked: bool) -> None:
    """With and without lengths, chunked; key frames by the clock, sizes as sent."""
    with HostileServer(mjpeg(fps=20, lengths=lengths, chunked=chunked)) as server:
        units = watch(source(server.port, "/video?x=1&y=2"), 12)
        assert server.requests[0].startswith(b"GET /video?x=1&y=2 HTTP/1.1\r\n")
    assert decoded(units) == [(320, 240)] * 12
    assert [unit.key for unit in units] == [True] + [False] * 11
    assert all(unit.sets is units[0].sets for unit in units)
    span_s = ((units[-1].ticks - units[0].ticks) & 0xFFFFFFFF) / 90_000
    assert span_s >= 11 / DOOR_FPS_MAX * 0.9, "more pictures a second than are kept"


@pytest.mark.alone
def test_snapshots_are_asked_for_on_one_connection() -> None:
    """Once a second; the second key frame after two seconds."""
    with HostileServer(snapshots()) as server:
        began_s = time.monotonic()
        units = watch(source(server.port, "/snap.jpg?user=x"), 3)
        assert 1.9 < time.monotonic() - began_s < 3
        assert server.connections == 1
        assert [target(request) for request in server.requests] == ["/snap.jpg?user=x"] * 3
    assert [unit.key for unit in units] == [True, False, True]


def test_a_connection_closed_while_idle_is_opened_again() -> None:
    """Many cameras close after each picture, some without saying so."""

    def serve(connection: socket.socket, server: HostileServer) -> None:
        server.read_request(connection)
        connection.sendall(reply(pictures()[0], kind="image/jpeg"))

    with HostileServer(serve) as server:
        assert len(watch(source(server.port), 2)) == 2
        assert server.connections == 2


def test_passwords_are_proved_by_digest_and_basic() -> None:
    """Digest on the same connection, for each picture anew; basic where nothing else is offered."""
    picture = reply(pictures()[0], kind="image/jpeg")
    with HostileServer(answering(digest_checked(picture))) as server:
        assert watch(source(server.port, "/a?b=c", username=USER), 2)
        assert server.connections == 1
        assert len(server.requests) == 3

    def basic(request: bytes) -> bytes:
        known = header(request, "Authorization") == BASIC
        return picture if known else reply(b"", 'WWW-Authenticate: Basic realm="x"', code="401 No")

    with HostileServer(answering(basic)) as server:
        assert watch(source(server.port, username=USER), 1)


def test_https_with_a_certificate_of_the_cameras_own(tmp_path: Path) -> None:
    """Encrypted, though nobody vouches for it."""
    context = tls_context(tmp_path)

    def serve(connection: socket.socket, server: HostileServer) -> None:
        with context.wrap_socket(connection, server_side=True) as wrapped:
            snapshots()(wrapped, server)

    with HostileServer(serve) as server:
        assert watch(source(server.port, scheme=Scheme.HTTPS), 2)


@pytest.mark.parametrize(
    ("name", "fragmented"), [("h264", False), ("h264", True), ("b_frames", False), ("h265", False), ("h265", True)]
)
def test_hls_plays_in_real_time(name: str, fragmented: bool) -> None:
    """Transport stream and fMP4; across segments and discontinuities the time runs evenly."""
    codec = Codec.H265 if name == "h265" else Codec.H264
    with HostileServer(answering(HlsCamera(name, fragmented=fragmented))) as server:
        units = watch(source(server.port, "/live/index.m3u8"), 60)
    assert units[0].key
    assert units[0].sets.codec is codec
    assert units[0].sets.complete
    assert decoded(units)[0] == (320, 240)
    times = sorted((unit.ticks - units[0].ticks + (1 << 31)) & 0xFFFFFFFF for unit in units)
    steps = [(after - before) / 90_000 for before, after in itertools.pairwise(times)]
    assert max(steps) < 0.5
    assert 59 / 25 * 0.9 < (times[-1] - times[0]) / 90_000 < 59 / 25 * 1.3
    assert sum(unit.key for unit in units) == 5


MASTER = b"""#EXTM3U
#EXT-X-STREAM-INF:BANDWIDTH=900000,RESOLUTION=320x240,CODECS="avc1.42c01e,mp4a.40.2"
index.m3u8?v=low
#EXT-X-STREAM-INF:BANDWIDTH=2500000,RESOLUTION=1920x1080,CODECS="avc1.640028"
/other/index.m3u8?v=best
#EXT-X-STREAM-INF:BANDWIDTH=9000000,RESOLUTION=3840x2160,CODECS="hvc1.1.6.L150"
index.m3u8?v=too-large
#EXT-X-STREAM-INF:BANDWIDTH=4000000,RESOLUTION=1920x1080,CODECS="vp09.00.40.08"
index.m3u8?v=vp9
"""


def test_hls_takes_the_best_variant_that_can_be_kept() -> None:
    """The largest H.264 or H.265 up to 1080 lines; addresses are relative to each playlist."""
    with HostileServer(answering(HlsCamera(master=MASTER))) as server:
        assert watch(source(server.port, "/live/master.m3u8"), 3)
        asked = [target(request) for request in server.requests]
        assert server.connections == 1
    assert asked[:2] == ["/live/master.m3u8", "/other/index.m3u8?v=best"]
    assert asked[2].startswith("/other/s")


@pytest.mark.alone
def test_hls_survives_missing_segments_and_a_server_that_begins_anew() -> None:
    """What is gone is left out and counted; smaller numbers are a new beginning."""
    camera = HlsCamera()
    camera.missing = {9}  # the third that will be asked for
    camera.restart_after_s = 6.5
    with HostileServer(answering(camera)) as server:
        client = Dialer()(source(server.port, "/live/index.m3u8"), "", LOOPBACK)
        client.open(3)
        units = list(itertools.islice(_units(client, 8), 100))
        assert client.packets_lost == 1
        client.close()
        asked = [target(request) for request in server.requests]
    assert "/live/s9.ts" in asked
    numbers = [int(path.rpartition("/s")[2][:-3]) for path in asked if path.endswith(".ts")]
    assert any(after < before for before, after in itertools.pairwise(numbers))
    times = [(unit.ticks - units[0].ticks) & 0xFFFFFFFF for unit in units]
    assert times == sorted(times)


def test_hls_from_elsewhere_inside_the_networks_gets_no_password() -> None:
    """A playlist here, its segments there: both addresses checked, the password only here."""
    with HostileServer(answering(HlsCamera())) as elsewhere:
        camera = HlsCamera(before=f"http://127.0.0.1:{elsewhere.port}/x/")

        def answer(request: bytes) -> bytes:
            return digest_checked(camera(request))(request)

        with HostileServer(answering(answer)) as server:
            assert watch(source(server.port, "/index.m3u8", username=USER), 30)
            assert "Digest" in header(server.requests[-1], "Authorization")
        assert elsewhere.connections == 1
        assert elsewhere.requests
        assert not any(header(request, "Authorization") for request in elsewhere.requests)


def test_probe_tells_what_they_are() -> None:
    """Codec, size, rate, key frame interval and a snapshot, as of any camera."""
    cases: list[tuple[Serve, str, float]] = [
        (mjpeg(fps=10), "/", 10),
        (answering(HlsCamera()), "/index.m3u8", 25),
    ]
    for serve, path, fps in cases:
        with HostileServer(serve) as server:
            told = probe(source(server.port, path), "", allowed_networks=LOOPBACK, timeout_s=6)
        assert told.ok, told.problem
        assert (told.codec, told.width_px, told.height_px) == ("h264", 320, 240)
        assert told.fps is not None
        assert abs(told.fps - fps) < fps / 4
        assert told.snapshot.startswith(b"\xff\xd8")


def test_parts_as_cameras_send_them() -> None:
    """Boundaries with and without dashes, odd line ends, other kinds of parts, any cut of the bytes."""
    whole = (
        b"ignored\r\n--b\r\nContent-Type: text/plain\r\n\r\nnot a picture\r\n--b\nContent-type:image/jpeg\n\n"
        b"\xff\xd8one\xff\xd9\r\n--b\r\nCONTENT-LENGTH: 7\r\n\r\n\xff\xd8--b\xff\xd9\r\n--b--\r\n--b\r\n\r\nx\r\n--b"
    )
    for size in (1, 2, 3, 7, 1000):
        parts = Parts("b")
        found = [one for at in range(0, len(whole), size) for one in parts.push(whole[at : at + size])]
        assert found[:2] == [b"\xff\xd8one\xff\xd9", b"\xff\xd8--b\xff\xd9"]
