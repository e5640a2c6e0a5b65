"""A file, or a folder of files, as a camera: played in a loop at the pace at which it was filmed.

Only inside the folders that the site names. What is H.264 or H.265 passes as it is.
"""

import os
import stat
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote

from ingest.demux import Container, NotPlayable, Pacer, Piece, UnitMaker, at
from ingest.door import Door, PictureRefused, Sparing
from ingest.failures import LinkFailure
from ingest.packet import TICKS_PER_S
from ingest.rtsp import AccessUnit
from models.camera import CameraSource, LinkState
from models.errors import BadInput

TICK_S = 0.5
FILES_MAX = 1000
FORMATS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".avi": "avi", ".ts": "mpegts"}


def resolve_inside(path: Path, folders: Sequence[Path]) -> Path:
    """Return the real path behind ``path``; `BadInput` unless it lies inside one of ``folders``.

    Symbolic links and ``..`` are resolved first; what lies outside is answered alike whether it is there or not.
    """
    outside = BadInput("path", "a file or folder inside the site's ingest.replay_folders")
    try:
        real = path.resolve()
        roots = [folder.resolve() for folder in folders]
    except (OSError, ValueError, RuntimeError):
        raise outside from None
    if not any(real.is_relative_to(root) for root in roots):
        raise outside
    return real


def _check_regular(file: BinaryIO) -> None:
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        raise NotPlayable("is not a file")


class ReplayClient:
    """Plays what lies at one path. One thread uses it; `stop` may come from another."""

    packets_lost = 0

    def __init__(self, source: CameraSource, folders: Sequence[Path]) -> None:
        self._folders = tuple(folders)
        self._path = resolve_inside(Path(unquote(source.path)), folders)
        self.peer = source.path
        self._container: Container | None = None
        self._stopped = False
        self._maker: UnitMaker | None = None
        self._door = Door()
        self._pacer = Pacer()

    # life

    def open(self, timeout_s: float) -> None:
        """Open the first file that can be played; `LinkFailure` says why there is none."""
        del timeout_s  # a disk that hangs hangs in the kernel
        for path in self._files():
            self._open(path)
            return

    def stop(self) -> None:
        """Make `units` end within `TICK_S`; from any thread."""
        self._stopped = True

    def close(self) -> None:
        if self._container is not None:
            self._container.close()
            self._container = None

    def _files(self) -> list[Path]:
        try:
            if self._path.is_dir():
                found = sorted(one for one in self._path.iterdir() if one.suffix.lower() in FORMATS)[:FILES_MAX]
            else:
                found = [self._path] if self._path.is_file() else []
        except OSError as error:
            raise self._failure(f"cannot be read ({error.strerror})") from None
        if not found:
            raise self._failure("no such file" if not self._path.is_dir() else "nothing to play in this folder")
        return found

    def _open(self, path: Path) -> Container:
        format_name = FORMATS.get(path.suffix.lower())
        if format_name is None:
            raise self._failure(f"not a film: one of {', '.join(FORMATS)} is needed")
        self.close()
        try:
            real = resolve_inside(path, self._folders)  # a link in the folder may lead out of it
            file = os.fdopen(os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
        except BadInput:
            raise self._failure("leads out of the site's replay folders") from None
        except OSError as error:
            raise self._failure(f"cannot be read ({error.strerror})") from None
        try:
            _check_regular(file)
            self._container = Container(file, format_name)
        except NotPlayable as problem:
            file.close()
            raise self._failure(f"{path.name} {problem}") from None
        return self._container

    # pictures

    def units(self) -> Iterator[AccessUnit | None]:
        """Yield access units when they are due, and None at least every `TICK_S`. Ends only by `LinkFailure`."""
        while True:
            shown = False
            for path in self._files():
                for unit in self._play(path):
                    shown = shown or unit is not None
                    yield unit
            if not shown:
                raise self._failure("no picture in it can be played")

    def _play(self, path: Path) -> Iterator[AccessUnit | None]:
        container = self._open(path)
        codec = container.codec
        if codec is not None and (self._maker is None or self._maker.codec is not codec):
            self._maker = UnitMaker(codec)
        sparing = Sparing()
        for piece in container.pieces(self._maker if codec is not None else None):
            if piece.frame is not None and not sparing.keeps(piece.decode_90k / TICKS_PER_S):
                continue
            due_s = self._pacer.due_s(piece.decode_90k)
            while (left_s := due_s - time.monotonic()) > 0:
                time.sleep(min(left_s, TICK_S))
                if left_s > TICK_S:
                    yield None
                self._look()
            self._look()
            yield self._unit(piece, due_s)

    def _unit(self, piece: Piece, due_s: float) -> AccessUnit | None:
        if piece.unit is not None:
            return at(piece.unit, due_s, piece)
        assert piece.frame is not None
        try:
            return self._door.frame(piece.frame, round(due_s * TICKS_PER_S))
        except PictureRefused as refused:
            raise self._failure(str(refused)) from None

    def _look(self) -> None:
        if self._stopped:
            raise LinkFailure(self.peer, "stopped")

    def _failure(self, reason: str) -> LinkFailure:
        return LinkFailure(self.peer, reason, state=LinkState.NOT_FOUND)
