"""What a worker has to store, in order and never lost: into the database, or into the spool while that is away."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec
from psycopg import Connection

from models.errors import Overloaded, StoreDown
from models.event import Event, SourceKind
from models.statistics import DetectionCount, DetectionHeat
from models.store import canaries, events, gaps, segments, statistics
from models.store.connection import StoreConnection
from models.store.pool import Store
from models.store.spool import Spool
from models.timeline import Gap, Segment

BATCH_MAX = 500
WAITING_MAX = 10_000
RETRY_S = 0.5

log = logging.getLogger(__name__)


class NewEvent(msgspec.Struct, frozen=True, tag="event"):
    event: Event


class NewSegment(msgspec.Struct, frozen=True, tag="segment"):
    segment: Segment


class GapOpened(msgspec.Struct, frozen=True, tag="gap_opened"):
    gap: Gap


class GapClosed(msgspec.Struct, frozen=True, tag="gap_closed"):
    source_id: str
    ended_at: datetime
    source_kind: SourceKind = SourceKind.CAMERA


class Canary(msgspec.Struct, frozen=True, tag="canary"):
    worker_id: str
    sent_at: datetime


class Counted(msgspec.Struct, frozen=True, tag="counted"):
    """A minute of a camera's detection statistics."""

    count: DetectionCount


class Mapped(msgspec.Struct, frozen=True, tag="mapped"):
    """An hour of a camera's heat map so far."""

    heat: DetectionHeat


Fact = NewEvent | NewSegment | GapOpened | GapClosed | Canary | Counted | Mapped
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[Fact]).decode


class Outbox:
    """One thread that stores facts. `put` blocks only when ``WAITING_MAX`` wait: nothing is dropped."""

    def __init__(self, store: Store, spool: Spool, *, before: Callable[[Sequence[Fact]], None] | None = None) -> None:
        self._store, self._spool, self._before = store, spool, before
        self._waiting: deque[Fact] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self.stored_total = 0
        self.down = False
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def put(self, *facts: Fact) -> None:
        """Queue facts; they are stored in this order."""
        with self._changed:
            while len(self._waiting) >= WAITING_MAX and not self._closing:
                self._changed.wait(RETRY_S)
            self._waiting.extend(facts)
            self._changed.notify_all()

    @property
    def waiting(self) -> int:
        return len(self._waiting) + self._spool.waiting

    def close(self, timeout_s: float = 2.0) -> None:
        """Store or spool what waits, then end."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._waiting and not self._closing:
                    self._changed.wait(RETRY_S if self._spool.waiting else None)
                batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), BATCH_MAX))]
                self._changed.notify_all()
                ending = self._closing and not self._waiting
            if batch:
                self._keep(batch)
            if self._spool.waiting:
                self._drain_if_it_can()
            if ending:
                return

    def _keep(self, batch: list[Fact]) -> None:
        if self._before is not None:
            self._before(batch)
        # while something older waits in the spool, newer facts queue behind it
        if not self._spool.waiting and self._try(batch):
            return
        while True:
            try:
                self._spool.put(_encode(batch))
            except (Overloaded, StoreDown) as full:
                log.error("facts cannot be kept: %s", full)  # noqa: TRY400 - a state, not a bug
                if self._closing:
                    return
                threading.Event().wait(RETRY_S)
                self._drain_if_it_can()
            else:
                return

    def _drain_if_it_can(self) -> None:
        """A full disk refuses even to forget: what was stored is then stored again later, which does no harm."""
        try:
            self._drain()
        except StoreDown as full:
            log.warning("the spool cannot be emptied: %s", full)

    def _drain(self) -> None:
        while (oldest := self._spool.peek()) is not None:
            number, body = oldest
            try:
                batch = _decode(body)
            except msgspec.MsgspecError:
                log.exception("a spooled batch cannot be read and is left out")
                self._spool.done(number)
                continue
            if not self._try(batch):
                return
            self._spool.done(number)

    def _try(self, batch: Sequence[Fact]) -> bool:
        try:
            with self._store.transaction() as conn:
                apply(conn, batch)
        except StoreDown as down:
            if not self.down:
                log.warning("facts go to the spool: %s", down)
            self.down = True
            return False
        except Exception:
            # it cannot be written, now or ever: one bad fact must not hold up, or take along, the others
            log.exception("%d facts were refused", len(batch))
            return len(batch) == 1 or all(self._try([fact]) for fact in batch)
        self.down = False
        self.stored_total += len(batch)
        return True


def apply(conn: StoreConnection, batch: Sequence[Fact]) -> None:
    """Write facts; doing it twice does no harm."""
    new_events = [fact.event for fact in batch if isinstance(fact, NewEvent)]
    if new_events:
        events.write(conn, new_events)
    new_segments = [fact.segment for fact in batch if isinstance(fact, NewSegment)]
    if new_segments:
        segments.add(conn, new_segments)
    statistics.write(conn, [fact.count for fact in batch if isinstance(fact, Counted)])
    statistics.write(conn, [fact.heat for fact in batch if isinstance(fact, Mapped)])
    for fact in batch:
        if isinstance(fact, GapOpened):
            _open_gap(conn, fact.gap)
        elif isinstance(fact, GapClosed):
            gaps.close_gap(conn, source_kind=fact.source_kind, source_id=fact.source_id, ended_at=fact.ended_at)
        elif isinstance(fact, Canary):
            canaries.send(conn, fact.worker_id, fact.sent_at)


def _open_gap(conn: Connection[tuple[object, ...]], gap: Gap) -> None:
    gaps.open_gap(
        conn,
        source_kind=gap.source_kind,
        source_id=gap.source_id,
        area=gap.area,
        started_at=gap.started_at,
        cause=gap.cause,
        detail=gap.detail,
    )
