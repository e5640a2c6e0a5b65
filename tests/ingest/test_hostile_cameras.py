"""Cameras that lie: each is told apart within its time, with a bounded buffer, and leads nowhere else."""

import socket
import threading
import time

import pytest

from ingest.failures import LinkFailure
from ingest.probe import probe
from ingest.rtsp import RtspClient
from models.camera import CameraSource, LinkState, Scheme
from tests.ingest.conftest import LOOPBACK
from tests.support.rtsp import HostileServer, answering

SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n"
    "a=rtpmap:96 H264/90000\r\na=control:track0\r\n"
)


def source(port: int) -> CameraSource:
    return CameraSource(scheme=Scheme.RTSP, host="127.0.0.1", port=port, path="/a", username="u")


def failure(server: HostileServer, *, timeout_s: float = 1.5) -> LinkFailure:
    """Dial the server and play; return why it failed."""
    client = RtspClient(source(server.port), "secret", ("127.0.0.1", server.port))
    try:
        client.open(timeout_s)
        began_s = time.monotonic()
        for _ in client.units():
            assert time.monotonic() - began_s < 3, "it goes on"
    except LinkFailure as reason:
        return reason
    finally:
        client.close()
    raise AssertionError("units() ended without a failure")


def reply(cseq: str, *lines: str, code: str = "200 OK", body: str = "") -> bytes:
    head = [f"RTSP/1.0 {code}", f"CSeq: {cseq}", *lines]
    if body:
        head.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(head) + "\r\n\r\n" + body).encode()


def describing(body: str, *lines: str) -> HostileServer:
    """Answer everything well, DESCRIBE with this."""

    def answer(method: str, cseq: str) -> bytes:
        if method == "DESCRIBE":
            return reply(cseq, *lines, body=body)
        if method == "SETUP":
            return reply(cseq, "Session: 1", "Transport: RTP/AVP/TCP;interleaved=0-1")
        return reply(cseq)

    return HostileServer(answering(answer))


@pytest.mark.parametrize("code", ["301 Moved", "302 Found", "305 Use Proxy", "399 X"])
def test_redirects_lead_nowhere(code: str) -> None:
    """The other host is never dialled, and the camera is not asked again and again."""
    with HostileServer(answering(lambda _m, cseq: reply(cseq))) as elsewhere:
        location = f"Location: rtsp://127.0.0.1:{elsewhere.port}/a"
        with HostileServer(answering(lambda _m, cseq: reply(cseq, location, code=code))) as server:
            refused = failure(server)
            assert "redirect refused" in refused.reason
            assert refused.state is LinkState.NOT_FOUND
            assert server.connections == 1
        assert elsewhere.connections == 0


def test_redirect_request_while_playing_leads_nowhere() -> None:
    """RFC 2326 10.10: the camera itself may send REDIRECT."""

    def answer(method: str, cseq: str) -> bytes:
        if method == "DESCRIBE":
            return reply(cseq, body=SDP)
        if method == "SETUP":
            return reply(cseq, "Session: 1", "Transport: RTP/AVP/TCP;interleaved=0-1")
        extra = b"REDIRECT rtsp://10.0.0.1/ RTSP/1.0\r\nCSeq: 9\r\nLocation: rtsp://10.0.0.1/\r\n\r\n"
        return reply(cseq) + (extra if method == "PLAY" else b"")

    with HostileServer(answering(answer)) as server:
        assert "redirect refused" in failure(server).reason


def test_control_urls_of_other_hosts_are_only_text() -> None:
    """An absolute control attribute goes to the same connection."""
    body = SDP.replace("a=control:track0", "a=control:rtsp://10.255.255.1:554/x")
    with describing(body) as server:
        client = RtspClient(source(server.port), "secret", ("127.0.0.1", server.port))
        client.open(2)
        client.close()
        assert any(b"SETUP rtsp://10.255.255.1:554/x" in request for request in server.requests)
        assert server.connections == 1


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (SDP.replace("H264", "MP4V-ES"), "MP4V-ES is not H.264 or H.265"),
        (SDP.replace("RTP/AVP 96", "RTP/AVP 26").replace("a=rtpmap:96 H264/90000\r\n", ""), "JPEG is not"),
        ("v=0\r\nm=audio 0 RTP/AVP 0\r\n", "no video"),
        ("\0" * 2000, "no video"),
        ("m=video\r\nm=\r\na=\r\na=rtpmap\r\n" * 500, "no video"),
    ],
)
def test_wrong_codec_is_named(body: str, reason: str) -> None:
    """People are told what the camera sends instead."""
    with describing(body) as server:
        refused = failure(server)
        assert reason in refused.reason
        assert refused.state is LinkState.NOT_FOUND


@pytest.mark.alone
def test_a_gigabyte_of_description_is_not_read() -> None:
    """The claim alone ends it."""
    with describing("x", "Content-Length: 1000000000") as server:
        began_s = time.monotonic()
        assert "does not speak RTSP" in failure(server).reason
        assert time.monotonic() - began_s < 1


@pytest.mark.parametrize("length", ["-1", "99999999999999999999", "1e3", "0x10", "٣"])
def test_odd_lengths_are_refused(length: str) -> None:
    """A content length is a plain number."""

    def answer(_method: str, cseq: str) -> bytes:
        return f"RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\nContent-Length: {length}\r\n\r\n".encode()

    with HostileServer(answering(answer)) as server:
        assert "does not speak RTSP" in failure(server).reason


def endless(connection: socket.socket, server: HostileServer, piece: bytes) -> None:
    server.read_request(connection)
    connection.sendall(b"RTSP/1.0 200 OK\r\n")
    while not server.closing.is_set():
        connection.sendall(piece)


def test_endless_headers_end() -> None:
    """64 KiB of headers are enough for everybody."""
    with HostileServer(
        lambda connection, server: endless(connection, server, b"X-Y: " + b"z" * 1000 + b"\r\n")
    ) as server:
        assert "endless headers" in failure(server, timeout_s=5).reason


def test_one_endless_line_ends() -> None:
    """The same without line ends."""
    with HostileServer(lambda connection, server: endless(connection, server, b"z" * 4096)) as server:
        assert "endless headers" in failure(server, timeout_s=5).reason


@pytest.mark.parametrize("junk", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-OpenSSH_9\r\n", b"\x16\x03\x01" * 100])
def test_other_protocols_are_told_apart(junk: bytes) -> None:
    """A web server, SSH, TLS."""

    def serve(connection: socket.socket, server: HostileServer) -> None:
        server.read_request(connection)
        connection.sendall(junk)
        server.closing.wait(5)

    with HostileServer(serve) as server:
        assert "does not speak RTSP" in failure(server).reason


@pytest.mark.alone
def test_silent_server_is_given_up_in_time() -> None:
    """It accepts and never answers."""

    def silent(_connection: socket.socket, server: HostileServer) -> None:
        server.closing.wait(5)

    with HostileServer(silent) as server:
        began_s = time.monotonic()
        assert "no answer" in failure(server, timeout_s=0.5).reason
        assert time.monotonic() - began_s < 2


def test_dripping_headers_are_given_up_in_time() -> None:
    """One byte at a time keeps a connection busy, not the deadline."""

    def drip(connection: socket.socket, server: HostileServer) -> None:
        server.read_request(connection)
        while not server.closing.wait(0.05):
            connection.sendall(b"R")

    with HostileServer(drip) as server:
        assert failure(server, timeout_s=0.6).reason


def test_endless_challenges_end() -> None:
    """A new nonce each time does not make us try for ever."""
    nonces = iter(range(1000))

    def answer(_method: str, cseq: str) -> bytes:
        return reply(cseq, f'WWW-Authenticate: Digest realm="x", nonce="{next(nonces)}"', code="401 No")

    with HostileServer(answering(answer)) as server:
        assert failure(server).state is LinkState.AUTH_FAILED
        assert len(server.requests) <= 3


def test_passwords_do_not_reach_another_host() -> None:
    """Neither in a URL nor in clear: the request line has no user part."""
    with HostileServer(answering(lambda _m, cseq: reply(cseq, code="404 Not Found"))) as server:
        failure(server)
        assert all(b"secret" not in request and b"@" not in request for request in server.requests)


def test_header_injection_by_challenge_is_harmless() -> None:
    """Control characters of a realm are not sent back."""

    def answer(_method: str, cseq: str) -> bytes:
        return reply(cseq, 'WWW-Authenticate: Digest realm="a\rX-Evil: 1\nb", nonce="n"', code="401 No")

    with HostileServer(answering(answer)) as server:
        failure(server)
        assert not any(b"\nX-Evil" in request or b"\rX-Evil" in request for request in server.requests)


def test_probe_tells_problems_and_never_raises() -> None:
    """Whatever it is, the form shows a sentence."""
    with describing(SDP.replace("H264", "VP8")) as server:
        told = probe(source(server.port), "secret", allowed_networks=LOOPBACK, timeout_s=2)
    assert not told.ok
    assert "VP8 is not H.264" in told.problem
    outside = CameraSource(scheme=Scheme.RTSP, host="169.254.169.254", port=80, path="/")
    assert "camera networks" in probe(outside, "", allowed_networks=LOOPBACK).problem
    pushed = CameraSource(scheme=Scheme.WHIP, host="", port=0, path="/")
    assert "one that is dialled" in probe(pushed, "", allowed_networks=LOOPBACK).problem
    closed = CameraSource(scheme=Scheme.WHEP, host="127.0.0.1", port=1, path="/")
    assert probe(closed, "", allowed_networks=LOOPBACK).problem == "connection refused"
    assert "password" in probe(source(1), "a\r\nb", allowed_networks=LOOPBACK).problem


def test_no_thread_is_left() -> None:
    """The client has none of its own."""
    assert not [thread for thread in threading.enumerate() if "rtsp" in thread.name]
