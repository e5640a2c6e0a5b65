"""The silence of cameras: when it becomes an event, and the gap it leaves on the record."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from alertwall.outbox import Fact, GapClosed, GapOpened, NewEvent
from ingest.stream import Hole
from models.camera import Camera, LinkState
from models.event import Event, EventKind, SourceKind, default_priority, event_id
from models.timeline import Gap, GapCause

SILENT_AFTER_S = 4.0
FIRST_PICTURE_WITHIN_S = 10.0
MISSED_AFTER = timedelta(seconds=5)
"""A worker that was away for longer leaves a gap of its own."""

SILENT_CAUSES = frozenset({GapCause.SOURCE_OFFLINE, GapCause.INGEST_ERROR, GapCause.UNKNOWN})
"""Somebody has been told already that the camera is silent."""
NOT_RECORDED_CAUSES = frozenset({GapCause.DISK_FULL, GapCause.OVERLOAD})
"""The camera may be heard meanwhile: such a gap ends when it is recorded again."""


class CameraWatch:
    """Looks at one camera's link again and again and says what has to be stored. Pure: time comes in, facts go out."""

    def __init__(
        self, camera: Camera, *, now: datetime, now_s: float, last_seen_at: datetime | None, gap_open: GapCause | None
    ) -> None:
        """``last_seen_at`` and ``gap_open``, the cause of a gap without an end, are what an earlier worker left."""
        self.camera = camera
        self.silent = gap_open in SILENT_CAUSES
        self._begun_s, self._begun_at = now_s, now
        self._last_s: float | None = None
        self._last_at = last_seen_at
        self._not_recorded = gap_open if gap_open in NOT_RECORDED_CAUSES else None
        self._offline = gap_open if self._not_recorded is None else None
        self._open_cause = gap_open

    def begin(self) -> list[Fact]:
        """Return the gap that was left while no worker looked, if there was one."""
        if self._last_at is not None and self._open_cause is None and self._begun_at - self._last_at > MISSED_AFTER:
            return self._set_offline(GapCause.NOT_STARTED, "no worker was running", self._last_at)
        return []

    def look(
        self,
        *,
        now: datetime,
        now_s: float,
        last_s: float | None,
        last_at: datetime | None,
        state: LinkState,
        reason: str,
        holes: Sequence[Hole] = (),
    ) -> list[Fact]:
        """Return what follows from the link's last picture, its state, and the holes since the last look."""
        facts: list[Fact] = []
        for hole in holes:
            if self._offline is None:  # else it is the end of a silence that has its row
                facts += self._set_offline(GapCause.SOURCE_OFFLINE, "the link was interrupted", hole.before)
                facts += self._set_offline(None, "", hole.after)
        if last_s is not None and last_at is not None and last_s != self._last_s:
            facts += self._heard(last_s, last_at)
        waited_s = now_s - (self._last_s if self._last_s is not None else self._begun_s)
        limit_s = SILENT_AFTER_S if self._last_s is not None else FIRST_PICTURE_WITHIN_S
        if waited_s > limit_s and not self.silent:
            facts += self._fell_silent(now, state, reason)
        return facts

    def _heard(self, last_s: float, last_at: datetime) -> list[Fact]:
        facts: list[Fact] = []
        was_silent, self.silent = self.silent, False
        if self._offline is not None:
            facts += self._set_offline(None, "", last_at)
        if was_silent:
            facts.append(NewEvent(self._event(EventKind.CAMERA_RESTORED, last_at, last_at, {})))
        self._last_s, self._last_at = last_s, last_at
        return facts

    def _fell_silent(self, now: datetime, state: LinkState, reason: str) -> list[Fact]:
        self.silent = True
        since = self._last_at if self._last_s is not None and self._last_at is not None else self._begun_at
        detail = reason or f"no picture ({state})"
        cause = GapCause.INGEST_ERROR if reason.startswith("internal error") else GapCause.SOURCE_OFFLINE
        attrs = {"state": state.value, "reason": detail, "since": since.isoformat()}
        facts: list[Fact] = [NewEvent(self._event(EventKind.CAMERA_SILENT, since, now, attrs))]
        return facts + self._set_offline(cause, detail, since)

    def _event(self, kind: EventKind, time: datetime, received_at: datetime, attrs: dict[str, str]) -> Event:
        camera = self.camera
        return Event(
            id=event_id(kind, camera.id, time.isoformat()),
            time=time,
            received_at=received_at,
            area=camera.area,
            kind=kind,
            source_kind=SourceKind.CAMERA,
            source_id=camera.id,
            priority=default_priority(kind),
            label=attrs.get("reason", "")[:80],
            attrs=attrs,
        )

    # gaps: one row is open at a time, and it has the more serious cause

    def not_recorded(self, cause: GapCause | None, detail: str, at: datetime) -> list[Fact]:
        """Take what the recorder says; None when it records again."""
        self._not_recorded = cause
        return self._settle(detail, at)

    def enabled(self, now: datetime, now_s: float) -> None:
        """Somebody switched the camera on: it has its first seconds again. The gap ends with its first picture."""
        self._begun_at, self._begun_s, self._last_s = now, now_s, None

    def disabled(self, at: datetime) -> list[Fact]:
        """Somebody switched the camera off: nothing is expected of it."""
        self.silent = False
        return self._set_offline(GapCause.DISABLED_BY_USER, "", at)

    def _set_offline(self, cause: GapCause | None, detail: str, at: datetime) -> list[Fact]:
        self._offline = cause
        return self._settle(detail, at)

    def _settle(self, detail: str, at: datetime) -> list[Fact]:
        wanted = self._offline or self._not_recorded
        if wanted is self._open_cause:
            return []
        facts: list[Fact] = []
        if self._open_cause is not None:
            facts.append(GapClosed(self.camera.id, at))
        if wanted is not None:
            gap = Gap(
                source_kind=SourceKind.CAMERA,
                source_id=self.camera.id,
                area=self.camera.area,
                started_at=at,
                ended_at=None,
                cause=wanted,
                detail=detail,
            )
            facts.append(GapOpened(gap))
        self._open_cause = wanted
        return facts
