"""The rules of one camera that are about its picture and not about what moves in it: tamper, left and removed objects.

They need no detector: tracks, where there are any, say whom a thing belongs to and what explains a change.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from analytics import static_objects, tamper
from analytics.detector import DetectorSpec
from analytics.kernels import coarse
from analytics.motion import Floats
from analytics.rules import Armed, in_force
from analytics.static_objects import BAGGAGE, Box, Candidate, Known, StaticWatch
from analytics.tamper import TamperWatch
from analytics.tracker import Tracker
from analytics.zones import inside, outlines
from models.frame import Frame
from models.rule import Rule, RuleKind

KINDS = frozenset({RuleKind.TAMPER, RuleKind.LEFT_OBJECT, RuleKind.REMOVED_OBJECT})
EVERY_S = 0.5
EARLY_S = 0.1
"""A picture that comes so much before its time is looked at."""
CLEAR_S = 2.0
"""A fault that has not been seen for so long is over."""
RESTED_S = 120.0
"""A place where something stood explains a change for so long, and for as long as the rules hold."""
RESTED_MOST = 64
RECENT_S = 12.0
"""A track that the detector has not seen for longer explains nothing: at rest it looks every ten seconds."""
OBJECT = "object"
INSIDE_MOST = 1 - 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneVerdict:
    """One rule, one moment. ``ends`` is the end of what the rule told before; ``box`` in 0..1 of the picture."""

    rule: Rule
    label: str
    box: Box
    evidence: dict[str, Any]
    ends: bool = False


@dataclass(slots=True)
class _Standing:
    """What one tamper rule has told and not taken back."""

    rule: Rule
    label: str
    seen_s: float


@dataclass(slots=True)
class Scene:
    """One camera's view and its rules about it. Used by the analytics thread alone."""

    spec: DetectorSpec
    rules: tuple[Rule, ...] = ()
    calendar: Armed | None = None
    tamper: TamperWatch = field(default_factory=TamperWatch)
    objects: StaticWatch = field(default_factory=StaticWatch)
    _standing: dict[int, _Standing] = field(default_factory=dict)
    _fired_s: dict[int, float] = field(default_factory=dict)
    _births: dict[int, Box] = field(default_factory=dict)
    _rested: dict[tuple[int, int], tuple[Box, float]] = field(default_factory=dict)
    _last_s: float = -math.inf
    _resting: frozenset[int] = frozenset()
    """Rules whose schedule is not in force."""

    def take_rules(self, rules: Sequence[Rule]) -> None:
        """Judge by these rules from now on; what was told of a rule that stays is not told again."""
        self.rules = tuple(rule for rule in rules if rule.enabled and rule.kind in KINDS)

    @property
    def wants_tracks(self) -> bool:
        """Tell whether the detector's word is wanted although no other rule asks for it."""
        return any(rule.kind is not RuleKind.TAMPER for rule in self.rules)

    @property
    def uneasy(self) -> bool:
        """Tell whether something is under way that key frames alone would tell late."""
        series = self.tamper.series
        faults = tamper.faults_of(series[-1], self.tamper.limits) if series else ()
        waiting = [rule for rule in self.rules if rule.kind is RuleKind.TAMPER and rule.id not in self._standing]
        return any(_asked(rule, fault) for rule in waiting for fault in faults)

    def look(self, frame: Frame, small: Floats, tracker: Tracker) -> list[SceneVerdict]:
        """Take every frame with its samples; look as often as the rules need and say what follows."""
        told = list(self._gone_rules())
        self._resting = frozenset(
            rule.id for rule in self.rules if not in_force(rule, self.calendar, frame.captured_at)
        )
        faults = [rule for rule in self.rules if rule.kind is RuleKind.TAMPER]
        things = [rule for rule in self.rules if rule.kind is not RuleKind.TAMPER]
        if faults:
            self.tamper.watch(frame)
        now_s = frame.monotonic_s
        if not self.rules or now_s - self._last_s < EVERY_S - EARLY_S or not small.size:
            return told
        self._last_s = now_s
        plane = coarse(small)
        if faults:
            keep_s = max(rule.param("hold_s") for rule in faults)
            if self.tamper.look(small, plane, now_s, keep_s=keep_s) is not None:
                for rule in faults:
                    told += self._judge_tamper(rule, now_s)
        if things:
            hold_s = max(_hold_s(rule) for rule in things)
            known = self._known(frame, tracker, things, hold_s)
            for candidate in self.objects.look(plane, now_s, known, hold_s=hold_s):
                told += self._judge_object(candidate, things)
        return told

    # ── tamper ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _judge_tamper(self, rule: Rule, now_s: float) -> Iterator[SceneVerdict]:
        series, limits = self.tamper.series, self.tamper.limits
        standing = self._standing.get(rule.id)
        if standing is not None:
            standing.rule = rule
            if series and any(_asked(rule, fault) for fault in tamper.faults_of(series[-1], limits)):
                standing.seen_s = now_s
            elif not series or now_s - standing.seen_s >= CLEAR_S:
                del self._standing[rule.id]
                yield _end(standing, "learnt" if not series else "cleared")
            return
        if rule.id in self._resting:
            return
        if not series or now_s - self._fired_s.get(rule.id, -math.inf) < rule.cool_down_s:
            return
        verdict = tamper.judge(series, limits, hold_s=rule.param("hold_s"), labels=rule.labels)
        if verdict is None:
            return
        self._standing[rule.id] = _Standing(rule, verdict.fault.value, now_s)
        self._fired_s[rule.id] = now_s
        led = [sample for sample in series if sample.t_s >= verdict.since_s]
        evidence = {
            "kind": rule.kind.value,
            "since_s": verdict.since_s - now_s,
            "limits": limits._asdict(),
            **tamper.series_json(led),
        }
        yield SceneVerdict(rule=rule, label=verdict.fault.value, box=(0.0, 0.0, 1.0, 1.0), evidence=evidence)

    def _gone_rules(self) -> Iterator[SceneVerdict]:
        kept = {rule.id for rule in self.rules if rule.kind is RuleKind.TAMPER}
        for id in [id for id in self._standing if id not in kept]:
            yield _end(self._standing.pop(id), "no longer asked for")

    # ── left and removed objects ────────────────────────────────────────────────────────────────────────────────────

    def _judge_object(self, candidate: Candidate, rules: Sequence[Rule]) -> Iterator[SceneVerdict]:
        left, _top, right, bottom = candidate.box
        foot = np.array([[min((left + right) / 2, INSIDE_MOST), min(bottom, INSIDE_MOST)]])
        for rule in rules:
            if rule.id in candidate.raised or rule.id in self._resting:
                continue
            if not bool(inside(foot, outlines([rule.points]))[0, 0]):
                continue
            if not static_objects.judge(candidate.series, self.objects.limits, rule):
                continue
            candidate.raised.add(rule.id)
            evidence = {
                "kind": rule.kind.value,
                "limits": self.objects.limits._asdict(),
                "columns": list(static_objects.Sample._fields),
                "rows": [list(map(float, sample)) for sample in candidate.series],
            }
            yield SceneVerdict(rule=rule, label=OBJECT, box=candidate.box, evidence=evidence)

    def _known(self, frame: Frame, tracker: Tracker, rules: Sequence[Rule], hold_s: float) -> Known:
        """Return the boxes of what explains a change, now and lately, in 0..1 of the picture."""
        tracks, now_s = tracker.tracks, frame.monotonic_s
        boxes = tracks.xyxy / np.array(frame.size_px * 2, np.float32)
        resting, classes = tracker.resting(now_s), tracks.class_id
        sought = BAGGAGE.union(*(rule.labels for rule in rules))
        now = []
        self._births = {id: box for id, box in self._births.items() if id in set(tracks.id.tolist())}
        for row, id in enumerate(tracks.id.tolist()):
            box = _box(boxes[row])
            born = self._births.setdefault(id, box)
            explains = (
                self.spec.labels[int(classes[row])] not in sought
                if self.spec.tells_classes
                else bool(tracks.moved[row])
            )
            if not explains:
                continue
            if float(tracks.missed_s[row]) <= RECENT_S:
                now.append(box)
            if bool(resting[row]):
                self._rested[id, 0] = box, now_s
            if bool(tracks.moved[row]):  # what drives off leaves the place where it stood when it was first seen
                self._rested.setdefault((id, 1), (born, now_s))
        keep_s = RESTED_S + hold_s
        fresh = [(key, value) for key, value in self._rested.items() if now_s - value[1] <= keep_s]
        self._rested = dict(sorted(fresh, key=lambda pair: pair[1][1])[-RESTED_MOST:])
        return Known(now, [box for box, _ in self._rested.values()])


def rejudge(rule: Rule, evidence: dict[str, Any]) -> dict[str, Any]:
    """Come to the verdict of a stored finding again, by the numbers that led to it: ``fires``, and as what."""
    rows, columns, limits = evidence["rows"], evidence["columns"], evidence["limits"]
    if rule.kind is RuleKind.TAMPER:
        series = tamper.series_of(evidence)
        verdict = tamper.judge(series, tamper.Limits(**limits), hold_s=rule.param("hold_s"), labels=rule.labels)
        if verdict is None:
            return {"fires": False, "label": None}
        return {"fires": True, "label": verdict.fault.value, "since_s": verdict.since_s - series[-1].t_s}
    samples = [static_objects.Sample(**dict(zip(columns, row, strict=True))) for row in rows]
    fires = bool(samples) and static_objects.judge(samples, static_objects.Limits(**limits), rule)
    return {"fires": fires, "label": OBJECT if fires else None}


def _end(standing: _Standing, how: str) -> SceneVerdict:
    return SceneVerdict(
        rule=standing.rule, label=standing.label, box=(0.0, 0.0, 1.0, 1.0), evidence={"how": how}, ends=True
    )


def _asked(rule: Rule, fault: str) -> bool:
    return not rule.labels or fault in rule.labels


def _hold_s(rule: Rule) -> float:
    return max(rule.param("still_s"), rule.param("owner_s") if rule.kind is RuleKind.LEFT_OBJECT else 0.0)


def _box(edges: Floats) -> Box:
    left, top, right, bottom = (float(edge) for edge in edges)
    return left, top, right, bottom
