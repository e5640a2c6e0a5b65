"""How many came, went, stood and crossed: by minute, rule and class, and a coarse map of where. Never who.

Looks are kept as they come and counted many at once, so that one look costs next to nothing: rows are sorted by
track and time, and what each track did is read off its neighbouring rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from analytics.detections import Floats, Ints, Mask
from analytics.tracker import TrackerSettings, Tracks
from analytics.tripwires import crosses, side, wires
from analytics.zones import inside, outlines
from models.frame import Frame
from models.rule import SHAPES, Rule, Shape
from models.statistics import HEAT_CELLS, HEAT_COLUMNS, HEAT_ROWS, DetectionCount, DetectionHeat, Tally

MINUTE_S, HOUR_S = 60, 3600
LOOKS_AT_ONCE = 64
"""So many looks are counted together; a minute's end does not wait for them."""
PRESENT_WITHIN_S = 1.0
"""Not found where it was looked for, for longer, is not there."""
LOOK_HOLDS_S = 12.0
"""What a look saw holds until the next one, no longer: while anything stands in the picture one comes every 10 s."""
HEAT_EVERY_MIN = 10
"""An hour's map so far is told so often: what a killed process can lose of it."""
INSIDE_MOST = 1 - 1e-6
"""Feet that the picture's lower edge cuts off stand on that edge."""

Table = NDArray[np.float64]
_CONFIRM_HITS = TrackerSettings().confirm_hits


@dataclass(frozen=True, slots=True)
class _Look:
    """What one look saw: a row for each object that is there; ``alive`` (all tracks) tells which may come back."""

    time_s: float
    epoch_s: float
    alive: Ints
    size_px: tuple[int, int]
    ids: Ints
    xyxy: Floats
    votes: Floats
    moved: Mask


@dataclass(slots=True)
class _Memory:
    """The last row of each live track: where it was, and on which side of everything it is held to be."""

    ids: Ints
    classes: Ints
    points: Table
    in_flag: Mask
    in_state: Mask
    side_state: Mask
    pending: Mask
    """Has crossed the line itself since it was last held to be on a side."""

    @classmethod
    def blank(cls, zones: int, lines: int, rows: int = 0) -> "_Memory":
        def no(columns: int) -> Mask:
            return np.zeros((rows, columns), np.bool_)

        ids, classes, points = np.zeros(rows, np.int64), np.zeros(rows, np.int64), np.zeros((rows, 2))
        return cls(ids, classes, points, no(zones), no(zones), no(lines), no(lines))


@dataclass(slots=True)
class _Minute:
    """What is counted so far: (classes, rules) each."""

    entered: Ints
    left: Ints
    most: Ints
    present_s: Table
    right: Ints
    leftwards: Ints

    @classmethod
    def blank(cls, classes: int, zones: int, lines: int) -> "_Minute":
        def none(columns: int) -> Ints:
            return np.zeros((classes, columns), np.int64)

        return cls(none(zones), none(zones), none(zones), np.zeros((classes, zones)), none(lines), none(lines))


class Statistics:
    """One camera's counts under one set of rules: `look` after each look, `take` now and then, `flush` at the end."""

    def __init__(
        self, camera_id: str, rules: Sequence[Rule], labels: Sequence[str], *, tells_classes: bool = True
    ) -> None:
        self.camera_id, self.run = camera_id, uuid4()
        self._labels, self._tells_classes = labels, tells_classes
        used = [rule for rule in rules if rule.enabled]
        self._zone_rules = [rule for rule in used if SHAPES[rule.kind] in (Shape.POLYGON, Shape.QUAD)]
        self._wire_rules = [rule for rule in used if SHAPES[rule.kind] is Shape.LINE]
        self._zones = outlines([rule.points for rule in self._zone_rules])
        self._wires = wires([rule.points for rule in self._wire_rules])
        self._of_zones, self._of_wires = self._allowed(self._zone_rules), self._allowed(self._wire_rules)
        self._memory = _Memory.blank(len(self._zone_rules), len(self._wire_rules))
        self._minute, self._heat = self._blank(), np.zeros(HEAT_CELLS)
        self._looks: list[_Look] = []
        self._ready: list[Tally] = []

    def look(self, tracks: Tracks, frame: Frame) -> None:
        """Take in what a look left in ``tracks``."""
        there = (tracks.hits >= _CONFIRM_HITS) & (tracks.missed_s <= PRESENT_WITHIN_S)
        time_s, epoch_s = frame.monotonic_s, frame.captured_at.timestamp()
        if self._looks:
            self._before(time_s, epoch_s, tracks.id)
        self._looks.append(
            _Look(
                time_s,
                epoch_s,
                tracks.id.copy(),
                frame.size_px,
                tracks.id[there],
                tracks.xyxy[there],
                tracks.votes[there],
                tracks.moved[there],
            )
        )

    def adopt(self, other: "Statistics") -> None:
        """Go on from ``other``, whose counts end here: rules that are the same here know who is in them already."""
        other.flush(alive=True)
        self._ready = other.take()
        before = other._memory  # noqa: SLF001 - another of our own kind
        rows = len(before.ids)
        self._memory = _Memory.blank(len(self._zone_rules), len(self._wire_rules), rows)
        self._memory.ids, self._memory.classes, self._memory.points = before.ids, before.classes, before.points
        for names, mine, theirs in (
            (("in_flag", "in_state"), self._zone_rules, other._zone_rules),  # noqa: SLF001
            (("side_state", "pending"), self._wire_rules, other._wire_rules),  # noqa: SLF001
        ):
            place = {(rule.id, rule.version): column for column, rule in enumerate(theirs)}
            for column, rule in enumerate(mine):
                old = place.get((rule.id, rule.version))
                for name in names if old is not None else ():
                    getattr(self._memory, name)[:, column] = getattr(before, name)[:, old]
            if "side_state" in names:
                # a line that is new here: everybody comes from the side on which they are
                fresh = [column for column, rule in enumerate(mine) if (rule.id, rule.version) not in place]
                now = np.asarray(side(self._memory.points, self._wires) >= 0, np.bool_)
                self._memory.side_state[:, fresh] = now[:, fresh]

    def reset(self, time_s: float) -> None:
        """Let every track end: the picture is another one."""
        if self._looks:
            self._count(time_s - self._looks[-1].time_s, np.empty(0, np.int64))
        self._memory = _Memory.blank(len(self._zone_rules), len(self._wire_rules))

    def flush(self, time_s: float | None = None, *, alive: bool = False) -> None:
        """Make ready what was counted until ``time_s`` (the last look); unless ``alive``, everybody leaves."""
        if self._looks:
            last = self._looks[-1]
            span_s = 0.0 if time_s is None else min(time_s - last.time_s, MINUTE_S - last.epoch_s % MINUTE_S)
            epoch_s = last.epoch_s
            self._count(span_s, last.alive if alive else np.empty(0, np.int64))
            self._end_minute(epoch_s, last=True)

    def take(self) -> list[Tally]:
        """Return what is ready."""
        ready, self._ready = self._ready, []
        return ready

    def _allowed(self, rules: Sequence[Rule]) -> Mask:
        """Return (classes, rules): a detector that cannot tell classes fits every rule."""
        allowed = np.ones((len(self._labels), len(rules)), np.bool_)
        for column, rule in enumerate(rules if self._tells_classes else ()):
            if rule.labels:
                allowed[:, column] = [label in rule.labels for label in self._labels]
        return allowed

    def _blank(self) -> _Minute:
        return _Minute.blank(len(self._labels), len(self._zone_rules), len(self._wire_rules))

    def _before(self, time_s: float, epoch_s: float, alive: Ints) -> None:
        """Count what waits if the look that comes opens another minute, or if enough of them wait."""
        last = self._looks[-1]
        span_s = min(max(time_s - last.time_s, 0.0), LOOK_HOLDS_S)
        if epoch_s // MINUTE_S == last.epoch_s // MINUTE_S:
            if len(self._looks) >= LOOKS_AT_ONCE:
                self._count(span_s, alive)
            return
        until_s = min(span_s, MINUTE_S - last.epoch_s % MINUTE_S)
        present, cells = self._count(until_s, alive)
        back = epoch_s < last.epoch_s
        self._end_minute(last.epoch_s, last=back or epoch_s // HOUR_S != last.epoch_s // HOUR_S)
        if back:  # the clock was set back: a minute that was told already goes on under another name
            self.run = uuid4()
        elif span_s > until_s:  # the rest of it lies in the new minute
            self._minute.most = present.copy()
            self._minute.present_s += present * (span_s - until_s)
            self._heat += np.bincount(cells, minlength=HEAT_CELLS) * (span_s - until_s)

    def _count(self, last_span_s: float, alive: Ints) -> tuple[Ints, Ints]:
        """Count the looks that wait; return how many of each class the last one saw in each zone, and its cells."""
        looks, self._looks = self._looks, []
        times = np.array([look.time_s for look in looks])
        spans = np.clip(np.append(np.diff(times), last_span_s), 0, LOOK_HOLDS_S)
        look_of = np.repeat(np.arange(len(looks)), [len(look.ids) for look in looks])
        ids = np.concatenate([look.ids for look in looks])
        xyxy = np.concatenate([look.xyxy for look in looks], dtype=np.float64)
        sizes = np.array([look.size_px for look in looks], np.float64)[look_of]
        feet = np.stack([(xyxy[:, 0] + xyxy[:, 2]) / 2, xyxy[:, 3]], axis=1)
        points = np.clip(feet / sizes, 0, INSIDE_MOST)
        classes = np.concatenate([look.votes for look in looks]).argmax(axis=1)
        moved = np.concatenate([look.moved for look in looks])
        cells = (points * (HEAT_COLUMNS, HEAT_ROWS)).astype(np.int64) @ (1, HEAT_COLUMNS)
        self._heat += np.bincount(cells, weights=spans[look_of], minlength=HEAT_CELLS)
        zones, kinds = len(self._zone_rules), len(self._labels)
        within = np.asarray(inside(points, self._zones), np.bool_) & self._of_zones[classes]
        row, zone = np.nonzero(within)
        flat = (look_of[row] * kinds + classes[row]) * zones + zone
        present = np.bincount(flat, minlength=len(looks) * kinds * zones).reshape(len(looks), kinds, zones)
        self._minute.most = np.maximum(self._minute.most, present.max(axis=0))
        self._minute.present_s += np.tensordot(spans, present, 1)
        self._follow(ids, points, classes, within=within & moved[:, None], moved=moved)
        self._bury(alive)
        return present[-1], cells[look_of == len(looks) - 1]

    def _follow(self, ids: Ints, points: Table, classes: Ints, *, within: Mask, moved: Mask) -> None:
        """Read off who changed sides; two looks in a row must agree, so that a box on an edge counts once."""
        memory, known = self._memory, len(self._memory.ids)
        ids = np.concatenate([memory.ids, ids])
        if not len(ids):
            return
        order = np.argsort(ids, kind="stable")  # in order of time within a track, what is remembered first
        ids, points = ids[order], np.concatenate([memory.points, points])[order]
        classes = np.concatenate([memory.classes, classes])[order]
        moved = np.concatenate([np.zeros(known, np.bool_), moved])[order]
        starts = np.flatnonzero(np.append(True, ids[1:] != ids[:-1]))
        last = np.append(starts[1:], len(ids)) - 1
        before = order[starts]
        old, before = np.flatnonzero(before < known), before[before < known]
        flag = np.concatenate([memory.in_flag, within])[order]
        held = np.zeros((len(starts), flag.shape[1]), np.bool_)
        held[old] = memory.in_state[before]
        zones = _turns(flag, starts, held)
        _tally(self._minute.entered, classes, zones, zones.to)
        _tally(self._minute.left, classes, zones, ~zones.to)
        sides = np.asarray(side(points, self._wires) >= 0, np.bool_)
        held, pending = sides[starts], np.zeros((len(starts), sides.shape[1]), np.bool_)
        held[old], pending[old] = memory.side_state[before], memory.pending[before]
        over = np.zeros(sides.shape, np.bool_)
        turned = np.flatnonzero(np.any(sides[1:] != sides[:-1], axis=1)) + 1
        over[turned] = crosses(points[turned - 1], points[turned], self._wires)
        over[starts] = False
        lines = _turns(sides, starts, held, over, pending)
        counts = lines.crossed & moved[lines.row] & self._of_wires[classes[lines.row], lines.column]
        _tally(self._minute.right, classes, lines, counts & lines.to)
        _tally(self._minute.leftwards, classes, lines, counts & ~lines.to)
        self._memory = _Memory(
            ids[last], classes[last], points[last], flag[last], zones.state, lines.state, lines.pending
        )

    def _bury(self, alive: Ints) -> None:
        """Forget tracks that ended; whoever was in a zone has left it."""
        memory, stays = self._memory, np.isin(self._memory.ids, alive)
        if not stays.all():
            track, zone = np.nonzero(memory.in_state & ~stays[:, None])
            np.add.at(self._minute.left, (memory.classes[track], zone), 1)
            self._memory = _Memory(*(getattr(memory, name)[stays] for name in _Memory.__slots__))

    def _end_minute(self, epoch_s: float, *, last: bool) -> None:
        """Make the minute of ``epoch_s`` ready, and the hour's map when it is due; ``last`` ends the hour here."""
        number, minute = int(epoch_s // MINUTE_S), self._minute
        self._minute = self._blank()
        at = datetime.fromtimestamp(number * MINUTE_S, UTC)
        zones = np.any([minute.entered, minute.left, minute.most], axis=0) | (minute.present_s > 0)
        for kind, column in np.argwhere(zones).tolist():
            self._ready.append(
                self._of(
                    at,
                    self._zone_rules[column],
                    kind,
                    entered=int(minute.entered[kind, column]),
                    left_count=int(minute.left[kind, column]),
                    present_most=int(minute.most[kind, column]),
                    present_s=round(float(minute.present_s[kind, column]), 3),
                )
            )
        for kind, column in np.argwhere(minute.right + minute.leftwards > 0).tolist():
            right, left = int(minute.right[kind, column]), int(minute.leftwards[kind, column])
            rule = self._wire_rules[column]
            self._ready.append(self._of(at, rule, kind, crossed_right=right, crossed_left=left))
        if (last or (number + 1) % HEAT_EVERY_MIN == 0) and self._heat.any():
            hour = datetime.fromtimestamp(epoch_s // HOUR_S * HOUR_S, UTC)
            grid = tuple(np.round(self._heat, 2).tolist())
            self._ready.append(DetectionHeat(time=hour, camera_id=self.camera_id, run=self.run, grid=grid))
        if last:
            self._heat = np.zeros(HEAT_CELLS)

    def _of(self, at: datetime, rule: Rule, kind: int, **counted: Any) -> DetectionCount:
        return DetectionCount(
            time=at,
            camera_id=self.camera_id,
            run=self.run,
            rule_id=rule.id,
            rule_version=rule.version,
            label=self._labels[kind],
            **counted,
        )


@dataclass(frozen=True, slots=True)
class _Turns:
    """Who changed sides in which row and column, ``to`` which, and how each track (rows) is left in each column."""

    row: Ints
    column: Ints
    to: Mask
    crossed: Mask
    state: Mask
    pending: Mask


def _turns(flag: Mask, starts: Ints, held: Mask, over: Mask | None = None, pending: Mask | None = None) -> _Turns:
    """Follow each track through its rows, which begin at ``starts``, in each column of ``flag``.

    A side counts from the second row in a row that says so; before, the track is on the side ``held``. Runs of equal
    flags are looked at, not rows: they are few. ``over`` says which steps cross a line itself, not its prolongation.
    """
    rows, columns = flag.shape
    tracks = len(starts)
    over = np.zeros(flag.shape, np.bool_) if over is None else over
    pending = np.zeros(held.shape, np.bool_) if pending is None else pending
    flat = np.ascontiguousarray(flag.T)
    new = np.empty(flat.shape, np.bool_)
    new[:, 1:] = flat[:, 1:] != flat[:, :-1]
    new[:, starts] = True
    runs = np.flatnonzero(new)
    column, row = np.divmod(runs, rows)
    path = column * tracks + np.searchsorted(starts, row, side="right") - 1
    steps = np.cumsum(over[row, column])
    long = np.diff(np.append(runs, flag.size)) >= 2
    says, of_path = flat.ravel()[runs][long], path[long]
    starting = np.searchsorted(path, np.arange(columns * tracks))
    # what each run that says something is compared with: the one before it, or what was held
    follows = np.append(False, of_path[1:] == of_path[:-1])[: len(of_path)]
    was = np.where(follows, np.roll(says, 1), held.T.ravel()[of_path])
    since = np.where(follows, np.roll(steps[long], 1), steps[starting][of_path])
    crossed = (steps[long] > since) | (~follows & pending.T.ravel()[of_path])
    state, left_steps, waits = held.T.ravel().copy(), steps[starting], pending.T.ravel().copy()
    final = np.append(of_path[1:] != of_path[:-1], True)[: len(of_path)]
    state[of_path[final]] = says[final]
    left_steps[of_path[final]] = steps[long][final]
    waits[of_path] = False
    ending = np.append(starting, len(runs))[1:] - 1
    waits |= steps[ending] > left_steps
    changed = says != was
    return _Turns(
        row[long][changed] + 1,
        column[long][changed],
        says[changed],
        crossed[changed],
        state.reshape(columns, tracks).T,
        waits.reshape(columns, tracks).T,
    )


def _tally(into: Ints, classes: Ints, turns: _Turns, which: Mask) -> None:
    """Add one to ``into`` (classes, rules) for each turn of ``which``."""
    np.add.at(into, (classes[turns.row[which]], turns.column[which]), 1)
