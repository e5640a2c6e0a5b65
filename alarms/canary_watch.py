"""The way from a worker to the feed is watched by what comes along it: two canaries missed in a row are an event."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from alarms.part_watch import BLIND_AFTER_S, LATE_AFTER, tell
from configs.parts import AlarmsConfig
from models.clock import Clock
from models.event import EventKind
from models.store import canaries, incidents, parts
from models.store.canaries import CANARY_EVERY_S
from models.store.pool import Store

MISSED_MAX = 2
GRACE_S = 5.0
"""A canary may be so much later than the minute says."""
PREFIX = "canary of "


@dataclass(slots=True)
class _Way:
    """What is known of one worker's canaries since ``since_s``: the last arrival, or when we began to wait."""

    since_s: float
    sent_at: datetime | None = None
    arrived: bool = False
    latency_s: float | None = None

    def missed(self, now_s: float) -> int:
        return max(0, int((now_s - self.since_s - GRACE_S) // CANARY_EVERY_S))


class CanaryWatch:
    """Call `check` about once a second: a latency is measured no finer. A worker that is down itself is not judged."""

    def __init__(self, store: Store, clock: Clock, settings: AlarmsConfig) -> None:
        self._store, self._clock, self._settings = store, clock, settings
        self._ways: dict[str, _Way] = {}
        self._told: set[str] | None = None
        self._looked_s = float("-inf")

    def check(self) -> None:
        """Tell which way is broken and which works again; `StoreDown` when nobody can be asked."""
        now, now_s = self._clock.utc_now(), self._clock.monotonic_s()
        with self._store.transaction() as conn:
            if self._told is None:
                told = incidents.active_sources(conn, EventKind.PART_DOWN)
                self._told = {source for source in told if source.startswith(PREFIX)}
            known = {part.id: part for part in parts.listing(conn, kind="worker")}
            alive = {id for id, part in known.items() if abs(now - part.heartbeat_at) <= LATE_AFTER}
            self._follow(alive, canaries.newest(conn), now, now_s)
            gone = {PREFIX + id for id, way in self._ways.items() if way.missed(now_s) >= MISSED_MAX} - self._told
            well = {PREFIX + id for id, way in self._ways.items() if way.arrived and not way.missed(now_s)}
            retired = self._told - {PREFIX + id for id in known}
            back = (self._told & well) | retired
            if gone or back:
                labels = {source: f"no {source} arrives" for source in gone}
                tell(conn, self._clock, self._settings, gone=labels, back={id: f"the {id} arrives" for id in back})
        self._told = (self._told | gone) - back

    def detail(self) -> dict[str, Any]:
        """Return what the status page and the metrics show."""
        now_s = self._clock.monotonic_s()
        return {id: {"latency_s": way.latency_s, "missed": way.missed(now_s)} for id, way in sorted(self._ways.items())}

    def _follow(self, alive: set[str], newest: dict[str, datetime], now: datetime, now_s: float) -> None:
        blind = now_s - self._looked_s > BLIND_AFTER_S
        self._looked_s = now_s
        self._ways = {id: way for id, way in self._ways.items() if id in alive}
        for id in alive:
            way = self._ways.setdefault(id, _Way(now_s, newest.get(id)))
            if blind:  # what came while we did not look has no latency
                way.since_s, way.sent_at = now_s, newest.get(id)
            elif (sent_at := newest.get(id)) is not None and sent_at != way.sent_at:
                way.since_s, way.sent_at, way.arrived = now_s, sent_at, True
                way.latency_s = round(max(0.0, (now - sent_at).total_seconds()), 3)
