"""Log lines: one record a line, UTC, the part's name; to the terminal and to a bounded file.

A part started by the supervisor writes to its stderr; the supervisor keeps the files. Started alone, it keeps its own.
"""

import contextlib
import logging
import logging.handlers
import os
import re
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import IO

FILE_MAX_BYTES = 5_000_000
FILES_KEPT = 3
LINE_MAX_BYTES = 8_192
SUPERVISED = "ALERTWALL_SUPERVISED"
STAMPED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \S+ ([A-Z]+) ")


class OneLine(logging.Formatter):
    """`2026-01-01T00:00:00.000Z core INFO alarms.receiver: text`; a traceback is folded into the same line."""

    def __init__(self, part: str) -> None:
        super().__init__(f"%(asctime)s {part} %(levelname)s %(name)s: %(message)s")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: ARG002, N802
        return stamp(record.created)

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record).replace("\r", " ").replace("\n", " | ")


def stamp(created_s: float | None = None) -> str:
    """Return RFC 3339 UTC with milliseconds."""
    moment = datetime.now(UTC) if created_s is None else datetime.fromtimestamp(created_s, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def set_up(part: str, state_dir: Path | None = None, *, console_level: int = logging.INFO) -> None:
    """Send this process's records to stderr, and to its file when nobody else keeps one."""
    console = logging.StreamHandler()
    console.setLevel(console_level)
    handlers: list[logging.Handler] = [console]
    if state_dir is not None and SUPERVISED not in os.environ:
        handlers.append(_file(part, state_dir))
    for handler in handlers:
        handler.setFormatter(OneLine(part))
    logging.basicConfig(level=logging.INFO, handlers=handlers, force=True)
    logging.captureWarnings(capture=True)
    sys.excepthook = _last_words
    logging.raiseExceptions = False  # on a full disk the terminal still shows everything


def _last_words(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """An error that nobody caught is one record too."""
    logging.getLogger("alertwall").critical("ended by an error", exc_info=(kind, error, trace))


def _file(part: str, state_dir: Path) -> logging.handlers.RotatingFileHandler:
    folder = state_dir / "logs"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return logging.handlers.RotatingFileHandler(
        folder / f"{part}.log", maxBytes=FILE_MAX_BYTES, backupCount=FILES_KEPT, encoding="utf-8", delay=True
    )


class PartLog:
    """Where the supervisor puts what one part says: its file, and the terminal from ``console_level`` up."""

    def __init__(self, part: str, state_dir: Path, console_level: int) -> None:
        self._part, self._console_level = part, console_level
        self._file = _file(part, state_dir)
        self._file.setFormatter(logging.Formatter("%(message)s"))

    def follow(self, stream: IO[bytes]) -> threading.Thread:
        """Copy lines in a thread of its own until the part closes ``stream``."""
        thread = threading.Thread(target=self._copy, args=(stream,), name=f"log-{self._part}", daemon=True)
        thread.start()
        return thread

    def _copy(self, stream: IO[bytes]) -> None:
        with stream:
            while raw := stream.readline(LINE_MAX_BYTES):
                if line := raw.decode("utf-8", "replace").rstrip():
                    self.write(line)

    def write(self, line: str) -> None:
        """Keep one line; one that does not say when and who is given both."""
        stamped = STAMPED.match(line)
        level = logging.getLevelNamesMapping().get(stamped[1], logging.INFO) if stamped else logging.INFO
        text = line if stamped else f"{stamp()} {self._part} INFO {line}"
        self._file.handle(logging.LogRecord(self._part, level, "", 0, text, None, None))
        if level >= self._console_level:
            with contextlib.suppress(OSError):  # a closed terminal must not stop the part
                print(text, file=sys.stderr, flush=True)
