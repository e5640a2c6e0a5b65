"""What happens in a small town: a seeded, lively schedule of arming, burglaries, batteries and power cuts."""

import heapq
import itertools
import random
from collections.abc import Callable, Sequence

from alarms.simulated_units.unit import SimulatedUnit
from models.unit import ArmState

FIRST_BURGLARY_S = 3.0
STORY_EVERY_S = (22.0, 34.0)
"""What may open an incident begins so seldom that a person can follow the wall."""
STORY_S = 90.0
"""Every story is over by then, restored and disarmed; until then nothing else happens to its unit."""
VANISH_S = (25.0, 45.0)

Happening = Callable[[SimulatedUnit, float], None]


class Town:
    """Plans what happens to whom; `run_due` lets it happen."""

    def __init__(self, units: Sequence[SimulatedUnit], dice: random.Random, now_s: float) -> None:
        self._units = list(units)
        self._dice = dice
        self._order = itertools.count()
        self._plans: list[tuple[float, int, Callable[[float], None]]] = []
        self._busy_until_s: dict[str, float] = {}
        self._stories: dict[Happening, int] = {
            self._burglary: 9,
            self._panic: 2,
            self._tamper: 2,
            self._battery_low: 3,
            self._mains_lost: 2,
            self._vanish: 2,
        }
        self._plan(now_s + FIRST_BURGLARY_S, lambda now_s: self._tell(self._burglary, now_s))
        self._repeat(now_s + FIRST_BURGLARY_S + STORY_EVERY_S[0], STORY_EVERY_S, self._next_story)
        self._repeat(now_s + 1, (8.0, 16.0), lambda now_s: self._tell(self._arm_or_disarm, now_s, lasts_s=0))
        self._repeat(now_s + 40, (45.0, 75.0), lambda now_s: self._tell(self._test, now_s, lasts_s=0))

    def run_due(self, now_s: float) -> None:
        """Let happen what is due."""
        while self._plans and self._plans[0][0] <= now_s:
            _, _, act = heapq.heappop(self._plans)
            act(now_s)

    def _plan(self, at_s: float, act: Callable[[float], None]) -> None:
        heapq.heappush(self._plans, (at_s, next(self._order), act))

    def _repeat(self, at_s: float, every_s: tuple[float, float], act: Callable[[float], None]) -> None:
        def again(now_s: float) -> None:
            act(now_s)
            self._plan(now_s + self._dice.uniform(*every_s), again)

        self._plan(at_s, again)

    def _next_story(self, now_s: float) -> None:
        (story,) = self._dice.choices(list(self._stories), list(self._stories.values()))
        self._tell(story, now_s)

    def _tell(self, happening: Happening, now_s: float, *, lasts_s: float = STORY_S) -> None:
        """Let it happen to somebody who is at home and to whom nothing else is happening."""
        free = [unit for unit in self._units if unit.online and self._busy_until_s.get(unit.id, 0.0) <= now_s]
        if free:
            unit = self._dice.choice(free)
            self._busy_until_s[unit.id] = now_s + lasts_s
            happening(unit, now_s)

    def _later(self, now_s: float, low_s: float, high_s: float, act: Callable[[], None]) -> None:
        self._plan(now_s + self._dice.uniform(low_s, high_s), lambda _: act())

    # ── what may happen ─────────────────────────────────────────────────────────────────────────────────────────────

    def _burglary(self, unit: SimulatedUnit, now_s: float) -> None:
        """Nobody is at home; a door, sometimes the hall too; quiet again; the owner comes and disarms."""
        if unit.panel.arm is ArmState.DISARMED:
            unit.report(unit.panel.switch(ArmState.ARMED_AWAY, unit.now_ms()))
        self._intrude(unit, now_s, *self._dice.choice(((1, "1131"), (3, "1131"))))
        if self._dice.random() < 0.3:
            self._later(now_s, 4, 8, lambda: self._intrude(unit, now_s + 8, 2, "1132"))
        self._later(now_s, 40, 60, lambda: unit.report(unit.panel.switch(ArmState.DISARMED, unit.now_ms())))

    def _intrude(self, unit: SimulatedUnit, now_s: float, point: int, cid: str) -> None:
        unit.report(unit.panel.trip("BA", cid, unit.now_ms(), point=point))
        self._later(
            now_s, 10, 20, lambda: unit.report(unit.panel.restore("BR", f"3{cid[1:]}", unit.now_ms(), point=point))
        )

    def _panic(self, unit: SimulatedUnit, now_s: float) -> None:
        code, cid, point = self._dice.choice((("PA", "1120", 1), ("FA", "1110", 4), ("MA", "1100", 2)))
        unit.report(unit.panel.trip(code, cid, unit.now_ms(), point=point))
        back = f"{code[0]}R"
        self._later(
            now_s, 30, 60, lambda: unit.report(unit.panel.restore(back, f"3{cid[1:]}", unit.now_ms(), point=point))
        )

    def _arm_or_disarm(self, unit: SimulatedUnit, _now_s: float) -> None:
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
