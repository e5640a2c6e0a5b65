"""Footage for tests (moving shapes, made once per run) and hostile servers that only look like cameras."""

from __future__ import annotations

import functools
import socket
import tempfile
import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from av.video.stream import VideoStream

from ingest.camera_server.footage import load
from ingest.h26x import ParameterSets
from ingest.packet import TICKS_PER_S, Packet
from ingest.rtsp import sdp
from ingest.rtsp.units import UnitBuilder
from ingest.rtsp_server.rtp import PAYLOAD_TYPE, RtpStamper
from ingest.timeline import DecodeOrder, Timeline
from tests.support.clock import FakeClock

FPS = 25


def make_clip(
    path: Path,
    *,
    width_px: int = 320,
    height_px: int = 240,
    seconds: float = 3.84,  # eight whole GOPs: a loop keeps the key frame interval
    fps: int = FPS,
    gop: int = 12,
    codec: str = "libx264",
    b_frames: int = 0,
) -> Path:
    """Write an MP4 with a bright square that walks over a grey ground."""
    options = {"preset": "ultrafast", "g": str(gop), "bf": str(b_frames)}
    if codec == "libx265":
        options = {
            "preset": "ultrafast",
            "x265-params": f"keyint={gop}:min-keyint={gop}:bframes={b_frames}:log-level=none",
        }
    else:
        options |= {"keyint_min": str(gop), "sc_threshold": "0"}
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=fps, options=options)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = width_px, height_px, "yuv420p"
        stream.codec_context.time_base = Fraction(1, fps)
        for index in range(round(seconds * fps)):
            picture = np.full((height_px * 3 // 2, width_px), 128, np.uint8)
            picture[:height_px] = 90 + (np.arange(width_px) // 16 % 2) * 20
            left = index * 4 % (width_px - 48)
            picture[height_px // 3 : height_px // 3 + 48, left : left + 48] = 235
            frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
            frame.pts = index
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
    return path


@functools.cache
def clip(name: str = "h264") -> Path:
    """Return one of the named clips; made on first use."""
    recipes: dict[str, dict[str, object]] = {
        "h264": {},
        "h265": {"codec": "libx265"},
        "b_frames": {"b_frames": 2},
        "large": {"width_px": 640, "height_px": 480},
        "mpeg4": {"codec": "mpeg4"},
    }
    folder = Path(tempfile.mkdtemp(prefix="alertwall-clips-"))
    return make_clip(folder / f"{name}.mp4", **recipes[name])  # type: ignore[arg-type]


def packets_of(path: Path, *, clock: FakeClock, first_seq: int = 1, loops: int = 1) -> list[Packet]:
    """Return a clip's packets as a link would make them, without a network; ``clock`` moves along."""
    footage = load(path)
    builder = UnitBuilder(sdp.VideoMedia(footage.codec, PAYLOAD_TYPE, "", ParameterSets(footage.codec)))
    stamper, timeline, order = RtpStamper(), Timeline(), DecodeOrder()
    packets: list[Packet] = []
    began_s = clock.monotonic_s()
    for loop in range(loops):
        for unit in footage.units:
            clock.advance(began_s + loop * footage.duration_s + unit.due_s - clock.monotonic_s())
            ticks = unit.pts_90k + round(loop * footage.duration_s * TICKS_PER_S)
            for packet in stamper.packets(unit.payloads, ticks):
                builder.push(memoryview(packet), 0, len(packet))
            whole = builder.ready.popleft()
            present = timeline.present_90k(whole.ticks, clock.monotonic_s())
            packets.append(
                Packet(
                    seq=first_seq + len(packets),
                    present_90k=present,
                    decode_90k=order.decode_90k(present),
                    received_at=clock.utc_now(),
                    monotonic_s=clock.monotonic_s(),
                    key=whole.key,
                    data=whole.data,
                    sets=whole.sets,
                    damaged=whole.damaged,
                )
            )
    return packets


class HostileServer:
    """Accepts TCP and gives each connection to ``serve`` in a thread; what it is sent is kept in ``requests``."""

    def __init__(self, serve: Callable[[socket.socket, HostileServer], None]) -> None:
        self._serve = serve
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        self.requests: list[bytes] = []
        self.closing = threading.Event()
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, name="hostile-server", daemon=True)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            threading.Thread(target=self._handle, args=(connection,), name="hostile-peer", daemon=True).start()

    def _handle(self, connection: socket.socket) -> None:
        try:
            self._serve(connection, self)
        except OSError:
            pass  # the client had enough
        finally:
            connection.close()

    def read_request(self, connection: socket.socket) -> bytes:
        """Read up to the empty line."""
        request = b""
        while b"\r\n\r\n" not in request:
            piece = connection.recv(4096)
            if not piece:
                raise ConnectionResetError
            request += piece
        self.requests.append(request)
        return request

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.closing.set()
        # shutdown wakes accept() and recv(); close alone does not on Linux
        for connection in (self._listener, *self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
            finally:
                connection.close()
        self._thread.join()


def cseq(request: bytes) -> str:
    """Return the request's CSeq."""
    for line in request.decode("latin-1").split("\r\n"):
        if line.lower().startswith("cseq:"):
            return line.partition(":")[2].strip()
    return "0"


def answering(answer: Callable[[str, str], bytes]) -> Callable[[socket.socket, HostileServer], None]:
    """Make a peer that answers each request with ``answer(method, cseq)``."""

    def serve(connection: socket.socket, server: HostileServer) -> None:
        while True:
            request = server.read_request(connection)
            connection.sendall(answer(request.split(b" ", 1)[0].decode("latin-1"), cseq(request)))

    return serve
