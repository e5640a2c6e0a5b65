"""What was received and is not stored yet: bounded, in order, handed over in batches."""

import threading
from collections import deque
from dataclasses import dataclass
from datetime import datetime

CAPACITY = 20_000
"""When it is full the receiver stops reading, and the broker and the units keep the rest."""


@dataclass(slots=True, eq=False)
class Puback:
    """What the broker waits for. Pubacks go out in the order of arrival, so one that is ``done`` may still wait."""

    mid: int
    qos: int
    done: bool = False


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message as the broker handed it over; ``puback`` is None for what wants none."""

    topic: str
    payload: bytes
    unit_id: str
    leaf: str
    retain: bool
    puback: Puback | None
    received_at: datetime
    received_s: float


class Inbox:
    """A queue between one receiver and one committer."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._waiting: deque[Delivery] = deque()
        self._changed = threading.Condition()
        self._asleep = False

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def has_room(self) -> bool:
        """Whether the receiver should go on reading."""
        return len(self._waiting) < self._capacity

    @property
    def half_empty(self) -> bool:
        """Whether there is room enough to begin again after a stop."""
        return len(self._waiting) < self._capacity // 2

    def put(self, delivery: Delivery) -> None:
        """Add one; the receiver looks at `has_room` before it reads, so nothing is ever refused here."""
        self._waiting.append(delivery)
        if self._asleep:
            with self._changed:
                self._changed.notify()

    def take(self, limit: int, *, timeout_s: float, fill_s: float = 0.0) -> list[Delivery]:
        """Return up to ``limit`` deliveries; waits ``timeout_s`` for the first and ``fill_s`` for company."""
        if not self._waiting:
            self._sleep(timeout_s)
        elif fill_s > 0 and len(self._waiting) < limit:
            self._sleep(fill_s, until=limit)
        taken: list[Delivery] = []
        while self._waiting and len(taken) < limit:
            taken.append(self._waiting.popleft())
        return taken

    def wake(self) -> None:
        """Let a waiting `take` return now."""
        with self._changed:
            self._changed.notify()

    def _sleep(self, timeout_s: float, *, until: int = 1) -> None:
        with self._changed:
            self._asleep = until == 1
            if len(self._waiting) < until:
                self._changed.wait(timeout_s)
            self._asleep = False
