"""Who may watch what over RTSP is decided elsewhere; this is what the re-stream asks, and what it is told."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol

from ingest.live import LiveFanout


class Refused(Exception):
    """No; ``code`` is RTSP's status and ``reason`` is for people."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


@dataclass(frozen=True, eq=False, slots=True)
class Pass:
    """One client may watch one camera, as long as `Door.standing` says so. ``proof`` is the door's own."""

    camera_id: str
    live: LiveFanout
    why_dark: Callable[[], str]
    proof: object = None


class Door(Protocol):
    """Both calls may block; they come from threads of the re-stream's own."""

    def admit(self, token: str, camera_id: str, address: str) -> Pass:
        """Let in whoever shows this token, or raise `Refused`."""

    def standing(self, passes: Collection[Pass]) -> Collection[Pass]:
        """Return which of these still hold."""
