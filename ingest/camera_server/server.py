"""The camera server: named files as cameras on one port, in a thread with its own event loop."""

import asyncio
import contextlib
import logging
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlencode

from ingest.camera_server.connection import Connection
from ingest.camera_server.footage import Footage, load
from ingest.camera_server.stream import LiveStream
from ingest.rtsp_server.requests import HEAD_MAX_BYTES
from models.camera import CameraSource, Scheme, Transport

ENDED_WITHIN_S = 1.0
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """``basic`` also offers basic authentication; ``algorithm`` is the digest's, MD5 or SHA-256."""

    host: str = "127.0.0.1"
    port: int = 0
    username: str = ""
    password: str = ""
    basic: bool = False
    algorithm: str = "MD5"
    idle_timeout_s: float = 60.0
    tls: ssl.SSLContext | None = None


class CameraServer:
    """Serves until `stop`. ``NAME@n`` is an independent camera with the footage of ``NAME``."""

    def __init__(self, files: Mapping[str, Path], options: ServerOptions | None = None) -> None:
        self.options = options or ServerOptions()
        self.username, self.password = self.options.username, self.options.password
        self.basic, self.algorithm = self.options.basic, self.options.algorithm
        self.idle_timeout_s = self.options.idle_timeout_s
        self.frames_dropped = 0
        self.port = self.options.port
        loaded: dict[Path, Footage] = {path: load(path) for path in dict.fromkeys(files.values())}
        self._footage = {name: loaded[path] for name, path in files.items()}
        self._started_s = time.monotonic()
        self._streams: dict[str, LiveStream] = {}
        self._writers: dict[asyncio.StreamWriter, asyncio.Task[None] | None] = {}
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None

    @property
    def names(self) -> list[str]:
        return sorted(self._footage)

    def stream(self, name: str) -> LiveStream | None:
        """Return the camera of that name, made on first use."""
        footage = self._footage.get(name.partition("@")[0])
        if footage is None:
            return None
        if name not in self._streams:
            self._streams[name] = LiveStream(footage, self._started_s)
        return self._streams[name]

    def path(self, name: str, **faults: float) -> str:
        return f"/{name}" + (f"?{urlencode(faults)}" if faults else "")

    def source(self, name: str, *, transport: Transport = Transport.TCP, **faults: float) -> CameraSource:
        """Return the typed address of one of the cameras."""
        return CameraSource(
            scheme=Scheme.RTSPS if self.options.tls else Scheme.RTSP,
            host=self.options.host,
            port=self.port,
            path=self.path(name, **faults),
            transport=transport,
            username=self.username,
        )

    async def serve(self, on_listening: Callable[[], None]) -> None:
        """Listen until `stop`; ``on_listening`` is called as soon as `port` is known."""
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(
            self._accept, self.options.host, self.port, limit=HEAD_MAX_BYTES, ssl=self.options.tls
        )
        self.port = server.sockets[0].getsockname()[1]
        on_listening()
        try:
            await self._stopping.wait()
        finally:
            server.close()
            for stream in self._streams.values():
                stream.close()
            self._abort_all()
            if handlers := [task for task in self._writers.values() if task is not None]:
                await asyncio.wait(handlers, timeout=ENDED_WITHIN_S)  # those the loop has to cancel leave a traceback
            await server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers[writer] = asyncio.current_task()
        try:
            await Connection(self, reader, writer).run()
        finally:
            del self._writers[writer]

    @property
    def clients(self) -> int:
        return len(self._writers)

    def start(self) -> Self:
        """Serve in a thread of its own; returns once it listens."""
        started, failed = threading.Event(), list[BaseException]()

        def run() -> None:
            try:
                asyncio.run(self.serve(started.set))
            except OSError as error:
                failed.append(error)
                started.set()

        self._thread = threading.Thread(target=run, name="camera-server", daemon=True)
        self._thread.start()
        started.wait()
        if failed:
            raise failed[0]
        return self

    def stop(self) -> None:
        """End every connection at once; safe from any thread and from a signal handler."""
        loop, stopping = self._loop, self._stopping
        if loop and stopping:
            with contextlib.suppress(RuntimeError):  # the loop has already ended
                loop.call_soon_threadsafe(stopping.set)
        if self._thread:
            self._thread.join()
            self._thread = None

    def cut(self) -> None:
        """Reset every connection, as a power cut of the camera would; goes on listening."""
        if self._loop:
            self._loop.call_soon_threadsafe(self._abort_all)

    def _abort_all(self) -> None:
        for writer in tuple(self._writers):
            writer.transport.abort()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()
