"""One viewer's WebSocket: from the camera's fan-out to the wire, at the viewer's own pace."""

import asyncio
import contextlib
from collections.abc import Callable

from starlette.websockets import WebSocket, WebSocketDisconnect

from ingest.live import VIEWERS_MAX, LiveFanout, Viewer, mse_messages, problem
from models.camera import UP_STATES, CameraState

FIRST_PICTURE_WITHIN_S = 6.0


async def serve_live(websocket: WebSocket, fanout: LiveFanout, state: Callable[[], CameraState]) -> None:
    """Send the live picture until one side ends; a problem is said in words, then closed."""
    await websocket.accept()
    if fanout.viewers >= VIEWERS_MAX:
        await _say(websocket, "too many viewers of this camera")
        return
    viewer = fanout.join()
    tasks = [
        asyncio.create_task(_send(websocket, viewer), name="live-send"),
        asyncio.create_task(_until_closed(websocket), name="live-closed"),
        asyncio.create_task(_doubt(viewer, state), name="live-doubt"),
    ]
    try:
        await asyncio.wait(tasks[:2], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        fanout.leave(viewer)
    with contextlib.suppress(RuntimeError, WebSocketDisconnect):  # it may be closed already
        await websocket.close(1000)


async def _send(websocket: WebSocket, viewer: Viewer) -> None:
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        async for message in mse_messages(viewer):
            if isinstance(message, str):
                await websocket.send_text(message)
            else:
                await websocket.send_bytes(message)


async def _until_closed(websocket: WebSocket) -> None:
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass  # a viewer has nothing to say


async def _doubt(viewer: Viewer, state: Callable[[], CameraState]) -> None:
    """A camera that gives nothing to begin with is told, instead of leaving a black tile."""
    while not viewer.began:
        await asyncio.sleep(FIRST_PICTURE_WITHIN_S)
        now = state()
        if not viewer.began and now.state not in UP_STATES:
            viewer.end(now.reason or f"the camera is {now.state}")
            return


async def _say(websocket: WebSocket, text: str) -> None:
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        await websocket.send_text(problem(text))
        await websocket.close(1013)
