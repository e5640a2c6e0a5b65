"""Connections of the HTTP server: bounded in how long they may say nothing, and hold nothing for who is gone."""

import asyncio
import json
import socket
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

BACKLOG = 512
HEAD_WITHIN_S = 15.0
"""A request's first line and headers must be complete by then, or a few thousand slow ones would take every place."""
SILENT_PEER_S = 30
"""The other side must acknowledge what was sent within this: a stopped reader's connection is then no more."""
PROBE_EVERY_S = 10
LINGER_S = 1.0
"""Closing on what still arrives resets the connection, and the answer with it: so long it is read and dropped."""

BAD_REQUEST = {
    "type": "about:blank",
    "title": "Bad Request",
    "status": 400,
    "detail": "this is not HTTP/1.1",
    "instance": "",
}


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; what it accepts inherits the limits. `OSError` when the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.create_server((host, port), family=family, backlog=BACKLOG)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for name, value in (
        ("TCP_KEEPIDLE", SILENT_PEER_S),
        ("TCP_KEEPINTVL", PROBE_EVERY_S),
        ("TCP_KEEPCNT", 3),
        ("TCP_USER_TIMEOUT", SILENT_PEER_S * 1000),
    ):
        option = getattr(socket, name, None)  # some are Linux's own
        if option is not None:
            made.setsockopt(socket.IPPROTO_TCP, option, value)
    return made


class BoundedConnection(H11Protocol):
    """HTTP/1.1 whose requests must begin in time; what is no HTTP is answered with a problem too."""

    _head_due: asyncio.TimerHandle | None = None
    _ending: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        if self._ending is not None:
            return
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            self._await_head()
        else:
            self._head_came()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_came()
        if self._ending is not None:
            self._ending.cancel()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        self._head_came()  # from here on the time between two requests is measured
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002
        body = json.dumps(BAD_REQUEST).encode()
        headers = [
            (b"content-type", b"application/problem+json"),
            (b"content-length", str(len(body)).encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"connection", b"close"),
        ]
        try:
            events: list[Any] = [
                h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
                h11.Data(data=body),
                h11.EndOfMessage(),
            ]
            for event in events:
                self.transport.write(self.conn.send(event) or b"")
        except h11.LocalProtocolError:
            self.transport.close()  # an answer is under way already
            return
        self._ending = self.loop.call_later(LINGER_S, self.transport.close)
        self.transport.write_eof()

    def _await_head(self) -> None:
        if self._head_due is None:
            self._head_due = self.loop.call_later(HEAD_WITHIN_S, self._too_slow)

    def _head_came(self) -> None:
        if self._head_due is not None:
            self._head_due.cancel()
            self._head_due = None

    def _too_slow(self) -> None:
        self._head_due = None
        self.transport.abort()
