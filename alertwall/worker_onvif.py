"""The part of the worker's port that speaks ONVIF: find, describe, accept, turn."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from alertwall.camera_set import CameraSet, Held
from ingest.acceptance import card, passed
from ingest.address import Network
from ingest.onvif import Device, Profile, describe, discover
from ingest.probe import probe
from models.clock import SystemClock
from models.errors import BadInput, NotFound, Overloaded

BODY_MAX_BYTES = 16 << 10
HOSTS_MAX = 32
LOOK_TIMEOUT_S = 8.0
"""Of each of the two looks at a camera that make its card."""
TURN_WITHIN_S = 4.0


class OnvifRoutes:
    """``probes`` bounds how many cameras are dialled at once, here and by the port's own probe."""

    def __init__(
        self, cameras: CameraSet, allowed_networks: tuple[Network, ...], probes: threading.BoundedSemaphore
    ) -> None:
        self._cameras, self._networks, self._probes = cameras, allowed_networks, probes
        self.routes = [
            Route("/onvif/discover", self._discover, methods=["POST"]),
            Route("/onvif/describe", self._describe, methods=["POST"]),
            Route("/cameras/{camera_id}/acceptance", self._acceptance),
            Route("/cameras/{camera_id}/presets", self._presets),
            Route("/cameras/{camera_id}/presets", self._go_to, methods=["POST"]),
        ]

    async def _discover(self, request: Request) -> Response:
        hosts = (await _json(request)).get("hosts") or []
        if not isinstance(hosts, list) or len(hosts) > HOSTS_MAX:
            raise BadInput("hosts", f"at most {HOSTS_MAX} addresses")
        return await self._run(lambda: asdict(discover(self._networks, hosts=[str(host) for host in hosts])))

    async def _describe(self, request: Request) -> Response:
        said = await _json(request)
        try:
            host, port = str(said["host"]), int(said["port"])
        except (KeyError, ValueError, TypeError):
            raise BadInput("body", "a host and a port") from None
        username, password = str(said.get("username") or ""), str(said.get("password") or "")

        def look() -> dict[str, Any]:
            found = describe(host, port, username=username, password=password, allowed_networks=self._networks)
            return asdict(found) | {
                "problem": found.problem or None,
                "profiles": [_profile(one) for one in found.profiles],
            }

        return await self._run(look)

    async def _acceptance(self, request: Request) -> Response:
        held = self._held(request)

        def look() -> dict[str, Any]:
            camera, password = held.registration.camera, held.registration.password
            seen = probe(
                camera.source,
                password,
                allowed_networks=self._networks,
                timeout_s=LOOK_TIMEOUT_S,
                masks=camera.masks,
            )
            described = None
            if camera.onvif_port is not None:
                described = describe(
                    camera.source.host,
                    camera.onvif_port,
                    username=camera.source.username,
                    password=password,
                    allowed_networks=self._networks,
                    within_s=LOOK_TIMEOUT_S,
                )
            checks = card(seen, described)
            return {"passed": passed(checks), "checks": [asdict(check) for check in checks]}

        return await self._run(look)

    async def _presets(self, request: Request) -> Response:
        held = self._held(request)
        return await self._run(lambda: {"items": [asdict(preset) for preset in self._device(held).presets()]})

    async def _go_to(self, request: Request) -> Response:
        held = self._held(request)
        preset = str((await _json(request)).get("token") or "")

        def turn() -> dict[str, Any]:
            self._device(held).go_to(preset)
            return {}

        return await self._run(turn)

    def _held(self, request: Request) -> Held:
        camera_id = str(request.path_params["camera_id"])
        held = self._cameras.get(camera_id)
        if held is None:
            raise NotFound("camera", camera_id[:80])
        return held

    def _device(self, held: Held) -> Device:
        camera = held.registration.camera
        if camera.onvif_port is None:
            raise BadInput("onvif_port", "a camera with an ONVIF port")
        return Device(
            camera.source.host,
            camera.onvif_port,
            username=camera.source.username,
            password=held.registration.password,
            allowed_networks=self._networks,
            clock=SystemClock(),
            within_s=TURN_WITHIN_S,
        ).ready()

    async def _run(self, work: Callable[[], dict[str, Any]]) -> Response:
        with self._place():
            return JSONResponse(await run_in_threadpool(work))

    @contextmanager
    def _place(self) -> Iterator[None]:
        if not self._probes.acquire(blocking=False):
            raise Overloaded("probes", 0)
        try:
            yield
        finally:
            self._probes.release()


def _profile(profile: Profile) -> dict[str, Any]:
    source = profile.source
    shown = None
    if source is not None:
        shown = {"scheme": source.scheme, "host": source.host, "port": source.port, "path": source.path}
        shown |= {"transport": source.transport, "username": source.username}
    interval_s = profile.gop_frames / profile.fps if profile.gop_frames and profile.fps else None
    return asdict(profile) | {"source": shown, "keyframe_interval_s": round(interval_s, 2) if interval_s else None}


async def _json(request: Request) -> dict[str, Any]:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > BODY_MAX_BYTES:
            raise BadInput("body", f"at most {BODY_MAX_BYTES} bytes")
    try:
        said = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise BadInput("body", "JSON") from None
    if not isinstance(said, dict):
        raise BadInput("body", "an object")
    return said
