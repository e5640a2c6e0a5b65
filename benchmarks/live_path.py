"""The processes of `bench_live`: a camera whose picture tells the time, and what of a worker shows it to browsers."""

import asyncio
import sys
import threading
import time
from collections.abc import Collection
from fractions import Fraction

import av
import numpy as np
import uvicorn
from av.packet import Packet as AvPacket
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream
from numpy.typing import NDArray
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from alertwall.worker_live import serve_live
from benchmarks.live_page import BITS, BLOCK_PX, page
from ingest.address import networks
from ingest.h26x import Codec, ParameterSets, is_parameter_set, join_lengths, split_start_codes
from ingest.link import CameraLink, LinkConfig
from ingest.live import LiveFanout
from ingest.packet import TICKS_PER_S, Packet
from ingest.rtsp_server.door import Pass
from ingest.rtsp_server.restream import Restream
from ingest.stream import OpenLimiter
from ingest.whep import WhepPeers
from models.camera import CameraSource, Scheme
from models.clock import SystemClock
from models.frame import DecodeMode

WIDTH_PX, HEIGHT_PX, FPS, GOP_S = 1280, 720, 25, 2
BITRATE = 2_000_000
STARTED_WITHIN_S = 15.0
CAMERA, USERNAME = "clock", "token"
Pixels = NDArray[np.uint8]


class OpenDoor:
    """Lets everybody in: this camera's password is no secret."""

    def __init__(self, live: LiveFanout) -> None:
        self._live = live

    def admit(self, token: str, camera_id: str, address: str) -> Pass:  # noqa: ARG002 - everybody is let in
        return Pass(camera_id, self._live, lambda: "")

    def standing(self, passes: Collection[Pass]) -> Collection[Pass]:
        return passes


def picture(dice: np.random.Generator, ground: Pixels) -> Pixels:
    """Return a noisy YUV 4:2:0 picture; the lowest `BITS` of the time in milliseconds are its upper blocks."""
    made = ground.copy()
    shift = int(dice.integers(WIDTH_PX))
    made[HEIGHT_PX // 2 : HEIGHT_PX] = np.roll(ground[HEIGHT_PX // 2 : HEIGHT_PX], shift, axis=1)
    told = time.time_ns() // 1_000_000
    for bit in range(BITS):
        left = bit * BLOCK_PX
        made[:BLOCK_PX, left : left + BLOCK_PX] = 235 if told >> bit & 1 else 16
    return made


def encoder() -> VideoCodecContext:
    made = av.CodecContext.create("libx264", "w")
    assert isinstance(made, VideoCodecContext)
    made.width, made.height, made.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuv420p"
    made.time_base, made.framerate, made.bit_rate = Fraction(1, TICKS_PER_S), Fraction(FPS), BITRATE
    keys = {"g": str(FPS * GOP_S), "keyint_min": str(FPS * GOP_S), "sc_threshold": "0"}
    made.options = {"preset": "ultrafast", "tune": "zerolatency", "profile": "baseline", **keys}
    return made


def feed(live: LiveFanout, over: threading.Event) -> None:
    """Encode one picture after the other, each as soon as it is due."""
    dice = np.random.default_rng(1)
    ground = np.full((HEIGHT_PX * 3 // 2, WIDTH_PX), 128, np.uint8)
    ground[:HEIGHT_PX] = np.kron(dice.integers(60, 200, (HEIGHT_PX // 8, WIDTH_PX // 8)), np.ones((8, 8)))
    codec, sets, seq, began_s = encoder(), ParameterSets(Codec.H264), 0, time.monotonic()
    while not over.wait(max(0.0, began_s + seq / FPS - time.monotonic())):
        frame = av.VideoFrame.from_ndarray(picture(dice, ground), format="yuv420p")
        frame.pts, frame.time_base = seq * TICKS_PER_S // FPS, Fraction(1, TICKS_PER_S)
        for encoded in codec.encode(frame):
            sets = put(live, encoded, sets, seq)
        seq += 1


def put(live: LiveFanout, encoded: "AvPacket[VideoStream]", sets: ParameterSets, seq: int) -> ParameterSets:
    nals = split_start_codes(bytes(encoded))
    for nal in nals:
        sets = sets.updated(nal)
    pictures = [nal for nal in nals if not is_parameter_set(Codec.H264, nal[0])]
    now = SystemClock()
    at = seq * TICKS_PER_S // FPS
    data = join_lengths(pictures)
    live.put(Packet(seq, at, at, now.utc_now(), now.monotonic_s(), encoded.is_keyframe, data, sets))
    return sets


async def be_camera() -> None:
    """Serve the clock over RTSP; say the port."""
    live, over = LiveFanout(), threading.Event()
    feeder = threading.Thread(target=feed, args=(live, over))
    feeder.start()
    try:
        async with Restream(OpenDoor(live)) as camera:
            print(camera.port, flush=True)
            await asyncio.to_thread(sys.stdin.readline)
    finally:
        over.set()
        feeder.join()


class Viewing:
    """A worker's way from a camera to browsers, by the worker's own parts: link, gate, fan-out, WebSocket, WHEP."""

    def __init__(self, port: int) -> None:
        self.live, self.peers = LiveFanout(), WhepPeers()
        self.link = CameraLink(
            LinkConfig(
                camera_id=CAMERA,
                worker_id="bench",
                source=CameraSource(
                    scheme=Scheme.RTSP, host="127.0.0.1", port=port, path=f"/{CAMERA}", username=USERNAME
                ),
                password="open",
                allowed_networks=networks(["127.0.0.0/8"]),
            ),
            clock=SystemClock(),
            on_state=lambda _state: None,
            on_frame=lambda _frame: None,
            mode=lambda: DecodeMode.QUIET,
            recorder=None,
            live=self.live,
            opens=OpenLimiter(1),
        )
        self.app = Starlette(
            routes=[
                Route("/", self._page),
                Route("/cpu", self._cpu),
                Route("/whep", self._whep, methods=["POST"]),
                Route("/whep/{peer}", self._leave, methods=["DELETE"]),
                WebSocketRoute("/live", self._live),
            ]
        )

    async def _page(self, _request: Request) -> Response:
        return HTMLResponse(page())

    async def _cpu(self, _request: Request) -> Response:
        """Say what this process has used so far."""
        said = {"cpu_s": time.process_time(), "at_s": time.monotonic(), "viewers": self.live.viewers}
        return JSONResponse(said | {"lost": self.live.packets_lost_total})

    async def _whep(self, request: Request) -> Response:
        peer, answer = await self.peers.answer(self.live, (await request.body()).decode())
        return Response(answer, 201, {"Location": f"/whep/{peer}"}, media_type="application/sdp")

    async def _leave(self, request: Request) -> Response:
        await self.peers.end(request.path_params["peer"])
        return Response(status_code=204)

    async def _live(self, websocket: WebSocket) -> None:
        try:
            await serve_live(websocket, self.live, self.link.state)
        except WebSocketDisconnect:
            return


async def be_worker(port: int) -> None:
    """Show the camera at ``port``; say our own."""
    viewing = Viewing(port)
    viewing.link.start()
    config = uvicorn.Config(
        viewing.app,
        port=0,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    deadline_s = time.monotonic() + STARTED_WITHIN_S
    while not server.started or viewing.live.codec is None:
        if time.monotonic() > deadline_s:
            raise TimeoutError("the camera's first picture does not come")
        await asyncio.sleep(0.02)
    print(server.servers[0].sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    viewing.live.end("over")
    viewing.link.stop()
    viewing.link.join(5)
    server.should_exit = True
    await serving


if __name__ == "__main__":
    asyncio.run(be_camera() if sys.argv[1] == "camera" else be_worker(int(sys.argv[2])))
