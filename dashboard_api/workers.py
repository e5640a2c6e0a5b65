"""Calls to the workers' small ports: whoever holds the camera has its pictures.

Blocking, for the API's thread pool. The internal token goes along; nothing of a worker's answer but its body, type
and status comes back.
"""

import http.client
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from psycopg import Connection
from starlette.exceptions import HTTPException

from models.clock import Clock
from models.errors import LinkDown, NotFound
from models.store import cameras, parts

TIMEOUT_S = 5.0
PROBE_TIMEOUT_S = 20.0
CLIP_TIMEOUT_S = 15.0
ANSWER_MAX_BYTES = 16 * 1024 * 1024
CHUNK_BYTES = 256 * 1024
LENGTH = re.compile(r"\d{1,15}")
PART = re.compile(r"bytes (\d{1,15}-\d{1,15}|\*)/\d{1,15}")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a worker said."""

    status: int
    body: bytes
    location: str = ""
    url: str = ""

    @property
    def reason(self) -> str:
        """Why the worker refused, in its words; empty when it did not say."""
        return _reason(self.body)

    def json(self) -> dict[str, Any]:
        try:
            said = json.loads(self.body)
        except ValueError:
            raise LinkDown("worker", "an answer that is not JSON") from None
        if not isinstance(said, dict):
            raise LinkDown("worker", "an answer that is not an object")
        return said


class Workers:
    """Finds the worker of a camera and speaks to it."""

    def __init__(self, token: Callable[[], str], clock: Clock) -> None:
        self._token, self._clock = token, clock

    def headers(self) -> dict[str, str]:
        """Return what a worker wants to see."""
        return {"Authorization": f"Bearer {self._token()}"}

    def live(self, conn: Connection[Any]) -> list[str]:
        """Return the addresses of the workers that beat."""
        oldest = self._clock.utc_now() - timedelta(seconds=parts.LATE_AFTER_S)
        return [part.url for part in parts.listing(conn, kind="worker") if part.url and part.heartbeat_at >= oldest]

    def of_camera(self, conn: Connection[Any], camera_id: str) -> list[str]:
        """Return the addresses to ask for a camera, its holder first; `LinkDown` when no worker lives."""
        urls = self.live(conn)
        if not urls:
            raise LinkDown("worker", "none is up")
        state = cameras.states(conn, [camera_id]).get(camera_id)
        holders = [part.url for part in parts.listing(conn, kind="worker") if state and part.id == state.worker_id]
        return sorted(urls, key=lambda url: url not in holders)

    def ask(
        self,
        urls: Sequence[str],
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        content_type: str = "application/json",
        timeout_s: float = TIMEOUT_S,
    ) -> Answer:
        """Return the first answer that is not "I do not hold it"; `LinkDown` when none comes."""
        last: Answer | None = None
        for url in urls:
            connection, response = self._open(
                url, method, path, body=body, content_type=content_type, timeout_s=timeout_s
            )
            with connection:
                answer = Answer(response.status, _limited(response), response.headers.get("Location", ""), url)
            if answer.status != 404:
                return answer
            last = answer
        if last is None:
            raise LinkDown("worker", "none is up")
        return last

    def stream(self, urls: Sequence[str], path: str, *, part: str = "") -> "Stream":
        """Return a body that is read as it is sent on, or the ``part`` of it that a Range header names.

        Raises `NotFound` when no worker has it.
        """
        for url in urls:
            connection, response = self._open(url, "GET", path, timeout_s=CLIP_TIMEOUT_S, part=part)
            if response.status in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
                return Stream(connection, response)
            with connection:
                reason = _reason(_limited(response))
            if response.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                raise HTTPException(response.status, "there is nothing at this range", _headers(response))
            if response.status != HTTPStatus.NOT_FOUND:
                raise LinkDown("worker", reason or f"status {response.status}")
        raise NotFound("recording", "of that time")

    def _open(
        self,
        url: str,
        method: str,
        path: str,
        *,
        timeout_s: float,
        body: bytes | None = None,
        content_type: str = "",
        part: str = "",
    ) -> tuple["_Closing", http.client.HTTPResponse]:
        parts_ = urlsplit(url)
        connection = http.client.HTTPConnection(parts_.hostname or "127.0.0.1", parts_.port or 80, timeout=timeout_s)
        headers = self.headers() | ({"Content-Type": content_type} if body is not None else {})
        headers |= {"Range": part} if part else {}
        try:
            connection.request(method, path, body=body, headers=headers)
            return _Closing(connection), connection.getresponse()
        except (OSError, http.client.HTTPException) as down:
            connection.close()
            raise LinkDown("worker", type(down).__name__) from down


class _Closing:
    def __init__(self, connection: http.client.HTTPConnection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def close(self) -> None:
        self._connection.close()


class Stream:
    """A worker's answer, read piece by piece."""

    def __init__(self, connection: _Closing, response: http.client.HTTPResponse) -> None:
        self._connection, self._response = connection, response
        self.status = response.status
        self.headers = _headers(response)

    def read(self) -> bytes:
        """Return the next piece, empty at the end; `http.client.IncompleteRead` when it came too early. Blocking."""
        piece = self._response.read(CHUNK_BYTES)
        if not piece and self._response.length:  # http.client says so of chunks, but not of an announced length
            raise http.client.IncompleteRead(b"", self._response.length)
        return piece

    def close(self) -> None:
        """Let the worker go."""
        self._connection.close()


def _headers(response: http.client.HTTPResponse) -> dict[str, str]:
    """Return what of the worker's headers goes on: lengths, when they are such."""
    wanted = {"Content-Length": LENGTH, "Content-Range": PART}
    return {
        name: value
        for name, pattern in wanted.items()
        if (value := response.headers.get(name)) is not None and pattern.fullmatch(value)
    }


def camera_path(camera_id: str, what: str, **query: str) -> str:
    """Return the path of something of a camera on its worker's port."""
    path = f"/cameras/{quote(camera_id, safe='')}/{what}"
    return f"{path}?{urlencode(query)}" if query else path


def _limited(response: http.client.HTTPResponse) -> bytes:
    try:
        body = response.read(ANSWER_MAX_BYTES + 1)
    except (OSError, http.client.HTTPException) as cut:
        raise LinkDown("worker", type(cut).__name__) from cut
    if len(body) > ANSWER_MAX_BYTES:
        raise LinkDown("worker", "an answer that is too long")
    return body


def _reason(body: bytes) -> str:
    try:
        said = json.loads(body)
    except ValueError:
        return ""
    return str(said.get("problem", ""))[:200] if isinstance(said, dict) else ""
