"""A unit's clock against ours. An alarm is never refused for its clock: both times are kept, the doubt is flagged."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

TRUSTED_SKEW_S = 5.0
"""Up to here the unit's own time is used."""
TROUBLE_SKEW_S = 300.0
"""Beyond it somebody should look at the unit's clock."""
QUEUE_MAX_AGE = timedelta(days=30)
"""A message that says it waited longer than this in the unit's outbox has a broken clock instead."""
_MS_MAX = 253_402_300_799_000
"""End of the year 9999: later than any clock can be."""


@dataclass(frozen=True, slots=True)
class Timing:
    """When something happened. ``skew_s`` is received minus device time, None when that says nothing of the clock."""

    corrected: datetime
    device: datetime | None
    skew_s: float | None
    skewed: bool

    @property
    def trouble(self) -> bool:
        """Whether the unit's clock needs somebody's attention."""
        return self.skewed and (self.skew_s is None or abs(self.skew_s) > TROUBLE_SKEW_S)


def device_time(ts_ms: float | None) -> datetime | None:
    """Return the unit's own time, or None when ``ts_ms`` is no possible time."""
    if ts_ms is None or not 0 < ts_ms <= _MS_MAX:
        return None
    return datetime.fromtimestamp(ts_ms / 1000, UTC)


def place_in_time(ts_ms: float | None, *, received_at: datetime, quality: str = "rtc", queued: bool = False) -> Timing:
    """Decide which time stands in the record: the unit's while it can be believed, else ours."""
    device = device_time(ts_ms)
    if device is None:
        return Timing(received_at, None, None, skewed=ts_ms is not None)
    late_s = (received_at - device).total_seconds()
    if quality == "none":
        return Timing(received_at, device, None, skewed=False)
    if queued and late_s > TRUSTED_SKEW_S and received_at - device <= QUEUE_MAX_AGE:
        return Timing(device, device, None, skewed=False)
    if abs(late_s) <= TRUSTED_SKEW_S:
        return Timing(device, device, late_s, skewed=False)
    return Timing(received_at, device, late_s, skewed=True)
