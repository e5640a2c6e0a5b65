"""Silence is an event: heartbeats, last wills, mass outages, and the line to the broker itself.

All in memory and on one thread; the committer stores what comes out. Nothing here is told twice: a loss is held for a
moment (it may be back at once), told once, or counted into one mass outage.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil

from alarms import wire
from alarms.unit_watch import Loss, LossStage, UnitWatch
from configs.parts import AlarmsConfig
from models.clock import Clock
from models.event import Event, EventKind, Priority, SourceKind, default_priority, event_id
from models.timeline import Gap, GapCause
from models.unit import ConnState, Unit, UnitState

MASS_FLOOR = 5
"""Fewer lost units than this are never a mass outage, however small the fleet."""
LINK_HOLD_S = 2.0
"""The line to the broker may be down so long before anybody is told."""
RETURN_GRACE_S = 25.0
"""After the line is back, units have so long to return (they spread over 15 s) before their loss counts."""
DEAF_AFTER_S = 5.0
"""A pause between two ticks beyond this means that we, not the units, were away."""
TURNS_PER_MINUTE = 3
"""So many returns of an earlier boot in a minute mean two boxes under one name."""
MASS_FOLLOW_S = 60.0
"""Losses join a mass outage until it has been quiet for so long; who is lost later is somebody else's trouble."""
SAMPLE_MAX = 50
BROKER = "broker"
FLEET = "units"
_SYSTEM_AREA = "site"


@dataclass(slots=True)
class Findings:
    """What has come up since it was last taken; handed to the store in one transaction, or given back."""

    events: list[Event] = field(default_factory=list)
    changed: dict[str, UnitWatch] = field(default_factory=dict)
    faces: dict[str, UnitWatch] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)
    """Opened and, those with an end, ended; in their order."""
    beats: list[tuple[datetime, str, dict[str, object]]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.events or self.gaps or self.changed or self.faces or self.beats)

    def pieces(self) -> list["Findings"]:
        """Return the same in pieces: what the database refuses in one of them must not take the others along."""
        pieces = [Findings(events=[event]) for event in self.events]
        pieces += [Findings(gaps=self.gaps), Findings(changed=self.changed), Findings(faces=self.faces)]
        pieces.append(Findings(beats=self.beats))
        return [piece for piece in pieces if piece]


class Supervision:
    """Watches every registered unit."""

    def __init__(self, clock: Clock, settings: AlarmsConfig) -> None:
        self._clock = clock
        self._settings = settings
        self.units: dict[str, UnitWatch] = {}
        self.area = _SYSTEM_AREA
        self._held: dict[str, UnitWatch] = {}
        self._in_mass: dict[str, UnitWatch] = {}
        self._mass_stands = False
        self._mass_joined_s = 0.0
        self._link_down_s: float | None = None
        self._link_told = False
        self._grace_until_s = 0.0
        self._ticked_s = clock.monotonic_s()
        self._found = Findings()

    # ── who is watched ──────────────────────────────────────────────────────────────────────────────────────────────

    def load(self, units: Mapping[str, Unit], states: Mapping[str, UnitState]) -> None:
        """Follow the registrations: new units are taken up, changed ones changed, retired ones forgotten."""
        now_s = self._clock.monotonic_s()
        for unit_id in self.units.keys() - units.keys():
            watch = self.units.pop(unit_id)
            self._held.pop(unit_id, None)
            self._in_mass.pop(unit_id, None)
            self._found.changed.pop(unit_id, None)
            if watch.loss:
                self._end_gap(watch, self._clock.utc_now())
        for unit_id, unit in units.items():
            watch_or_none = self.units.get(unit_id)
            if watch_or_none is None:
                self._restore(UnitWatch.restored(unit, states.get(unit_id), now_s=now_s))
            else:
                watch_or_none.unit = unit
                if not unit.enabled and watch_or_none.loss:
                    self._forget_loss(watch_or_none)
        self.area = common_area(unit.area for unit in units.values()) or _SYSTEM_AREA

    def resume(self, *, link_told: bool, mass_told: bool) -> None:
        """Take up what an earlier core has told and nobody has ended: the broker's outage, a mass outage."""
        self._link_told = link_told
        self._link_down_s = self._link_down_s or (self._clock.monotonic_s() if link_told else None)
        self._mass_stands = self._mass_stands or mass_told

    # ── what is heard ───────────────────────────────────────────────────────────────────────────────────────────────

    def heard(self, watch: UnitWatch, *, at: datetime, at_s: float) -> None:
        """Note a sign of life; a lost unit is back."""
        if watch.heard_at is None or at_s >= watch.heard_s:  # in the order of arrival: the wall clock may be set back
            watch.heard_at = at
        watch.heard_s = max(watch.heard_s, at_s)
        watch.known = True
        self._found.changed[watch.unit.id] = watch
        if watch.loss:
            self._back(watch, at)

    def conn(self, watch: UnitWatch, message: wire.ConnMessage, *, at: datetime, at_s: float, retained: bool) -> None:
        """Follow a ``conn`` message: a unit that comes or goes, or its will."""
        if watch.is_outdated(message, retained=retained):
            return
        before = watch.face()
        self.boot(watch, message.boot, at=at, at_s=at_s)
        watch.connect_count = max(watch.connect_count, message.n)
        watch.conn = ConnState(message.s)
        watch.known = True
        if message.s == "offline":
            if watch.loss is None:
                self._lose(watch, Loss.OFFLINE, at=at, at_s=at_s)
        elif not retained:
            self.heard(watch, at=at, at_s=at_s)
        self.note_face(watch, before)

    def boot(self, watch: UnitWatch, boot: str, *, at: datetime, at_s: float) -> None:
        """Note which start of the unit speaks; two boxes that take turns under one name are told."""
        if not watch.takes_boot(boot):
            return
        turns = watch.returns_s
        turns.append(at_s)
        while turns and turns[0] < at_s - 60:
            turns.popleft()
        if len(turns) > TURNS_PER_MINUTE:
            turns.clear()
            label = "two boxes use this unit's name"
            self._tell(watch.unit, EventKind.SPOOF, at, label, key=("twin", int(at.timestamp()) // 60))

    def note_face(self, watch: UnitWatch, before: tuple[object, ...]) -> None:
        """Tell the wall when what people see of a unit differs from ``before``."""
        self._found.changed[watch.unit.id] = watch
        if watch.face() != before:
            self._found.faces[watch.unit.id] = watch

    def beat(self, watch: UnitWatch, at: datetime, body: dict[str, object]) -> None:
        """Keep a heartbeat for who wants to look into a silence later."""
        self._found.beats.append((at, watch.unit.id, body))

    def tell(self, event: Event) -> None:
        """Let an event be stored with whatever else has come up."""
        self._found.events.append(event)

    # ── the line to the broker ──────────────────────────────────────────────────────────────────────────────────────

    def link_down(self) -> None:
        """The line to the broker is gone: nobody can be heard, so nobody is silent."""
        if self._link_down_s is None:
            self._link_down_s = self._clock.monotonic_s()

    def link_up(self) -> None:
        """The line is back: every unit's silence starts anew, and its loss waits until it had time to return."""
        if self._link_down_s is None:
            return
        self._link_down_s = None
        self._grace()
        if self._link_told:
            self._link_told = False
            self._tell_system(EventKind.PART_RESTORED, BROKER, "the broker is back", restores=EventKind.PART_DOWN)

    @property
    def link_is_down(self) -> bool:
        """Whether the broker cannot be reached now."""
        return self._link_down_s is not None

    # ── time ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def tick(self) -> None:
        """Look for silence; called about once a second."""
        now_s, now = self._clock.monotonic_s(), self._clock.utc_now()
        deaf, self._ticked_s = now_s - self._ticked_s > DEAF_AFTER_S, now_s
        if deaf:
            self._grace()
        if self._link_down_s is not None:
            if not self._link_told and now_s - self._link_down_s >= LINK_HOLD_S:
                self._link_told = True
                self._tell_system(EventKind.PART_DOWN, BROKER, "the broker does not answer")
            return
        for watch in self.units.values():
            unit = watch.unit
            if watch.loss is None and watch.known and unit.enabled and now_s - watch.heard_s > unit.silence_limit_s:
                self._lose(watch, Loss.SILENT, at=watch.heard_at or now, at_s=now_s)
        self._judge_held(now, now_s)
        self._judge_mass(now, now_s)

    def take(self, *, states: bool = True) -> Findings:
        """Hand over what has come up; without ``states`` what units were heard to be waits for a larger batch.

        It never waits when there is an event or a gap: a loss, its gap and how far it was told are stored together,
        or a restart between the two would tell it again, or leave the gap open for ever.
        """
        found, self._found = self._found, Findings()
        if not states and not found.events and not found.gaps:
            self._found.changed, found.changed = found.changed, {}
            self._found.faces, found.faces = found.faces, {}
            self._found.beats, found.beats = found.beats, []
        return found

    def give_back(self, found: Findings) -> None:
        """Take back what could not be stored; it goes first next time."""
        later, self._found = self._found, found
        found.events.extend(later.events)
        found.changed.update(later.changed)
        found.faces.update(later.faces)
        found.gaps.extend(later.gaps)
        found.beats.extend(later.beats)

    # ── losing and finding ──────────────────────────────────────────────────────────────────────────────────────────

    def _lose(self, watch: UnitWatch, loss: Loss, *, at: datetime, at_s: float) -> None:
        if not watch.unit.enabled:
            return
        before = watch.face()
        watch.loss, watch.stage, watch.lost_s, watch.lost_at = loss, LossStage.HELD, at_s, at
        if loss is Loss.SILENT and watch.conn is ConnState.ONLINE:
            watch.conn = ConnState.UNKNOWN
        self._held[watch.unit.id] = watch
        self._found.gaps.append(_gap(watch, loss, started_at=at))
        self.note_face(watch, before)

    def _back(self, watch: UnitWatch, at: datetime) -> None:
        before = watch.face()
        self._end_gap(watch, at)
        stage, loss, watch.loss, watch.lost_at = watch.stage, watch.loss, None, None
        if watch.conn in (ConnState.OFFLINE, ConnState.UNKNOWN):
            watch.conn = ConnState.ONLINE
        self._held.pop(watch.unit.id, None)
        self._in_mass.pop(watch.unit.id, None)
        if stage is LossStage.TOLD:
            ended = EventKind.UNIT_OFFLINE if loss is Loss.OFFLINE else EventKind.UNIT_SILENT
            self._tell(watch.unit, EventKind.UNIT_ONLINE, at, "heard again", key=(at.isoformat(),), restores=ended)
        self.note_face(watch, before)

    def _restore(self, watch: UnitWatch) -> None:
        self.units[watch.unit.id] = watch
        if not watch.loss:
            return
        if not watch.unit.enabled:
            self._forget_loss(watch)
        elif watch.stage is LossStage.HELD:
            self._held[watch.unit.id] = watch
        elif watch.stage is LossStage.MASS:
            self._in_mass[watch.unit.id] = watch
            self._mass_stands, self._mass_joined_s = True, watch.lost_s

    def _forget_loss(self, watch: UnitWatch) -> None:
        """Stop missing a unit that has been disabled."""
        before = watch.face()
        self._end_gap(watch, self._clock.utc_now())
        watch.loss = watch.lost_at = None
        self._held.pop(watch.unit.id, None)
        self._in_mass.pop(watch.unit.id, None)
        self.note_face(watch, before)

    def _judge_held(self, now: datetime, now_s: float) -> None:
        """Tell the losses that have lasted; when there are too many at once, tell one mass outage instead."""
        if not self._held or now_s < self._grace_until_s:
            return
        follows = bool(self._in_mass) and now_s - self._mass_joined_s <= MASS_FOLLOW_S
        if follows or len(self._held) >= self._mass_limit():
            self._into_mass(now, now_s, tell=not follows)
            return
        hold_s = self._settings.mass_offline_within_s
        for watch in [watch for watch in self._held.values() if now_s - watch.lost_s >= hold_s]:
            del self._held[watch.unit.id]
            watch.stage = LossStage.TOLD
            self._found.changed[watch.unit.id] = watch
            kind = EventKind.UNIT_OFFLINE if watch.loss is Loss.OFFLINE else EventKind.UNIT_SILENT
            label = "connection lost" if watch.loss is Loss.OFFLINE else "not heard in time"
            self._tell(watch.unit, kind, now, label, key=(watch.lost_at,), since=watch.lost_at)

    def _into_mass(self, now: datetime, now_s: float, *, tell: bool) -> None:
        lost = list(self._held.values())
        for watch in lost:
            watch.stage = LossStage.MASS
            self._in_mass[watch.unit.id] = watch
            self._found.changed[watch.unit.id] = watch
        self._held.clear()
        self._mass_stands, self._mass_joined_s = True, now_s
        if tell:
            self._tell_system(
                EventKind.MASS_OUTAGE,
                FLEET,
                f"{len(lost)} of {len(self.units)} units lost at once",
                area=common_area(watch.unit.area for watch in lost),
                units=len(lost),
                of=len(self.units),
                sample=sorted(watch.unit.id for watch in lost)[:SAMPLE_MAX],
                since=now.isoformat(),
            )

    def _judge_mass(self, now: datetime, now_s: float) -> None:
        """End a mass outage when half of its limit is left; whoever stays away is then told alone."""
        if not self._mass_stands or len(self._in_mass) > self._mass_limit() // 2:
            return
        for watch in self._in_mass.values():
            watch.stage, watch.lost_s = LossStage.HELD, now_s
            self._held[watch.unit.id] = watch
            self._found.changed[watch.unit.id] = watch
        label = f"all lost units but {len(self._in_mass)} are back"
        self._in_mass.clear()
        self._mass_stands = False
        self._tell_system(EventKind.RESTORE, FLEET, label, restores=EventKind.MASS_OUTAGE, until=now.isoformat())

    def _mass_limit(self) -> int:
        return max(MASS_FLOOR, ceil(self._settings.mass_offline_share * len(self.units)))

    def _grace(self) -> None:
        now_s = self._clock.monotonic_s()
        self._grace_until_s = now_s + RETURN_GRACE_S
        for watch in self.units.values():
            watch.heard_s = max(watch.heard_s, now_s)

    def _end_gap(self, watch: UnitWatch, at: datetime) -> None:
        self._found.gaps.append(_gap(watch, watch.loss, started_at=watch.lost_at or at, ended_at=at))

    # ── telling ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _tell(
        self,
        unit: Unit,
        kind: EventKind,
        at: datetime,
        label: str,
        *,
        key: tuple[object, ...],
        restores: EventKind | None = None,
        since: datetime | None = None,
    ) -> None:
        attrs: dict[str, object] = {"restores": str(restores)} if restores else {}
        if since is not None:
            attrs["since"] = since.isoformat()
        self.tell(unit_event(unit, kind, at, label, key=key, attrs=attrs))

    def _tell_system(
        self,
        kind: EventKind,
        source_id: str,
        label: str,
        *,
        restores: EventKind | None = None,
        area: str | None = None,
        **attrs: object,
    ) -> None:
        now = self._clock.utc_now()
        if restores:
            attrs["restores"] = str(restores)
        self.tell(system_event(kind, source_id, now, label, area=area or self.area, attrs=attrs))


def _gap(watch: UnitWatch, loss: Loss | None, *, started_at: datetime, ended_at: datetime | None = None) -> Gap:
    return Gap(
        source_kind=SourceKind.UNIT,
        source_id=watch.unit.id,
        area=watch.unit.area,
        started_at=started_at,
        ended_at=ended_at,
        cause=GapCause.SOURCE_OFFLINE,
        detail=loss.value if loss else "",
    )


def unit_event(
    unit: Unit,
    kind: EventKind,
    at: datetime,
    label: str,
    *,
    key: tuple[object, ...],
    attrs: dict[str, object] | None = None,
    priority: Priority | None = None,
) -> Event:
    """Return an event that the centre itself has noticed about a unit; ``key`` makes it the same event every time."""
    return Event(
        id=event_id("centre", unit.id, kind, *key),
        time=at,
        received_at=at,
        area=unit.area,
        kind=kind,
        source_kind=SourceKind.UNIT,
        source_id=unit.id,
        priority=priority or default_priority(kind),
        label=label,
        attrs=dict(attrs or {}),
    )


def system_event(
    kind: EventKind, source_id: str, at: datetime, label: str, *, area: str, attrs: dict[str, object] | None = None
) -> Event:
    """Return an event about one of alertwall's own parts."""
    return Event(
        id=event_id("system", source_id, kind, at.isoformat()),
        time=at,
        received_at=at,
        area=area,
        kind=kind,
        source_kind=SourceKind.SYSTEM,
        source_id=source_id,
        priority=default_priority(kind),
        label=label,
        attrs=dict(attrs or {}),
    )


def common_area(areas: Iterable[str]) -> str:
    """Return the smallest area that covers all of ``areas``; empty when there is none."""
    paths = {tuple(area.split(".")) for area in areas}
    if not paths:
        return ""
    first, last = min(paths), max(paths)
    shared = 0
    while shared < min(len(first), len(last)) and first[shared] == last[shared]:
        shared += 1
    return ".".join(first[:shared])
