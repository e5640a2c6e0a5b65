"""The one thread that stores: a batch is one transaction; only after its COMMIT the broker and the units are told.

When the database is away the batch is kept and tried again, nothing is answered, and the inbox fills up behind it:
pressure instead of loss. When the database refuses a batch for what is in it, halving finds the culprit; it goes to
quarantine and its neighbours are stored.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import psycopg

from alarms import triage, wire
from alarms.inbox import Delivery, Inbox
from alarms.intake import Intake, Item, Key
from alarms.supervision import BROKER, FLEET, Findings, Supervision
from configs.parts import AlarmsConfig
from models import wire as json_of
from models.clock import Clock
from models.errors import StoreDown
from models.event import Event, EventKind
from models.store import alarm_messages, events, feed, gaps, heartbeats, incidents, quarantine, units
from models.store.pool import Store

BATCH_MAX = 500
LINGER_S = 0.005
TICK_S = 1.0
STATES_EVERY_S = 0.5
TRIAGE_EVERY_S = 0.05
TRIAGE_LIMIT = 200
REGISTRY_EVERY_S = 1.0
RETRY_S = 0.25
STUCK_AFTER_S = 180.0
"""No step takes so long: a statement ends after 60 s, and a database that is away is noticed sooner."""

log = logging.getLogger(__name__)

Take = Callable[[psycopg.Connection, Clock, Sequence[Event], AlarmsConfig], object]
"""How events become incidents: `triage.take`, or `triage.open_alone` when that has failed."""
Answer = Callable[[Sequence[Delivery], Sequence[tuple[str, bytes]]], None]
"""Told after COMMIT: deliveries to be pubacked, and receipts (topic, payload)."""


@dataclass(slots=True)
class CommitterStats:
    """Counts since the start."""

    batches_total: int = 0
    stored_total: int = 0
    repeated_total: int = 0
    store_down: str = ""
    moved_s: float = 0.0
    """When it last began something, or found the database away."""


class Committer:
    """Owns supervision and triage. What it needs from outside is an argument, so that a simulator can drive it."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        inbox: Inbox,
        settings: AlarmsConfig,
        *,
        answer: Answer,
        link_is_up: Callable[[], bool],
        before_step: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._inbox = inbox
        self._settings = settings
        self._answer = answer
        self._link_is_up = link_is_up
        self._before_step = before_step
        self._stopping = threading.Event()
        self._registry_version: tuple[int, int] | None = None
        self._busy = False
        self._due_s = dict.fromkeys(("tick", "states", "triage", "registry"), 0.0)
        self.supervision = Supervision(clock, settings)
        self.intake = Intake(self.supervision)
        self.stats = CommitterStats(moved_s=clock.monotonic_s())

    @property
    def knows_units(self) -> bool:
        """Whether the registry has been read."""
        return self._registry_version is not None

    def is_stuck(self) -> bool:
        """Tell whether storing has stood still for so long that only a new process helps."""
        return self._clock.monotonic_s() - self.stats.moved_s > STUCK_AFTER_S

    def stop(self) -> None:
        """End `run` after the batch in hand; what is not stored by then is not answered either."""
        self._stopping.set()
        self._inbox.wake()

    def run(self) -> None:
        """Store until `stop`."""
        while not self._stopping.is_set():
            self.step(timeout_s=TRIAGE_EVERY_S)

    def step(self, *, timeout_s: float = 0.0) -> int:
        """Do what is due; returns how many deliveries were stored."""
        self.stats.moved_s = self._clock.monotonic_s()
        batch = self._inbox.take(BATCH_MAX, timeout_s=timeout_s, fill_s=LINGER_S if self._busy else 0.0)
        self._busy = len(batch) > 1
        ask = self._is_due("registry", REGISTRY_EVERY_S) or self._registry_version is None or self._has_strangers(batch)
        if ask and not self._persistently(self.refresh_registry):
            return 0  # stopped: what was taken has no puback and comes again
        items = [self._digest(delivery) for delivery in batch]
        self._before_step()
        self._follow_link()
        if self._is_due("tick", TICK_S):
            self.supervision.tick()
        found = self.supervision.take(states=self._is_due("states", STATES_EVERY_S))
        if items or found:
            self._persist(items, found)
        if self._is_due("triage", TRIAGE_EVERY_S):
            self._empty_triage_queue()
        return len(items)

    def refresh_registry(self) -> None:
        """Read registrations when they have changed."""
        with self._store.transaction() as conn:
            version = units.registry_version(conn)
            if version == self._registry_version:
                return
            registry = units.registry(conn)
            fresh = registry.keys() - self.supervision.units.keys()
            states = units.states(conn, sorted(fresh)) if fresh else {}
            down = incidents.active_sources(conn, EventKind.PART_DOWN)
            mass = incidents.active_sources(conn, EventKind.MASS_OUTAGE)
        self.supervision.load(registry, states)
        if self._registry_version is None:
            self.supervision.resume(link_told=BROKER in down, mass_told=FLEET in mass)
        self._registry_version = version

    # ── one transaction ─────────────────────────────────────────────────────────────────────────────────────────────

    def _persist(self, items: list[Item], found: Findings, take: Take = triage.take) -> None:
        """Store all of it, in as many transactions as it takes; returns only when done or stopped."""
        reused: list[Item] = []

        def write() -> None:
            reused[:] = self._write(items, found, take)

        try:
            done = self._persistently(write)
        except Exception as refused:  # noqa: BLE001  (one poisoned message must not end the receiving of alarms)
            self._persist_parts(items, found, refused, take)
            return
        if not done:
            self.supervision.give_back(found)
            return
        others = set(map(id, reused))
        self._tell_stored(item for item in items if id(item) not in others)
        if reused:
            for item in reused:
                log.warning("%s: sends another event under a number that it has used", item.delivery.topic)
                self.intake.keep_reused(item)
            self._persist(reused, Findings())

    def _persist_parts(self, items: list[Item], found: Findings, refused: Exception, take: Take) -> None:
        if found and items:
            self._persist([], found)
            self._persist(items, Findings())
        elif len(items) > 1:
            half = len(items) // 2
            self._persist(items[:half], Findings())
            self._persist(items[half:], Findings())
        elif not items and len(pieces := found.pieces()) > 1:
            for piece in pieces:
                self._persist([], piece)
        elif take is triage.take and (found.events or any(item.event for item in items)):
            log.error("an alarm cannot be joined to others and gets an incident of its own", exc_info=refused)
            self._persist(items, found, triage.open_alone)
        elif items and items[0].quarantined is None:
            log.warning("%s: the database refuses it: %s", items[0].delivery.topic, refused)
            self.intake.refuse(items[0], f"{getattr(refused, 'sqlstate', None) or ''} {type(refused).__name__}".strip())
            self._persist(items, self.supervision.take(states=False))
        else:
            log.error("the database refuses what alertwall itself has noted, it is dropped", exc_info=refused)
            for item in items:
                item.key = None  # no receipt: the unit keeps it
            self._tell_stored(items)

    def _write(self, items: Sequence[Item], found: Findings, take: Take) -> list[Item]:
        """Store it; returns the items whose key an earlier, other message has."""
        keyed = [(item.key, item) for item in items if item.key is not None and item.message is not None]
        messages: dict[Key, Item] = {}
        repeated = [item for key, item in keyed if messages.setdefault(key, item) is not item]
        with self._store.transaction() as conn:
            quarantine.write(conn, [item.quarantined for item in items if item.quarantined is not None])
            fresh = alarm_messages.write(
                conn,
                [item.message for item in messages.values() if item.message is not None],
                {key: item.event.id for key, item in messages.items() if item.event is not None},
            )
            happened = [item.event for key, item in messages.items() if key in fresh and item.event is not None]
            happened += [item.event for item in items if item.message is None and item.event is not None]
            happened += found.events
            new_ids = set(events.write(conn, happened, triage=False))
            self._write_findings(conn, found)
            repeated += [item for key, item in messages.items() if key not in fresh]
            gists = alarm_messages.gists(conn, {item.key for item in repeated if item.key is not None})
            if fresh_events := [event for event in _once(happened) if event.id in new_ids]:
                take(conn, self._clock, fresh_events, self._settings)
        self.stats.batches_total += 1
        self.stats.stored_total += len(fresh)
        self.stats.repeated_total += len(repeated)
        return [item for item in repeated if item.key is not None and not _says(item, gists[item.key])]

    def _write_findings(self, conn: psycopg.Connection, found: Findings) -> None:
        gaps.apply(conn, found.gaps)
        heartbeats.write(conn, found.beats)
        units.write_states(conn, [watch.record() for watch in found.changed.values()])
        feed.append_many(
            conn,
            [
                (watch.unit.area, "unit", unit_id, json_of.unit_state_json(watch.record()))
                for unit_id, watch in found.faces.items()
            ],
        )

    def _empty_triage_queue(self) -> None:
        """Put through triage what workers have queued; an event that cannot be read is left to the timeline."""
        try:
            self._persistently(lambda: self._take_queued(TRIAGE_LIMIT))
        except Exception:  # noqa: BLE001  (one event that cannot be read must not end the receiving of alarms)
            for _ in range(TRIAGE_LIMIT):
                self._empty_triage_queue_by_one()

    def _empty_triage_queue_by_one(self) -> None:
        for take in (triage.take, triage.open_alone):
            try:
                self._persistently(lambda take=take: self._take_queued(1, take))  # type: ignore[misc]
            except Exception:
                log.exception("an event cannot pass %s", take.__name__)
            else:
                return
        self._persistently(self._drop_queued)

    def _take_queued(self, limit: int, take: Take = triage.take) -> None:
        with self._store.transaction() as conn:
            waiting = events.take_triage(conn, limit)
            if waiting:
                take(conn, self._clock, waiting, self._settings)

    def _drop_queued(self) -> None:
        with self._store.transaction() as conn:
            log.error("event %s stays without an incident", events.drop_triage(conn))

    # ── around it ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _persistently(self, work: Callable[[], None]) -> bool:
        """Do ``work`` as soon as the database answers; False when stopped before."""
        while True:
            try:
                work()
            except StoreDown as down:
                if not self.stats.store_down:
                    log.warning("%s; what units send waits", down)
                self.stats.store_down = str(down)
                self.stats.moved_s = self._clock.monotonic_s()
                if self._stopping.wait(RETRY_S):
                    return False
            else:
                if self.stats.store_down:
                    log.info("the database is back")
                    self.stats.store_down = ""
                return True

    def _digest(self, delivery: Delivery) -> Item:
        try:
            return self.intake.digest(delivery)
        except Exception as broken:
            log.exception("%s: cannot be digested", delivery.topic)
            item = Item(delivery)
            self.intake.refuse(item, type(broken).__name__)
            return item

    def _tell_stored(self, items: Iterable[Item]) -> None:
        seqs: dict[tuple[str, str], list[int]] = {}
        deliveries = []
        for item in items:
            deliveries.append(item.delivery)
            if item.key is not None:
                unit_id, boot, seq = item.key
                seqs.setdefault((unit_id, boot), []).append(seq)
        receipts = [
            (f"{wire.ROOT}{unit_id}/ack", wire.encode(wire.Receipt(boot=boot, seqs=numbers)))
            for (unit_id, boot), numbers in seqs.items()
        ]
        if deliveries:
            self._answer(deliveries, receipts)

    def _follow_link(self) -> None:
        up = self._link_is_up()
        if up and self.supervision.link_is_down:
            self.supervision.link_up()
        elif not up and not self.supervision.link_is_down:
            self.supervision.link_down()

    def _has_strangers(self, batch: Sequence[Delivery]) -> bool:
        """Tell whether somebody speaks who may have been registered a moment ago."""
        known = self.supervision.units
        return any(delivery.unit_id and delivery.unit_id not in known for delivery in batch)

    def _is_due(self, what: str, every_s: float) -> bool:
        now_s = self._clock.monotonic_s()
        if now_s < self._due_s[what]:
            return False
        self._due_s[what] = now_s + every_s
        return True


def _once(happened: Iterable[Event]) -> list[Event]:
    return list({event.id: event for event in happened}.values())


def _says(item: Item, gist: alarm_messages.Gist) -> bool:
    return item.message is not None and alarm_messages.gist(item.message) == gist
