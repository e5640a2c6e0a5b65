"""What analytics did not look at: a stretch of its own on the timeline, which is no gap in what was recorded."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from alertwall.outbox import Fact, GapClosed, GapOpened
from models.event import SourceKind
from models.timeline import Gap, GapCause, analytics_of

WINDOW_S = 10.0
MISSED_SHARE = 0.2
"""Of the pictures that were due; as many not looked at in a window are said on the timeline."""
WELL_SHARE = 0.05
WELL_WINDOWS = 2
DUE_LEAST = 5
REASONS = ("lost", "busy", "shed_rate", "shed_unarmed")
"""Pictures that were due and of which nothing was looked at."""

COUNTED = ("offered", "not_due", *REASONS, "shed_region")
WORST_SHOWN = 20


@dataclass(slots=True)
class _Covered:
    offered: int
    missed: int
    since: datetime | None = None
    due: int = 0
    lost: int = 0
    well: int = 0


class CoverageWatch:
    """Looks at analytics' counters again and again. Pure: time comes in, facts go out."""

    def __init__(self) -> None:
        self._cameras: dict[str, _Covered] = {}
        self._window_s: float | None = None
        self._window_at: datetime | None = None

    @property
    def thin(self) -> list[str]:
        """Return the cameras of which not everything is looked at."""
        return [camera_id for camera_id, known in self._cameras.items() if known.since is not None]

    def due(self, now_s: float) -> bool:
        """Tell whether the next window is over."""
        return self._window_s is None or now_s - self._window_s >= WINDOW_S

    def look(
        self, counts: Mapping[str, Mapping[str, int]], areas: Mapping[str, str], *, now: datetime, now_s: float
    ) -> list[Fact]:
        """Return what follows from each camera's counters; ``areas`` are those of the cameras held."""
        if not self.due(now_s):
            return []
        began, self._window_s, self._window_at = self._window_at or now, now_s, now
        facts: list[Fact] = []
        for camera_id in [known for known in self._cameras if known not in counts or known not in areas]:
            facts += self._ended(camera_id, self._cameras.pop(camera_id), now)
        for camera_id, said in counts.items():
            if camera_id in areas:
                facts += self._judge(camera_id, areas[camera_id], said, began, now)
        return facts

    def close(self, now: datetime) -> list[Fact]:
        """Return the ends of what is open: nobody looks any more."""
        return [fact for id, known in self._cameras.items() for fact in self._ended(id, known, now)]

    def _judge(self, id: str, area: str, said: Mapping[str, int], began: datetime, now: datetime) -> list[Fact]:
        offered = said.get("offered", 0) - said.get("not_due", 0)
        missed = sum(said.get(reason, 0) for reason in REASONS)
        known = self._cameras.get(id)
        if known is None or offered < known.offered or missed < known.missed:  # the pipeline is another
            since = known.since if known else None
            self._cameras[id] = _Covered(offered, missed, since, *((known.due, known.lost) if known else (0, 0)))
            # what an earlier worker left open ends here
            return [] if known else [GapClosed(analytics_of(id), now, SourceKind.SYSTEM)]
        due, lost = offered - known.offered, missed - known.missed
        known.offered, known.missed = offered, missed
        if known.since is None:
            if due < DUE_LEAST or lost <= MISSED_SHARE * due:
                return []
            known.since, known.due, known.lost, known.well = began, due, lost, 0
            return [self._opened(id, area, known)]
        known.due, known.lost = known.due + due, known.lost + lost
        known.well = known.well + 1 if lost <= WELL_SHARE * due else 0
        facts: list[Fact] = [self._opened(id, area, known)] if lost else []  # the same row, with its newest numbers
        if known.well >= WELL_WINDOWS:
            facts += self._ended(id, known, now)
        return facts

    def _opened(self, id: str, area: str, known: _Covered) -> GapOpened:
        assert known.since is not None
        gap = Gap(
            source_kind=SourceKind.SYSTEM,
            source_id=analytics_of(id),
            area=area,
            started_at=known.since,
            ended_at=None,
            cause=GapCause.OVERLOAD,
            detail=f"analytics: {known.lost} of {known.due} pictures not looked at",
        )
        return GapOpened(gap)

    def _ended(self, id: str, known: _Covered, at: datetime) -> list[Fact]:
        if known.since is None:
            return []
        known.since = None
        return [GapClosed(analytics_of(id), at, SourceKind.SYSTEM)]


def summed(cameras: Mapping[str, Mapping[str, int]]) -> dict[str, Any]:
    """Return all pictures by what became of them, and by camera where most were given up: few, for each heartbeat."""
    pictures = {reason: sum(said.get(reason, 0) for said in cameras.values()) for reason in COUNTED}
    given_up = {
        camera_id: {reason: said[reason] for reason in COUNTED[2:] if said.get(reason)}
        for camera_id, said in cameras.items()
    }
    most = sorted((entry for entry in given_up.items() if entry[1]), key=lambda entry: -sum(entry[1].values()))
    return {"pictures": pictures, "given_up": dict(most[:WORST_SHOWN])}
