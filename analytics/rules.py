"""From tracks to verdicts: who entered a zone, who crossed a line.

One object is one verdict. It must have moved (a parked car alarms nobody), its anchor, the bottom centre of its
box, must be where the rule says in ``confirm_frames`` looks in a row, and once it has raised a rule it raises it
again only after it went away and ``cool_down_s`` have passed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analytics.detections import Floats, Ints, Mask
from analytics.tracker import Tracks
from analytics.tripwires import LEFT, RIGHT, crosses, side, wires
from analytics.zones import inside, outlines
from models.rule import Direction, Rule, RuleKind

LEAVE_S = 2.0
"""Out of a zone for so long is gone; less is a detector's wavering."""
INHERIT_S = 5.0
"""A track that starts so soon after, and where, another one ended is the same object under a new number."""
INHERIT_HEIGHTS = 1.0
NEVER = -1e18
INSIDE_MOST = 1 - 1e-6
"""Feet that the picture's lower edge cuts off stand on that edge: still inside of a zone that reaches down to it."""

Table = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Rule ``rule`` holds for the track at ``index``; ``direction`` for lines only."""

    rule: Rule
    index: int
    direction: Direction | None = None


@dataclass(slots=True)
class _InZones:
    """What is remembered per track (rows) and zone (columns)."""

    hits: Ints
    """Looks in a row that found it inside."""
    raised: Mask
    """Has raised the rule and has not been away since."""
    inside_s: Table
    fired_s: Table

    @classmethod
    def blank(cls, rows: int, columns: int) -> "_InZones":
        size = (rows, columns)
        return cls(np.zeros(size, np.int64), np.zeros(size, np.bool_), np.full(size, NEVER), np.full(size, NEVER))


@dataclass(slots=True)
class _AtWires:
    """What is remembered per track (rows) and line (columns)."""

    hits: Ints
    """Looks in a row that found it on the other side."""
    home: Ints
    """The side that it comes from; 0 before it was seen."""
    crossed: Mask
    """Its path since it left `home` has crossed the line itself, not only its prolongation."""
    fired_s: Table

    @classmethod
    def blank(cls, rows: int, columns: int) -> "_AtWires":
        size = (rows, columns)
        return cls(np.zeros(size, np.int64), np.zeros(size, np.int64), np.zeros(size, np.bool_), np.full(size, NEVER))


@dataclass(frozen=True, slots=True)
class _Ended:
    """A track that ended after it had raised something."""

    xyxy: Floats
    seen_s: float
    raised: Mask
    zones_fired_s: Table
    wires_fired_s: Table


@dataclass(slots=True)
class _Memory:
    """One row per live track, in the order of ``ids`` (ascending)."""

    ids: Ints
    xyxy: Floats
    seen_s: Table
    last: Table
    """Anchors at the last look that saw the track."""
    zones: _InZones
    wires: _AtWires
    ended: list[_Ended]

    @classmethod
    def blank(cls, zones_total: int, wires_total: int) -> "_Memory":
        return cls(
            np.empty(0, np.int64),
            np.empty((0, 4), np.float32),
            np.empty(0),
            np.empty((0, 2)),
            _InZones.blank(0, zones_total),
            _AtWires.blank(0, wires_total),
            [],
        )


class RuleBook:
    """The rules of one camera and what they remember of its tracks."""

    def __init__(self, rules: Sequence[Rule], *, labels: Sequence[str], tells_classes: bool) -> None:
        self.asked = tuple(rules)
        """All of the camera's rules, also those that are not about tracks."""
        used = [rule for rule in rules if rule.enabled]
        self._zone_rules = [rule for rule in used if rule.kind is RuleKind.INTRUSION]
        self._wire_rules = [rule for rule in used if rule.kind is RuleKind.LINE_CROSSING]
        self.rules = (*self._zone_rules, *self._wire_rules)
        self._zones = outlines([rule.points for rule in self._zone_rules])
        self._wires = wires([rule.points for rule in self._wire_rules])
        self._allowed = self._allowed_classes(labels, tells_classes=tells_classes)
        self._min_score = np.array([rule.min_score for rule in self.rules])
        self._confirm = np.array([max(rule.confirm_frames, 1) for rule in self.rules], np.int64)
        self._cool_down = np.array([rule.cool_down_s for rule in self.rules])
        to_right = [rule.direction is not Direction.RIGHT_TO_LEFT for rule in self._wire_rules]
        to_left = [rule.direction is not Direction.LEFT_TO_RIGHT for rule in self._wire_rules]
        self._to_right, self._to_left = np.array(to_right, np.bool_), np.array(to_left, np.bool_)
        self.memory = _Memory.blank(len(self._zone_rules), len(self._wire_rules))

    def reset(self, time_s: float) -> None:
        """Let every track end: the picture is another one.

        What has raised a rule is remembered for a while all the same: a lorry before the lens is a cut too, and those
        who stand behind it must not alarm again.
        """
        self._bury(np.empty(0, np.int64), time_s)
        self.memory = replace(_Memory.blank(len(self._zone_rules), len(self._wire_rules)), ended=self.memory.ended)

    def adopt(self, other: "RuleBook") -> None:
        """Take over what ``other`` remembers of rules that are the same here: editing one must not re-raise all."""
        known = other.memory
        rows = len(known.ids)
        zones, at_wires = _InZones.blank(rows, len(self._zone_rules)), _AtWires.blank(rows, len(self._wire_rules))
        split, other_split = len(self._zone_rules), len(other._zone_rules)  # noqa: SLF001 - another of our own kind
        same = self._same_columns(other)
        in_zones = [(mine, theirs) for mine, theirs in same if mine < split]
        on_wires = [(mine - split, theirs - other_split) for mine, theirs in same if mine >= split]
        for mine, theirs in in_zones:
            _copy(zones, np.s_[:, mine], known.zones, np.s_[:, theirs])
        for mine, theirs in on_wires:
            _copy(at_wires, np.s_[:, mine], known.wires, np.s_[:, theirs])
        ended = [
            _Ended(
                before.xyxy,
                before.seen_s,
                _moved(before.raised, in_zones, split, fill=False),
                _moved(before.zones_fired_s, in_zones, split, fill=NEVER),
                _moved(before.wires_fired_s, on_wires, len(self._wire_rules), fill=NEVER),
            )
            for before in known.ended
        ]
        self.memory = replace(known, zones=zones, wires=at_wires, ended=ended)

    def judge(self, tracks: Tracks, seen: Mask, size_px: tuple[int, int], time_s: float) -> list[Verdict]:
        """Return what the tracks in ``seen`` raise now. Call it once per look, with all live tracks."""
        if not self.rules:
            return []
        self._align(tracks, time_s)
        anchor = np.clip(tracks.anchor / np.array(size_px, np.float64), 0, INSIDE_MOST)
        rows = np.flatnonzero(seen)
        if not len(rows):
            return []
        fits, moved = self._fits(tracks, rows), tracks.moved[rows, None]
        split = len(self._zone_rules)
        verdicts: list[Verdict] = []
        if split:
            verdicts += self._judge_zones(rows, anchor[rows], fits[:, :split], moved, time_s)
        if self._wire_rules:
            verdicts += self._judge_wires(rows, anchor[rows], fits[:, split:], moved, time_s)
        self.memory.last[rows] = anchor[rows]
        return verdicts

    def _judge_zones(self, rows: Ints, anchor: Table, fits: Mask, moved: Mask, time_s: float) -> list[Verdict]:
        table, split = self.memory.zones, len(self._zone_rules)
        within = inside(anchor, self._zones)
        hits = (table.hits[rows] + 1) * (within & fits)
        gone = ~within & (time_s - table.inside_s[rows] > LEAVE_S)
        raised = table.raised[rows] & ~gone
        due = (hits >= self._confirm[:split]) & ~raised & moved
        table.hits[rows] = hits
        # who comes back before the rule has cooled down, and stays, raises it then
        fires = due & (time_s - table.fired_s[rows] >= self._cool_down[:split])
        table.raised[rows] = raised | fires
        table.inside_s[rows] = np.where(within, time_s, table.inside_s[rows])
        if not fires.any():
            return []
        table.fired_s[rows] = np.where(fires, time_s, table.fired_s[rows])
        return [Verdict(self._zone_rules[column], int(rows[row])) for row, column in _pairs(fires)]

    def _judge_wires(self, rows: Ints, anchor: Table, fits: Mask, moved: Mask, time_s: float) -> list[Verdict]:
        table, split = self.memory.wires, len(self._zone_rules)
        now = np.where(side(anchor, self._wires) >= 0, RIGHT, LEFT)
        home = np.where(table.home[rows] == 0, now, table.home[rows])
        away = now != home
        step = crosses(self.memory.last[rows], anchor, self._wires)
        crossed = (table.crossed[rows] | step) & away
        hits = (table.hits[rows] + 1) * away
        arrived = (hits >= self._confirm[split:]) & moved
        table.home[rows] = np.where(arrived, now, home)
        table.hits[rows] = hits * ~arrived
        table.crossed[rows] = crossed & ~arrived
        if not arrived.any():
            return []
        cool = time_s - table.fired_s[rows] >= self._cool_down[split:]
        fires = arrived & crossed & cool & fits & np.where(now == RIGHT, self._to_right, self._to_left)
        table.fired_s[rows] = np.where(fires, time_s, table.fired_s[rows])
        ways = {RIGHT: Direction.LEFT_TO_RIGHT, LEFT: Direction.RIGHT_TO_LEFT}
        return [
            Verdict(self._wire_rules[column], int(rows[row]), ways[int(now[row, column])])
            for row, column in _pairs(fires)
        ]

    def _fits(self, tracks: Tracks, rows: Ints) -> Mask:
        fits = self._allowed[tracks.class_id[rows]]
        fits &= tracks.score[rows, None] >= self._min_score
        return np.asarray(fits, np.bool_)

    def _allowed_classes(self, labels: Sequence[str], *, tells_classes: bool) -> Mask:
        """Return (classes, rules): a detector that cannot tell classes fits every rule."""
        allowed = np.ones((len(labels), len(self.rules)), np.bool_)
        if tells_classes:
            for column, rule in enumerate(self.rules):
                if rule.labels:
                    allowed[:, column] = [label in rule.labels for label in labels]
        return allowed

    def _same_columns(self, other: "RuleBook") -> list[tuple[int, int]]:
        place = {(rule.id, rule.version, rule.kind): column for column, rule in enumerate(other.rules)}
        keys = [(rule.id, rule.version, rule.kind) for rule in self.rules]
        return [(column, place[key]) for column, key in enumerate(keys) if key in place]

    def _align(self, tracks: Tracks, time_s: float) -> None:
        """Bring the rows into the order of ``tracks``: drop those of ended tracks, add those of new ones."""
        memory, rows = self.memory, len(tracks)
        fresh = np.empty(0, np.int64)
        if not np.array_equal(memory.ids, tracks.id):
            self._bury(tracks.id, time_s)
            known = np.flatnonzero(np.isin(tracks.id, memory.ids))
            at = np.searchsorted(memory.ids, tracks.id[known])
            zones, at_wires = _InZones.blank(rows, len(self._zone_rules)), _AtWires.blank(rows, len(self._wire_rules))
            _copy(zones, known, memory.zones, at)
            _copy(at_wires, known, memory.wires, at)
            last = np.zeros((rows, 2))
            last[known] = memory.last[at]
            memory.zones, memory.wires, memory.last, memory.ids = zones, at_wires, last, tracks.id.copy()
            fresh = np.setdiff1d(np.arange(rows), known)
        memory.xyxy, memory.seen_s = tracks.xyxy.copy(), tracks.seen_s.copy()
        if len(fresh):
            self._inherit(tracks, fresh)

    def _bury(self, alive: Ints, time_s: float) -> None:
        memory = self.memory
        memory.ended = [ended for ended in memory.ended if time_s - ended.seen_s <= INHERIT_S]
        for row in np.flatnonzero(~np.isin(memory.ids, alive)).tolist():
            if self._fired_s(row) > NEVER and time_s - memory.seen_s[row] <= INHERIT_S:
                memory.ended.append(self._ending(row))

    def _fired_s(self, row: int) -> float:
        zones, at_wires = self.memory.zones, self.memory.wires
        return float(max(zones.fired_s[row].max(initial=NEVER), at_wires.fired_s[row].max(initial=NEVER)))

    def _ending(self, row: int) -> _Ended:
        memory = self.memory
        zones, at_wires = memory.zones, memory.wires
        return _Ended(
            memory.xyxy[row], float(memory.seen_s[row]), zones.raised[row], zones.fired_s[row], at_wires.fired_s[row]
        )

    def _inherit(self, tracks: Tracks, fresh: Ints) -> None:
        zones, at_wires = self.memory.zones, self.memory.wires
        lost = np.setdiff1d(np.flatnonzero(tracks.missed_s > 0), fresh).tolist()
        before = [*self.memory.ended, *(self._ending(row) for row in lost if self._fired_s(row) > NEVER)]
        for row in fresh.tolist():
            left, top, right, bottom = tracks.xyxy[row].tolist()
            for ended in before:
                x0, y0, x1, y1 = ended.xyxy.tolist()
                away = np.hypot((left + right - x0 - x1) / 2, (top + bottom - y0 - y1) / 2)
                since_s = float(tracks.born_s[row]) - ended.seen_s
                if 0 < since_s <= INHERIT_S and away < INHERIT_HEIGHTS * max(bottom - top, y1 - y0):
                    stayed = ended.raised & (since_s <= LEAVE_S)
                    zones.raised[row] |= stayed
                    zones.inside_s[row] = np.where(stayed, tracks.born_s[row], zones.inside_s[row])
                    zones.fired_s[row] = np.maximum(zones.fired_s[row], ended.zones_fired_s)
                    at_wires.fired_s[row] = np.maximum(at_wires.fired_s[row], ended.wires_fired_s)


def _copy(into: _InZones | _AtWires, at: Any, source: _InZones | _AtWires, where: Any) -> None:
    for name in into.__slots__:
        getattr(into, name)[at] = getattr(source, name)[where]


def _moved(values: NDArray[Any], columns: Sequence[tuple[int, int]], width: int, *, fill: float) -> NDArray[Any]:
    """Return ``values`` in other columns: pairs of (new, old)."""
    moved = np.full(width, fill, values.dtype)
    for mine, theirs in columns:
        moved[mine] = values[theirs]
    return moved


def _pairs(mask: Mask) -> Iterator[tuple[int, int]]:
    rows, columns = np.nonzero(mask)
    return zip(rows.tolist(), columns.tolist(), strict=True)
