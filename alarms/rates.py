"""How much one unit may say: a token bucket before anything is parsed, and a pause for a unit that floods.

What is over the limit is not stored and gets no receipt: a unit keeps its alarms until then and sends them again, so
nothing is lost, and everybody else's alarms stay fast.
"""

from enum import Enum, auto

FLOOD_PER_MINUTE = 1000
PAUSE_S = 300.0
"""A flooding unit is not listened to for so long."""
STRANGERS = ""
"""The one bucket that all unregistered names share."""


class Verdict(Enum):
    """What to do with a message."""

    PASS = auto()
    SHED = auto()
    FLOOD = auto()
    """Shed, and tell: this message began a flood."""


class _Bucket:
    __slots__ = ("filled_s", "minute", "minute_count", "paused_until_s", "tokens")

    def __init__(self, tokens: float, now_s: float) -> None:
        self.tokens = tokens
        self.filled_s = now_s
        self.minute = 0
        self.minute_count = 0
        self.paused_until_s = 0.0


class UnitRates:
    """Buckets by unit; used on the receiver's thread, read by others."""

    def __init__(self, rate_per_s: float, burst: int) -> None:
        self._rate_per_s = rate_per_s
        self._burst = float(burst)
        self._buckets: dict[str, _Bucket] = {}
        self.shed_total = 0

    def judge(self, unit_id: str, now_s: float) -> Verdict:
        """Count one message of a unit and say what becomes of it."""
        bucket = self._buckets.get(unit_id)
        if bucket is None:
            bucket = self._buckets[unit_id] = _Bucket(self._burst, now_s)
        minute = int(now_s // 60)
        if minute != bucket.minute:
            bucket.minute, bucket.minute_count = minute, 0
        bucket.minute_count += 1
        if now_s < bucket.paused_until_s:
            self.shed_total += 1
            return Verdict.SHED
        bucket.tokens = min(self._burst, bucket.tokens + (now_s - bucket.filled_s) * self._rate_per_s)
        bucket.filled_s = now_s
        if bucket.tokens >= 1:
            bucket.tokens -= 1
            return Verdict.PASS
        self.shed_total += 1
        if bucket.minute_count > FLOOD_PER_MINUTE:
            bucket.paused_until_s = now_s + PAUSE_S
            return Verdict.FLOOD
        return Verdict.SHED

    def paused(self, now_s: float) -> frozenset[str]:
        """Return the units that are not listened to now."""
        return frozenset(unit_id for unit_id, bucket in self._buckets.copy().items() if now_s < bucket.paused_until_s)

    def forget(self, known: frozenset[str]) -> None:
        """Drop the buckets of units that are no longer registered."""
        for unit_id in self._buckets.keys() - known - {STRANGERS}:
            del self._buckets[unit_id]
