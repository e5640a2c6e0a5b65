"""When a part that died is started again: at once the first time, slower while it keeps dying."""

import signal
from dataclasses import dataclass

STEADY_AFTER_S = 5.0
"""A part that lived so long has recovered: its next death is a first one."""
FIRST_DELAY_S = 0.25
LONGEST_DELAY_S = 15.0
LONGEST_AFTER_SIGKILL_S = 1.0
"""Somebody outside killed it, it did not fail by itself."""


@dataclass(slots=True)
class Restarts:
    """Counts the deaths of one part in a row."""

    in_a_row: int = 0

    def delay_s(self, *, lived_s: float, status: int) -> float:
        """Return how long to wait after a death."""
        if lived_s >= STEADY_AFTER_S:
            self.in_a_row = 0
        self.in_a_row += 1
        if self.in_a_row == 1:
            return 0.0
        limit = LONGEST_AFTER_SIGKILL_S if status == -signal.SIGKILL else LONGEST_DELAY_S
        return float(min(FIRST_DELAY_S * 2 ** min(self.in_a_row - 2, 16), limit))


def reason(status: int) -> str:
    """Say in words how a process ended."""
    if status >= 0:
        return f"ended with exit code {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"
