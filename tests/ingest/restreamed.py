"""A re-stream for tests: real cameras behind it, and a door that knows one token."""

import asyncio
import socket
import threading
from collections.abc import Callable, Collection, Coroutine, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

from ingest.camera_server import CameraServer
from ingest.live import LiveFanout
from ingest.rtsp_server.door import Pass, Refused
from ingest.rtsp_server.restream import Restream
from ingest.stream import OpenLimiter, StreamConfig, StreamLink
from models.camera import CameraSource, Scheme, Transport
from models.clock import SystemClock
from tests.ingest.conftest import LOOPBACK, PASSWORD

T = TypeVar("T")
TOKEN = "a-token-of-this-test"


class OneTokenDoor:
    """Lets in who shows `TOKEN`, until it is closed; counts how often it is asked."""

    def __init__(self, fanouts: Mapping[str, LiveFanout]) -> None:
        self._fanouts = fanouts
        self.asked = 0
        self.closed = False

    def admit(self, token: str, camera_id: str, address: str) -> Pass:
        self.asked += 1
        if token != TOKEN:
            raise Refused(401, "no such token")
        if camera_id not in self._fanouts:
            raise Refused(404, "no such camera")
        return Pass(camera_id, self._fanouts[camera_id], lambda: "the cable is out")

    def standing(self, passes: Collection[Pass]) -> Collection[Pass]:
        return [] if self.closed else passes


class Restreamed:
    """Dials cameras and serves them again, in a loop of its own."""

    def __init__(self, server: CameraServer, names: Collection[str], **options: Any) -> None:
        self.fanouts = {name: LiveFanout() for name in names} | {"dark": LiveFanout()}
        self.door = OneTokenDoor(self.fanouts)
        self.links = [self._link(server, name) for name in names]
        self._options = options
        self.restream = Restream(self.door, look_every_s=0.1, **options)
        self.loop = asyncio.new_event_loop()
        self._over = asyncio.Event()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="restreamed")

    def _link(self, server: CameraServer, name: str) -> StreamLink:
        source = server.source(name)
        return StreamLink(
            name,
            StreamConfig(source=source, password=PASSWORD, allowed_networks=LOOPBACK),
            clock=SystemClock(),
            takers=[self.fanouts[name].put],
            on_status=lambda _status: None,
            on_end=self.fanouts[name].interrupt,
            opens=OpenLimiter(4),
        )

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self._serve())
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()

    async def _serve(self) -> None:
        async with self.restream:
            self._started.set()
            await self._over.wait()

    def __enter__(self) -> Self:
        for link in self.links:
            link.start()
        self._thread.start()
        self._started.wait()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.loop.call_soon_threadsafe(self._over.set)
        self._thread.join()
        for link in self.links:
            link.stop()
        for link in self.links:
            link.join(5)

    def source(self, name: str, *, transport: Transport = Transport.TCP) -> CameraSource:
        return CameraSource(
            scheme=Scheme.RTSP,
            host="127.0.0.1",
            port=self.restream.port,
            path=f"/{name}",
            transport=transport,
            username="token",
        )

    def url(self, name: str) -> str:
        return f"rtsp://token:{TOKEN}@127.0.0.1:{self.restream.port}/{name}"

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.restream.port), timeout=10)

    def within(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run in the re-stream's loop."""
        return asyncio.run_coroutine_threadsafe(work(), self.loop).result(10)
