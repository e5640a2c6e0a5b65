"""Time as an argument: monotonic for durations, UTC wall time for records."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What every timed part is given instead of calling `time` itself."""

    def monotonic_s(self) -> float:
        """Return seconds that never run backwards; only differences mean something."""
        ...

    def utc_now(self) -> datetime:
        """Return the wall time, aware, in UTC."""
        ...


class SystemClock:
    """The machine's clocks."""

    def monotonic_s(self) -> float:
        return time.monotonic()

    def utc_now(self) -> datetime:
        return datetime.now(UTC)
