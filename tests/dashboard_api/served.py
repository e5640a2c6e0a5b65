"""An ASGI application served by uvicorn in a thread of its own, on a port of its own."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import uvicorn


class Served:
    """Serve ``app`` while the context is open; ``port`` is where."""

    def __init__(
        self, app: Any, *, server: uvicorn.Server | None = None, listening: socket.socket | None = None
    ) -> None:
        self._socket = listening or socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        config = uvicorn.Config(app, log_config=None, ws_per_message_deflate=False, timeout_graceful_shutdown=2)
        self._server = server or uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="served", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        deadline_s = time.monotonic() + 10
        while not self._server.started:
            if time.monotonic() > deadline_s:
                raise TimeoutError("the application did not start")
            time.sleep(0.005)
        return self

    def stop(self) -> None:
        """End the server and wait for it."""
        self._server.should_exit = True
        self._thread.join(timeout=10)

    def call(self, work: Callable[[], object]) -> None:
        """Do ``work`` in the application's event loop and wait for it."""
        done = threading.Event()
        self._loop.call_soon_threadsafe(work)
        self._loop.call_soon_threadsafe(done.set)
        assert done.wait(10)

    def _run(self) -> None:
        with asyncio.Runner() as runner:
            self._loop = runner.get_loop()
            runner.run(self._serve())

    async def _serve(self) -> None:
        await self._server.serve([self._socket])
        for connection in list(self._server.server_state.connections):
            if connection.transport is not None:  # it still waits for a reader that takes nothing
                connection.transport.abort()
        await asyncio.sleep(0)  # what was closed lets go of its socket in the loop's next round

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._socket.close()
