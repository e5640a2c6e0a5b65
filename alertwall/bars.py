"""A progress bar of bytes for the terminal; lines now and then where there is none."""

import sys
import time

WIDTH = 24
REDRAWN_EVERY_S = 0.2
LINE_EVERY_S = 10.0
MEGABYTE = 1_000_000


class ByteBar:
    """Call it with the bytes there are and the bytes there will be (0: unknown)."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._terminal = sys.stderr.isatty()
        self._shown_s = float("-inf")

    def __call__(self, done: int, total: int) -> None:
        now_s = time.monotonic()
        finished = bool(total) and done >= total
        if not finished and now_s - self._shown_s < (REDRAWN_EVERY_S if self._terminal else LINE_EVERY_S):
            return
        self._shown_s = now_s
        start, end = ("\r\x1b[K", "\n" if finished else "") if self._terminal else ("", "\n")
        print(f"{start}{self._line(done, total)}", end=end, file=sys.stderr, flush=True)

    def _line(self, done: int, total: int) -> str:
        if not total:
            return f"{self._title} {done / MEGABYTE:.1f} MB"
        filled = WIDTH * min(done, total) // total
        return f"{self._title} [{'#' * filled}{'.' * (WIDTH - filled)}] {done / MEGABYTE:.1f}/{total / MEGABYTE:.1f} MB"
