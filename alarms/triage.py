"""From events to incidents: the one mouth through which everything passes that may wake an operator.

An event joins an open incident of its own source, or a unit's alarm that is near in time and place, or opens one.
What ends a condition is noted on the incident that holds it. Nothing here forgets an event: repeats are counted.

An unclaimed incident takes its source's alarms as long as a condition stands, and for ``rejoin_within_s`` after the
last of them came or returned: a sensor that chatters is one card with a count. After that quiet time the story is over
and the next alarm is a new incident.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from psycopg import Connection

from alarms import codes
from alarms.places import PlaceIndex, margin_degrees
from configs.parts import AlarmsConfig
from models.clock import Clock
from models.event import DEFAULT_PRIORITY, RESTORING, Event, EventKind, Priority, SourceKind
from models.incident import IncidentState
from models.store import incident_drafts
from models.store.incident_drafts import Box, IncidentDraft, Join, SourcePlace

CONTEXT = frozenset({EventKind.ARMED, EventKind.DISARMED, EventKind.BYPASS, EventKind.TEST})
"""Facts worth a line on an incident that is open anyway."""
LASTING = codes.RESTORABLE | {
    EventKind.UNIT_OFFLINE,
    EventKind.UNIT_SILENT,
    EventKind.CAMERA_SILENT,
    EventKind.CAMERA_TAMPER,
    EventKind.RECORDING_LOST,
    EventKind.PART_DOWN,
    EventKind.MASS_OUTAGE,
}
"""Conditions that somebody reports the end of; all others are over when they are told."""
_ENDS: dict[EventKind, frozenset[EventKind]] = {
    EventKind.CAMERA_RESTORED: frozenset({EventKind.CAMERA_SILENT}),
    EventKind.RECORDING_RESTORED: frozenset({EventKind.RECORDING_LOST}),
    EventKind.UNIT_ONLINE: frozenset({EventKind.UNIT_OFFLINE, EventKind.UNIT_SILENT}),
    EventKind.PART_RESTORED: frozenset({EventKind.PART_DOWN}),
}
"""What a restoring event ends when it does not say so itself; a plain restore ends all of its source."""
ABOUT_THE_UNIT = frozenset({EventKind.SPOOF, EventKind.FLOOD})
"""As urgent as an alarm, but nothing that a camera could see."""
HANDLED_FOR = timedelta(hours=1)
"""An alarm joins what somebody has claimed while that one is so fresh; later it shows on the wall anew."""
_URGENCY = {str(kind): priority for kind, priority in DEFAULT_PRIORITY.items()}
_NOWHERE = SourcePlace("", None, None, ())


def take(conn: Connection, clock: Clock, events: Sequence[Event], settings: AlarmsConfig) -> list[int]:
    """Open or extend incidents for ``events`` in the caller's transaction; returns the ids of those opened."""
    relevant = [
        event for event in events if event.priority < Priority.FACT or event.kind in RESTORING or event.kind in CONTEXT
    ]
    if not relevant:
        return []
    incident_drafts.serialise(conn)
    board = _Board(conn, relevant, settings)
    for event in relevant:
        board.place(event)
    return incident_drafts.save(conn, board.drafts, at=clock.utc_now())


def open_alone(conn: Connection, clock: Clock, events: Sequence[Event], _settings: AlarmsConfig) -> list[int]:
    """Open an incident for each event that may wake somebody, without a look at any other: for when `take` fails."""
    waking = [event for event in events if event.priority < Priority.FACT]
    drafts = [_draft(event, _NOWHERE) for event in waking]
    for draft, event in zip(drafts, waking, strict=True):
        draft.standing, draft.event_count = {_condition(event)}, 1
        draft.joins.append(Join(event, "opened alone", _words(event)))
    return incident_drafts.save(conn, drafts, at=clock.utc_now())


class _Board:
    """The open incidents that a batch of events may touch."""

    def __init__(self, conn: Connection, events: Sequence[Event], settings: AlarmsConfig) -> None:
        self._within = timedelta(seconds=settings.join_within_s)
        self._within_m = settings.join_within_m
        self._rejoin = timedelta(seconds=settings.rejoin_within_s)
        self.drafts: list[IncidentDraft] = []
        self._ids: set[int] = set()
        self._of_source: dict[tuple[SourceKind, str], list[IncidentDraft]] = {}
        self._unit_alarms = _NearIndex(settings.join_within_m)
        self._camera_incidents = _NearIndex(settings.join_within_m)
        sources = list({(event.source_kind, event.source_id) for event in events})
        self._places = incident_drafts.places(
            conn,
            units=[source_id for kind, source_id in sources if kind is SourceKind.UNIT],
            cameras=[source_id for kind, source_id in sources if kind is SourceKind.CAMERA],
        )
        ended = [f"{kind}/{event.source_id}/" for event in events for kind in _ended_kinds(event)]
        for draft in incident_drafts.of_sources(conn, sources, ended):
            self._keep(draft)
        of_cameras = [event for event in events if _looks_for_unit(event)]
        self._keep_near(conn, of_cameras, SourceKind.UNIT, Priority.ALARM)
        of_units = [event for event in events if _looks_for_camera(event)]
        self._keep_near(conn, of_units, SourceKind.CAMERA, Priority.TROUBLE)

    def place(self, event: Event) -> None:
        """Put one event where it belongs."""
        if event.kind in RESTORING:
            self._restore(event)
        elif event.priority >= Priority.FACT:
            self._note(event)
        elif (found := self._near_incident(event)) is not None:
            draft, reason = found
            self._join(draft, event, reason)
        elif (own := self._own_incident(event)) is not None:
            self._join(own, event, "same source" if own.active else "same source, after it had returned to normal")
        else:
            self._open(event)

    # ── where an event may go ───────────────────────────────────────────────────────────────────────────────────────

    def _own_incident(self, event: Event) -> IncidentDraft | None:
        for draft in reversed(self._of_source.get((event.source_kind, event.source_id), ())):
            if draft.state is IncidentState.NEW:
                if self._goes_on(draft, event):
                    return draft
                continue
            fresh = event.priority > Priority.ALARM or event.time - draft.last_event_at <= HANDLED_FOR
            if event.priority >= draft.priority and fresh:
                return draft
        return None

    def _goes_on(self, draft: IncidentDraft, event: Event) -> bool:
        """Tell whether ``event`` is still the incident's story: it has not been quiet for long, or a condition stands.

        A battery that has been low for days holds no burglary: what stands must be as urgent as what comes.
        """
        quiet_for = self._rejoin if draft.state is IncidentState.NEW else HANDLED_FOR
        return event.time - draft.source_event_at <= quiet_for or any(
            _stands(condition, event.priority) for condition in draft.standing
        )

    def _near_incident(self, event: Event) -> tuple[IncidentDraft, str] | None:
        """Return a unit's alarm that a camera's event belongs to, or a camera's incident that an alarm explains."""
        place = self._place_of(event)
        if _looks_for_unit(event):
            for draft, how in self._unit_alarms.near(place):
                if (apart := self._apart(draft, event.time)) is not None:
                    return draft, f"{how}, {apart:.0f} s from its alarm"
        elif _looks_for_camera(event) and self._own_incident(event) is None:
            for draft, how in self._camera_incidents.near(place):
                apart = self._apart(draft, event.time)
                if apart is not None and draft.state is IncidentState.NEW and draft.source_kind is SourceKind.CAMERA:
                    return draft, f"{how}, {apart:.0f} s from what the camera saw"
        return None

    def _apart(self, draft: IncidentDraft, time: datetime) -> float | None:
        """Return the seconds between ``time`` and the incident's own stretch of time; None when that is too long."""
        gap = max(draft.opened_at - time, time - draft.source_event_at, timedelta(0))
        return gap.total_seconds() if gap <= self._within else None

    def _place_of(self, event: Event) -> SourcePlace:
        return self._places.get((event.source_kind, event.source_id), _NOWHERE)

    # ── what happens there ──────────────────────────────────────────────────────────────────────────────────────────

    def _open(self, event: Event) -> None:
        draft = _draft(event, self._place_of(event))
        self._join(draft, event, "opened")
        self._keep(draft)

    def _join(self, draft: IncidentDraft, event: Event, reason: str) -> None:
        condition = _condition(event)
        first = condition not in draft.standing
        draft.standing.add(condition)
        draft.event_count += 1
        draft.last_event_at = max(draft.last_event_at, event.time)
        draft.opened_at = min(draft.opened_at, event.time)
        draft.active = draft.active or event.kind in LASTING
        draft.joins.append(Join(event, reason, _words(event) if first else None))
        explained = event.source_kind is SourceKind.UNIT and draft.source_kind is SourceKind.CAMERA
        if event.priority < draft.priority or explained:
            self._raise(draft, event)
        if (draft.source_kind, draft.source_id) == (event.source_kind, event.source_id):
            draft.source_event_at = max(draft.source_event_at, event.time)

    def _raise(self, draft: IncidentDraft, event: Event) -> None:
        """Make the incident as urgent as its most urgent event, and let it stand where that one came from."""
        draft.raised_from = draft.raised_from or draft.priority
        draft.priority, draft.kind = event.priority, event.kind
        if (draft.source_kind, draft.source_id) == (event.source_kind, event.source_id):
            return
        place = self._place_of(event)
        draft.source_kind, draft.source_id, draft.area = event.source_kind, event.source_id, event.area
        draft.place = place.place or draft.place
        if place.lat is not None:
            draft.lat, draft.lon = place.lat, place.lon
        draft.cameras = tuple(dict.fromkeys((*draft.cameras, *place.cameras)))
        self._index(draft)

    def _restore(self, event: Event) -> None:
        first = True
        for draft in self._holding(event):
            over = {condition for condition in draft.standing if _ends(event, condition)}
            if not over:
                continue
            draft.standing -= over
            draft.active = any(not condition.startswith("~") for condition in draft.standing)
            draft.event_count += first
            draft.last_event_at = max(draft.last_event_at, event.time)
            if (draft.source_kind, draft.source_id) == (event.source_kind, event.source_id):
                draft.source_event_at = max(draft.source_event_at, event.time)
            draft.joins.append(Join(event, "restored", _words(event), belongs=first))
            first = False

    def _holding(self, event: Event) -> list[IncidentDraft]:
        """Return open incidents that may hold a condition of the event's source: its own, and those it joined."""
        if event.source_kind is SourceKind.UNIT:
            return self._of_source.get((event.source_kind, event.source_id), [])[::-1]
        return self.drafts[::-1]

    def _note(self, event: Event) -> None:
        own = self._of_source.get((event.source_kind, event.source_id), ())
        alarms = (draft for draft in reversed(own) if draft.priority <= Priority.ALARM and self._goes_on(draft, event))
        alarm = next(alarms, None)
        if alarm is not None:
            alarm.event_count += 1
            alarm.last_event_at = max(alarm.last_event_at, event.time)
            alarm.joins.append(Join(event, "same source", _words(event)))

    # ── knowing incidents ───────────────────────────────────────────────────────────────────────────────────────────

    def _keep(self, draft: IncidentDraft) -> None:
        if draft.id and draft.id in self._ids:
            return
        self._ids.add(draft.id)
        self.drafts.append(draft)
        self._index(draft)

    def _index(self, draft: IncidentDraft) -> None:
        self._of_source.setdefault((draft.source_kind, draft.source_id), []).append(draft)
        if (
            draft.source_kind is SourceKind.UNIT
            and draft.priority <= Priority.ALARM
            and draft.kind not in ABOUT_THE_UNIT
        ):
            self._unit_alarms.add(draft)
        elif draft.source_kind is SourceKind.CAMERA:
            self._camera_incidents.add(draft)

    def _keep_near(self, conn: Connection, events: Sequence[Event], kind: SourceKind, priority: Priority) -> None:
        if not events:
            return
        places = [self._place_of(event) for event in events]
        found = incident_drafts.near(
            conn,
            source_kind=kind,
            priority=priority,
            since=min(event.time for event in events) - self._within,
            until=max(event.time for event in events) + self._within,
            cameras=sorted({camera for place in places for camera in place.cameras}),
            box=_box(places, self._within_m),
        )
        for draft in found:
            self._keep(draft)


class _NearIndex:
    """Finds incidents by the cameras that show them, and by distance."""

    def __init__(self, within_m: float) -> None:
        self._by_camera: dict[str, list[IncidentDraft]] = {}
        self._on_map: PlaceIndex[IncidentDraft] = PlaceIndex(within_m)

    def add(self, draft: IncidentDraft) -> None:
        for camera in draft.cameras:
            self._by_camera.setdefault(camera, []).append(draft)
        if draft.lat is not None and draft.lon is not None:
            self._on_map.add(draft.lat, draft.lon, draft)

    def near(self, place: SourcePlace) -> Iterator[tuple[IncidentDraft, str]]:
        """Yield (incident, in which way it is near), the surest first."""
        for camera in place.cameras:
            for draft in reversed(self._by_camera.get(camera, ())):
                yield draft, f"camera {camera} shows it"
        if place.lat is not None and place.lon is not None:
            found = sorted(self._on_map.near(place.lat, place.lon), key=lambda pair: pair[0])
            for metres, draft in found:
                yield draft, f"{metres:.0f} m away"


def _draft(event: Event, place: SourcePlace) -> IncidentDraft:
    return IncidentDraft(
        area=event.area,
        place=place.place,
        kind=event.kind,
        priority=event.priority,
        source_kind=event.source_kind,
        source_id=event.source_id,
        opened_at=event.time,
        last_event_at=event.time,
        source_event_at=event.time,
        lat=place.lat,
        lon=place.lon,
        cameras=place.cameras,
    )


def _looks_for_unit(event: Event) -> bool:
    return event.source_kind is SourceKind.CAMERA and event.priority < Priority.FACT


def _looks_for_camera(event: Event) -> bool:
    urgent = event.source_kind is SourceKind.UNIT and event.priority <= Priority.ALARM
    return urgent and event.kind not in ABOUT_THE_UNIT


def _condition(event: Event) -> str:
    """Return the name under which an event's condition stands on an incident."""
    lasting = "" if event.kind in LASTING else "~"
    return f"{lasting}{event.kind}/{event.source_id}/{_point(event)}"


def _stands(condition: str, priority: Priority) -> bool:
    """Tell whether it is a lasting condition, and as urgent as ``priority``; momentary ones (``~``) are none."""
    urgency = _URGENCY.get(condition.split("/", 1)[0])
    return urgency is not None and urgency <= priority


def _point(event: Event) -> str:
    point = event.attrs.get("point")
    return "" if point is None else str(point)


def _ends(event: Event, condition: str) -> bool:
    """Tell whether a restoring event ends ``condition``; one that names no kind or no point ends all of them."""
    kind, source_id, point = condition.split("/", 2)
    if source_id != event.source_id:
        return False
    kinds = _ended_kinds(event)
    if kinds and kind not in kinds:
        return False
    return not _point(event) or point in {"", _point(event)}


def _ended_kinds(event: Event) -> frozenset[str]:
    said = event.attrs.get("restores")
    return frozenset({said}) if said else frozenset(str(kind) for kind in _ENDS.get(event.kind, ()))


def _words(event: Event) -> str:
    return event.label or str(event.kind)


def _box(places: Iterable[SourcePlace], within_m: float) -> Box | None:
    """Return the stretch of map that holds everything in reach of ``places``."""
    known = [(place.lat, place.lon) for place in places if place.lat is not None and place.lon is not None]
    if not known:
        return None
    margins = [margin_degrees(lat, within_m) for lat, _ in known]
    return Box(
        south=min(lat - north for (lat, _), (north, _) in zip(known, margins, strict=True)),
        north=max(lat + north for (lat, _), (north, _) in zip(known, margins, strict=True)),
        west=min(lon - east for (_, lon), (_, east) in zip(known, margins, strict=True)),
        east=max(lon + east for (_, lon), (_, east) in zip(known, margins, strict=True)),
    )
