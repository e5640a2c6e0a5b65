"""What is given up when the detector cannot keep up, in steps, and taken back when it can again.

First cameras are looked at less often, then only in parts, then only those with a rule in force. Going up is quick;
going back needs room for what comes back, and longer each time it turned out that there was none.
"""

from dataclasses import dataclass
from enum import IntEnum

WINDOW_S = 2.0
"""Load is judged over so long."""
LOST_SHARE = 0.25
"""Of the pictures that wanted the detector; more replaced before it was free is an overload."""
LEAST_PICTURES = 5
RECOVER_S = 10.0
RECOVER_MOST_S = 320.0
RELAPSE_S = 30.0
"""An overload so soon after a step back says that the step was too early."""
ROOM = 0.85
"""Of the detector's time; a step back must be expected to need less."""
PARTS_GROWTH = 2.0
"""So much more a camera costs that is looked at whole again."""


class Step(IntEnum):
    """Each includes those before it."""

    NONE = 0
    RATE_2 = 1
    RATE_1 = 2
    REGIONS = 3
    ARMED_ONLY = 4


RATES_FPS = {Step.RATE_2: 2.0}
SLOWEST_FPS = 1.0
WORDS = {
    Step.NONE: "every picture that is due is looked at",
    Step.RATE_2: "two pictures a second of each camera",
    Step.RATE_1: "one picture a second of each camera",
    Step.REGIONS: "one picture a second, and only parts of it",
    Step.ARMED_ONLY: "only cameras with a rule in force",
}


@dataclass(slots=True)
class Overload:
    """Pure: time and counts come in, the step goes out."""

    detect_fps: float
    step: Step = Step.NONE
    since_s: float = 0.0
    load: float = 0.0
    """The load of the last window: 1 is a detector that is never idle."""
    _window_s: float | None = None
    _busy_s: float = 0.0
    _served: int = 0
    _replaced: int = 0
    _calm_since_s: float | None = None
    _recover_s: float = RECOVER_S
    _stepped_back_s: float = -RELAPSE_S
    _settling: bool = False

    def rate_fps(self) -> float:
        """Return how many pictures a second of one camera may want the detector."""
        if self.step is Step.NONE:
            return self.detect_fps
        return min(self.detect_fps, RATES_FPS.get(self.step, SLOWEST_FPS))

    def served(self) -> None:
        """One picture was looked at."""
        self._served += 1

    def replaced(self) -> None:
        """One picture wanted the detector and did not get it."""
        self._replaced += 1

    def busy(self, seconds: float, share: float) -> None:
        """For ``seconds``, this ``share`` of the detector was at work."""
        self._busy_s += seconds * share

    def look(self, now_s: float, *, armed_share: float = 1.0) -> Step:
        """Return the step from now on; ``armed_share`` of the cameras that have rules have one in force."""
        if self._window_s is None:
            self._window_s = self.since_s = now_s
        length_s = now_s - self._window_s
        if length_s < WINDOW_S:
            return self.step
        wanted = self._served + self._replaced
        self.load = min(self._busy_s / length_s, 1.0)
        overloaded = wanted >= LEAST_PICTURES and self._replaced > LOST_SHARE * wanted
        settling, self._settling = self._settling, False
        self._window_s, self._busy_s, self._served, self._replaced = now_s, 0.0, 0, 0
        if settling:  # what waited before the step is no sign of what it brings
            return self.step
        if overloaded:
            self._calm_since_s = None
            if self.step < Step.ARMED_ONLY:
                if now_s - self._stepped_back_s < RELAPSE_S:
                    self._recover_s = min(2 * self._recover_s, RECOVER_MOST_S)
                self._go(Step(self.step + 1), now_s)
        elif self.step is not Step.NONE:
            self._calm(now_s, armed_share)
        elif now_s - self.since_s > RECOVER_MOST_S:
            self._recover_s = RECOVER_S
        return self.step

    def _calm(self, now_s: float, armed_share: float) -> None:
        if self.load * self._growth(armed_share) > ROOM:
            self._calm_since_s = None
            return
        if self._calm_since_s is None:
            self._calm_since_s = now_s
        if now_s - self._calm_since_s >= self._recover_s:
            self._stepped_back_s = now_s
            self._go(Step(self.step - 1), now_s)

    def _growth(self, armed_share: float) -> float:
        """Return how many times the load there will be one step back."""
        if self.step is Step.ARMED_ONLY:
            return 1 / max(armed_share, 0.05)
        if self.step is Step.REGIONS:
            return PARTS_GROWTH
        before = Overload(self.detect_fps, Step(self.step - 1)).rate_fps()
        return before / self.rate_fps()

    def _go(self, step: Step, now_s: float) -> None:
        self.step, self.since_s, self._calm_since_s, self._settling = step, now_s, None, True
