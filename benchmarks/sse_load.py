"""Hundreds of open feeds in one process, and the plainest possible FastAPI feed to stand beside ours."""

import asyncio
import multiprocessing
import re
import select
import socket
import time
from array import array
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

import uvicorn
from fastapi import FastAPI
from starlette.responses import StreamingResponse

READ_BYTES = 262_144
NUMBER = re.compile(rb'"number":(\d+)(?:,"made_s":([\d.]+))?')
OPEN_WITHIN_S = 60.0
OPEN_AT_ONCE = 20
LAST_WITHIN_S = 20.0
PAD = "x" * 480
"""Makes an echo's message as long as an event of ours."""


@dataclass(slots=True)
class Seen:
    """What all viewers together have received: event numbers, and when by the clock all processes share."""

    numbers: "array[int]" = field(default_factory=lambda: array("I"))
    received_s: "array[float]" = field(default_factory=lambda: array("d"))
    made_s: "array[float]" = field(default_factory=lambda: array("d"))
    resyncs: int = 0
    open: int = 0


class ViewerProcess:
    """``cookies`` gives one viewer each; ``slow`` more of the first kind never read."""

    def __init__(self, port: int, path: str, cookies: Sequence[str], *, slow: int = 0) -> None:
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=watch, args=(theirs, port, path, list(cookies), slow))
        self._process.start()
        if not self._ours.poll(OPEN_WITHIN_S) or (opened := self._ours.recv()) < len(cookies):
            self._process.kill()
            raise SystemExit(f"not all of {len(cookies)} viewers could open {path}")
        self.opened = opened

    def end(self, expected: int) -> Seen:
        """Wait a moment for the last of ``expected`` messages, close all, and return what was seen."""
        self._ours.send(expected)
        seen: Seen = self._ours.recv()
        self._process.join(10)
        return seen


def watch(pipe: Connection, port: int, path: str, cookies: list[str], slow: int) -> None:
    """Run in a process of its own until told how many messages there were."""
    viewers = _Viewers(port, path, cookies, slow)
    pipe.send(viewers.seen.open)
    while not pipe.poll():
        viewers.turn()
    expected, deadline_s = pipe.recv(), time.monotonic() + LAST_WITHIN_S
    while len(viewers.seen.numbers) < expected and time.monotonic() < deadline_s:
        viewers.turn()
    viewers.close()
    pipe.send(viewers.seen)


class _Viewers:
    def __init__(self, port: int, path: str, cookies: list[str], slow: int) -> None:
        self.seen = Seen()
        self._poll = select.epoll()
        self._lines: dict[int, tuple[socket.socket, bytearray]] = {}
        self._asleep = [_open(port, path, cookies[0], receive_bytes=4096) for _ in range(slow)]
        for number, cookie in enumerate(cookies, start=1):
            line = _open(port, path, cookie)
            line.setblocking(False)
            self._lines[line.fileno()] = (line, bytearray())
            self._poll.register(line, select.EPOLLIN)
            deadline_s = time.monotonic() + OPEN_WITHIN_S
            while self.seen.open < number - OPEN_AT_ONCE and time.monotonic() < deadline_s:
                self.turn()
        deadline_s = time.monotonic() + OPEN_WITHIN_S / 2
        while self.seen.open < len(cookies) and time.monotonic() < deadline_s:
            self.turn()

    def turn(self) -> None:
        """Read what has come."""
        for descriptor, _ in self._poll.poll(0.05):
            line, buffer = self._lines[descriptor]
            with suppress(BlockingIOError):
                data = line.recv(READ_BYTES)
                if not data:
                    self._poll.unregister(line)
                buffer += data
            now_s = time.monotonic()
            whole = buffer.rfind(b"\n\n") + 2
            if whole < 2:
                continue
            text = bytes(buffer[:whole])
            del buffer[:whole]
            self.seen.open += text.count(b"event: hello")
            self.seen.resyncs += text.count(b"event: resync")
            for number, made_s in NUMBER.findall(text):
                self.seen.numbers.append(int(number))
                self.seen.received_s.append(now_s)
                self.seen.made_s.append(float(made_s or 0))

    def close(self) -> None:
        """Close every line."""
        for line, _ in self._lines.values():
            line.close()
        for line in self._asleep:
            line.close()


def _open(port: int, path: str, cookie: str, *, receive_bytes: int = 0) -> socket.socket:
    line = socket.socket()
    if receive_bytes:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    line.connect(("127.0.0.1", port))
    line.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {cookie}\r\n\r\n".encode())
    return line


def echo(port: int, rate_per_s: float, start: Any, count: int) -> None:
    """Serve `/feed` in a process of its own: ``count`` messages to everybody once ``start`` is set."""
    app = FastAPI()
    queues: set[asyncio.Queue[bytes]] = set()

    @app.get("/feed")
    async def feed() -> StreamingResponse:
        async def messages() -> AsyncIterator[bytes]:
            queue: asyncio.Queue[bytes] = asyncio.Queue()
            queues.add(queue)
            try:
                yield b"event: hello\n\n"
                while True:
                    yield await queue.get()
            finally:
                queues.discard(queue)

        return StreamingResponse(messages(), media_type="text/event-stream")

    async def make() -> None:
        await asyncio.to_thread(start.wait)
        begun_s = time.monotonic()
        for number in range(count):
            await asyncio.sleep(max(0.0, begun_s + number / rate_per_s - time.monotonic()))
            body = f'{{"number":{number},"made_s":{time.monotonic():.6f},"pad":"{PAD}"}}'
            for queue in queues:
                queue.put_nowait(f"event: event\ndata: {body}\n\n".encode())

    async def serve() -> None:
        making = asyncio.create_task(make())
        await uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error")).serve()
        making.cancel()

    asyncio.run(serve())
