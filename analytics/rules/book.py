"""The rules of one camera, all kinds together, over the tracks of one camera."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analytics.detections import Floats, Ints, Mask
from analytics.rules.crowd import Crowd
from analytics.rules.ended import Ended, remembered, same_place
from analytics.rules.family import REST_S, Armed, Family, Look, Rows, Verdict, in_force
from analytics.rules.intrusion import Intrusion
from analytics.rules.journal import Journal, Noted
from analytics.rules.line_crossing import LineCrossing
from analytics.rules.loitering import Loitering
from analytics.rules.speed import Speed
from analytics.rules.wrong_way import WrongWay
from analytics.tracker import Tracks
from models.rule import Rule

FAMILIES: tuple[type[Family], ...] = (Intrusion, LineCrossing, Loitering, WrongWay, Speed, Crowd)
JUDGED = frozenset(family.kind for family in FAMILIES)
"""Kinds that are about tracks; the others are `analytics.scene`'s."""
INSIDE_MOST = 1 - 1e-6
"""Feet that the picture's lower edge cuts off stand on that edge: still inside of a zone that reaches down to it."""
EVERYBODY = slice(None)


class Memory:
    """One row per live track, in the order of ``ids`` (ascending); what kinds of rules remember is in their tables."""

    def __init__(self) -> None:
        self.ids: Ints = np.empty(0, np.int64)
        self.xyxy: Floats = np.empty((0, 4), np.float32)
        self.class_id: Ints = np.empty(0, np.int64)
        self.seen_s: NDArray[np.float64] = np.empty(0)
        self.rested_s: NDArray[np.float64] = np.empty(0)
        self.ended: list[Ended] = []


class RuleBook:
    """The rules of one camera and what they remember of its tracks."""

    def __init__(
        self, rules: Sequence[Rule], *, labels: Sequence[str], tells_classes: bool, calendar: Armed | None = None
    ) -> None:
        """Without a ``calendar`` every rule is always in force."""
        used = [rule for rule in rules if rule.enabled and rule.kind in JUDGED]
        self.labels, self.tells_classes, self.calendar = tuple(labels), tells_classes, calendar
        self.families: list[Family] = []
        first = 0
        for family in FAMILIES:
            if mine := [rule for rule in used if rule.kind is family.kind]:
                self.families.append(family(mine, first, labels))
                first += len(mine)
        self.asked = tuple(rules)
        """All of the camera's rules, also those that are not about tracks."""
        self.rules = tuple(rule for family in self.families for rule in family.rules)
        self._allowed = self._allowed_classes()
        self._min_score = np.array([rule.min_score for rule in self.rules])
        self._picky = not self._allowed.all() or self._min_score.max(initial=0) > 0
        self._crowd = next((family for family in self.families if isinstance(family, Crowd)), None)
        self._scheduled = calendar is not None and any(rule.schedule for rule in self.rules)
        self._minute, self._armed = -1, None if not self._scheduled else np.ones(len(self.rules), np.bool_)
        self._size_px = (0, 0)
        self.memory = Memory()
        self.journal = Journal()

    def reset(self, time_s: float) -> None:
        """Let every track end: the picture is another one.

        What has raised a rule is remembered for a while all the same: a lorry before the lens is a cut too, and those
        who stand behind it must not alarm again.
        """
        self._bury(np.empty(0, np.int64), time_s)
        ended, self.memory = self.memory.ended, Memory()
        self.memory.ended = ended
        for family in self.families:
            family.reset()
        self.journal.begin()

    def adopt(self, other: "RuleBook") -> None:
        """Take over what ``other`` remembers of rules that are the same here: editing one must not re-raise all."""
        self.memory = other.memory
        theirs = {type(family): place for place, family in enumerate(other.families)}
        ended: list[list[dict[str, NDArray[Any]]]] = [[] for _ in self.memory.ended]
        rows = len(self.memory.ids)
        for family in self.families:
            place = theirs.get(type(family))
            if place is None:
                family.table = family.blank(rows)
                nothing = {name: values[0] for name, values in family.blank(1).items()}
                for kept in ended:
                    kept.append(nothing)
                continue
            columns = _same(family, other.families[place])
            family.adopt(other.families[place], rows, columns)
            for kept, one in zip(ended, self.memory.ended, strict=True):
                kept.append(family.recolumn(one.memory[place], columns))
        self.memory.ended = [
            Ended(one.xyxy, one.class_id, one.seen_s, one.rested_s, tuple(kept))
            for one, kept in zip(self.memory.ended, ended, strict=True)
        ]

    def judge(
        self, tracks: Tracks, seen: Mask, size_px: tuple[int, int], time_s: float, at: datetime | None = None
    ) -> list[Verdict]:
        """Return what the tracks in ``seen`` raise now. Call it once per look, with all live tracks.

        ``at`` is the time of the picture (UTC), for schedules.
        """
        if not self.rules:
            return []
        if size_px != self._size_px:
            self._size_px = size_px
            self.journal.begin()
        class_id = tracks.class_id
        self._align(tracks, class_id, time_s)
        armed = self._armed if at is None or not self._scheduled else self._in_force(at)
        self.journal.mark(self.memory.ids, self.families, self._crowd.standing if self._crowd else {})
        box = self.memory.xyxy
        anchor = np.empty((len(box), 2))
        # halves of float32 sums, as the tracker's anchors are
        np.divide((box[:, 0] + box[:, 2]) / 2, size_px[0], out=anchor[:, 0])
        np.divide(box[:, 3], size_px[1], out=anchor[:, 1])
        np.maximum(anchor, 0, out=anchor)
        np.minimum(anchor, INSIDE_MOST, out=anchor)
        resting = self.memory.rested_s >= REST_S
        moved = tracks.moved.copy()
        everybody = bool(seen.all())
        rows: Rows = EVERYBODY if everybody else np.flatnonzero(seen)
        look = Look(
            time_s,
            rows,
            anchor[rows],
            self._fits(class_id[rows], tracks.score[rows]),
            moved[rows, None],
            resting[rows, None],
            (moved & ~resting)[rows, None],
            class_id[rows],
            tracks.missed_s,
            resting,
            armed,
            size_px[0] / size_px[1],
        )
        raised: list[tuple[int, int | None]] = []
        verdicts = [verdict for family in self.families for verdict in family.judge(look)]
        if verdicts:
            ids = self.memory.ids
            places = {id(rule): place for place, rule in enumerate(self.rules)}
            raised = [(places[id(one.rule)], None if one.index is None else int(ids[one.index])) for one in verdicts]
        self.journal.note(
            Noted(
                time_s, self.memory.ids, box, anchor, class_id, tracks.score.copy(), seen.copy(), moved, resting,
                tracks.missed_s.copy(), armed, self._crowd.counts if self._crowd else None, raised,
            )
        )  # fmt: skip
        return verdicts

    def evidence(self, verdict: Verdict, at: datetime | None = None) -> dict[str, Any]:
        """Return what it takes to come to ``verdict`` again, as `analytics.rerun` does: before the next look."""
        place = next(place for place, rule in enumerate(self.rules) if rule is verdict.rule)
        family = next(number for number, one in enumerate(self.families) if place < one.place.stop)
        if verdict.index is None:
            said = self.journal.of_crowd(place, place - self.families[family].place.start)
        else:
            said = self.journal.of_track(int(self.memory.ids[verdict.index]), place, family, self.families, self.labels)
        calendar = None if at is None or self.calendar is None else self.calendar.facts(at)
        said.update(size_px=list(self._size_px), tells_classes=self.tells_classes, calendar=calendar)
        found: dict[str, Any] = said
        return found

    def restore(self, id: int, cell: Mapping[str, Any]) -> None:
        """Begin with one track that this book's only rule remembers ``cell`` of."""
        self.families[0].restore(cell)
        self.memory.ids = np.array([id], np.int64)
        self.memory.xyxy = np.zeros((1, 4), np.float32)
        self.memory.class_id = np.zeros(1, np.int64)
        self.memory.seen_s, self.memory.rested_s = np.zeros(1), np.zeros(1)

    def _fits(self, class_id: Ints, score: Floats) -> Mask | None:
        if not self._picky:
            return None
        fits: Mask = self._allowed[class_id]
        fits &= score[:, None] >= self._min_score
        return fits

    def _in_force(self, at: datetime) -> Mask:
        """Return which rules' schedules are in force, judged once a minute."""
        assert self.calendar is not None
        minute = int(at.timestamp() // 60)
        if minute != self._minute:
            calendar, self._minute = self.calendar, minute
            self._armed = np.array([in_force(rule, calendar, at) for rule in self.rules])
        assert self._armed is not None
        return self._armed

    def _allowed_classes(self) -> Mask:
        """Return (classes, rules): a detector that cannot tell classes fits every rule."""
        allowed = np.ones((len(self.labels), len(self.rules)), np.bool_)
        if self.tells_classes:
            for column, rule in enumerate(self.rules):
                if rule.labels:
                    allowed[:, column] = [label in rule.labels for label in self.labels]
        return allowed

    def _align(self, tracks: Tracks, class_id: Ints, time_s: float) -> None:
        """Bring the rows into the order of ``tracks``: drop those of ended tracks, add those of new ones."""
        memory, rows = self.memory, len(tracks)
        fresh: Ints | None = None
        if len(memory.ids) != rows or (memory.ids != tracks.id).any():
            self._bury(tracks.id, time_s)
            known = np.flatnonzero(np.isin(tracks.id, memory.ids))
            at = np.searchsorted(memory.ids, tracks.id[known])
            for family in self.families:
                family.align(rows, known, at)
            memory.ids = tracks.id.copy()
            fresh = np.setdiff1d(np.arange(rows), known)
        memory.xyxy, memory.seen_s, memory.class_id = tracks.xyxy.copy(), tracks.seen_s.copy(), class_id
        memory.rested_s = tracks.seen_s - tracks.resting_since_s
        if fresh is not None and len(fresh):
            self._inherit(tracks, fresh)

    def _bury(self, alive: Ints, time_s: float) -> None:
        memory = self.memory
        memory.ended = remembered(memory.ended, time_s)
        for row in np.flatnonzero(~np.isin(memory.ids, alive)).tolist():
            if any(family.worth(row) for family in self.families):
                memory.ended += remembered([self._ending(row)], time_s)

    def _ending(self, row: int) -> Ended:
        memory = self.memory
        rows = tuple(family.row(row) for family in self.families)
        rested_s = float(memory.rested_s[row])
        return Ended(memory.xyxy[row], int(memory.class_id[row]), float(memory.seen_s[row]), rested_s, rows)

    def _inherit(self, tracks: Tracks, fresh: Ints) -> None:
        lost = np.setdiff1d(np.flatnonzero(tracks.missed_s > 0), fresh).tolist()
        hidden = [self._ending(row) for row in lost if any(family.worth(row) for family in self.families)]
        before = [*self.memory.ended, *hidden]
        if not before:
            return
        for row in fresh.tolist():
            born_s = float(tracks.born_s[row])
            found = same_place(tracks.xyxy[row], int(self.memory.class_id[row]), born_s, before)
            for one, parked in found:
                for family, old in zip(self.families, one.memory, strict=True):
                    family.inherit(row, old, born_s, born_s - one.seen_s, parked=parked)
            if found:
                self.journal.heirs[int(tracks.id[row])] = tuple(family.row(row) for family in self.families)
                # its place is where it is now
                taken = {id(one) for one, parked in found if parked}
                self.memory.ended = [one for one in self.memory.ended if id(one) not in taken]


def _same(mine: Family, theirs: Family) -> list[tuple[int, int]]:
    """Return pairs of columns, mine and theirs, of the same version of the same rule."""
    place = {(rule.id, rule.version): column for column, rule in enumerate(theirs.rules)}
    keys = [(rule.id, rule.version) for rule in mine.rules]
    return [(column, place[key]) for column, key in enumerate(keys) if key in place]
