"""Whose turn it is: a fair share of the detector for every camera, and frames at a steady rate."""

from collections.abc import Mapping
from dataclasses import dataclass, field

QUANTUM_PX = 65536
"""Pixels of detector input that a camera gains each round."""
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
class DeficitRoundRobin:
    """Gives each camera the same cost over time, or a multiple of it, however different its looks cost."""

    _deficit: dict[str, float] = field(default_factory=dict)
    _order: list[str] = field(default_factory=list)

    def choose(self, waiting: Mapping[str, tuple[int, float]]) -> str:
        """Return the id whose turn it is among ``waiting``: id -> (cost, weight); it must not be empty."""
        self._order = [camera for camera in self._order if camera in waiting]
        self._order += [camera for camera in waiting if camera not in self._order]
        self._deficit = {camera: self._deficit.get(camera, 0.0) for camera in self._order}
        while True:
            for position, camera in enumerate(self._order):
                cost, _weight = waiting[camera]
                if self._deficit[camera] >= cost:
                    self._deficit[camera] -= cost
                    self._order = self._order[position:] + self._order[:position]
                    return camera
            for camera in self._order:
                self._deficit[camera] += QUANTUM_PX * waiting[camera][1]
