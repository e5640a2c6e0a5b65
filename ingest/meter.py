"""What a stream carries: pictures, bits and damage over the last seconds."""

from collections import deque
from dataclasses import dataclass

WINDOW_S = 5.0


@dataclass(frozen=True, slots=True)
class Reading:
    fps: float
    bitrate_kbps: float
    damaged_share: float


class Meter:
    """Sums per second, so that a picture costs two additions."""

    def __init__(self) -> None:
        self._seconds: deque[list[float]] = deque()  # [second, pictures, bytes, damaged]
        self.pictures_total = 0

    def count(self, now_s: float, size_bytes: int, *, damaged: bool) -> None:
        self.pictures_total += 1
        second = float(int(now_s))
        if not self._seconds or self._seconds[-1][0] != second:
            self._seconds.append([second, 0, 0, 0])
            while self._seconds[0][0] < second - WINDOW_S:
                self._seconds.popleft()
        row = self._seconds[-1]
        row[1] += 1
        row[2] += size_bytes
        row[3] += damaged

    def reading(self, now_s: float) -> Reading | None:
        """Return the figures of the last whole seconds; None before there is one."""
        second = int(now_s)
        rows = [row for row in tuple(self._seconds) if second - WINDOW_S <= row[0] < second]
        if not rows:
            return None
        span_s = second - rows[0][0]
        pictures = sum(row[1] for row in rows)
        return Reading(
            pictures / span_s, sum(row[2] for row in rows) * 8 / 1000 / span_s, sum(row[3] for row in rows) / pictures
        )

    def clear(self) -> None:
        self._seconds.clear()
