"""The cameras that a worker holds: added, changed and removed while the others run on."""

import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from alertwall.analysis import Analysis
from alertwall.camera_watch import CameraWatch
from alertwall.outbox import Fact, NewSegment
from alertwall.recording_watch import DiskWatch, RecordingWatch
from analytics.schedule import Calendar
from configs.site import Site
from ingest.address import networks
from ingest.clients import Dial, dial
from ingest.disk import DiskWriter
from ingest.link import CameraLink, LinkConfig
from ingest.live import LiveFanout
from ingest.packet import Packet
from ingest.recorder import FOLDER, Recorder
from ingest.segment_file import NotASegment, recover, started_at
from ingest.stream import OpenLimiter
from ingest.trigger import TriggeredRecorder
from models.camera import UP_STATES, Camera, CameraState, LinkState, RecordMode, Scheme
from models.clock import Clock
from models.errors import BadInput
from models.rule import Rule
from models.timeline import GapCause, Segment

STATE_EVERY_S = 5.0
END_WITHIN_S = 2.0
EVENT_AGE_MAX_S = 10.0
"""An event that comes later, or says so by a wrong clock, counts as so old."""
ALARM_AGE_MAX_S = 2.0
"""An alarm is noticed so soon after it was stored."""
LEFT_OPEN = timedelta(minutes=3)
"""How far before its last sign of life a killed worker may have left an unregistered file."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What the store says about one camera. ``last_seen_at`` and ``gap_open`` are of an earlier worker."""

    camera: Camera
    password: str = field(default="", repr=False)
    rules: tuple[Rule, ...] = ()
    last_seen_at: datetime | None = None
    gap_open: GapCause | None = None


@dataclass(slots=True)
class Held:
    """One camera in this worker."""

    registration: Registration
    watch: CameraWatch
    recording: RecordingWatch
    live: LiveFanout
    link: CameraLink | None = None
    refused: str = ""
    told: tuple[LinkState, str, bool] | None = None
    told_at_s: float = float("-inf")
    live_sub: LiveFanout = field(default_factory=LiveFanout)

    @property
    def for_browsers(self) -> LiveFanout:
        """What a browser is shown: H.264 if the camera has any."""
        return self.link.for_browsers if self.link is not None else self.live

    @property
    def fanouts(self) -> tuple[LiveFanout, ...]:
        return self.live, self.live_sub


class CameraSet:
    """Changed by the worker's main thread alone; `get` and `held` may be asked from any."""

    def __init__(
        self,
        site: Site,
        worker_id: str,
        *,
        clock: Clock,
        disk: DiskWriter,
        analysis: Analysis,
        put: Callable[..., None],
        dial_for: Callable[[str], Dial] = lambda _camera_id: dial,
        cut: Callable[[str], None] = lambda _camera_id: None,
    ) -> None:
        """``dial_for`` gives the way to a camera; ``cut`` ends whoever pushes to one that takes no more."""
        self._dial_for, self._cut = dial_for, cut
        self._site, self._worker_id, self._clock = site, worker_id, clock
        self._disk, self._analysis, self._put, self._dial = disk, analysis, put, dial
        self._networks = networks(site.ingest.allowed_networks)
        self._opens = OpenLimiter(site.ingest.max_concurrent_opens)
        self.held: dict[str, Held] = {}
        self._disk_watch = DiskWatch(worker_id)
        self._ending: list[CameraLink] = []
        self._lock = threading.Lock()

    def get(self, camera_id: str) -> Held | None:
        return self.held.get(camera_id)

    # registrations

    def take(self, registrations: Iterable[Registration]) -> None:
        """Make the held cameras be these."""
        wanted = {one.camera.id: one for one in registrations}
        gone = [known for known in self.held if known not in wanted]
        for camera_id in gone:  # all are asked before the first is waited for: another worker takes them over now
            link = self.held[camera_id].link
            if link is not None:
                link.stop()
        for camera_id in gone:
            self._remove(camera_id)
        for registration in wanted.values():
            self._set(registration)
        self._ending = [link for link in self._ending if not link.join(0)]

    def _set(self, registration: Registration) -> None:
        camera = registration.camera
        held = self.held.get(camera.id)
        if held is None:
            held = self.held[camera.id] = self._new(registration)
        elif held.registration == registration:
            return
        before, held.registration = held.registration, registration
        held.watch.camera = camera
        if not camera.enabled or camera.source.scheme != Scheme.WHIP:
            self._cut(camera.id)
        if not camera.enabled:
            self._end_link(held)
            self._analysis.remove(camera.id)
            with self._lock:
                now = self._clock.utc_now()
                facts = [*held.recording.over(now), *held.watch.disabled(now)]
            self._put(*facts)
            return
        if not before.camera.enabled:
            held.watch.enabled(self._clock.utc_now(), self._clock.monotonic_s())
        calendar = Calendar(self._site.timezone, self._site.holidays, camera.lat, camera.lon)
        self._analysis.set_camera(camera.id, registration.rules, calendar)
        config = self._config(registration)
        same = held.link is not None and held.link.config == config and _recorded(before.camera) == _recorded(camera)
        if not same:
            follows = held.link.main.last_packet if held.link is not None else None
            self._end_link(held)
            self._start_link(held, config, follows)

    def _new(self, registration: Registration) -> Held:
        now, now_s = self._clock.utc_now(), self._clock.monotonic_s()
        watch = CameraWatch(
            registration.camera,
            now=now,
            now_s=now_s,
            last_seen_at=registration.last_seen_at,
            gap_open=registration.gap_open,
        )
        self._put(*watch.begin())
        since = (registration.last_seen_at or now) - LEFT_OPEN
        self._disk.submit(lambda: self._recover(registration.camera.id, since, now))
        return Held(registration, watch, RecordingWatch(watch, left=registration.gap_open), LiveFanout())

    def _config(self, registration: Registration) -> LinkConfig:
        camera, said = registration.camera, self._site.ingest
        return LinkConfig(
            camera_id=camera.id,
            worker_id=self._worker_id,
            source=camera.source,
            password=registration.password,
            sub_path=camera.sub_path,
            allowed_networks=self._networks,
            open_timeout_s=said.open_timeout_s,
            read_timeout_s=said.read_timeout_s,
            ring_s=said.ring_s,
            masks=camera.masks,
        )

    def _start_link(self, held: Held, config: LinkConfig, follows: Packet | None) -> None:
        camera = held.registration.camera
        recorder = self._recorder(held) if camera.record else None
        if recorder is None:
            with self._lock:
                facts = held.recording.over(self._clock.utc_now())
            self._put(*facts)
        try:
            held.link = CameraLink(
                config,
                clock=self._clock,
                on_state=lambda _state: None,  # `states_due` compares
                on_frame=self._analysis.put,
                mode=lambda: self._analysis.mode(camera.id),
                recorder=recorder,
                triggered=self._triggered(camera, recorder, config.ring_bytes) if recorder is not None else None,
                live=held.live,
                opens=self._opens,
                follows=follows,
                dial=self._dial_for(camera.id),
                live_sub=held.live_sub,
            )
        except BadInput as refused:
            held.refused = f"refused: {refused}"
            return
        held.refused = ""
        held.link.start()

    def _recorder(self, held: Held) -> Recorder:
        def trouble(cause: GapCause | None, detail: str, at: datetime) -> None:
            with self._lock:
                facts = held.watch.not_recorded(cause, detail, at)
            self._put(*facts)

        def segment(finished: Segment) -> None:
            self._put(NewSegment(finished))

        return Recorder(
            held.registration.camera.id,
            self._site.media_dir,
            self._disk,
            clock=self._clock,
            on_segment=segment,
            on_trouble=trouble,
            segment_s=self._site.ingest.segment_s,
            min_free_bytes=round(self._site.retention.min_free_gb * 1e9),
        )

    def _triggered(self, camera: Camera, recorder: Recorder, bytes_max: int) -> TriggeredRecorder | None:
        if camera.record_mode is RecordMode.CONTINUOUS:
            return None
        moves = camera.record_mode is RecordMode.MOTION
        return TriggeredRecorder(
            recorder,
            pre_s=camera.record_pre_s,
            post_s=camera.record_post_s,
            bytes_max=bytes_max,
            moving=(lambda: self._analysis.moving(camera.id)) if moves else None,
        )

    def happened(self, camera_id: str, at: datetime) -> None:
        """Have a camera recorded around an event, where it is not recorded anyway."""
        held = self.held.get(camera_id)
        link = held.link if held is not None else None
        if link is not None and link.triggered is not None:
            age_s = (self._clock.utc_now() - at).total_seconds()
            link.triggered.trigger(self._clock.monotonic_s() - min(max(age_s, 0.0), EVENT_AGE_MAX_S))

    @property
    def waiting_for_events(self) -> list[str]:
        """The cameras that are recorded around something alone."""
        return [id for id, held in list(self.held.items()) if held.link is not None and held.link.triggered is not None]

    def alarmed(self, camera_id: str, at: datetime) -> None:
        """Have a camera recorded around a unit's alarm; it was just noticed, whatever the unit's clock says."""
        held = self.held.get(camera_id)
        if held is not None:
            seconds = min(ALARM_AGE_MAX_S, held.registration.camera.record_post_s / 2)
            self.happened(camera_id, max(at, self._clock.utc_now() - timedelta(seconds=seconds)))

    def _end_link(self, held: Held) -> None:
        link, held.link, held.refused = held.link, None, ""
        if link is not None:
            link.stop()
            if not link.join(END_WITHIN_S):
                self._ending.append(link)

    def _remove(self, camera_id: str) -> None:
        held = self.held.pop(camera_id)
        self._end_link(held)
        self._cut(camera_id)
        self._analysis.remove(camera_id)
        for fanout in held.fanouts:
            fanout.end("the camera is no longer here")

    def _recover(self, camera_id: str, since: datetime, before: datetime) -> None:
        """Register what a killed worker was writing; runs in the disk thread."""
        root = self._site.media_dir / FOLDER / camera_id
        for day in {since.date(), before.date()}:
            folder = root / f"{day:%Y%m%d}"
            for path in sorted(folder.iterdir()) if folder.is_dir() else ():
                self._recover_file(path, camera_id, since, before)

    def _recover_file(self, path: Path, camera_id: str, since: datetime, before: datetime) -> None:
        try:
            if since <= started_at(path) < before:
                segment = recover(self._site.media_dir, path, camera_id)
                if segment is not None:
                    self._put(NewSegment(segment))
        except NotASegment:
            return
        except OSError as error:
            log.warning("segment %s cannot be recovered: %s", path.name, error)

    # looking after them

    def look(self) -> None:
        """Notice silence; to be called about twice a second."""
        now, now_s = self._clock.utc_now(), self._clock.monotonic_s()
        for held in list(self.held.values()):
            if not held.registration.camera.enabled:
                continue
            link = held.link
            state = link.main.status if link else None
            if link is not None:
                link.look()
            with self._lock:
                facts: list[Fact] = held.watch.look(
                    now=now,
                    now_s=now_s,
                    last_s=link.last_packet_s if link else None,
                    last_at=link.last_packet_at if link else None,
                    state=state.state if state else LinkState.NOT_FOUND,
                    reason=state.reason if state else held.refused,
                    holes=link.main.take_holes() if link else (),
                )
                if link is not None and link.recorder is not None:
                    facts += self._look_at_recorder(held, link, link.recorder, now, now_s)
            self._put(*facts)
        watches = [(held.registration.camera, held.recording) for held in self.held.values()]
        self._put(*self._disk_watch.look(now, watches))

    def _look_at_recorder(
        self, held: Held, link: CameraLink, recorder: Recorder, now: datetime, now_s: float
    ) -> list[Fact]:
        arrives = not held.watch.silent and link.last_packet_s is not None and link.main.status.state in UP_STATES
        return held.recording.look(
            now=now,
            now_s=now_s,
            wanted=arrives and (link.triggered is None or link.triggered.wanted),
            written_s=recorder.written_s,
            trouble=recorder.trouble,
            disk_behind=self._disk.waiting_bytes > 0,
        )

    def state(self, held: Held) -> CameraState:
        if held.link is not None:
            return held.link.state()
        now = self._clock.utc_now()
        enabled = held.registration.camera.enabled
        return CameraState(
            camera_id=held.registration.camera.id,
            worker_id=self._worker_id,
            state=LinkState.NOT_FOUND if enabled else LinkState.DISABLED,
            reason=held.refused if enabled else "switched off",
            since=now,
            updated_at=now,
        )

    def states(self) -> list[CameraState]:
        return [self.state(held) for held in self.held.values()]

    def states_due(self) -> list[CameraState]:
        """Return what is to be written: changes at once, figures every `STATE_EVERY_S`; `told` takes note."""
        now_s = self._clock.monotonic_s()
        due = []
        for held in self.held.values():
            state = self.state(held)
            if held.told != _gist(state) or now_s - held.told_at_s >= STATE_EVERY_S:
                due.append(state)
        return due

    def told(self, states: Iterable[CameraState]) -> None:
        """Remember that these were written."""
        now_s = self._clock.monotonic_s()
        for state in states:
            held = self.held.get(state.camera_id)
            if held is not None:
                held.told, held.told_at_s = _gist(state), now_s

    def counts(self) -> dict[str, int]:
        held = list(self.held.values())
        links = [one.link for one in held if one.link is not None]
        return {
            "cameras": len(held),
            "up": sum(link.main.status.state in UP_STATES for link in links),
            "recording": sum(bool(link.recorder and link.recorder.recording) for link in links),
            "viewers": sum(fanout.viewers for one in held for fanout in one.fanouts),
            "viewer_packets_lost_total": sum(fanout.packets_lost_total for one in held for fanout in one.fanouts),
        }

    def close(self, deadline_s: float) -> None:
        """End every link; those that do not return by ``deadline_s`` are abandoned."""
        links = [held.link for held in self.held.values() if held.link is not None] + self._ending
        for held in self.held.values():
            for fanout in held.fanouts:
                fanout.end("the worker is stopping")
        for link in links:
            link.stop()
        for link in links:
            if not link.join(max(0.0, deadline_s - self._clock.monotonic_s())):
                log.warning("link of %s does not end", link.config.camera_id)


def _recorded(camera: Camera) -> tuple[bool, RecordMode, int, int]:
    return camera.record, camera.record_mode, camera.record_pre_s, camera.record_post_s


def _gist(state: CameraState) -> tuple[LinkState, str, bool]:
    return state.state, state.reason, state.recording
