"""What all kinds of rules have in common: a table of memory, tracks by rules, and how a look is judged into it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from analytics.detections import Ints, Mask
from models.rule import Direction, Rule, RuleKind, Window

LEAVE_S = 2.0
"""Out of a zone for so long is gone; less is a detector's wavering."""
REST_S = 4.0
"""What has not moved for so long rests: a box that drifts over an outline has gone nowhere."""
NEVER = -1e18

Table = NDArray[np.float64]
Row = dict[str, NDArray[Any]]
"""What one kind of rules remembers of one track."""
Rows = slice | Ints
"""Which tracks a look has seen; a slice where that is all of them."""


class Armed(Protocol):
    """Tells whether a schedule is in force: `analytics.schedule.Calendar`."""

    def armed(self, schedule: tuple[Window, ...], at: datetime) -> bool: ...
    def facts(self, at: datetime) -> dict[str, Any]: ...


def in_force(rule: Rule, calendar: Armed | None, at: datetime) -> bool:
    """Tell whether ``rule``'s schedule is in force; one without a schedule, or without a calendar, always is."""
    return not rule.schedule or calendar is None or calendar.armed(rule.schedule, at)


@dataclass(slots=True)
class Verdict:
    """Rule ``rule`` holds for the track at ``index``, or for all of ``members`` together.

    ``measured`` is what was compared with the rule's numbers, in the units that their names end in.
    """

    rule: Rule
    index: int | None
    direction: Direction | None = None
    measured: Mapping[str, float] = field(default_factory=dict)
    members: tuple[int, ...] = ()


@dataclass(slots=True)
class Look:
    """What one look says of all tracks; arrays of ``rows`` are of those that it has seen."""

    time_s: float
    rows: Rows
    anchor: Table
    """(seen, 2) in 0..1 of the picture."""
    fits: Mask | None
    """(seen, rules of all kinds): class and score are what the rule asks for; None is all of them."""
    moved: Mask
    """(seen, 1)."""
    resting: Mask
    """(seen, 1)."""
    moving: Mask
    """(seen, 1): has moved, and does not rest."""
    class_id: Ints
    missed_s: Table
    """(all,): looked for and not found for so long."""
    all_resting: Mask
    armed: Mask | None
    """(rules of all kinds,): its schedule is in force; None is all of them."""
    aspect: float
    """Width of the picture by its height."""

    def index(self, at: Ints) -> Ints:
        """Return the places among all tracks of places among the seen."""
        return at if isinstance(self.rows, slice) else self.rows[at]

    def fitting(self, place: slice, mask: Mask) -> Mask:
        """Return ``mask`` without what the rules at ``place`` do not ask for."""
        return mask if self.fits is None else mask & self.fits[:, place]

    def in_force(self, place: slice, mask: Mask) -> Mask:
        """Return ``mask`` without the rules whose schedule is not in force."""
        return mask if self.armed is None else mask & self.armed[place]

    def wanted(self, place: slice, at: Ints, column: Ints) -> Mask | bool:
        """Return both for single pairs of a seen track and a rule."""
        wanted: Mask | bool = True
        if self.fits is not None:
            wanted = self.fits[:, place][at, column]
        return wanted if self.armed is None else wanted & self.armed[place][column]


class Field(NamedTuple):
    """One column of memory: (tracks, rules, ``*shape``), or (tracks, ``*shape``) if it is the same for all rules."""

    dtype: type[np.generic]
    fill: float
    shape: tuple[int, ...] = ()
    per_rule: bool = True


class Family(ABC):
    """The rules of one kind, side by side. ``place`` is where they stand among all rules of the book."""

    kind: ClassVar[RuleKind]
    fields: ClassVar[dict[str, Field]]
    stays: ClassVar[str] = ""
    """The field that says that a track's stay is open; such a track is remembered although it has raised nothing."""

    def __init__(self, rules: Sequence[Rule], first: int, labels: Sequence[str]) -> None:
        self.rules = tuple(rules)
        self.place = slice(first, first + len(self.rules))
        self.labels = tuple(labels)
        self.confirm = np.array([max(rule.confirm_frames, 1) for rule in self.rules], np.int32)
        self.cool_down = np.array([rule.cool_down_s for rule in self.rules])
        self.table = self.blank(0)

    @abstractmethod
    def judge(self, look: Look) -> list[Verdict]:
        """Take a look into memory; return what it raises."""

    def blank(self, rows: int) -> dict[str, NDArray[Any]]:
        """Return a table that remembers nothing."""
        return {
            name: np.full(self._shape(one, rows), one.fill, one.dtype)
            for name, one in self.fields.items()
        }  # fmt: skip

    def _shape(self, one: Field, rows: int) -> tuple[int, ...]:
        return (rows, len(self.rules), *one.shape) if one.per_rule else (rows, *one.shape)

    def align(self, rows: int, known: Ints, at: Ints) -> None:
        """Make room for ``rows`` tracks; those at ``known`` were at ``at``."""
        fresh = self.blank(rows)
        for name, values in fresh.items():
            values[known] = self.table[name][at]
        self.table = fresh

    def adopt(self, other: "Family", rows: int, columns: Sequence[tuple[int, int]]) -> None:
        """Take over the columns of rules that are the same: pairs of (mine, theirs)."""
        fresh = self.blank(rows)
        for name, one in self.fields.items():
            if not one.per_rule:
                fresh[name][:] = other.table[name]
            else:
                for mine, theirs in columns:
                    fresh[name][:, mine] = other.table[name][:, theirs]
        self.table = fresh

    def reset(self) -> None:
        """Forget the tracks: the picture is another one."""
        self.table = self.blank(0)

    def row(self, row: int) -> Row:
        """Return a copy of what is remembered of one track."""
        return {name: values[row].copy() for name, values in self.table.items()}

    def recolumn(self, row: Mapping[str, NDArray[Any]], columns: Sequence[tuple[int, int]]) -> dict[str, NDArray[Any]]:
        """Return one track's memory of an older book in the columns of this one."""
        fresh = {name: values[0] for name, values in self.blank(1).items()}
        for name, one in self.fields.items():
            if not one.per_rule:
                fresh[name] = row[name]
            else:
                for mine, theirs in columns:
                    fresh[name][mine] = row[name][theirs]
        return fresh

    def worth(self, row: int) -> bool:
        """Tell whether a track that ends here should be remembered."""
        told = "fired_s" in self.table and bool((self.table["fired_s"][row] > NEVER).any())
        return told or (bool(self.stays) and bool((self.table[self.stays][row] > NEVER).any()))

    def inherit(self, row: int, old: Row, born_s: float, since_s: float, *, parked: bool) -> None:
        """Go on with what an ended track had; it is the same object under a new number."""
        table = self.table
        if "raised" in table:
            stayed = old["raised"] & (parked or since_s <= LEAVE_S)
            table["raised"][row] |= stayed
            table["inside_s"][row] = np.where(stayed, born_s, table["inside_s"][row])
        if "fired_s" in table:
            table["fired_s"][row] = np.maximum(table["fired_s"][row], old["fired_s"])

    def shown(self, row: int, column: int) -> dict[str, float]:
        """Return one cell's single numbers, for whoever wants to follow a re-run."""
        return {
            name: self.table[name][row, column].item()
            for name, one in self.fields.items()
            if one.per_rule and not one.shape and self.table[name][row, column] != NEVER
        }

    def cell(self, row: Mapping[str, NDArray[Any]], column: int) -> dict[str, Any]:
        """Return one cell of a copied row in JSON types, exactly."""
        return {name: (row[name][column] if one.per_rule else row[name]).tolist() for name, one in self.fields.items()}

    def restore(self, cell: Mapping[str, Any]) -> None:
        """Make `table` one row of one rule, from what `cell` returned."""
        self.table = self.blank(1)
        for name, one in self.fields.items():
            self.table[name][0] = np.array(cell[name], one.dtype)[None] if one.per_rule else np.array(cell[name])


VISIT: dict[str, Field] = {
    "hits": Field(np.int32, 0),  # looks in a row that found it so
    "raised": Field(np.bool_, 0),  # has raised the rule and has not been away since
    "inside_s": Field(np.float64, NEVER),
    "fired_s": Field(np.float64, NEVER),
}
"""Memory of rules that are raised once a visit."""


class VisitFamily(Family):
    """Rules that a track raises at most once while it is in their zone."""

    fields: ClassVar[dict[str, Field]] = VISIT

    def visit(self, look: Look, within: Mask, holds: Mask, may: Mask) -> tuple[Ints, Ints]:
        """Return which (seen track, rule) raise now: it ``holds`` for enough looks in a row, ``may``, and has not yet.

        Where ``holds`` is not known at every look, count `hits` beforehand and call `due`.
        """
        return self.due(look, within, (self.table["hits"][look.rows] + 1) * holds, may)

    def due(self, look: Look, within: Mask, hits: Ints, may: Mask) -> tuple[Ints, Ints]:
        table, rows, time_s = self.table, look.rows, look.time_s
        raised = table["raised"][rows]
        left = raised > within
        if left.any():
            # what rests does not leave: its box wavers over the outline
            raised = raised & ~(left & (time_s - table["inside_s"][rows] > LEAVE_S) & ~look.resting)
            table["raised"][rows] = raised
        due = (hits >= self.confirm) & ~raised & may
        table["hits"][rows] = hits
        if isinstance(rows, slice):
            np.copyto(table["inside_s"], time_s, where=within)
        else:
            table["inside_s"][rows] = np.where(within, time_s, table["inside_s"][rows])
        at, column = np.nonzero(look.in_force(self.place, due))
        if len(at):
            # who comes back before the rule has cooled down, and stays, raises it then
            row = look.index(at)
            cool = time_s - table["fired_s"][row, column] >= self.cool_down[column]
            at, column, row = at[cool], column[cool], row[cool]
            table["fired_s"][row, column] = time_s
            table["raised"][row, column] = True
        return at, column

    def told(
        self, look: Look, fires: tuple[Ints, Ints], measured: Callable[[int, int], Mapping[str, float]] | None = None
    ) -> list[Verdict]:
        """Return a verdict for each that fires."""
        at, column = fires
        if not len(at):
            return []
        return [
            Verdict(self.rules[rule], index, measured=measured(seen, rule) if measured else {})
            for seen, rule, index in zip(at.tolist(), column.tolist(), look.index(at).tolist(), strict=True)
        ]
