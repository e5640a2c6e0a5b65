"""MJPEG: the parts of ``multipart/x-mixed-replace`` (RFC 2046 5.1), as cameras really send them."""

import re

from ingest.door import JPEG_MAX_BYTES, PictureRefused

PART_HEAD_MAX_BYTES = 8 << 10
_BOUNDARY = re.compile(r';\s*boundary\s*=\s*(?:"([^"]{1,200})"|([^\s;"]{1,200}))', re.IGNORECASE)
_LENGTH = re.compile(rb"(?:^|\n)content-length:[ \t]*([0-9]{1,9})[ \t]*\r?(?:\n|$)", re.IGNORECASE)
_TYPE = re.compile(rb"(?:^|\n)content-type:[ \t]*([a-z0-9/+.-]{1,80})", re.IGNORECASE)
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_JPEG_TYPES = (b"image/jpeg", b"image/jpg", b"image/pjpeg")


def boundary_of(content_type: str) -> str:
    """Return the boundary without dashes before it: makers disagree on whether they belong to it."""
    found = _BOUNDARY.search(content_type)
    text = (found[1] or found[2]).lstrip("-") if found else ""
    if not text:
        raise PictureRefused("its MJPEG names no boundary")
    return text


class Parts:
    """Takes bytes, gives pictures. `PictureRefused` when a head or a picture does not end."""

    def __init__(self, boundary: str) -> None:
        self._line = b"--" + boundary.encode("latin-1")
        self._buffer = bytearray()
        self._length: int | None = None
        self._wanted = self._in_body = False
        self._searched = 0

    def push(self, data: bytes) -> list[bytes]:
        """Take what came; return the pictures that are whole with it."""
        self._buffer += data
        pictures: list[bytes] = []
        while True:
            if not self._in_body:
                if not self._take_head():
                    return pictures
                continue
            body = self._take_body()
            if body is None:
                return pictures
            if self._wanted and body:
                pictures.append(body)

    def _take_head(self) -> bool:
        buffer = self._buffer
        start = buffer.find(self._line)
        if start < 0:
            if len(buffer) > PART_HEAD_MAX_BYTES:
                raise PictureRefused("its MJPEG has no boundary where one belongs")
            return False
        end = _HEAD_END.search(buffer, start)
        if end is None:
            if len(buffer) - start > PART_HEAD_MAX_BYTES:
                raise PictureRefused("endless headers of a picture")
            return False
        head = bytes(buffer[start : end.start()]).partition(b"\n")[2]
        if len(head) > PART_HEAD_MAX_BYTES:
            raise PictureRefused("endless headers of a picture")
        kind, length = _TYPE.search(head), _LENGTH.search(head)
        self._wanted = kind is None or kind[1].lower() in _JPEG_TYPES
        self._length = int(length[1]) if length and int(length[1]) else None
        if self._length is not None and self._length > JPEG_MAX_BYTES:
            raise PictureRefused(f"a picture of more than {JPEG_MAX_BYTES >> 20} MiB")
        del buffer[: end.end()]
        self._in_body, self._searched = True, 0
        return True

    def _take_body(self) -> bytes | None:
        buffer = self._buffer
        if self._length is not None:
            if len(buffer) < self._length:
                return None
            end = after = self._length
        else:
            end = buffer.find(self._line, self._searched)
            if end < 0:
                if len(buffer) > JPEG_MAX_BYTES:
                    raise PictureRefused(f"a picture of more than {JPEG_MAX_BYTES >> 20} MiB")
                self._searched = max(0, len(buffer) - len(self._line))
                return None
            after = end
        body = bytes(buffer[:end])
        del buffer[:after]
        self._in_body = False
        return body if self._length is not None else body.rstrip(b"\r\n")
