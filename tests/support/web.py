"""Cameras over HTTP for tests: MJPEG, snapshots, HLS made with PyAV; and answers of hostile ones."""

from __future__ import annotations

import base64
import functools
import io
import socket
import ssl
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.stream import VideoStream
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ingest import digest
from models.camera import CameraSource, Scheme
from tests.support.rtsp import HostileServer, clip

USER, PASSWORD = "viewer", "open sesame"
BASIC = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
Serve = Callable[[socket.socket, HostileServer], None]


@functools.cache
def pictures(width_px: int = 320, height_px: int = 240, count: int = 50) -> tuple[bytes, ...]:
    """Return JPEG pictures of a bright square that walks over a grey ground."""
    made = []
    for index in range(count):
        picture = np.full((height_px, width_px, 3), 90, np.uint8)
        left = index * 4 % (width_px - 48)
        picture[height_px // 3 : height_px // 3 + 48, left : left + 48] = 235
        done, encoded = cv2.imencode(".jpg", picture)
        assert done
        made.append(encoded.tobytes())
    return tuple(made)


def source(port: int, path: str = "/", *, host: str = "127.0.0.1", **said: object) -> CameraSource:
    return CameraSource(**{"scheme": Scheme.HTTP, "host": host, "port": port, "path": path, **said})  # type: ignore[arg-type]


def reply(body: bytes = b"", *lines: str, code: str = "200 OK", kind: str = "text/html") -> bytes:
    head = [f"HTTP/1.1 {code}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *lines]
    return ("\r\n".join(head) + "\r\n\r\n").encode() + body


def target(request: bytes) -> str:
    return request.split(b" ")[1].decode()


def header(request: bytes, name: str) -> str:
    for line in request.decode("latin-1").split("\r\n"):
        if line.lower().startswith(name.lower() + ":"):
            return line.partition(":")[2].strip()
    return ""


def answering(answer: Callable[[bytes], bytes]) -> Serve:
    """Answer each request on a connection that is kept alive."""

    def serve(connection: socket.socket, server: HostileServer) -> None:
        while True:
            connection.sendall(answer(server.read_request(connection)))

    return serve


def saying(*pieces: bytes) -> Serve:
    """Send these after the first request, then keep the connection open."""

    def serve(connection: socket.socket, server: HostileServer) -> None:
        server.read_request(connection)
        for piece in pieces:
            connection.sendall(piece)
        server.closing.wait(10)

    return serve


def forever(start: bytes, piece: bytes, *, every_s: float = 0) -> Serve:
    """Send ``start`` after the first request, then ``piece`` again and again."""

    def serve(connection: socket.socket, server: HostileServer) -> None:
        server.read_request(connection)
        connection.sendall(start)
        while not server.closing.wait(every_s):
            connection.sendall(piece)

    return serve


def mjpeg(
    *, fps: float = 10, lengths: bool = True, size_px: tuple[int, int] = (320, 240), chunked: bool = False
) -> Serve:
    """Be an MJPEG camera."""

    def serve(connection: socket.socket, server: HostileServer) -> None:
        server.read_request(connection)
        chunks = "Transfer-Encoding: chunked\r\n" if chunked else ""
        connection.sendall(
            f"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=--frame\r\n{chunks}\r\n".encode()
        )
        index = 0
        while not server.closing.wait(1 / fps):
            body = pictures(*size_px)[index % 50]
            length = f"Content-Length: {len(body)}\r\n" if lengths else ""
            part = f"--frame\r\nContent-Type: image/jpeg\r\n{length}\r\n".encode() + body + b"\r\n"
            connection.sendall(f"{len(part):x}\r\n".encode() + part + b"\r\n" if chunked else part)
            index += 1

    return serve


def snapshots() -> Serve:
    """Be a camera that gives one picture an answer."""
    index = iter(range(1_000_000))
    return answering(lambda _request: reply(pictures()[next(index) % 50], kind="image/jpeg"))


def digest_checked(inner: bytes, *, nonce: str = "n1") -> Callable[[bytes], bytes]:
    """Give ``inner`` to who proves the password, 401 to all others."""
    challenge = {"realm": "cam", "nonce": nonce, "qop": "auth", "algorithm": "SHA-256"}

    def answer(request: bytes) -> bytes:
        said = digest.parameters(header(request, "Authorization"))
        proof = digest.response(
            challenge,
            method="GET",
            uri=target(request),
            username=USER,
            password=PASSWORD,
            nc=said.get("nc", ""),
            cnonce=said.get("cnonce", ""),
        )
        if said.get("response") == proof and said.get("uri") == target(request):
            return inner
        line = f'WWW-Authenticate: Digest realm="cam", nonce="{nonce}", qop="auth", algorithm=SHA-256'
        return reply(b"no", line, code="401 Unauthorized")

    return answer


def tls_context(folder: Path) -> ssl.SSLContext:
    """Return a server's context with a certificate that it made itself, as cameras do."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "camera")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = folder / "camera.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


@functools.cache
def hls_segments(name: str = "h264", *, fragmented: bool = False) -> tuple[bytes, ...]:
    """Cut a clip into segments of one GOP; with ``fragmented`` the first is the initialisation segment."""
    if fragmented:
        return _fragments(clip(name))
    groups: list[list[av.Packet[VideoStream]]] = []
    made = []
    with av.open(str(clip(name))) as container:
        stream = container.streams.video[0]
        for packet in container.demux(stream):
            if packet.size == 0:
                continue
            if packet.is_keyframe:
                groups.append([])
            groups[-1].append(packet)
        for group in groups:
            out = io.BytesIO()
            with av.open(out, "w", format="mpegts") as muxer:
                copy = muxer.add_stream_from_template(stream)
                for packet in group:
                    packet.stream = copy
                    muxer.mux(packet)
            made.append(out.getvalue())
    return tuple(made)


def _fragments(path: Path) -> tuple[bytes, ...]:
    out = io.BytesIO()
    flags = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
    with av.open(str(path)) as container, av.open(out, "w", format="mp4", options=flags) as muxer:
        stream = container.streams.video[0]
        copy = muxer.add_stream_from_template(stream)
        for packet in container.demux(stream):
            if packet.size:
                packet.stream = copy
                muxer.mux(packet)
    whole, cuts = out.getvalue(), []
    at = whole.find(b"moof")
    while at >= 0:
        cuts.append(at - 4)
        at = whole.find(b"moof", at + 4)
    end = whole.rfind(b"mfra") - 4
    return tuple(whole[start:stop] for start, stop in zip([0, *cuts], [*cuts, end], strict=True))


GOP_S = Fraction(12, 25)


class HlsCamera:
    """Answers with a window of segments that moves on in real time; each loop of the clip is a discontinuity."""

    def __init__(self, name: str = "h264", *, fragmented: bool = False, master: bytes = b"", before: str = "") -> None:
        segments = hls_segments(name, fragmented=fragmented)
        self._map, self._segments = (segments[0], segments[1:]) if fragmented else (b"", segments)
        self._master, self._before = master, before
        self._began_s = time.monotonic() - 5
        self.missing: set[int] = set()
        self.restart_after_s: float | None = None

    def playlist(self) -> bytes:
        age_s = time.monotonic() - self._began_s
        newest = int(age_s / float(GOP_S))
        if self.restart_after_s is not None and age_s > self.restart_after_s:
            newest -= 9  # as an encoder that has lost its count
        first = max(0, newest - 5)
        lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-TARGETDURATION:1", f"#EXT-X-MEDIA-SEQUENCE:{first}"]
        if self._map:
            lines.append('#EXT-X-MAP:URI="init.mp4"')
        for number in range(first, newest):
            if number % len(self._segments) == 0:
                lines.append("#EXT-X-DISCONTINUITY")
            lines += [f"#EXTINF:{float(GOP_S):.3f},", f"{self._before}s{number}.{'m4s' if self._map else 'ts'}"]
        return "\n".join(lines).encode()

    def __call__(self, request: bytes) -> bytes:
        path = target(request).partition("?")[0]
        if path.endswith("master.m3u8"):
            return reply(self._master, kind="application/x-mpegURL")
        if path.endswith(".m3u8"):
            return reply(self.playlist(), kind="application/vnd.apple.mpegurl; charset=utf-8")
        if path.endswith("init.mp4"):
            return reply(self._map, kind="video/mp4")
        number = int(path.rpartition("/s")[2].partition(".")[0])
        if number in self.missing:
            return reply(b"gone", code="404 Not Found")
        return reply(self._segments[number % len(self._segments)], kind="video/mp2t")
