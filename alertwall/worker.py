"""`alertwall worker`: the cameras of one process: links, recording, live pictures, analytics, and what follows."""

import logging
import os
import signal
import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from alertwall import retention
from alertwall.analysis import Analysis, Found, Opener, opener
from alertwall.assignment import owner
from alertwall.camera_events import CameraEvents
from alertwall.camera_set import CameraSet, Registration
from alertwall.coverage import CoverageWatch, summed
from alertwall.memory import trimmer
from alertwall.outbox import Canary, Counted, Fact, Mapped, NewEvent, Outbox
from alertwall.recording_watch import RECORDINGS_OF, taken_over
from alertwall.rehearsals import Rehearsals
from alertwall.worker_http import WorkerPort
from alertwall.worker_rehearsal import RehearsalRoutes
from alertwall.worker_restream import open_restream
from configs.site import Site
from ingest.address import Network, networks
from ingest.clients import Dial, Dialer, StreamClient
from ingest.disk import DiskWriter, free_bytes
from ingest.sdpfrag import inside
from ingest.whip import Publishers, WhipClient
from models.camera import Camera, CameraSource, CameraState, Scheme
from models.clock import Clock, SystemClock
from models.errors import AlertwallError, NotReady, StoreDown
from models.event import Event, EventKind, SourceKind, default_priority, event_id
from models.rule import RuleKind
from models.statistics import DetectionCount, Tally
from models.store import cameras as camera_store
from models.store import gaps, incidents, parts
from models.store.canaries import CANARY_EVERY_S
from models.store.pool import Store
from models.store.secrets import SecretBox
from models.store.spool import Spool

PART_KIND = "worker"
TURN_S = 0.5
REGISTRATIONS_EVERY_S = 1.0
VANISHED_AFTER_S = 15.0
"""A worker that has not beaten for so long no longer speaks for the recordings of cameras that others hold."""
ALARMS_WITHIN = timedelta(minutes=1)
"""Of an alarm unit: what is older when it is first read needs no recording any more."""
RETENTION_EVERY_S = 60.0
ROOM_EVERY_S = 10.0
"""Between the reserve and half of it there must be room for what is recorded meanwhile."""
STOP_WITHIN_S = 2.0
PORT_STOP_WITHIN_S = 1.5
KINDS = {
    RuleKind.INTRUSION: EventKind.INTRUSION,
    RuleKind.LINE_CROSSING: EventKind.LINE_CROSSING,
    RuleKind.LOITERING: EventKind.LOITERING,
    RuleKind.WRONG_WAY: EventKind.WRONG_WAY,
    RuleKind.SPEED: EventKind.SPEEDING,
    RuleKind.CROWD: EventKind.CROWD,
    RuleKind.LEFT_OBJECT: EventKind.LEFT_OBJECT,
    RuleKind.REMOVED_OBJECT: EventKind.REMOVED_OBJECT,
    RuleKind.TAMPER: EventKind.CAMERA_TAMPER,
}

log = logging.getLogger(__name__)


def run(site: Site, worker_id: str, *, free: Callable[[Path], int] = free_bytes) -> int:
    """Hold cameras until SIGTERM or SIGINT; return the exit code. ``free`` says what the disk has left."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    dsn = _wait_for(lambda: site.dsn, stopping)
    if dsn is None:
        return 0
    site.media_dir.mkdir(mode=0o750, parents=True, exist_ok=True)
    store = Store(dsn, max_size=4, application=f"alertwall {worker_id}")
    try:
        try:
            store.open(wait_s=5)
        except StoreDown as down:
            log.warning("%s; trying on", down)
        Worker(site, worker_id, store, SystemClock(), free=free).serve(stopping)
    finally:
        store.close()
    return 0


class Worker:
    """Joins ingest, analytics and the store; its own thread only decides, it never carries a picture."""

    def __init__(
        self,
        site: Site,
        worker_id: str,
        store: Store,
        clock: Clock,
        *,
        open_pipeline: Opener | None = None,
        free: Callable[[Path], int] = free_bytes,
    ) -> None:
        """``open_pipeline`` takes the place of the site's own analytics, ``free`` says what the disk has left."""
        self._free = free
        self._site, self._id, self._store, self._clock = site, worker_id, store, clock
        self._started_at = clock.utc_now()
        self._box = SecretBox(site.secret_key_file)
        self._disk = DiskWriter(site.media_dir, free_bytes=free)
        self._spool = Spool(site.state_dir / f"{worker_id}.spool")
        self._outbox = Outbox(store, self._spool, before=self._write_snapshots)
        self._jpegs: dict[Any, bytes] = {}
        self._analysis = Analysis(
            open_pipeline or opener(site, clock, self.found, self.counted), site.analytics.detector
        )
        self.publishers = Publishers(on_arrival=self._arrived, allowed=inside(networks(site.ingest.allowed_networks)))
        dial = Dialer(replay_folders=site.ingest.replay_folders)
        self.cameras = CameraSet(
            site,
            worker_id,
            clock=clock,
            disk=self._disk,
            analysis=self._analysis,
            put=self._outbox.put,
            dial_for=lambda camera_id: dial_of(self.publishers, camera_id, dial),
            cut=self.publishers.cut,
        )
        self._rehearsals = Rehearsals(clock)
        self._port = WorkerPort(
            self.cameras,
            self.publishers,
            token=lambda: site.internal_token,
            media_dir=site.media_dir,
            disk=self._disk,
            allowed_networks=networks(site.ingest.allowed_networks),
            health=self._detail,
            dial=dial,
            restream=open_restream(site, worker_id, store, clock, self.cameras),
            more=RehearsalRoutes(self.cameras, self._rehearsals, site, lambda: self._analysis.detector).routes,
        )
        self._camera_events = CameraEvents(networks(site.ingest.allowed_networks), clock=clock, put=self._camera_said)
        self._coverage = CoverageWatch()
        self._passwords: dict[tuple[str, int], str] = {}
        self._kept: list[Camera] = []
        self._alarms: dict[int, int] = {}  # how many events each incident had
        self._left: frozenset[str] = frozenset()
        self._registrations_due_s = 0.0
        self._canary_due_s = 0.0
        self._tidy = threading.Thread(target=self._tidy_up, name="retention", daemon=True)
        self._trim = trimmer()
        self._over = threading.Event()

    def serve(self, stopping: threading.Event) -> None:
        """Work until told to stop, then close every file and link in a few seconds."""
        log.info("holding cameras; own port %d", self._port.port)
        self._outbox.start()
        self._port.start()
        self._analysis.start()
        self._tidy.start()
        try:
            while not stopping.is_set():
                self.cameras.look()
                self._look_at_coverage()
                self._let_out_canary()
                for duty in (self._beat, self._read_registrations, self._follow_alarms, self._write_states):
                    if not self._do(duty):
                        break  # the database is away: the others would only wait for it too
                stopping.wait(TURN_S)
        finally:
            self._stop()

    def _stop(self) -> None:
        """End everything in order; what fails is named and holds up nothing after it."""
        self._over.set()
        steps: tuple[Callable[[], object], ...] = (
            lambda: self._camera_events.close(self._clock.monotonic_s() + STOP_WITHIN_S / 2),
            lambda: self.cameras.close(self._clock.monotonic_s() + STOP_WITHIN_S),
            lambda: self._outbox.put(*self._coverage.close(self._clock.utc_now())),
            lambda: self._write(self.cameras.states()),  # the next worker's gap begins at the very last picture
            self._disk.close,
            self._rehearsals.close,
            self._analysis.close,
            lambda: self._port.stop(PORT_STOP_WITHIN_S),
            self._outbox.close,
            self._spool.close,
            self._say_goodbye,
        )
        for step in steps:
            try:
                step()
            except StoreDown:
                log.debug("the database is away")
            except Exception:
                log.exception("a part of the worker did not end well")

    def _do(self, duty: Callable[[], None]) -> bool:
        try:
            duty()
        except StoreDown:
            log.debug("the database is away")
            return False
        except (AlertwallError, psycopg.Error, OSError):
            log.exception("a duty failed")
        return True

    # duties

    def _look_at_coverage(self) -> None:
        now, now_s = self._clock.utc_now(), self._clock.monotonic_s()
        if not self._coverage.due(now_s):
            return
        counts = self._analysis.stats().get("cameras", {})
        areas = {held.registration.camera.id: held.registration.camera.area for held in self.cameras.held.values()}
        self._outbox.put(*self._coverage.look(counts, areas, now=now, now_s=now_s))

    def _detail(self) -> dict[str, Any]:
        analysis = self._analysis.stats()
        analysis |= summed(analysis.pop("cameras", {}))
        analysis["not_all_looked_at"] = len(self._coverage.thin)
        return {
            **self.cameras.counts(),
            "peers": self._port.peers.count,
            "publishers": self.publishers.count,
            "facts_waiting": self._outbox.waiting,
            "disk_waiting_bytes": self._disk.waiting_bytes,
            "analytics": analysis,
            "camera_events": self._camera_events.detail(),
            "restream": self._port.restream.detail() if self._port.restream else None,
        }

    def _let_out_canary(self) -> None:
        now_s = self._clock.monotonic_s()
        if now_s >= self._canary_due_s:
            self._canary_due_s = now_s + CANARY_EVERY_S
            self._outbox.put(Canary(self._id, self._clock.utc_now()))

    def _beat(self) -> None:
        with self._store.transaction() as conn:
            parts.beat(
                conn,
                id=self._id,
                kind=PART_KIND,
                now=self._clock.utc_now(),
                started_at=self._started_at,
                url=f"http://127.0.0.1:{self._port.port}",
                pid=os.getpid(),
                detail=self._detail(),
            )

    def _say_goodbye(self) -> None:
        with self._store.transaction() as conn:
            parts.remove(conn, self._id)

    def _read_registrations(self) -> None:
        now_s = self._clock.monotonic_s()
        if now_s < self._registrations_due_s:
            return
        self._registrations_due_s = now_s + REGISTRATIONS_EVERY_S
        with self._store.transaction() as conn:
            late = self._clock.utc_now().timestamp() - parts.LATE_AFTER_S
            workers = {part.id for part in parts.listing(conn, kind=PART_KIND) if part.heartbeat_at.timestamp() > late}
            workers.add(self._id)
            everything = camera_store.listing(conn, include_retired=True)
            own = [camera for camera in everything if owner(camera.id, workers) == self._id]
            current = [camera for camera in own if camera.retired_at is None]
            rules: dict[str, list[Any]] = {}
            for rule in camera_store.rules(conn):
                if rule.enabled:
                    rules.setdefault(rule.camera_id, []).append(rule)
            passwords = {(camera.id, camera.row_version): self._password(conn, camera) for camera in current}
            new = [camera.id for camera in current if self.cameras.get(camera.id) is None]
            before = camera_store.states(conn, new) if new else {}
            if new:
                gaps.explain(conn, SourceKind.CAMERA, new, "the worker that noticed it did not say why")
            silent = gaps.open_causes(conn, SourceKind.CAMERA) if new else {}
        self._kept, self._passwords = own, passwords
        registrations = []
        for camera in current:
            held = self.cameras.get(camera.id)
            state = before.get(camera.id)
            registrations.append(
                Registration(
                    camera=camera,
                    password=passwords[camera.id, camera.row_version],
                    rules=tuple(rules.get(camera.id, ())),
                    last_seen_at=held.registration.last_seen_at if held else state.last_frame_at if state else None,
                    gap_open=held.registration.gap_open if held else silent.get(camera.id),
                )
            )
        self.cameras.take(registrations)
        self._camera_events.take(registrations)

        if self._id == min(workers):
            self._speak_for_vanished(everything)

    def _speak_for_vanished(self, cameras: Sequence[Camera]) -> None:
        """Tell that the recordings of a worker that is gone are over, once others hold its cameras."""
        with self._store.transaction() as conn:
            lost = {
                source.removeprefix(RECORDINGS_OF)
                for source in incidents.active_sources(conn, EventKind.RECORDING_LOST)
                if source.startswith(RECORDINGS_OF)
            }
            if lost:
                since = self._clock.utc_now().timestamp() - VANISHED_AFTER_S
                known = parts.listing(conn, kind=PART_KIND)
                lost -= {part.id for part in known if part.heartbeat_at.timestamp() > since}
            if lost:
                current = [camera.id for camera in cameras if camera.retired_at is None]
                lost -= {state.worker_id for state in camera_store.states(conn, current).values()}
        now = self._clock.utc_now()
        self._outbox.put(*(taken_over(RECORDINGS_OF + gone, cameras, now) for gone in lost - self._left))
        self._left = frozenset(lost)

    def _follow_alarms(self) -> None:
        """Have cameras that wait for events recorded around alarms of the units that they look at."""
        waiting = set(self.cameras.waiting_for_events)
        if not waiting:
            return
        with self._store.transaction() as conn:
            found = incidents.latest_of_units(conn, sorted(waiting), self._clock.utc_now() - ALARMS_WITHIN)
        for incident in found:
            if self._alarms.get(incident.id) != incident.event_count:
                for camera_id in waiting.intersection(incident.cameras):
                    self.cameras.alarmed(camera_id, incident.last_event_at)
        self._alarms = {incident.id: incident.event_count for incident in found}

    def _password(self, conn: psycopg.Connection[Any], camera: Camera) -> str:
        known = self._passwords.get((camera.id, camera.row_version))
        if known is not None or not camera.has_password:
            return known or ""
        try:
            return camera_store.password(conn, camera.id, self._box)
        except AlertwallError as unreadable:
            log.error("password of camera %s: %s", camera.id, unreadable)  # noqa: TRY400 - a state, not a bug
            return ""

    def _write_states(self) -> None:
        self._write(self.cameras.states_due())

    def _write(self, states: list[CameraState]) -> None:
        if states:
            with self._store.transaction() as conn:
                camera_store.write_states(conn, states)
            self.cameras.told(states)

    def _tidy_up(self) -> None:
        due_s = self._clock.monotonic_s() + RETENTION_EVERY_S
        while not self._over.wait(ROOM_EVERY_S):
            self._do(self._make_room)
            if self._clock.monotonic_s() >= due_s:
                due_s = self._clock.monotonic_s() + RETENTION_EVERY_S
                self._trim()
                self._do(self._tidy_once)

    def _make_room(self) -> None:
        min_free_bytes = round(self._site.retention.min_free_gb * 1e9)
        media_dir = self._site.media_dir
        retention.make_room(self._store, self._clock, media_dir, min_free_bytes=min_free_bytes, free=self._free)

    def _tidy_once(self) -> None:
        days_max = self._site.retention.media_days
        retention.tidy(self._store, self._clock, self._site.media_dir, self._kept, days_max=days_max)

    def _arrived(self, camera_id: str) -> None:
        """Have the link of a camera whose publisher has come try at once; called in the port's loop."""
        held = self.cameras.get(camera_id)
        link = held.link if held is not None else None
        if link is not None:
            link.main.retry_now()

    # findings

    def found(self, finding: Found) -> None:
        """Make an event of a finding; called by the analytics thread."""
        held = self.cameras.get(finding.camera_id)
        if held is None:
            return
        event = event_of(finding, held.registration.camera, self._clock.utc_now())
        if event.snapshot is not None:
            self._jpegs[event.id] = finding.jpeg
        self._outbox.put(NewEvent(event))
        self.cameras.happened(event.source_id, event.time)

    def counted(self, tallies: Sequence[Tally]) -> None:
        """Store what analytics counted; called by the analytics thread."""
        self._outbox.put(*(Counted(one) if isinstance(one, DetectionCount) else Mapped(one) for one in tallies))

    def _camera_said(self, fact: NewEvent) -> None:
        self._outbox.put(fact)
        self.cameras.happened(fact.event.source_id, fact.event.time)

    def _write_snapshots(self, batch: Sequence[Fact]) -> None:
        for fact in batch:
            if isinstance(fact, NewEvent) and (picture := self._jpegs.pop(fact.event.id, None)) and fact.event.snapshot:
                path: Path = self._site.media_dir / fact.event.snapshot
                try:
                    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
                    path.write_bytes(picture)
                except OSError as error:
                    log.warning("a snapshot cannot be kept: %s", error)  # its event is more important


def dial_of(publishers: Publishers, camera_id: str, dial: Dial) -> Dial:
    """Return how this camera's pictures are had: dialled, or waited for when it pushes."""

    def dial_or_wait(source: CameraSource, password: str, allowed_networks: Sequence[Network]) -> StreamClient:
        if source.scheme == Scheme.WHIP:
            return WhipClient(publishers, camera_id)
        return dial(source, password, allowed_networks)

    return dial_or_wait


def event_of(finding: Found, camera: Camera, now: datetime) -> Event:
    """Return the event of a finding; the same finding always gives the same id.

    A fault of the picture stands until its end is told: a restore that names it and, as its point, the rule.
    """
    rule, kind, attrs = finding.rule, KINDS[finding.rule.kind], finding.attrs
    if kind is EventKind.CAMERA_TAMPER:
        attrs = attrs | {"point": f"rule {rule.id}"}
    if finding.ends:
        kind, attrs = EventKind.RESTORE, attrs | {"restores": kind.value}
    told_of = finding.box_px if finding.track_id is None else finding.track_id
    id = event_id("finding", camera.id, rule.id, rule.version, told_of, finding.time.isoformat())
    day = f"{finding.time:%Y%m%d}"
    return Event(
        id=id,
        time=finding.time,
        received_at=now,
        area=camera.area,
        kind=kind,
        source_kind=SourceKind.CAMERA,
        source_id=camera.id,
        priority=default_priority(kind),
        label=finding.label,
        score=finding.score,
        track_id=finding.track_id,
        rule_id=rule.id,
        rule_version=rule.version,
        box_px=finding.box_px,
        snapshot=f"{retention.SNAPSHOTS}/{camera.id}/{day}/{id}.jpg" if finding.jpeg else None,
        attrs=attrs,
    )


def _wait_for(read: Callable[[], str], stopping: threading.Event) -> str | None:
    """Return what ``read`` gives once it is there."""
    while not stopping.is_set():
        try:
            return read()
        except NotReady as absent:
            log.info("waiting: %s", absent)
            stopping.wait(TURN_S)
    return None
