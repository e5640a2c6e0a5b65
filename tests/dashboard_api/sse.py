"""A browser's EventSource, as far as tests need one: real sockets, messages one by one."""

import http.client
import json
import socket
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from tests.dashboard_api.served import Served


@dataclass(frozen=True)
class Message:
    """One server-sent event."""

    kind: str
    id: str
    body: dict[str, Any]


class Sse:
    """An open feed; `next` waits for the next message but beats."""

    def __init__(
        self,
        served: Served,
        secret: str,
        path: str = "/api/v1/feed",
        *,
        after: str | None = None,
        receive_buffer_bytes: int | None = None,
        timeout_s: float = 10,
    ) -> None:
        self._timeout_s = timeout_s
        self._connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=timeout_s)
        self._connection.sock = socket.socket()
        try:
            if receive_buffer_bytes is not None:
                self._connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
            self._connection.sock.settimeout(timeout_s)
            self._connection.sock.connect(("127.0.0.1", served.port))
            headers = {"Cookie": f"alertwall_login={secret}"} | ({"Last-Event-ID": after} if after else {})
            self._connection.request("GET", path, headers=headers)
            self.answer = self._connection.getresponse()
        except BaseException:
            self._connection.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self.answer.close()
        self._connection.close()

    def problem(self) -> dict[str, Any]:
        """Return the body of an answer that is no feed."""
        body: dict[str, Any] = json.loads(self.answer.read())
        return body

    def next(self, *, beats: bool = False) -> Message | None:
        """Return the next message; None at the end of the stream."""
        fields: dict[str, str] = {}
        deadline_s = time.monotonic() + self._timeout_s
        while line := self.answer.readline():
            text = line.decode().rstrip("\n")
            if text:
                name, _, value = text.partition(": ")
                fields[name] = value
            elif "event" in fields:
                message = Message(fields["event"], fields.get("id", ""), json.loads(fields["data"]))
                if beats or message.kind != "beat":
                    return message
                if time.monotonic() > deadline_s:
                    raise TimeoutError("nothing but beats")
                fields = {}
            else:
                fields = {}
        return None

    def until(self, kind: str, **wanted: Any) -> list[Message]:
        """Return the messages up to and with the first of ``kind`` whose body holds ``wanted``."""
        seen = []
        while message := self.next():
            seen.append(message)
            if message.kind == kind and wanted.items() <= message.body.items():
                return seen
        raise AssertionError(f"the feed ended before a {kind} with {wanted}; it sent {seen[-3:]}")
