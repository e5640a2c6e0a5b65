"""Rehearsals on the worker's port: asked for by the API, run by a process of their own."""

from collections.abc import Callable
from datetime import datetime

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from alertwall.camera_set import CameraSet
from alertwall.rehearsal_report import Job
from alertwall.rehearsals import Rehearsals
from alertwall.worker_whip import body_of, camera_id_of
from configs.site import Site
from models.errors import BadInput, NotFound
from models.rule import Rule

BODY_MAX_BYTES = 256 << 10


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What the API says of a rehearsal; the rest is the worker's own."""

    since: datetime
    until: datetime
    draft: Rule
    live: Rule | None


class RehearsalRoutes:
    """Starts, tells and ends rehearsals of the cameras that this worker holds."""

    def __init__(self, cameras: CameraSet, rehearsals: Rehearsals, site: Site, detector: Callable[[], str]) -> None:
        """``detector`` names the one that is open, which may not be the one that was wanted."""
        self._cameras, self._rehearsals, self._site, self._detector = cameras, rehearsals, site, detector
        one = "/cameras/{camera_id}/rehearsals/{rehearsal_id}"
        self.routes = [
            Route("/cameras/{camera_id}/rehearsals", self._start, methods=["POST"]),
            Route(one, self._get, methods=["GET"]),
            Route(one, self._end, methods=["DELETE"]),
        ]

    async def _start(self, request: Request) -> Response:
        camera_id = camera_id_of(request)
        held = self._cameras.get(camera_id)
        if held is None:
            raise NotFound("camera", camera_id)
        try:
            asked = msgspec.json.decode(await body_of(request, BODY_MAX_BYTES), type=Asked)
        except msgspec.MsgspecError as error:
            raise BadInput("body", f"a draft rule and a range ({error})") from error
        frame = held.link.gate.latest if held.link is not None else None
        settings = self._site.analytics
        job = Job(
            camera_id=camera_id,
            since=asked.since,
            until=asked.until,
            draft=asked.draft,
            live=asked.live,
            media_dir=str(self._site.media_dir),
            weights_dir=str(self._site.weights_dir),
            detector=self._detector() or settings.detector,
            device=settings.device,
            precision=settings.precision,
            detect_fps=settings.detect_fps,
            size_px=frame.size_px if frame is not None else None,
            timezone=self._site.timezone,
            holidays=self._site.holidays,
            lat=held.registration.camera.lat,
            lon=held.registration.camera.lon,
        )
        id = self._rehearsals.start(job)
        return JSONResponse(self._rehearsals.get(camera_id, id), 202, {"Location": f"{request.url.path}/{id}"})

    async def _get(self, request: Request) -> Response:
        return JSONResponse(self._rehearsals.get(camera_id_of(request), request.path_params["rehearsal_id"]))

    async def _end(self, request: Request) -> Response:
        await run_in_threadpool(self._rehearsals.end, camera_id_of(request), request.path_params["rehearsal_id"])
        return Response(status_code=204)
