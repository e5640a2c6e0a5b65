"""The worker's own small port: pictures of the cameras it holds, for the API alone. Loopback, and by token."""

import asyncio
import base64
import contextlib
import json
import re
import secrets
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from alertwall.camera_set import CameraSet
from alertwall.worker_live import serve_live
from alertwall.worker_onvif import OnvifRoutes
from alertwall.worker_whip import WhipRoutes, body_of, camera_id_of
from ingest import clip
from ingest.address import Network
from ingest.clients import Dial, dial
from ingest.disk import DiskWriter
from ingest.picture import jpeg
from ingest.probe import ProbeResult, probe
from ingest.rtsp_server.restream import Restream
from ingest.sdpfrag import inside
from ingest.whep import OFFER_MAX_BYTES, WhepPeers
from ingest.whip import Publishers
from models.camera import CameraSource, Scheme, Transport
from models.errors import AlertwallError, BadInput, Conflict, LinkDown, NotFound, Overloaded

BODY_MAX_BYTES = 64 << 10
PROBES_MAX = 4
PROBE_TIMEOUT_S = 12.0
FLUSH_WITHIN_S = 0.5
STATUS = {NotFound: 404, BadInput: 422, Overloaded: 503, LinkDown: 503, Conflict: 409}
_RANGE = re.compile(r"bytes=(\d{1,15})-(\d{1,15})?")


class TokenOnly:
    """Refuses whoever does not show the internal token, before anything is read."""

    def __init__(self, app: ASGIApp, token: Callable[[], str]) -> None:
        self._app, self._token = app, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            shown = HTTPConnection(scope).headers.get("authorization", "")
            if not secrets.compare_digest(shown.encode(), f"Bearer {self._token()}".encode()):
                if scope["type"] == "websocket":
                    await WebSocket(scope, receive, send).close(1008)
                else:
                    await JSONResponse({"problem": "not allowed"}, 401)(scope, receive, send)
                return
        await self._app(scope, receive, send)


class WorkerPort:
    """The routes, and the server that runs them in a thread with its own loop."""

    def __init__(
        self,
        cameras: CameraSet,
        publishers: Publishers,
        *,
        token: Callable[[], str],
        media_dir: Path,
        disk: DiskWriter,
        allowed_networks: tuple[Network, ...],
        health: Callable[[], dict[str, Any]],
        dial: Dial = dial,
        restream: Restream | None = None,
        more: Sequence[Route] = (),
    ) -> None:
        """``restream`` is served in the same event loop, which is that of all who watch."""
        self.restream = restream
        self._cameras, self._media_dir, self._disk = cameras, media_dir, disk
        self._publishers = publishers
        self._networks, self._health, self._dial = allowed_networks, health, dial
        self._probes = threading.BoundedSemaphore(PROBES_MAX)
        self.peers = WhepPeers(allowed=inside(allowed_networks))
        routes = [
            Route("/health", self._get_health),
            Route("/cameras/{camera_id}/snapshot.jpg", self._snapshot),
            Route("/cameras/{camera_id}/clip.mp4", self._clip),
            Route("/cameras/{camera_id}/whep", self._watch, methods=["POST"]),
            Route("/whep/{peer}", self._stop_watching, methods=["DELETE"]),
            *WhipRoutes(cameras, publishers).routes,
            Route("/probe", self._probe, methods=["POST"]),
            *OnvifRoutes(cameras, allowed_networks, self._probes).routes,
            *more,
            WebSocketRoute("/cameras/{camera_id}/live", self._live),
        ]
        self.app: ASGIApp = TokenOnly(Starlette(routes=routes, exception_handlers={AlertwallError: _problem}), token)
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(
            self.app,
            log_config=None,
            access_log=False,
            log_level="warning",  # each viewer that comes and goes would be a line
            lifespan="off",
            ws="websockets-sansio",
            ws_per_message_deflate=False,
            ws_max_size=1 << 16,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="worker-port", daemon=True)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=self._server.config.get_loop_factory()) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        async with self.restream or contextlib.nullcontext():
            await self._server.serve(sockets=[self._socket])

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """End all publishers' and viewers' connections, then the server."""
        self._publishers.stop(timeout_s)
        self._server.should_exit = True
        self._thread.join(timeout_s)
        self._socket.close()

    # routes

    async def _get_health(self, _request: Request) -> Response:
        return JSONResponse(self._health())

    async def _snapshot(self, request: Request) -> Response:
        camera_id = camera_id_of(request)
        held = self._cameras.get(camera_id)
        frame = held.link.gate.latest if held is not None and held.link is not None else None
        if frame is None:
            raise NotFound("picture", camera_id)
        headers = {"Cache-Control": "no-store", "X-Captured-At": frame.captured_at.isoformat()}
        return Response(await run_in_threadpool(jpeg, frame), media_type="image/jpeg", headers=headers)

    async def _clip(self, request: Request) -> Response:
        camera_id = camera_id_of(request)
        since, until = _instant(request, "from"), _instant(request, "to")
        made = await run_in_threadpool(self._cut, camera_id, since, until)
        headers = {
            "Accept-Ranges": "bytes",
            "Cache-Control": "no-store",
            "X-Clip-From": made.started_at.isoformat(),
            "X-Clip-To": made.ended_at.isoformat(),
        }
        start, end, status = 0, made.size_bytes, 200
        asked = _RANGE.fullmatch(request.headers.get("range", ""))
        if asked:
            start = int(asked[1])
            end = min(end, int(asked[2]) + 1) if asked[2] else end
            if start >= end:
                return Response(status_code=416, headers={"Content-Range": f"bytes */{made.size_bytes}"})
            status = 206
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{made.size_bytes}"
        headers["Content-Length"] = str(end - start)
        return StreamingResponse(made.read(start, end), status, headers, media_type="video/mp4")

    def _cut(self, camera_id: str, since: datetime, until: datetime) -> clip.Clip:
        held = self._cameras.get(camera_id)
        link = held.link if held is not None else None
        if link is not None and link.recorder is not None:
            link.recorder.flush()
            self._disk.wait(FLUSH_WITHIN_S)
        packets = link.ring.packets() if link is not None else ()
        return clip.cut(self._media_dir, camera_id, since, until, held=packets)

    async def _live(self, websocket: WebSocket) -> None:
        held = self._cameras.get(websocket.path_params["camera_id"])
        if held is None:
            await websocket.close(1008)
            return
        try:
            await serve_live(websocket, held.for_browsers, lambda: self._cameras.state(held))
        except WebSocketDisconnect:
            return

    async def _watch(self, request: Request) -> Response:
        camera_id = camera_id_of(request)
        held = self._cameras.get(camera_id)
        if held is None:
            raise NotFound("camera", camera_id)
        offer = (await body_of(request, OFFER_MAX_BYTES)).decode("utf-8", "replace")
        peer, answer = await self.peers.answer(held.for_browsers, offer)
        return Response(answer, 201, {"Location": f"/whep/{peer}"}, media_type="application/sdp")

    async def _stop_watching(self, request: Request) -> Response:
        await self.peers.end(request.path_params["peer"])
        return Response(status_code=204)

    async def _probe(self, request: Request) -> Response:
        try:
            said = json.loads(await body_of(request, BODY_MAX_BYTES))
            source = CameraSource(
                scheme=Scheme(said["scheme"]),
                host=str(said["host"]),
                port=int(said["port"]),
                path=str(said["path"]),
                transport=Transport(said.get("transport") or "tcp"),
                username=str(said.get("username") or ""),
            )
            password = str(said.get("password") or "")
            masks = tuple(tuple((float(x), float(y)) for x, y in polygon) for polygon in said.get("masks") or ())
        except (ValueError, KeyError, TypeError) as error:
            raise BadInput("body", f"a camera's address ({error})") from error
        if not self._probes.acquire(blocking=False):
            raise Overloaded("probes", PROBES_MAX)
        try:
            result = await run_in_threadpool(
                probe,
                source,
                password,
                allowed_networks=self._networks,
                timeout_s=PROBE_TIMEOUT_S,
                dial=self._dial,
                masks=masks,
            )
        finally:
            self._probes.release()
        return JSONResponse(_answer(result))


def _answer(result: ProbeResult) -> dict[str, Any]:
    said = asdict(result)
    snapshot = said.pop("snapshot")
    said["problem"] = result.problem or None
    return said | {"snapshot_b64": base64.b64encode(snapshot).decode() if snapshot else None}


def _instant(request: Request, name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(request.query_params[name])
    except (KeyError, ValueError):
        raise BadInput(name, "a time such as 2026-01-31T08:00:00Z") from None
    if moment.tzinfo is None:
        raise BadInput(name, "a time with its offset")
    return moment


async def _problem(_request: Request, error: Exception) -> Response:
    status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 500)
    return JSONResponse({"problem": str(error)}, status)
