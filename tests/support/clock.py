"""A clock that moves only when a test says so."""

from datetime import UTC, datetime, timedelta


class FakeClock:
    """Implements `models.clock.Clock`; starts at a fixed moment."""

    def __init__(self, start: str = "2026-01-01T00:00:00+00:00") -> None:
        self._utc = datetime.fromisoformat(start).astimezone(UTC)
        self._monotonic_s = 1000.0

    def monotonic_s(self) -> float:
        return self._monotonic_s

    def utc_now(self) -> datetime:
        return self._utc

    def advance(self, seconds: float) -> None:
        """Move both clocks forward."""
        self._monotonic_s += seconds
        self._utc += timedelta(seconds=seconds)

    def step_utc(self, seconds: float) -> None:
        """Move only the wall clock, as a time server would."""
        self._utc += timedelta(seconds=seconds)
