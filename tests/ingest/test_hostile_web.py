"""HTTP cameras that lie: each is told apart within its time, with bounded memory, and leads nowhere else."""

import socket
import time
from collections.abc import Callable
from ipaddress import ip_network

import pytest

from ingest.clients import Dialer
from ingest.failures import LinkFailure
from ingest.web.playlist import Media, PlaylistRefused, parse
from models.camera import CameraSource, LinkState
from models.errors import BadInput
from tests.ingest.conftest import LOOPBACK
from tests.support.rtsp import HostileServer
from tests.support.web import Serve, answering, forever, hls_segments, pictures, reply, saying, source, target

OK = b"HTTP/1.1 200 OK\r\n"
MJPEG = OK + b"Content-Type: multipart/x-mixed-replace; boundary=b\r\n\r\n"
JPEG = OK + b"Content-Type: image/jpeg\r\n"
HLS = "application/vnd.apple.mpegurl"
CHUNKED = OK + b"Content-Type: image/jpeg\r\nTransfer-Encoding: chunked\r\n\r\n"
ONLY_LOOPBACK_1 = (ip_network("127.0.0.1/32"),)


def jpeg_of(width_px: int, height_px: int) -> bytes:
    """Return a JPEG head that claims a size, and some of a scan."""
    size = height_px.to_bytes(2, "big") + width_px.to_bytes(2, "big")
    return b"\xff\xd8\xff\xc0\x00\x11\x08" + size + b"\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01\xff\xda" + bytes(200)


def part(body: bytes, *lines: str) -> bytes:
    return ("\r\n".join(["--b", "Content-Type: image/jpeg", *lines]) + "\r\n\r\n").encode() + body + b"\r\n--b\r\n"


def failure(serve: Serve, *, timeout_s: float = 1.0, path: str = "/", username: str = "u") -> LinkFailure:
    """Dial, open and play; return why it failed, which must not take long."""
    with HostileServer(serve) as server:
        return failure_at(source(server.port, path, username=username), timeout_s=timeout_s)


def failure_at(camera: CameraSource, *, timeout_s: float = 1.0) -> LinkFailure:
    client = Dialer()(camera, "secret", LOOPBACK)
    began_s = time.monotonic()
    try:
        client.open(timeout_s)
        opened_s = time.monotonic()
        for unit in client.units():
            if unit is not None:
                opened_s = time.monotonic()
            # the link's own watchdog is what ends silence: here it is a little sooner
            if time.monotonic() - opened_s > 0.8:
                return LinkFailure(client.peer, "no picture")
    except LinkFailure as reason:
        assert time.monotonic() - began_s < timeout_s + 2
        return reason
    finally:
        client.close()
    raise AssertionError("units() ended without a failure")


@pytest.mark.parametrize(
    ("serve", "reason"),
    [
        (forever(OK, b"X-Y: " + b"z" * 1000 + b"\r\n"), "endless headers"),
        (forever(b"HTTP/1.1 200 ", b"z" * 4096), "endless headers"),
        (saying(OK + b"A: b\r\n" * 100 + b"\r\n"), "endless headers"),
        (forever(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), "never comes to an answer"),
        (forever(JPEG + b"\r\n", bytes(65536)), "more than 8192 KiB"),
        (saying(JPEG + b"Content-Length: 99999999999\r\n\r\n" + bytes(100)), "no answer in time"),
        (forever(CHUNKED, b"10000\r\n" + bytes(65536) + b"\r\n"), "more than 8192 KiB"),
        (saying(CHUNKED, b"fffffffffffffff\r\n" + bytes(1000)), "no answer in time"),
        (saying(CHUNKED, b"f" * 30 + b"\r\n" + bytes(1000)), "does not speak HTTP"),
        (saying(CHUNKED, b"-1\r\n"), "does not speak HTTP"),
        (saying(CHUNKED, b"5;" + b"x" * 100_000), "endless headers"),
        (forever(b"", b"H", every_s=0.05), "does not speak HTTP|no answer in time"),
        (forever(JPEG + b"\r\n", b"\xff", every_s=0.05), "no answer in time|no whole answer"),
        (lambda _connection, server: server.closing.wait(5), "no answer in time"),
        (saying(b"RTSP/1.0 200 OK\r\n\r\n"), "does not speak HTTP"),
        (saying(b"SSH-2.0-OpenSSH_9\r\n"), "does not speak HTTP"),
        (saying(b"\x16\x03\x01" * 100), "does not speak HTTP|endless"),
        (saying(OK + b"Content-Encoding: gzip\r\nContent-Type: image/jpeg\r\n\r\n"), "compressed"),
        (lambda connection, _server: connection.close(), "ended the connection|connection lost"),
    ],
)
def test_answers_that_do_not_end(serve: Serve, reason: str) -> None:
    """Headers, bodies, chunks, drips and silence: all end with their name."""
    refused = failure(serve)
    assert any(part in refused.reason for part in reason.split("|")), refused.reason
    assert refused.state is LinkState.BACKOFF


@pytest.mark.parametrize(
    ("code", "reason", "state"),
    [
        ("401 Unauthorized", "wrong user name", LinkState.AUTH_FAILED),
        ("403 Forbidden", "forbids", LinkState.AUTH_FAILED),
        ("404 Not Found", "no such stream (404)", LinkState.NOT_FOUND),
        ("410 Gone", "no such stream (410)", LinkState.NOT_FOUND),
        ("503 Busy", "answered 503", LinkState.BACKOFF),
        ("206 Partial", "answered 206", LinkState.BACKOFF),
    ],
)
def test_codes_are_told_in_words(code: str, reason: str, state: LinkState) -> None:
    """And in the state that says when to try again."""
    refused = failure(answering(lambda _request: reply(b"page", code=code)))
    assert reason in refused.reason
    assert refused.state is state


@pytest.mark.alone
@pytest.mark.parametrize("code", ["301 Moved", "302 Found", "303 See", "307 Temporary", "308 Permanent"])
def test_redirects_lead_nowhere(code: str) -> None:
    """Neither to itself nor to another host; the camera is asked once."""
    with HostileServer(answering(lambda _request: reply(b""))) as elsewhere:
        for place in ("/", f"http://127.0.0.1:{elsewhere.port}/", "http://169.254.169.254/latest/"):
            with HostileServer(
                answering(lambda _request, place=place: reply(b"", f"Location: {place}", code=code))  # type: ignore[misc]
            ) as server:
                refused = failure_at(source(server.port))
                assert "redirect refused" in refused.reason
                assert refused.state is LinkState.NOT_FOUND
                assert len(server.requests) == 1
        assert elsewhere.connections == 0


@pytest.mark.alone
def test_endless_challenges_end_and_tell_no_password() -> None:
    """A new nonce each time does not make us try for ever; nobody without a name is asked for one."""
    nonces = iter(range(1000))

    def answer(_request: bytes) -> bytes:
        return reply(b"", f'WWW-Authenticate: Digest realm="x", nonce="{next(nonces)}"', code="401 No")

    with HostileServer(answering(answer)) as server:
        assert failure_at(source(server.port, username="u")).state is LinkState.AUTH_FAILED
        assert len(server.requests) <= 3
        assert not any(b"secret" in request for request in server.requests)
    refused = failure(answering(answer), username="")
    assert "user name and password needed" in refused.reason
    page = reply(b"x" * 200_000, 'WWW-Authenticate: Digest realm="x", nonce="1"', code="401 No")
    assert failure(answering(lambda _request: page)).state is LinkState.AUTH_FAILED


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("text/html", "sends text/html, not MJPEG"), ("video/mp4", "sends video/mp4"), ("", "something unnamed")],
)
def test_other_content_is_named(kind: str, reason: str) -> None:
    """A log-in page, a film."""
    refused = failure(answering(lambda _request: reply(b"<html>", kind=kind)))
    assert reason in refused.reason
    assert refused.state is LinkState.NOT_FOUND


@pytest.mark.parametrize(
    ("serve", "reason"),
    [
        (saying(MJPEG, part(jpeg_of(16384, 16384))), "16384 x 16384 px"),
        (saying(MJPEG, part(jpeg_of(8000, 8000))), "megapixels"),
        (saying(MJPEG, part(jpeg_of(640, 0))), "without a size"),
        (saying(MJPEG, part(jpeg_of(640, 480)[:-202] + jpeg_of(9000, 9000)[2:])), "two sizes"),
        (saying(MJPEG, part(b"GIF89a" + bytes(100))), "not a JPEG"),
        (saying(MJPEG, part(b"", "Content-Length: 99999999")), "more than 8 MiB"),
        (forever(MJPEG + part(b"")[:-7], bytes(65536)), "more than 8 MiB"),
        (forever(MJPEG, b"x" * 4096), "no boundary"),
        (forever(MJPEG + b"--b\r\n", b"X: " + b"y" * 1000 + b"\r\n"), "endless headers of a picture"),
        (saying(OK + b"Content-Type: multipart/x-mixed-replace\r\n\r\n"), "names no boundary"),
        (forever(MJPEG, part(jpeg_of(640, 480)), every_s=0.01), "no picture|cannot be decoded"),
        (forever(MJPEG + part(b"")[:-7], b"\xff", every_s=0.05), "no picture"),
        (saying(JPEG + b"Content-Length: 230\r\n\r\n" + jpeg_of(16384, 16384) + bytes(8)), "16384 x 16384 px"),
        (saying(MJPEG, part(pictures()[0]) * 3), "no picture"),
    ],
)
def test_pictures_that_are_none(serve: Serve, reason: str) -> None:
    """Sizes are read before anything is decoded; a part has a limit; broken pictures are not for ever."""
    refused = failure(serve, timeout_s=2)
    assert any(part in refused.reason for part in reason.split("|")), refused.reason


def test_a_reader_of_a_drip_keeps_its_clock() -> None:
    """Bytes without a picture still give a look at the clock twice a second, and stop ends it."""
    with HostileServer(forever(MJPEG + part(b"")[:-7], b"\xff", every_s=0.02)) as server:
        client = Dialer()(source(server.port), "", LOOPBACK)
        client.open(1)
        units = client.units()
        for _ in range(5):
            assert next(units) is None
        client.stop()
        with pytest.raises(LinkFailure, match="stopped"):
            next(units)
        client.close()


def hls(*lines: str, first: str = "#EXTM3U") -> Callable[[bytes], bytes]:
    """Answer with this playlist, and with a good segment to all else."""

    def answer(request: bytes) -> bytes:
        if target(request).endswith(".m3u8"):
            return reply("\n".join([first, *lines]).encode(), kind=HLS)
        return reply(hls_segments()[0], kind="video/mp2t")

    return answer


GOOD = ("#EXT-X-TARGETDURATION:1", "#EXTINF:0.48,")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (hls(*GOOD, "s1.ts", first="<html>"), "does not begin with #EXTM3U"),
        (hls('#EXT-X-KEY:METHOD=AES-128,URI="k"', *GOOD, "s1.ts"), "encrypted"),
        (hls("#EXT-X-TARGETDURATION:1", "s1.ts"), "without a duration"),
        (hls("#EXT-X-TARGETDURATION:1e9"), "not within"),
        (hls("#EXT-X-TARGETDURATION:nan"), "not within"),
        (hls("#EXT-X-TARGETDURATION:1", "#EXT-X-MEDIA-SEQUENCE:-1"), "number"),
        (hls("#EXTINF:1,", "s1.ts"), "no target duration"),
        (hls("#EXT-X-TARGETDURATION:1"), "is empty"),
        (hls(*GOOD, "#EXT-X-BYTERANGE:10@0", "s1.ts"), "ranges"),
        (hls("#x" * 4000), "endless lines"),
        (hls("#EXT-X-STREAM-INF:BANDWIDTH=1,RESOLUTION=3840x2160", "a.m3u8"), "up to 1080"),
        (hls('#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS="vp09.00"', "a.m3u8"), "nothing in H.264"),
        (hls(*["#EXT-X-STREAM-INF:BANDWIDTH=1", "a.m3u8"] * 100), "more than 64 variants"),
        (hls("#EXT-X-STREAM-INF:BANDWIDTH=1", "index.m3u8"), "another list of variants"),
        (hls(*GOOD, "file:///etc/passwd"), "odd address"),
        (hls(*GOOD, "gopher://127.0.0.1/"), "odd address"),
        (hls(*GOOD, "http://user:pw@127.0.0.1/s1.ts"), "odd address"),
        (hls(*GOOD, "http://[bad/s1.ts"), "odd address"),
        (hls(*GOOD, "http://127.0.0.1:99999/s1.ts"), "odd address"),
        (hls(*GOOD, "http://169.254.169.254/latest/meta-data"), "169.254.169.254 is not"),
        (hls(*GOOD, "//10.0.0.1/s1.ts"), "10.0.0.1 is not"),
        (hls(*GOOD, "http://2130706433/s1.ts"), "IP address or a host name"),
        (hls(*GOOD, "/s 1.ts"), "without spaces"),
        (hls('#EXT-X-MAP:URI="http://169.254.169.254/"', *GOOD, "s1.ts"), "169.254.169.254 is not"),
        (lambda _request: reply(b"#EXTM3U\n" + b"#\n" * (1 << 20), kind=HLS), "more than 1024 KiB"),
        (lambda _request: reply(b"\xff\xfe\x00", kind=HLS), "not text"),
    ],
)
def test_playlists_that_lie(answer: Callable[[bytes], bytes], reason: str) -> None:
    """Each is refused by what is wrong with it, and nothing outside is dialled."""
    refused = failure(answering(answer), path="/index.m3u8")
    assert reason in refused.reason
    assert refused.state in (LinkState.NOT_FOUND, LinkState.BACKOFF)


def test_segments_that_lie() -> None:
    """Garbage, a playlist as a segment, a redirect, a picture of 16k, too much."""

    def camera(segment: bytes) -> Callable[[bytes], bytes]:
        listed = hls(*GOOD, "s1.ts")
        return lambda request: listed(request) if target(request).endswith(".m3u8") else segment

    for segment, reason in (
        (reply(b"\x47" + bytes(2000)), "segment"),
        (reply(bytes(2000)), "segment"),
        (reply(b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"), "segment"),
        (reply(b"", "Location: http://169.254.169.254/", code="302 Found"), "redirect refused"),
        (reply(b"x", code="404 Not Found"), "no such stream"),
    ):
        assert reason in failure(answering(camera(segment)), path="/a.m3u8", timeout_s=3).reason

    def endless(connection: socket.socket, server: HostileServer) -> None:
        connection.sendall(hls(*GOOD, "s1.ts")(server.read_request(connection)))
        server.read_request(connection)
        connection.sendall(OK + b"\r\n")
        while not server.closing.is_set():
            connection.sendall(bytes(1 << 20))

    assert "more than 32768 KiB" in failure(endless, path="/a.m3u8", timeout_s=5).reason


def test_another_port_or_address_needs_the_networks_leave() -> None:
    """With only the camera's own address allowed, a playlist reaches no other host by name or number."""
    for place in ("127.0.0.2:80", "127.0.0.2", "[::1]:80", "localhost.:80"):
        with HostileServer(answering(hls(*GOOD, f"http://{place}/s1.ts"))) as server:
            client = Dialer()(source(server.port, "/index.m3u8"), "", ONLY_LOOPBACK_1)
            with pytest.raises(LinkFailure, match="must not"):
                client.open(2)
    with pytest.raises(BadInput, match="camera networks"):
        Dialer()(source(80, host="127.0.0.2"), "", ONLY_LOOPBACK_1)


def test_playlists_are_read_strictly() -> None:
    """Gaps are left out, numbers run on, only the newest are kept; the end is seen."""
    text = '#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXT-X-MEDIA-SEQUENCE:7\n#EXT-X-MAP:URI="i.mp4"\n'
    text += "#EXTINF:6.0,a title\na.m4s\n#EXT-X-GAP\n#EXTINF:6,\nb.m4s\n#EXT-X-DISCONTINUITY\n#EXTINF:5.5,\nc.m4s\n"
    said = parse((text + "#EXT-X-ENDLIST\n").encode())
    assert isinstance(said, Media)
    assert [(one.sequence, one.uri, one.map_uri) for one in said.segments] == [
        (7, "a.m4s", "i.mp4"),
        (9, "c.m4s", "i.mp4"),
    ]
    assert said.ended
    many = parse(("#EXTM3U\n#EXT-X-TARGETDURATION:6\n" + "#EXTINF:6,\ns.ts\n" * 5000).encode())
    assert isinstance(many, Media)
    assert (len(many.segments), many.segments[-1].sequence) == (64, 4999)
    with pytest.raises(PlaylistRefused):
        parse(b"")
