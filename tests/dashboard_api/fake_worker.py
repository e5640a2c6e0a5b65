"""A worker's small port as the contract has it, without any camera behind it."""

import asyncio
import json
import re
import threading
from collections.abc import AsyncIterator
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from tests.dashboard_api.served import Served

TOKEN = "internal-test-token"
PICTURE = b"\xff\xd8\xff\xe0 a picture \xff\xd9"
CLIP = b"\0\0\0\x18ftypmp42" + b"clip" * 50_000
HANG_MAX_S = 10
LONG = "long"
"""A camera whose clips go on until somebody closes them."""
LONG_PAUSE_S = 0.005
"""Between two pieces of such a clip: enough for any buffer to fill, not enough to take the machine."""
SHORT = "short"
"""A camera whose worker dies in the middle of a clip of announced length."""
PEER = "peer-0123456789abcdef"
SESSION = "session-0123456789abcdef"
REHEARSAL = "rehearsal-0123456789"
BUSY = "busy"
"""A camera that has a publisher."""
HELLO = {"mime": 'video/mp4; codecs="avc1.42c01e"', "width_px": 640, "height_px": 360}
FRAGMENTS = [b"init-segment", b"fragment-1", b"fragment-2"]

ONVIF: dict[str, dict[str, Any]] = {
    "discover": {
        "found": [{"name": "Gate", "host": "10.1.2.3", "port": 80, "scopes": ["onvif://x"]}],
        "outside": 1,
        "ignored": 2,
    },
    "describe": {
        "problem": None,
        "manufacturer": "Make",
        "model": "M",
        "firmware": "1",
        "clock_skew_s": 0.4,
        "profiles": [
            {
                "token": "main",
                "name": "Main",
                "codec": "h264",
                "width_px": 1920,
                "height_px": 1080,
                "fps": 25.0,
                "gop_frames": 50,
                "keyframe_interval_s": 2.0,
                "source": {
                    "scheme": "rtsp",
                    "host": "10.1.2.3",
                    "port": 554,
                    "path": "/main",
                    "transport": "tcp",
                    "username": "viewer",
                },
            }
        ],
        "main": 0,
        "sub": None,
        "snapshot": True,
        "events": True,
        "ptz": False,
    },
    "acceptance": {
        "passed": False,
        "checks": [
            {"name": "codec", "ok": True, "found": "h264", "expected": "h264 or h265"},
            {"name": "clock_skew_s", "ok": False, "found": "3600", "expected": "at most 5 either way"},
        ],
    },
    "presets": {"items": [{"token": "1", "name": "Gate"}]},
}

_RAISED = {
    "time": "2025-12-31T23:05:00.000Z",
    "label": "person",
    "score": 0.9,
    "box": [0.1, 0.2, 0.3, 0.4],
    "direction": None,
    "both": False,
    "picture": "/9j/",
}
REHEARSED: dict[str, Any] = {
    "id": REHEARSAL,
    "state": "done",
    "why": "",
    "progress": {
        "share": 1.0,
        "at": "2025-12-31T23:10:00.000Z",
        "footage_s": 600.0,
        "speed": 40.0,
        "raised_draft": 1,
        "raised_live": 0,
    },
    "outcome": {
        "draft": {"total": 1, "events": [_RAISED]},
        "live": {"total": 0, "events": []},
        "both": 0,
        "only_draft": 1,
        "only_live": 0,
        "footage_s": 590.0,
        "gaps": [{"from": "2025-12-31T23:00:00.000Z", "to": "2025-12-31T23:00:10.000Z"}],
        "took_s": 15.0,
        "speed": 40.0,
        "why": "",
    },
}


class _Dying(Response):
    """Announces a whole clip, sends half of it, and closes."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        length = str(len(CLIP)).encode()
        headers = [(b"content-type", b"video/mp4"), (b"content-length", length)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": CLIP[: len(CLIP) // 2], "more_body": True})


class FakeWorker(Served):
    """Knows every camera but those called ``gone``; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.probed: list[dict[str, Any]] = []
        self.live_open = 0
        self.clips_open = 0
        self.ended: list[str] = []
        self.free = threading.Event()
        """While it is clear, clips and snapshots are not answered."""
        self.free.set()
        self.refusal: tuple[int, str] | None = None
        """What it says, with which status, to whatever is asked of ONVIF."""
        routes = [
            Route("/cameras/{id}/snapshot.jpg", self._snapshot),
            Route("/cameras/{id}/clip.mp4", self._clip),
            Route("/cameras/{id}/whep", self._whep, methods=["POST"]),
            Route("/whep/{peer}", self._end, methods=["DELETE"]),
            Route("/cameras/{id}/whip", self._whip, methods=["POST", "DELETE"]),
            Route("/cameras/{id}/whip/{session}", self._session, methods=["PATCH", "DELETE"]),
            Route("/probe", self._probe, methods=["POST"]),
            Route("/onvif/{what}", self._onvif, methods=["POST"]),
            Route("/cameras/{id}/rehearsals", self._rehearse, methods=["POST"]),
            Route("/cameras/{id}/rehearsals/{rehearsal}", self._rehearsed, methods=["GET", "DELETE"]),
            Route("/cameras/{id}/{what:path}", self._onvif, methods=["GET", "POST"]),
            WebSocketRoute("/cameras/{id}/live", self._live),
        ]
        super().__init__(Starlette(routes=routes))

    def _knows(self, request: Request) -> Response | None:
        self.asked.append((request.method, str(request.url.path)))
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return JSONResponse({"problem": "who are you"}, 401)
        return JSONResponse({"problem": "not mine"}, 404) if request.path_params.get("id") == "gone" else None

    async def _snapshot(self, request: Request) -> Response:
        refused = self._knows(request)
        await run_in_threadpool(self.free.wait, HANG_MAX_S)
        return refused or Response(PICTURE, media_type="image/jpeg")

    async def _clip(self, request: Request) -> Response:
        self.asked.append(("RANGE", f"{request.query_params['from']} {request.query_params['to']}"))
        refused = self._knows(request)
        if refused is not None:
            return refused
        await run_in_threadpool(self.free.wait, HANG_MAX_S)
        if request.path_params["id"] == LONG:
            return StreamingResponse(self._long(), media_type="video/mp4")
        if request.path_params["id"] == SHORT:
            return _Dying()
        part = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
        if part is None:
            return Response(CLIP, media_type="video/mp4")
        start, end = int(part[1]), min(int(part[2] or len(CLIP) - 1), len(CLIP) - 1)
        if start >= len(CLIP):
            return Response(status_code=416, headers={"Content-Range": f"bytes */{len(CLIP)}"})
        headers = {"Content-Range": f"bytes {start}-{end}/{len(CLIP)}"}
        return Response(CLIP[start : end + 1], 206, headers, media_type="video/mp4")

    async def _long(self) -> AsyncIterator[bytes]:
        self.clips_open += 1
        try:
            while True:
                yield CLIP
                await asyncio.sleep(LONG_PAUSE_S)
        finally:
            self.clips_open -= 1

    async def _whep(self, request: Request) -> Response:
        refused = self._knows(request)
        if refused is None and (await request.body()).startswith(b"v=0"):
            return Response(b"v=0 answer", 201, {"Location": f"/whep/{PEER}"}, media_type="application/sdp")
        return refused or Response(status_code=400)

    async def _whip(self, request: Request) -> Response:
        refused = self._knows(request)
        if refused is not None or request.method == "DELETE":
            return refused or Response(status_code=204)
        if request.path_params["id"] == BUSY:
            return JSONResponse({"problem": "another publisher of this camera is sending"}, 409)
        offer = await request.body()
        if b"H264" not in offer:
            return JSONResponse({"problem": "sdp: an offer that sends H.264 video; this one does not"}, 422)
        location = f"/cameras/{request.path_params['id']}/whip/{SESSION}"
        return Response(b"v=0 answer", 201, {"Location": location}, media_type="application/sdp")

    async def _session(self, request: Request) -> Response:
        refused = self._knows(request)
        if refused is None and request.path_params["session"] != SESSION:
            return JSONResponse({"problem": "no session"}, 404)
        return refused or Response(status_code=204)

    async def _end(self, request: Request) -> Response:
        self.ended.append(request.path_params["peer"])
        return self._knows(request) or Response(status_code=200 if request.path_params["peer"] == PEER else 404)

    async def _probe(self, request: Request) -> Response:
        refused = self._knows(request)
        self.probed.append(await request.json())
        return refused or JSONResponse(
            {
                "ok": True,
                "problem": None,
                "codec": "h264",
                "width_px": 640,
                "height_px": 360,
                "fps": 25.0,
                "keyframe_interval_s": 1.0,
                "snapshot_b64": "/9j/",
                "open_s": 0.2,
            }
        )

    async def _onvif(self, request: Request) -> Response:
        refused = self._knows(request)
        if request.method == "POST":
            self.probed.append(await request.json())
        if refused is None and self.refusal:
            return JSONResponse({"problem": self.refusal[1]}, self.refusal[0])
        what = request.path_params["what"]
        return refused or JSONResponse(
            {} if request.path_params.get("id") and request.method == "POST" else ONVIF[what]
        )

    async def _rehearse(self, request: Request) -> Response:
        refused = self._knows(request)
        self.probed.append(await request.json())
        if refused is None and self.refusal:
            return JSONResponse({"problem": self.refusal[1]}, self.refusal[0])
        said = {"id": REHEARSAL, "state": "waiting", "why": "", "progress": None, "outcome": None}
        return refused or JSONResponse(said, 202)

    async def _rehearsed(self, request: Request) -> Response:
        refused = self._knows(request)
        if refused is None and request.path_params["rehearsal"] != REHEARSAL:
            return JSONResponse({"problem": "no rehearsal"}, 404)
        return refused or (Response(status_code=204) if request.method == "DELETE" else JSONResponse(REHEARSED))

    async def _live(self, websocket: WebSocket) -> None:
        if websocket.headers.get("authorization") != f"Bearer {TOKEN}" or websocket.path_params["id"] == "gone":
            await websocket.close(1008)
            return
        await websocket.accept()
        self.live_open += 1
        try:
            await websocket.send_text(json.dumps(HELLO))
            for fragment in FRAGMENTS:
                await websocket.send_bytes(fragment)
            while True:
                await websocket.receive_text()
        except WebSocketDisconnect:
            pass
        finally:
            self.live_open -= 1
