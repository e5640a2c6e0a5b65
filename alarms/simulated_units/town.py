"""What happens in a small town: a seeded, lively schedule of arming, burglaries, batteries and power cuts."""

import heapq
import itertools
import random
from collections.abc import Callable, Sequence

from alarms.simulated_units.unit import SimulatedUnit
from models.unit import ArmState

FIRST_BURGLARY_S = 3.0
VANISH_S = (25.0, 45.0)

Happening = Callable[[SimulatedUnit, float], None]


class Town:
    """Plans what happens to whom; `run_due` lets it happen."""

    def __init__(self, units: Sequence[SimulatedUnit], dice: random.Random, now_s: float) -> None:
        self._units = list(units)
        self._dice = dice
        self._order = itertools.count()
        self._plans: list[tuple[float, int, Callable[[float], None]]] = []
        for first_s, every_s, happening in (
            (FIRST_BURGLARY_S, (20.0, 30.0), self._burglary),
            (1.0, (8.0, 16.0), self._arm_or_disarm),
            (12.0, (70.0, 110.0), self._tamper),
            (20.0, (100.0, 160.0), self._battery_low),
            (30.0, (130.0, 200.0), self._mains_lost),
            (40.0, (45.0, 75.0), self._test),
            (50.0, (150.0, 220.0), self._vanish),
            (75.0, (200.0, 320.0), self._panic),
        ):
            self._repeat(now_s + first_s, every_s, happening)

    def run_due(self, now_s: float) -> None:
        """Let happen what is due."""
        while self._plans and self._plans[0][0] <= now_s:
            _, _, act = heapq.heappop(self._plans)
            act(now_s)

    def _plan(self, at_s: float, act: Callable[[float], None]) -> None:
        heapq.heappush(self._plans, (at_s, next(self._order), act))

    def _repeat(self, at_s: float, every_s: tuple[float, float], happening: Happening) -> None:
        def act(now_s: float) -> None:
            happening(self._dice.choice(self._units), now_s)
            self._plan(now_s + self._dice.uniform(*every_s), act)

        self._plan(at_s, act)

    def _later(self, now_s: float, low_s: float, high_s: float, act: Callable[[], None]) -> None:
        self._plan(now_s + self._dice.uniform(low_s, high_s), lambda _: act())

    # ── what may happen ─────────────────────────────────────────────────────────────────────────────────────────────

    def _burglary(self, unit: SimulatedUnit, now_s: float) -> None:
        if unit.panel.arm is ArmState.DISARMED:
            unit.report(unit.panel.switch(ArmState.ARMED_AWAY, unit.now_ms()))
        point, cid = self._dice.choice(((1, "1131"), (2, "1132"), (3, "1131")))
        unit.report(unit.panel.trip("BA", cid, unit.now_ms(), point=point))
        self._later(
            now_s, 10, 20, lambda: unit.report(unit.panel.restore("BR", f"3{cid[1:]}", unit.now_ms(), point=point))
        )
        if self._dice.random() < 0.5:
            self._later(now_s, 25, 40, lambda: unit.report(unit.panel.switch(ArmState.DISARMED, unit.now_ms())))

    def _panic(self, unit: SimulatedUnit, now_s: float) -> None:
        code, cid, point = self._dice.choice((("PA", "1120", 1), ("FA", "1110", 4), ("MA", "1100", 2)))
        unit.report(unit.panel.trip(code, cid, unit.now_ms(), point=point))
        back = f"{code[0]}R"
        self._later(
            now_s, 30, 60, lambda: unit.report(unit.panel.restore(back, f"3{cid[1:]}", unit.now_ms(), point=point))
        )

    def _arm_or_disarm(self, unit: SimulatedUnit, _now_s: float) -> None:
        if unit.panel.arm is ArmState.TRIGGERED:
            return
        away = self._dice.choice((ArmState.ARMED_AWAY, ArmState.ARMED_HOME, ArmState.ARMED_NIGHT))
        new = away if unit.panel.arm is ArmState.DISARMED else ArmState.DISARMED
        unit.report(unit.panel.switch(new, unit.now_ms()))

    def _tamper(self, unit: SimulatedUnit, now_s: float) -> None:
        unit.report(unit.panel.event("tamper", "TA", "1137", unit.now_ms(), point=1))
        self._later(
            now_s, 15, 30, lambda: unit.report(unit.panel.event("restore", "TR", "3137", unit.now_ms(), point=1))
        )

    def _battery_low(self, unit: SimulatedUnit, now_s: float) -> None:
        unit.panel.battery_percent = 11.0
        unit.report(unit.panel.event("trouble", "YT", "1302", unit.now_ms()))

        def charged() -> None:
            unit.panel.battery_percent = 100.0
            unit.report(unit.panel.event("restore", "YR", "3302", unit.now_ms()))

        self._later(now_s, 40, 80, charged)

    def _mains_lost(self, unit: SimulatedUnit, now_s: float) -> None:
        unit.panel.mains = False
        unit.report(unit.panel.event("trouble", "AT", "1301", unit.now_ms()))

        def back() -> None:
            unit.panel.mains = True
            unit.report(unit.panel.event("restore", "AR", "3301", unit.now_ms()))

        self._later(now_s, 20, 60, back)

    def _test(self, unit: SimulatedUnit, _now_s: float) -> None:
        unit.report(unit.panel.event("test", "RP", "1602", unit.now_ms()))

    def _vanish(self, unit: SimulatedUnit, _now_s: float) -> None:
        unit.vanish(self._dice.uniform(*VANISH_S))
