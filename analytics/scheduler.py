"""Whose turn it is: a fair share of the detector for every camera, and frames at a steady rate."""

from collections.abc import Mapping
from dataclasses import dataclass, field

EARLY_SHARE = 0.1
"""A frame so little before its time is on time: cameras jitter."""


@dataclass(slots=True)
class Rate:
    """Picks frames at ``fps`` from a stream of any rate, without drift."""

    fps: float
    _next_s: float | None = None

    def due(self, time_s: float) -> bool:
        """Tell whether the frame of ``time_s`` is wanted; each that is moves the next one on."""
        period_s = 1 / self.fps
        if self._next_s is None or not abs(time_s - self._next_s) < 2 * period_s:
            self._next_s = time_s + period_s
            return True
        if time_s < self._next_s - EARLY_SHARE * period_s:
            return False
        self._next_s += period_s
        return True


@dataclass(slots=True)
class FairTurns:
    """Gives each camera that waits the same cost over time, or a multiple of it, however different its looks cost.

    Start-time fair queueing: a camera's next turn starts where its last one ended, counted in cost by weight; the
    earliest start goes first. Who was away starts now: nothing is saved up, and a camera that is being looked at,
    and so does not wait, loses nothing.
    """

    _now: float = 0.0
    _next: dict[str, float] = field(default_factory=dict)

    def choose(self, waiting: Mapping[str, tuple[int, float]]) -> str:
        """Return the id whose turn it is among ``waiting``: id -> (cost, weight); it must not be empty."""
        starts = {camera: max(self._next.get(camera, 0.0), self._now) for camera in waiting}
        chosen = min(starts, key=starts.__getitem__)
        cost, weight = waiting[chosen]
        self._now = starts[chosen]
        self._next = {camera: at for camera, at in self._next.items() if at > self._now}
        self._next[chosen] = self._now + cost / weight
        return chosen

    def forget(self, camera_id: str) -> None:
        """Drop what is known of a camera that went."""
        self._next.pop(camera_id, None)
