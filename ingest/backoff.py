"""When to try again: full jitter, so that a thousand cameras behind one switch do not come back at once."""

import random
from dataclasses import dataclass, field


@dataclass(slots=True)
class Backoff:
    """A value, not a sleeper: waiting is the caller's business. ``slow`` is for a wrong password or a wrong path.

    A camera that was away for some minutes is back within ``limit_s`` of its first answer; after ``quick_attempts``
    it is likely gone for good, and a site's dead cameras together must not make a storm.
    """

    first_s: float = 1.0
    limit_s: float = 4.0
    quick_attempts: int = 150
    long_limit_s: float = 60.0
    slow_first_s: float = 30.0
    slow_limit_s: float = 300.0
    settled_after_s: float = 30.0
    dice: random.Random = field(default_factory=random.Random)
    attempts: int = 0

    def next_s(self, *, slow: bool = False) -> float:
        """Return how long to wait before the next attempt, and count it."""
        quick_s = self.limit_s if self.attempts < self.quick_attempts else self.long_limit_s
        first_s, limit_s = (self.slow_first_s, self.slow_limit_s) if slow else (self.first_s, quick_s)
        ceiling_s = min(limit_s, first_s * 2.0 ** min(self.attempts, 16))
        self.attempts += 1
        # never at once: a camera that refuses immediately would be hammered; never hammer a lock-out
        floor_s = first_s if slow else first_s / 4
        return self.dice.uniform(floor_s, max(ceiling_s, floor_s))

    def streamed(self, seconds: float) -> None:
        """Start anew after a link that lasted."""
        if seconds >= self.settled_after_s:
            self.attempts = 0
