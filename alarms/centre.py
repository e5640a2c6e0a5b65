"""The alarm centre of one process: receiver, inbox and committer, each on its thread, started and joined here."""

import logging
import threading
from collections.abc import Callable

from alarms.committer import Committer
from alarms.inbox import Inbox
from alarms.mqtt import Address
from alarms.rates import UnitRates
from alarms.receiver import CLIENT_ID, Receiver
from alarms.supervision import unit_event
from configs.parts import AlarmsConfig
from models.clock import Clock
from models.event import EventKind
from models.store import units
from models.store.pool import Store

JOIN_S = 4.0

Admit = Callable[[list[tuple[str, str]]], bool]
"""Lets exactly these units (id, hash) sign in to the broker; cuts whoever else is connected."""

log = logging.getLogger(__name__)


class AlarmCentre:
    """Everything between the broker and the database."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        settings: AlarmsConfig,
        address: Callable[[], Address],
        *,
        admit: Admit | None = None,
        client_id: str = CLIENT_ID,
    ) -> None:
        self._store = store
        self._clock = clock
        self._admit = admit
        self._admitted: tuple[object, frozenset[str]] | None = None
        self._floods: list[str] = []
        self.failed = threading.Event()
        self.inbox = Inbox()
        self.rates = UnitRates(settings.rate_per_s, settings.rate_burst)
        self.receiver = Receiver(
            clock,
            address,
            self.inbox,
            self.rates,
            is_known=self._is_known,
            on_flood=self._floods.append,
            client_id=client_id,
        )
        self.committer = Committer(
            store,
            clock,
            self.inbox,
            settings,
            answer=self.receiver.stored,
            link_is_up=lambda: self.receiver.line.up or self.receiver.line.held_back,
            before_step=self._tell_floods,
        )
        self._threads = [
            threading.Thread(target=self._guarded, args=(part.run,), name=f"alarms-{name}", daemon=True)
            for name, part in (("committer", self.committer), ("receiver", self.receiver))
        ]

    def start(self) -> None:
        """Begin to store and to receive."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End within a few seconds; what is not stored has not been answered and comes again."""
        self.receiver.stop()
        self.committer.stop()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(JOIN_S)

    def follow_admissions(self) -> None:
        """Let the registered units sign in to the broker, less those that are paused. Call about once a second."""
        self.rates.forget(frozenset(self.committer.supervision.units))
        if self._admit is None:
            return
        paused = self.rates.paused(self._clock.monotonic_s())
        with self._store.transaction() as conn:
            wanted = (units.registry_version(conn), paused)
            if wanted == self._admitted:
                return
            allowed = [pair for pair in units.broker_hashes(conn) if pair[0] not in paused]
        self._admit(allowed)
        self._admitted = wanted

    def _is_known(self, unit_id: str) -> bool:
        """Until the registry has been read nobody is a stranger: what waited for us must not share their allowance."""
        return not self.committer.knows_units or unit_id in self.committer.supervision.units

    def _tell_floods(self) -> None:
        """On the committer's thread: an event for each unit that began to flood."""
        while self._floods:
            watch = self.committer.supervision.units.get(self._floods.pop())
            if watch is not None:
                now = self._clock.utc_now()
                label = "sends far too much; not listened to for a while"
                self.committer.supervision.tell(
                    unit_event(watch.unit, EventKind.FLOOD, now, label, key=(now.isoformat(),))
                )

    def _guarded(self, run: Callable[[], None]) -> None:
        try:
            run()
        except Exception:
            log.exception("a thread of the alarm centre has ended")
            self.failed.set()
