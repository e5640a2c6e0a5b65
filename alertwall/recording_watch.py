"""Should be recorded, is not: when that becomes an event, and when it is over.

A disk that is full or too slow stops many cameras at once: that is one event of their worker, not one of each camera.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from alarms.supervision import common_area
from alertwall.camera_watch import CameraWatch
from alertwall.outbox import Fact, NewEvent
from models.camera import Camera
from models.event import Event, EventKind, SourceKind, default_priority, event_id
from models.timeline import GapCause

LOST_AFTER_S = 15.0
"""Long enough for the first key frame of most cameras; with a look and triage it is an incident within 20 s."""
OF_THE_DISK = frozenset({GapCause.DISK_FULL, GapCause.OVERLOAD})
RECORDINGS_OF = "recordings of "
WORDS = {
    GapCause.DISK_FULL: "the disk is full",
    GapCause.OVERLOAD: "the disk is too slow",
    GapCause.INGEST_ERROR: "nothing was written: no key frame with its parameters, or no file that can be opened",
}


class RecordingWatch:
    """Looks at one camera's recorder again and again. Pure: time comes in, facts go out."""

    def __init__(self, watch: CameraWatch, *, left: GapCause | None) -> None:
        """``left`` is the cause of the gap that an earlier worker left open."""
        self._watch = watch
        self.lost: GapCause | None = left if left in WORDS else None
        self._since_s: float | None = None
        self._trouble_s: float | None = None
        self._written_s: float | None = None

    def look(
        self,
        *,
        now: datetime,
        now_s: float,
        wanted: bool,
        written_s: float | None,
        trouble: GapCause | None,
        disk_behind: bool,
    ) -> list[Fact]:
        """Return what follows from the recorder: whether it should write, when it last did, why it does not."""
        if written_s is not None and written_s != self._written_s and trouble is None:
            self._written_s = self._since_s = written_s
            self._trouble_s = None
            return self.over(now)
        self._since_s = (self._since_s if self._since_s is not None else now_s) if wanted else None
        self._trouble_s = (self._trouble_s if self._trouble_s is not None else now_s) if trouble else None
        began_s = min((at for at in (self._since_s, self._trouble_s) if at is not None), default=now_s)
        if self.lost is not None or now_s - began_s <= LOST_AFTER_S:
            return []
        self.lost = trouble or (GapCause.OVERLOAD if disk_behind else GapCause.INGEST_ERROR)
        since = now - timedelta(seconds=now_s - began_s)
        facts = [] if trouble else self._watch.not_recorded(self.lost, WORDS[self.lost], since)
        if self.lost not in OF_THE_DISK:
            facts.append(NewEvent(_of_camera(self._watch.camera, EventKind.RECORDING_LOST, self.lost, since, now)))
        return facts

    def over(self, now: datetime) -> list[Fact]:
        """It is recorded again, or no longer to be."""
        facts = self._watch.not_recorded(None, "", now)
        lost, self.lost = self.lost, None
        if lost is not None and lost not in OF_THE_DISK:
            facts.append(NewEvent(_of_camera(self._watch.camera, EventKind.RECORDING_RESTORED, lost, now, now)))
        return facts


class DiskWatch:
    """Tells once what stops many cameras."""

    def __init__(self, worker_id: str) -> None:
        self._source_id = RECORDINGS_OF + worker_id
        self._told = False

    def look(self, now: datetime, watches: Sequence[tuple[Camera, RecordingWatch]]) -> list[Fact]:
        """Return what follows from all cameras of the worker."""
        lost = [(camera, watch.lost) for camera, watch in watches if watch.lost in OF_THE_DISK]
        if bool(lost) is self._told:
            return []
        self._told = bool(lost)
        kind = EventKind.RECORDING_LOST if lost else EventKind.RECORDING_RESTORED
        causes = {cause for _, cause in lost if cause is not None}
        cause = GapCause.DISK_FULL if GapCause.DISK_FULL in causes else GapCause.OVERLOAD
        area = common_area(camera.area for camera, _ in (lost or watches)) or "site"
        attrs: dict[str, Any] = {"cause": str(cause), "reason": WORDS[cause], "cameras": len(lost)} if lost else {}
        return [NewEvent(replace(_event(kind, SourceKind.SYSTEM, self._source_id, now, attrs), area=area))]


def taken_over(source_id: str, cameras: Iterable[Camera], now: datetime) -> NewEvent:
    """Return that what a vanished worker told is over: others hold its cameras and speak for themselves."""
    area = common_area(camera.area for camera in cameras) or "site"
    return NewEvent(replace(_event(EventKind.RECORDING_RESTORED, SourceKind.SYSTEM, source_id, now, {}), area=area))


def _of_camera(camera: Camera, kind: EventKind, cause: GapCause, time: datetime, received_at: datetime) -> Event:
    attrs = {"cause": str(cause), "reason": WORDS[cause]} if kind is EventKind.RECORDING_LOST else {}
    event = _event(kind, SourceKind.CAMERA, camera.id, time, attrs)
    return replace(event, area=camera.area, received_at=received_at)


def _event(kind: EventKind, source_kind: SourceKind, source_id: str, time: datetime, attrs: dict[str, Any]) -> Event:
    return Event(
        id=event_id(kind, source_id, time.isoformat()),
        time=time,
        received_at=time,
        area="",
        kind=kind,
        source_kind=source_kind,
        source_id=source_id,
        priority=default_priority(kind),
        label=str(attrs.get("reason", ""))[:80],
        attrs=attrs,
    )
