"""What cameras themselves detect: an ONVIF link for each that is to be listened to, and events of what it says."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import fields
from datetime import datetime

from alertwall.camera_set import Registration
from alertwall.outbox import NewEvent
from ingest.address import Network
from ingest.onvif import CameraSaid, EventLink, EventLinkConfig, EventLinkStats
from models.camera import Camera
from models.clock import Clock
from models.event import Event, SourceKind, default_priority, event_id

COUNTERS = tuple(one.name for one in fields(EventLinkStats) if one.name.endswith("_total"))

log = logging.getLogger(__name__)


class CameraEvents:
    """Changed by the worker's main thread alone; facts are put by the links' own threads."""

    def __init__(self, allowed_networks: tuple[Network, ...], *, clock: Clock, put: Callable[[NewEvent], None]) -> None:
        self._networks, self._clock, self._put = allowed_networks, clock, put
        self._links: dict[str, EventLink] = {}
        self._cameras: dict[str, Camera] = {}
        self._ending: list[EventLink] = []
        self._ended = dict.fromkeys(COUNTERS, 0)

    def take(self, registrations: Iterable[Registration]) -> None:
        """Listen to those of these cameras that want it, and to no others."""
        wanted = {one.camera.id: config for one in registrations if (config := self._config(one)) is not None}
        self._cameras = {one.camera.id: one.camera for one in registrations}
        for camera_id in [known for known, link in self._links.items() if wanted.get(known) != link.config]:
            link = self._links.pop(camera_id)
            link.stop()
            self._ending.append(link)
        for camera_id, config in wanted.items():
            if camera_id not in self._links:
                link = EventLink(config, self._teller(camera_id), clock=self._clock)
                self._links[camera_id] = link
                link.start()
        self._forget_ended()

    def detail(self) -> dict[str, int]:
        """Return what the status page shows."""
        stats = [link.stats() for link in (*self._links.values(), *self._ending)]
        totals = {name: self._ended[name] + sum(getattr(one, name) for one in stats) for name in COUNTERS}
        return {"links": len(self._links), "subscribed": sum(one.subscribed for one in stats), **totals}

    def close(self, deadline_s: float) -> None:
        """End every link; those that do not return by ``deadline_s`` are abandoned."""
        links = [*self._links.values(), *self._ending]
        for link in links:
            link.stop()
        for link in links:
            if not link.join(max(0.0, deadline_s - self._clock.monotonic_s())):
                log.warning("events of %s do not end", link.config.camera_id)

    def _config(self, registration: Registration) -> EventLinkConfig | None:
        camera = registration.camera
        if not camera.enabled or not camera.onvif_events or camera.onvif_port is None:
            return None
        return EventLinkConfig(
            camera_id=camera.id,
            host=camera.source.host,
            port=camera.onvif_port,
            username=camera.source.username,
            password=registration.password,
            allowed_networks=self._networks,
        )

    def _teller(self, camera_id: str) -> Callable[[CameraSaid], None]:
        def tell(said: CameraSaid) -> None:
            camera = self._cameras.get(camera_id)
            if camera is not None:
                self._put(NewEvent(event_of(said, camera, self._clock.utc_now())))

        return tell

    def _forget_ended(self) -> None:
        still = []
        for link in self._ending:
            if not link.join(0):
                still.append(link)
                continue
            for name in COUNTERS:
                self._ended[name] += getattr(link.stats(), name)
        self._ending = still


def event_of(said: CameraSaid, camera: Camera, now: datetime) -> Event:
    """Return the event; a message that a camera sends twice gives the same id."""
    attrs = said.attrs
    parts = [f"{name}={value}" for place in ("source", "data") for name, value in sorted(attrs[place].items())]
    moment = (said.device_time or said.time).isoformat()
    return Event(
        id=event_id("camera said", camera.id, said.kind, attrs["topic"], *parts, moment),
        time=said.time,
        received_at=now,
        area=camera.area,
        kind=said.kind,
        source_kind=SourceKind.CAMERA,
        source_id=camera.id,
        priority=default_priority(said.kind),
        device_time=said.device_time,
        attrs=attrs,
    )
