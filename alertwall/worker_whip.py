"""WHIP on the worker's port: what publishers send through the API for the cameras this worker holds."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from alertwall.camera_set import CameraSet
from ingest.sdpfrag import FRAGMENT_MAX_BYTES
from ingest.webrtc import SDP_MAX_BYTES
from ingest.whip import Publishers
from models.area import ID_PATTERN
from models.camera import Scheme
from models.errors import BadInput, Conflict, NotFound


class WhipRoutes:
    """Answers offers, takes candidates, ends sessions."""

    def __init__(self, cameras: CameraSet, publishers: Publishers) -> None:
        self._cameras, self._publishers = cameras, publishers
        session = "/cameras/{camera_id}/whip/{session}"
        self.routes = [
            Route("/cameras/{camera_id}/whip", self._publish, methods=["POST"]),
            Route("/cameras/{camera_id}/whip", self._end_all, methods=["DELETE"]),
            Route(session, self._trickle, methods=["PATCH"]),
            Route(session, self._end, methods=["DELETE"]),
        ]

    async def _publish(self, request: Request) -> Response:
        camera_id = camera_id_of(request)
        held = self._cameras.get(camera_id)
        if held is None:
            raise NotFound("camera", camera_id)
        camera = held.registration.camera
        if camera.source.scheme != Scheme.WHIP:
            raise Conflict("this camera is dialled; nobody pushes to it")
        if not camera.enabled:
            raise Conflict("this camera is switched off")
        offer = (await body_of(request, SDP_MAX_BYTES)).decode("utf-8", "replace")
        session, answer = await self._publishers.answer(camera_id, offer)
        return Response(answer, 201, {"Location": f"/cameras/{camera_id}/whip/{session}"}, media_type="application/sdp")

    async def _trickle(self, request: Request) -> Response:
        text = (await body_of(request, FRAGMENT_MAX_BYTES)).decode("utf-8", "replace")
        await self._publishers.trickle(camera_id_of(request), request.path_params["session"], text)
        return Response(status_code=204)

    async def _end(self, request: Request) -> Response:
        await self._publishers.end(camera_id_of(request), request.path_params["session"])
        return Response(status_code=204)

    async def _end_all(self, request: Request) -> Response:
        """End whoever publishes: the token that they showed has been renewed."""
        camera_id = camera_id_of(request)
        if self._cameras.get(camera_id) is None:
            raise NotFound("camera", camera_id)
        await self._publishers.end_camera(camera_id)
        return Response(status_code=204)


def camera_id_of(request: Request) -> str:
    """Return the camera's id in the path; `NotFound` when it cannot be one."""
    camera_id = str(request.path_params["camera_id"])
    if not ID_PATTERN.fullmatch(camera_id):
        raise NotFound("camera", camera_id[:80])
    return camera_id


async def body_of(request: Request, most: int) -> bytes:
    """Return the body; `BadInput` when it is longer than ``most`` bytes."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > most:
            raise BadInput("body", f"at most {most} bytes")
    return body
