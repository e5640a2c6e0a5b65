"""`alertwall core`: the alarm centre, its timers and upkeep. Of several cores one is active, the others stand by."""

import logging
import signal
import threading
from collections.abc import Callable
from typing import Any

import msgspec
from psycopg.types.json import set_json_dumps

from alarms import broker, dispatch
from alarms.canary_watch import CanaryWatch
from alarms.centre import AlarmCentre
from alarms.mqtt import Address
from alarms.part_watch import PartWatch
from alertwall.active_lock import ActiveLock
from configs.site import Site
from models.clock import Clock, SystemClock
from models.errors import NotReady, StoreDown
from models.store import parts
from models.store.pool import Store
from models.store.upkeep import Retention

PART_ID = PART_KIND = "core"
STANDBY_ID = "core-standby"
TURN_S = 1.0
MAINTAIN_EVERY_S = 60.0

log = logging.getLogger(__name__)


def run(site: Site) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit code."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    set_json_dumps(msgspec.json.encode)
    dsn = _wait_for(lambda: site.dsn, stopping)
    if dsn is None:
        return 0
    lock = ActiveLock(dsn)
    store = Store(dsn, max_size=4, application="alertwall core")
    try:
        _open(store)
        failed = False
        while not stopping.is_set() and not failed:
            if _stand_by(store, lock, stopping):
                failed = not _Active(site, store, SystemClock(), lock).serve(stopping)
    finally:
        lock.release()
        store.close()
    return int(failed)


class _Active:
    """The one core that receives alarms."""

    def __init__(self, site: Site, store: Store, clock: Clock, lock: ActiveLock) -> None:
        self._site, self._store, self._clock, self._lock = site, store, clock, lock
        self._started_at = clock.utc_now()
        self._maintain_due_s = 0.0
        self._part_watch = PartWatch(store, clock, site.alarms)
        self._canaries = CanaryWatch(store, clock, site.alarms)
        self._centre = AlarmCentre(
            store,
            clock,
            site.alarms,
            lambda: _address(site),
            admit=(lambda pairs: broker.admit(site.state_dir, pairs)) if site.broker.url is None else None,
        )

    def serve(self, stopping: threading.Event) -> bool:
        """Work until told to stop or until another core is active; False when a part of it has failed."""
        log.info("active")
        self._centre.start()
        try:
            while not self._centre.failed.is_set():
                if self._centre.committer.is_stuck():
                    log.error("nothing has been stored for minutes; starting anew")
                    return False
                watches = (self._part_watch.check, self._canaries.check)
                for duty in (self._beat, self._centre.follow_admissions, self._time_out, *watches):
                    self._do(duty)
                self._maintain()
                if stopping.wait(TURN_S):
                    return True
                if not self._lock.hold():
                    log.warning("another core has become active; standing by")
                    return True
            return False
        finally:
            self._centre.stop()

    def _do(self, duty: Callable[[], None]) -> None:
        """A duty that fails is named and tried again at the next turn; the others, and the alarms, go on."""
        try:
            duty()
        except StoreDown:
            log.debug("the database is away")
        except Exception:
            log.exception("a duty failed")

    def _beat(self) -> None:
        line, stats = self._centre.receiver.line, self._centre.committer.stats
        now = self._clock.utc_now()
        detail = {
            "broker": self._broker_detail(),
            "canaries": self._canaries.detail(),
            "alarms": {
                "waiting": len(self._centre.inbox),
                "received_total": line.received_total,
                "stored_total": stats.stored_total,
                "repeated_total": stats.repeated_total,
                "quarantined_total": self._centre.committer.intake.quarantined_total,
                "shed_total": self._centre.rates.shed_total,
                "units": len(self._centre.committer.supervision.units),
            },
        }
        with self._store.transaction() as conn:
            parts.beat(
                conn,
                id=PART_ID,
                kind=PART_KIND,
                now=now,
                started_at=self._started_at,
                state="up" if line.up else "degraded",
                detail=detail,
            )

    def _broker_detail(self) -> dict[str, Any]:
        line = self._centre.receiver.line
        detail: dict[str, Any] = {
            "connected": line.up,
            "mqtt": None if line.version is None else {4: "3.1.1", 5: "5"}[line.version],
            "detail": line.detail,
        }
        if self._site.broker.url is None:
            detail |= broker.about(self._site.state_dir) or {}
        return detail

    def _time_out(self) -> None:
        dispatch.time_out_due(self._store, self._clock)

    def _maintain(self) -> None:
        now_s = self._clock.monotonic_s()
        if now_s < self._maintain_due_s:
            return
        self._maintain_due_s = now_s + MAINTAIN_EVERY_S
        retention = Retention(events_days=self._site.retention.events_days)
        self._do(lambda: self._store.maintain(self._clock, retention=retention))


def _stand_by(store: Store, lock: ActiveLock, stopping: threading.Event) -> bool:
    """Wait until this core may be active; False when told to stop before."""
    clock = SystemClock()
    started_at = clock.utc_now()
    told = False
    while not stopping.is_set():
        if lock.take():
            _forget_standby(store) if told else None
            return True
        if not told and not lock.unreachable:
            log.info("another core is active; standing by")
            told = True
        if told:
            try:
                with store.transaction() as conn:
                    now = clock.utc_now()
                    parts.beat(conn, id=STANDBY_ID, kind=PART_KIND, now=now, started_at=started_at, state="standby")
            except StoreDown:
                log.debug("the database is away")
        stopping.wait(TURN_S)
    _forget_standby(store) if told else None
    return False


def _forget_standby(store: Store) -> None:
    try:
        with store.transaction() as conn:
            parts.remove(conn, STANDBY_ID)
    except StoreDown:
        log.debug("the database is away")


def _open(store: Store) -> None:
    try:
        store.open(wait_s=5)
    except StoreDown as down:
        log.warning("%s; trying on", down)


def _address(site: Site) -> Address:
    link = site.broker_link
    return Address(link.host, link.port, link.username, link.password, tls=link.tls, tls_ca=link.tls_ca)


def _wait_for(read: Callable[[], str], stopping: threading.Event) -> str | None:
    """Return what ``read`` gives once it is there."""
    while not stopping.is_set():
        try:
            return read()
        except NotReady as absent:
            log.info("waiting: %s", absent)
            stopping.wait(TURN_S)
    return None
