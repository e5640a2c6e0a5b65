"""Names of the sources in the feed's events: looked up once a minute at most, outside the event loop."""

import threading
from collections.abc import Sequence
from typing import Any

from dashboard_api.shapes import source_names
from models.clock import Clock
from models.errors import StoreDown
from models.event import SourceKind
from models.store.feed import FeedRow
from models.store.pool import Store

KNOWN_FOR_S = 60.0
KNOWN_MAX = 50_000


class SourceNames:
    """Adds to an event's body what only a list item has: its source's name, and that no incident is known yet."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._lock = threading.Lock()
        self._known: dict[tuple[SourceKind, str], str] = {}
        self._since_s = clock.monotonic_s()

    def add(self, rows: Sequence[FeedRow]) -> None:
        """Complete the bodies of the events among ``rows``."""
        bodies = [row.body for row in rows if row.kind == "event"]
        if bodies:
            with self._lock:  # the reader of the feed and replays of those who were away
                self._complete(bodies)

    def _complete(self, bodies: Sequence[dict[str, Any]]) -> None:
        if self._clock.monotonic_s() - self._since_s > KNOWN_FOR_S or len(self._known) > KNOWN_MAX:
            self._known.clear()
            self._since_s = self._clock.monotonic_s()
        sources = {(SourceKind(body["source_kind"]), str(body["source_id"])) for body in bodies}
        if unknown := sources - self._known.keys():
            self._known.update(self._look_up(unknown))
        for body in bodies:
            source = SourceKind(body["source_kind"]), str(body["source_id"])
            body["source_name"] = self._known.get(source, source[1])
            body.setdefault("incident_id", None)

    def _look_up(self, sources: set[tuple[SourceKind, str]]) -> dict[tuple[SourceKind, str], str]:
        try:
            with self._store.transaction() as conn:
                found = source_names(conn, sources)
        except StoreDown:
            return {}
        return {source: found.get(source, source[1]) for source in sources}
