"""alertwall's own parts are watched like everybody else: a worker or an API that no longer beats is an event."""

from datetime import datetime, timedelta
from typing import Any

from psycopg import Connection

from alarms import triage
from alarms.supervision import common_area, system_event
from configs.parts import AlarmsConfig
from models.clock import Clock
from models.event import EventKind
from models.store import events, incidents, parts, units
from models.store.pool import Store

LATE_AFTER = timedelta(seconds=10)
BLIND_AFTER_S = 5.0
"""After a pause in our own looking (a start, a database that was away), or when the wall clock was set by more than
this, parts have their ten seconds anew."""
FORGOTTEN_AFTER = timedelta(hours=1)
"""A part that was already away for so long before this core started has been taken out of service."""
WATCHED_KINDS = frozenset({"worker", "api"})
"""The line to the broker is watched by supervision, and without the database nobody could be told here."""


class PartWatch:
    """Call `check` about once a second."""

    def __init__(self, store: Store, clock: Clock, settings: AlarmsConfig) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._started_at = clock.utc_now()
        self._told: set[str] | None = None
        self._looked_s = float("-inf")
        self._looked_at = self._started_at
        self._judge_from_s = 0.0

    def check(self) -> None:
        """Tell what has gone and what is back; `StoreDown` when nobody can be asked."""
        now, now_s = self._clock.utc_now(), self._clock.monotonic_s()
        with self._store.transaction() as conn:
            if self._told is None:
                self._told = incidents.active_sources(conn, EventKind.PART_DOWN)
            watched = [
                part
                for part in parts.listing(conn)
                if part.kind in WATCHED_KINDS and part.heartbeat_at > self._started_at - FORGOTTEN_AFTER
            ]
            # a beat of the future is of a clock that has since been set back: also no sign of life
            late = {part.id for part in watched if abs(now - part.heartbeat_at) > LATE_AFTER}
            if now_s - self._looked_s > BLIND_AFTER_S or self._clock_was_set(now, now_s):
                self._judge_from_s = now_s + LATE_AFTER.total_seconds()
            self._looked_s, self._looked_at = now_s, now
            gone = late - self._told if now_s >= self._judge_from_s else set()
            back = {part.id for part in watched if part.id not in late} & self._told
            if not gone and not back:
                return
            labels = {id: f"{id} does not answer" for id in gone}
            tell(conn, self._clock, self._settings, gone=labels, back={id: f"{id} is back" for id in back})
        self._told = (self._told | gone) - back

    def _clock_was_set(self, now: datetime, now_s: float) -> bool:
        return abs((now - self._looked_at).total_seconds() - (now_s - self._looked_s)) > BLIND_AFTER_S


def tell(
    conn: Connection[Any], clock: Clock, settings: AlarmsConfig, *, gone: dict[str, str], back: dict[str, str]
) -> None:
    """Store and triage what has gone and what is back, each with its words."""
    now = clock.utc_now()
    area = common_area(unit.area for unit in units.registry(conn).values()) or "site"
    noticed = [system_event(EventKind.PART_DOWN, id, now, label, area=area) for id, label in sorted(gone.items())]
    restores: dict[str, object] = {"restores": str(EventKind.PART_DOWN)}
    noticed += [
        system_event(EventKind.PART_RESTORED, id, now, label, area=area, attrs=restores)
        for id, label in sorted(back.items())
    ]
    events.write(conn, noticed, triage=False)
    triage.take(conn, clock, noticed, settings)
