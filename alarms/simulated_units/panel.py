"""The panel in a home: its points, whether it is armed, and the events it makes of what happens."""

import secrets
from dataclasses import dataclass, field
from typing import Any

from models.unit import ArmState

POINTS = (
    {"id": 1, "name": "front door", "type": "contact"},
    {"id": 2, "name": "hall", "type": "motion"},
    {"id": 3, "name": "balcony", "type": "contact"},
    {"id": 4, "name": "kitchen", "type": "smoke"},
)


@dataclass(slots=True)
class Panel:
    """One unit's state; every event takes the next sequence number."""

    unit_id: str
    boot: str = field(default_factory=lambda: secrets.token_hex(4))
    seq: int = 0
    arm: ArmState = ArmState.DISARMED
    points_open: set[int] = field(default_factory=set)
    mains: bool = True
    battery_percent: float = 100.0
    arm_before: ArmState = ArmState.DISARMED
    """Where the panel returns to when all its points have."""

    def event(
        self, kind: str, code: str, cid: str, now_ms: int, *, point: int | None = None, **more: Any
    ) -> dict[str, Any]:
        """Make one event of what has happened."""
        self.seq += 1
        body: dict[str, Any] = {
            "v": 1,
            "unit": self.unit_id,
            "boot": self.boot,
            "seq": self.seq,
            "ts": now_ms,
            "tq": "ntp",
            "kind": kind,
            "code": code,
            "cid": cid,
            "part": 1,
        }
        if point is not None:
            sensor = next((known for known in POINTS if known["id"] == point), None)
            body["zone"] = point
            if sensor is not None:
                body["dev"] = {"id": f"{sensor['type']}-{point:02}", "type": sensor["type"], "battery_low": False}
        return body | more

    def switch(self, arm: ArmState, now_ms: int, *, user: str = "1") -> dict[str, Any]:
        """Arm or disarm."""
        self.arm = arm
        if arm is ArmState.DISARMED:
            return self.event("arm", "OP", "1401", now_ms, state=str(arm), user=user)
        return self.event("arm", "CL", "3401", now_ms, state=str(arm), user=user)

    def trip(self, code: str, cid: str, now_ms: int, *, point: int) -> dict[str, Any]:
        """Let a point raise an alarm."""
        self.points_open.add(point)
        if self.arm is not ArmState.TRIGGERED:
            self.arm, self.arm_before = ArmState.TRIGGERED, self.arm
        return self.event("alarm", code, cid, now_ms, point=point, state="triggered")

    def restore(self, code: str, cid: str, now_ms: int, *, point: int) -> dict[str, Any]:
        """Let a point return to normal."""
        self.points_open.discard(point)
        if self.arm is ArmState.TRIGGERED and not self.points_open:
            self.arm = self.arm_before
        return self.event("restore", code, cid, now_ms, point=point, state=str(self.arm))

    def state(self) -> dict[str, Any]:
        """Return the retained picture of the panel."""
        return {"v": 1, "boot": self.boot, "seq": self.seq, "arm": str(self.arm), "open": sorted(self.points_open)}

    def info(self) -> dict[str, Any]:
        """Return what the unit is."""
        return {
            "v": 1,
            "boot": self.boot,
            "model": "simulated",
            "hw": "1",
            "fw": "1.0.0",
            "zones": list(POINTS),
            "caps": ["arm_away", "arm_home", "disarm", "test"],
            "cfg_v": 1,
        }

    def heartbeat(self, now_ms: int, *, outbox: int) -> dict[str, Any]:
        """Return a sign of life."""
        return {
            "v": 1,
            "boot": self.boot,
            "ts": now_ms,
            "battery": round(self.battery_percent, 1),
            "mains": self.mains,
            "rssi": -61,
            "outbox": outbox,
        }
