"""Live pictures: the worker's fragments go on to the browser as they come, one at a time."""

import asyncio
import json
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from dashboard_api.context import Context
from dashboard_api.policy import Access
from dashboard_api.workers import TIMEOUT_S, camera_path
from models.camera import Camera
from models.errors import LinkDown, NotReady, Overloaded

FRAGMENT_MAX_BYTES = 8 * 1024 * 1024
TRY_AGAIN_LATER = 1013
POLICY = 1008


async def show(websocket: WebSocket, context: Context, access: Access) -> None:
    """Send the camera's live picture until the browser, the worker or the login ends."""
    camera = access.thing
    assert isinstance(camera, Camera)
    await websocket.accept()
    ended = asyncio.Event()
    try:
        with context.watch.watching(access, ended.set):
            urls = await run_in_threadpool(_addresses, context, camera.id)
            upstream = await _connect(urls, context, camera.id)
            try:
                await _relay(websocket, upstream, ended)
            finally:
                upstream.transport.abort()  # nothing is left to say, and a stuck worker must not hold this up
                await upstream.wait_closed()
    except Overloaded:
        await _problem(websocket, "too many live pictures are open", POLICY)
    except (NotReady, WebSocketException, OSError) as down:
        reason = down.reason if isinstance(down, LinkDown) else "the worker does not answer"
        await _problem(websocket, reason, TRY_AGAIN_LATER)


def _addresses(context: Context, camera_id: str) -> list[str]:
    with context.store.transaction() as conn:
        return context.workers.of_camera(conn, camera_id)


async def _connect(urls: list[str], context: Context, camera_id: str) -> ClientConnection:
    for url in urls:
        try:
            return await connect(
                f"ws://{urlsplit(url).netloc}{camera_path(camera_id, 'live')}",
                additional_headers=context.workers.headers(),
                open_timeout=TIMEOUT_S,
                max_size=FRAGMENT_MAX_BYTES,
                max_queue=4,
                compression=None,
                proxy=None,
            )
        except (OSError, WebSocketException):
            continue
    raise LinkDown("worker", "no worker shows this camera")


async def _relay(websocket: WebSocket, upstream: ClientConnection, ended: asyncio.Event) -> None:
    """Pass messages on unchanged. A slow browser holds up only its own connection: the worker drops for it."""
    tasks = [
        asyncio.create_task(_forward(websocket, upstream), name="live-forward"),
        asyncio.create_task(_until_closed(websocket), name="live-closed"),
        asyncio.create_task(_wait(ended), name="live-login"),
    ]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if ended.is_set():
        await _close(websocket, POLICY)
    elif not tasks[1].done() or tasks[1].cancelled():
        await _close(websocket, TRY_AGAIN_LATER)


async def _forward(websocket: WebSocket, upstream: ClientConnection) -> None:
    try:
        async for piece in upstream:
            if isinstance(piece, str):
                await websocket.send_text(piece)
            else:
                await websocket.send_bytes(piece)
    except (ConnectionClosed, WebSocketDisconnect, RuntimeError):
        return


async def _until_closed(websocket: WebSocket) -> None:
    try:
        while True:
            await websocket.receive()  # a viewer has nothing to say
    except (WebSocketDisconnect, RuntimeError):
        return


async def _wait(ended: asyncio.Event) -> None:
    await ended.wait()


async def _problem(websocket: WebSocket, reason: str, code: int) -> None:
    try:
        await websocket.send_text(json.dumps({"problem": reason}))
    except (WebSocketDisconnect, RuntimeError):
        return
    await _close(websocket, code)


async def _close(websocket: WebSocket, code: int) -> None:
    try:
        await websocket.close(code)
    except (WebSocketDisconnect, RuntimeError):
        return
