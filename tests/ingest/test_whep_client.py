"""Pulling from another WHEP server: a real one over loopback, and ones that mean no good."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import pytest

from ingest.address import check
from ingest.clients import dial
from ingest.failures import LinkFailure
from ingest.h26x import split_lengths
from ingest.live import LiveFanout
from ingest.whep import WhepPeers
from ingest.whep_client import ENDED, WhepClient
from models.camera import CameraSource, LinkState, Scheme
from models.errors import BadInput, NotFound
from tests.ingest.conftest import LOOPBACK
from tests.support.clock import FakeClock
from tests.support.rtsp import HostileServer, clip, packets_of

TOKEN = "of the other server"
OF_A_CLIENT = {"whep-pull", "video-decoder"}
"""Names of threads that must be gone."""


class OtherServer:
    """A WHEP server with one stream, fed at the pace of a camera."""

    def __init__(self) -> None:
        self.deleted: list[str] = []
        self.location = "/peers/{peer}"
        self.fanout, self.peers = LiveFanout(), WhepPeers()
        self._loop = asyncio.new_event_loop()
        self._over = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None: ...

            def do_POST(self) -> None:
                server._post(self)

            def do_DELETE(self) -> None:
                server.deleted.append(self.path)
                try:
                    server._do(server.peers.end(self.path.rpartition("/")[2]))
                    self.send_response(200)
                except NotFound:
                    self.send_response(404)
                self.send_header("Content-Length", "0")
                self.end_headers()

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._threads = [
            threading.Thread(target=run, daemon=True)
            for run in (self._http.serve_forever, self._loop.run_forever, self._feed)
        ]

    def _do(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    def _post(self, request: BaseHTTPRequestHandler) -> None:
        offer = request.rfile.read(int(request.headers["Content-Length"])).decode()
        if request.headers["Authorization"] != f"Bearer {TOKEN}":
            request.send_response(401)
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        peer, answer = self._do(self.peers.answer(self.fanout, offer))
        request.send_response(201)
        request.send_header("Content-Type", "application/sdp")
        request.send_header("Location", self.location.format(peer=peer))
        request.send_header("Content-Length", str(len(answer)))
        request.end_headers()
        request.wfile.write(answer.encode())

    def _feed(self) -> None:
        packets = packets_of(clip(), clock=FakeClock(), loops=3)
        for packet in packets:
            self.fanout.put(packet)
            if self._over.wait(0.04):
                return

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._do(self.peers.close())
        self._http.shutdown()
        self._loop.call_soon_threadsafe(self._loop.stop)
        for thread in self._threads:
            thread.join()
        self._http.server_close()
        self._loop.close()

    @property
    def source(self) -> CameraSource:
        return source(self._http.server_port)


@pytest.fixture
def server() -> Iterator[OtherServer]:
    with OtherServer() as made:
        yield made


def source(port: int, **changes: Any) -> CameraSource:
    return CameraSource(**{"scheme": Scheme.WHEP, "host": "127.0.0.1", "port": port, "path": "/x/whep", **changes})


@contextmanager
def refused(port: int, *, password: str = TOKEN, timeout_s: float = 5.0) -> Iterator[list[LinkFailure]]:
    """Open, expect a failure, and see that no thread is left."""
    client = dial(source(port), password, LOOPBACK)
    found: list[LinkFailure] = []
    try:
        client.open(timeout_s)
    except LinkFailure as failure:
        found.append(failure)
    finally:
        client.close()
    assert found
    yield found
    assert not OF_A_CLIENT & {thread.name for thread in threading.enumerate()}


def test_the_stream_arrives_and_is_left_in_order(server: OtherServer) -> None:
    """The other server's pictures, byte for byte; a DELETE at the end and no thread left."""
    client = dial(server.source, TOKEN, LOOPBACK)
    assert isinstance(client, WhepClient)
    client.open(5.0)
    found = []
    for unit in client.units():
        if unit is not None:
            found.append(unit)
        if len(found) == 30:
            break
    assert found[0].key
    assert found[0].sets.complete
    sent = {tuple(split_lengths(packet.data)) for packet in packets_of(clip(), clock=FakeClock())}
    assert {tuple(split_lengths(unit.data)) for unit in found} <= sent
    client.close()
    client.close()
    assert len(server.deleted) == 1
    assert server.peers.count == 0
    assert not OF_A_CLIENT & {thread.name for thread in threading.enumerate()}


def test_the_other_side_ends_it(server: OtherServer) -> None:
    """Said in words, and the link dials again."""
    client = dial(server.source, TOKEN, LOOPBACK)
    client.open(5.0)
    server._do(server.peers.close())
    with pytest.raises(LinkFailure, match=ENDED):
        for _ in client.units():
            pass
    client.close()


def test_a_wrong_token_is_tried_again_slowly(server: OtherServer) -> None:
    """So that no lock-out is provoked."""
    with refused(server.source.port, password="wrong") as [failure]:
        assert failure.state is LinkState.AUTH_FAILED
        assert "token" in failure.reason


def test_a_foreign_location_is_not_asked(server: OtherServer) -> None:
    """A DELETE elsewhere would be a request that somebody else chose."""
    with HostileServer(lambda connection, _: connection.close()) as elsewhere:
        server.location = f"http://127.0.0.1:{elsewhere.port}/{{peer}}"
        client = dial(server.source, TOKEN, LOOPBACK)
        client.open(5.0)
        client.close()
        assert elsewhere.connections == 0


def test_redirects_floods_and_silence() -> None:
    """Each is a failure in words within its time; nothing is followed."""
    answers = {
        "redirects": b"HTTP/1.1 307 X\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n",
        "too long": b"HTTP/1.1 201 X\r\nContent-Length: 1000000\r\n\r\n" + b"v" * 100_000,
        "cannot be used": b"HTTP/1.1 201 X\r\nContent-Length: 3\r\n\r\nv=0",
        "cannot be asked": b"\0" * 100_000,
        "status 503": b"HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n",
        "nothing at this path": b"HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n",
    }
    for said, answer in answers.items():

        def serve(connection: socket.socket, server: HostileServer, answer: bytes = answer) -> None:
            server.read_request(connection)
            connection.sendall(answer)

        with HostileServer(serve) as server, refused(server.port) as [failure]:
            assert said in failure.reason, (said, failure.reason)


@pytest.mark.alone
def test_a_server_that_drips_ends_in_time() -> None:
    """A byte now and then keeps no thread."""

    def serve(connection: socket.socket, server: HostileServer) -> None:
        server.read_request(connection)
        connection.sendall(b"HTTP/1.1 201 X\r\nContent-Length: 60000\r\n\r\n")
        while not server.closing.wait(0.1):
            connection.sendall(b"v")

    with HostileServer(serve) as server:
        began_s = time.monotonic()
        with refused(server.port, timeout_s=1.0) as [failure]:
            assert failure.reason == "no answer"
        assert time.monotonic() - began_s < 6


def test_only_addresses_inside_the_networks_are_dialled() -> None:
    """The guard is the same as for every scheme; of the answer's candidates only those are tried."""
    with pytest.raises(BadInput, match="camera networks"):
        dial(source(80, host="192.0.2.1"), "", LOOPBACK)
    client = WhepClient(source(80), "", ("127.0.0.1", 80), LOOPBACK)
    assert client._allowed("127.0.0.9")
    assert not client._allowed("192.0.2.1")
    assert not client._allowed("printer.local")
    client.close()


def test_a_camera_that_pushes_is_not_dialled() -> None:
    """It has no address, and may not be given one."""
    pushed = CameraSource(scheme=Scheme.WHIP, host="", port=0, path="/")
    with pytest.raises(BadInput, match="one that is dialled"):
        check(pushed, LOOPBACK)
    with pytest.raises(BadInput, match="host"):
        check(CameraSource(scheme=Scheme.WHIP, host="127.0.0.1", port=0, path="/"), LOOPBACK)
