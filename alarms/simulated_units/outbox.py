"""Where a unit keeps what has no receipt yet, and when it says it again."""

from dataclasses import dataclass, field
from typing import Any

FIRST_RESEND_S = 2.0
RESEND_LIMIT_S = 60.0
LATE_S = 5.0
"""An event that leaves the unit later than this says so (``q``)."""


@dataclass(slots=True)
class Kept:
    """One event without a receipt."""

    body: dict[str, Any]
    made_s: float
    due_s: float
    pause_s: float = FIRST_RESEND_S


@dataclass(slots=True)
class Outbox:
    """Events by sequence number; only a receipt of the same boot takes one out."""

    boot: str
    _kept: dict[int, Kept] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, seq: int, body: dict[str, Any], now_s: float) -> None:
        """Keep an event; it is due at once."""
        self._kept[seq] = Kept(body, now_s, now_s)

    def due(self, now_s: float) -> list[dict[str, Any]]:
        """Return what is to be sent now, oldest first, and plan the next time for each."""
        bodies = []
        for kept in self._kept.values():
            if now_s < kept.due_s:
                continue
            kept.due_s = now_s + kept.pause_s
            kept.pause_s = min(RESEND_LIMIT_S, kept.pause_s * 2)
            bodies.append({**kept.body, "q": True} if now_s - kept.made_s > LATE_S else kept.body)
        return bodies

    def hurry(self, now_s: float) -> None:
        """The line is back: everything is due again."""
        for kept in self._kept.values():
            kept.due_s, kept.pause_s = now_s, FIRST_RESEND_S

    def receipt(self, boot: str, seqs: list[int]) -> list[int]:
        """Forget what the centre has stored; returns what was still kept."""
        if boot != self.boot:
            return []
        return [seq for seq in seqs if self._kept.pop(seq, None) is not None]
