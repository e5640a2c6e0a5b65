"""One unit as the centre knows it: what its messages have said, and whether it is lost. No clock and no store here."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from alarms import wire
from alarms.codes import Classification
from models.event import EventKind
from models.unit import ArmState, ConnState, Unit, UnitState

BOOTS_REMEMBERED = 4
_ALARM_KINDS = frozenset(
    {
        EventKind.PANIC,
        EventKind.DURESS,
        EventKind.FIRE,
        EventKind.MEDICAL,
        EventKind.GAS,
        EventKind.WATER,
        EventKind.BURGLARY,
    }
)


class Loss(StrEnum):
    """Why a unit counts as lost."""

    OFFLINE = "offline"
    SILENT = "silent"


class LossStage(StrEnum):
    """How far the centre has gone with a loss."""

    HELD = "held"
    """Not told yet: it may be back at once, or be one of many."""
    TOLD = "told"
    """Has an event of its own."""
    MASS = "mass"
    """Belongs to a mass outage."""


@dataclass(slots=True, eq=False)
class UnitWatch:
    """State of one unit; `record` is what the store keeps of it. ``heard_s`` is monotonic."""

    unit: Unit
    heard_s: float
    heard_at: datetime | None = None
    known: bool = False
    conn: ConnState = ConnState.UNKNOWN
    arm: ArmState = ArmState.UNKNOWN
    boot_id: str = ""
    connect_count: int = 0
    last_seq: int = 0
    battery_percent: float | None = None
    mains: bool | None = None
    rssi_dbm: float | None = None
    skew_s: float | None = None
    points_open: frozenset[int] = frozenset()
    info: dict[str, Any] = field(default_factory=dict)
    loss: Loss | None = None
    stage: LossStage = LossStage.HELD
    lost_s: float = 0.0
    lost_at: datetime | None = None
    old_boots: deque[str] = field(default_factory=lambda: deque(maxlen=BOOTS_REMEMBERED))
    clock_told: bool = False
    returns_s: deque[float] = field(default_factory=deque)
    """When an earlier boot spoke again: two boxes under one name take turns like this."""

    @classmethod
    def restored(cls, unit: Unit, state: UnitState | None, *, now_s: float) -> "UnitWatch":
        """Take up where an earlier core left off; the silence limit starts anew."""
        watch = cls(unit=unit, heard_s=now_s)
        if state is None:
            return watch
        watch.heard_at = state.last_heard_at
        watch.known = state.last_heard_at is not None
        watch.conn, watch.arm = state.conn, state.arm
        watch.boot_id, watch.connect_count, watch.last_seq = state.boot_id, state.connect_count, state.last_seq
        watch.battery_percent, watch.mains, watch.rssi_dbm = state.battery_percent, state.mains, state.rssi_dbm
        watch.skew_s, watch.points_open, watch.info = state.skew_s, frozenset(state.points_open), state.info
        if state.silent_since is not None:
            offline = state.conn is ConnState.OFFLINE
            watch.loss = Loss.OFFLINE if offline else Loss.SILENT
            watch.stage = LossStage(state.loss_stage or LossStage.TOLD)
            watch.lost_s, watch.lost_at = now_s, state.silent_since
        return watch

    def record(self) -> UnitState:
        """Return what the store keeps."""
        return UnitState(
            unit_id=self.unit.id,
            conn=self.conn,
            arm=self.arm,
            boot_id=self.boot_id,
            connect_count=self.connect_count,
            last_seq=self.last_seq,
            last_heard_at=self.heard_at,
            silent_since=self.lost_at if self.loss else None,
            battery_percent=self.battery_percent,
            mains=self.mains,
            rssi_dbm=self.rssi_dbm,
            skew_s=self.skew_s,
            points_open=tuple(sorted(self.points_open)),
            info=self.info,
            loss_stage=str(self.stage) if self.loss else "",
        )

    def face(self) -> tuple[object, ...]:
        """Return what people see of the unit; the feed is told when it changes."""
        battery = None if self.battery_percent is None else round(self.battery_percent)
        return self.conn, self.arm, self.loss, battery, self.mains, self.points_open, self.boot_id

    def takes_boot(self, boot: str) -> bool:
        """Note which start of the unit speaks. True when an earlier one has come back: two boxes share a name."""
        if boot == self.boot_id:
            return False
        came_back = boot in self.old_boots
        if came_back:
            self.old_boots.remove(boot)
        if self.boot_id:
            self.old_boots.append(self.boot_id)
        self.boot_id, self.connect_count, self.last_seq = boot, 0, 0
        return came_back

    def is_outdated(self, message: wire.ConnMessage, *, retained: bool) -> bool:
        """Tell whether a ``conn`` is older than what is known: the will of a connection that was replaced."""
        if message.boot in self.old_boots:
            return retained or message.s != "online"
        return message.boot == self.boot_id and message.n < self.connect_count

    def apply_event(self, message: wire.EventMessage, said: Classification, *, skew_s: float | None) -> None:
        """Follow one event; what came out of order changes nothing."""
        if skew_s is not None:
            self.skew_s = skew_s
        if message.boot != self.boot_id or message.seq <= self.last_seq:
            return
        self.last_seq = message.seq
        condition, stands = (said.restores, False) if said.restores else (said.kind, True)
        if said.kind is EventKind.DISARMED:
            self.arm = ArmState.DISARMED
        elif said.kind is EventKind.ARMED:
            self.arm = _armed_state(message.state)
        elif condition is EventKind.MAINS_LOST:
            self.mains = not stands
        elif condition in _ALARM_KINDS or condition is EventKind.UNIT_TAMPER:
            if message.zone is not None:
                self.points_open = self.points_open | {message.zone} if stands else self.points_open - {message.zone}
            if stands and condition is EventKind.BURGLARY:
                self.arm = ArmState.TRIGGERED

    def apply_state(self, message: wire.StateMessage) -> None:
        """Take over the panel's own picture of itself; it is the truth when nothing newer was heard."""
        if message.boot in self.old_boots or (message.boot == self.boot_id and message.seq < self.last_seq):
            return
        self.arm, self.points_open = message.arm, frozenset(message.open)

    def apply_heartbeat(self, message: wire.Heartbeat, *, skew_s: float | None) -> None:
        """Take over telemetry."""
        if message.battery is not None:
            self.battery_percent = message.battery
        if message.mains is not None:
            self.mains = message.mains
        if message.rssi is not None:
            self.rssi_dbm = message.rssi
        if skew_s is not None:
            self.skew_s = skew_s

    def apply_info(self, message: wire.InfoMessage) -> None:
        """Take over what the unit says it is."""
        self.info = msgspec.to_builtins(message)


def _armed_state(said: str | None) -> ArmState:
    try:
        state = ArmState(said or "")
    except ValueError:
        return ArmState.ARMED_AWAY
    return state if state.startswith("armed_") else ArmState.ARMED_AWAY
