"""The re-stream: every camera of one worker as ``rtsp://host:port/<camera id>``, as it came, never encoded again."""

import asyncio
import logging
import socket
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

from ingest.rtsp_server.client import Client
from ingest.rtsp_server.door import Door, Pass, Refused
from ingest.rtsp_server.requests import HEAD_MAX_BYTES

CLIENTS_MAX = 128
CLIENTS_PER_ADDRESS_MAX = 64
LOOK_EVERY_S = 1.0
ASKING_MAX = 2
"""Tokens looked at at the same time."""
ENDED_WITHIN_S = 1.0
FULL = b"RTSP/1.0 503 Service Unavailable\r\nConnection: close\r\n\r\n"
log = logging.getLogger(__name__)


class Restream:
    """Listens from its making on; serves while entered, in the event loop of the cameras' other viewers."""

    def __init__(
        self,
        door: Door,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        clients_max: int = CLIENTS_MAX,
        clients_per_address_max: int = CLIENTS_PER_ADDRESS_MAX,
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        """Raise `OSError` when the port cannot be had."""
        self._door, self._look_every_s = door, look_every_s
        self._clients_max, self._per_address_max = clients_max, clients_per_address_max
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family, backlog=64)
        self.port: int = self._socket.getsockname()[1]
        self._clients: dict[Client, asyncio.Task[None]] = {}
        self._addresses: Counter[str] = Counter()
        self.refused_total = 0
        self._packets_lost_total = 0
        self._asking = ThreadPoolExecutor(ASKING_MAX, thread_name_prefix="restream-door")
        self._server: asyncio.Server | None = None
        self._looking: asyncio.Task[None] | None = None

    @property
    def clients(self) -> int:
        return len(self._clients)

    def detail(self) -> dict[str, int]:
        """Return figures for the status page."""
        clients = list(self._clients)
        lost = self._packets_lost_total + sum(client.packets_lost for client in clients)
        return {
            "port": self.port,
            "clients": len(clients),
            "playing": sum(client.playing for client in clients),
            "packets_lost_total": lost,
            "refused_total": self.refused_total,
        }

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, sock=self._socket, limit=HEAD_MAX_BYTES)
        self._looking = asyncio.create_task(self._look_on(), name="restream-look")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        tasks = list(self._clients.values())
        for client in list(self._clients):
            client.cut()
        if tasks:
            await asyncio.wait(tasks, timeout=ENDED_WITHIN_S)
        self.close()

    def close(self) -> None:
        """Let go of the port and the threads; for one that was never entered, too."""
        self._socket.close()
        self._asking.shutdown(wait=False, cancel_futures=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = writer.get_extra_info("peername")
        address = str(peer[0]) if peer else ""
        if len(self._clients) >= self._clients_max or self._addresses[address] >= self._per_address_max:
            self.refused_total += 1
            writer.write(FULL)
            writer.close()
            return
        client = Client(self._admit, reader, writer)
        task = asyncio.current_task()
        assert task is not None
        self._clients[client] = task
        self._addresses[address] += 1
        try:
            await client.run()
        finally:
            del self._clients[client]
            self._packets_lost_total += client.packets_lost
            self._addresses[address] -= 1
            if not self._addresses[address]:
                del self._addresses[address]

    async def _admit(self, token: str, camera_id: str, address: str) -> Pass:
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._asking, self._door.admit, token, camera_id, address
            )
        except Refused:
            self.refused_total += 1
            raise
        except Exception:
            log.exception("a client cannot be let in")
            raise Refused(503, "an error of ours") from None

    async def _look_on(self) -> None:
        """Cut those whose token, role, areas or camera are no longer what they were let in for."""
        while True:
            await asyncio.sleep(self._look_every_s)
            shown = {client: client.shown for client in self._clients if client.shown is not None}
            if not shown:
                continue
            try:
                standing = await asyncio.get_running_loop().run_in_executor(
                    self._asking, self._door.standing, list(shown.values())
                )
            except Exception as error:  # noqa: BLE001 - what is open stays open while nobody can be asked
                log.warning("cannot look at the re-stream's clients: %s", error)
                continue
            for client, allowed in shown.items():
                if allowed not in standing and client.shown is allowed:
                    client.cut()
