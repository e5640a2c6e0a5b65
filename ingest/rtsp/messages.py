"""RTSP responses and requests as text (RFC 2326), with limits on what a camera may send."""

import re
from dataclasses import dataclass

HEAD_MAX_BYTES = 64 << 10
BODY_MAX_BYTES = 64 << 10
_STATUS = re.compile(r"RTSP/\d\.\d +(\d{3})(?: +(.*))?")


class NotRtsp(ValueError):
    """The peer does not speak RTSP, or too much of it."""


@dataclass(frozen=True, slots=True)
class Head:
    """A response's status line and headers; header names in lower case."""

    code: int
    reason: str
    headers: tuple[tuple[str, str], ...]

    def get(self, name: str, default: str = "") -> str:
        return next((value for key, value in self.headers if key == name), default)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    @property
    def content_length(self) -> int:
        text = self.get("content-length", "0")
        if not text.isascii() or not text.isdigit() or int(text[:10]) > BODY_MAX_BYTES or len(text) > 10:
            raise NotRtsp(f"a body of {text[:20]} bytes")
        return int(text)

    @property
    def is_redirect(self) -> bool:
        return 300 <= self.code < 400


def parse_head(raw: bytes) -> Head:
    """Read what stands before the empty line."""
    lines = raw.decode("latin-1").split("\r\n")
    match = _STATUS.fullmatch(lines[0].rstrip())
    if not match:
        raise NotRtsp("no RTSP status line")
    headers = tuple(
        (name.strip().lower(), value.strip())
        for name, colon, value in (line.partition(":") for line in lines[1:])
        if colon
    )
    return Head(int(match[1]), match[2] or "", headers)


def request(method: str, url: str, headers: dict[str, str]) -> bytes:
    """Write a request without a body."""
    lines = [f"{method} {url} RTSP/1.0", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
