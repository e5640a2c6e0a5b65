"""What the rules of one camera have looked at lately, so that each verdict can be shown and judged again.

Every `MARK_EVERY` looks the memory of all rules is copied (a mark); looks are kept back to the mark before the last.
A verdict's evidence is one track's memory at that mark, or at its birth if that is later, and every look since.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analytics.detections import Floats, Ints, Mask
from analytics.rules.family import Family, Row

MARK_EVERY = 32
EVIDENCE_BYTES_MAX = 16 * 1024
"""Of one verdict, as JSON: twice `MARK_EVERY` looks of at most 250 bytes each are less."""
SEEN_COLUMNS = (
    "time_s", "armed", "resting", "missed_s", "x", "y", "left", "top", "right", "bottom", "class", "score", "moved",
)  # fmt: skip
"""Of a look that saw the track: ``x`` and ``y`` are its foot in 0..1 of the picture, the box is in pixels."""
UNSEEN_COLUMNS = SEEN_COLUMNS[:4]


@dataclass(slots=True)
class Noted:
    """One look: all that was judged."""

    time_s: float
    ids: Ints
    xyxy: Floats
    anchor: NDArray[np.float64]
    class_id: Ints
    score: Floats
    seen: Mask
    moved: Mask
    resting: Mask
    missed_s: NDArray[np.float64]
    armed: Mask | None
    counts: Ints | None
    """Of each rule of kind crowd."""
    raised: list[tuple[int, int | None]] = field(default_factory=list)
    """Place among all rules and track id of each verdict."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The memory before the look at ``at``: one table per kind, rows by ``ids``."""

    at: int
    ids: Ints
    tables: tuple[dict[str, NDArray[Any]], ...]
    standing: Mapping[str, NDArray[Any]]


class Journal:
    """Looks and marks of one camera; small enough to keep always."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Forget all of it: what comes has another past, or another picture's size."""
        self._looks: list[Noted] = []
        self._first = 0
        self._marks: list[Mark] = []
        self.heirs: dict[int, tuple[Row, ...]] = {}
        """What tracks that were not new were born with."""

    def mark(self, ids: Ints, families: Sequence[Family], standing: Mapping[str, NDArray[Any]]) -> None:
        """Copy the memory if it is due; call it before each look is judged."""
        now = self._first + len(self._looks)
        if self._marks and now - self._marks[-1].at < MARK_EVERY:
            return
        tables = tuple({name: values.copy() for name, values in one.table.items()} for one in families)
        self._marks = [*self._marks[-1:], Mark(now, ids, tables, dict(standing))]
        del self._looks[: self._marks[0].at - self._first]
        self._first = self._marks[0].at
        if self.heirs:
            alive = set(ids.tolist())
            self.heirs = {id: row for id, row in self.heirs.items() if id in alive}

    def note(self, look: Noted) -> None:
        self._looks.append(look)

    def of_track(self, id: int, place: int, family: int, families: Sequence[Family], labels: Sequence[str]) -> Any:
        """Return one track's past under one rule, in JSON types; floats are exact."""
        one = families[family]
        column = place - one.place.start
        before = self._before(id, family, one, column)
        looks: list[list[Any]] = []
        raised: list[int] = []
        names: dict[str, int] = {}
        for noted in self._looks:
            row = int(np.searchsorted(noted.ids, id))
            if row == len(noted.ids) or noted.ids[row] != id:
                continue
            if (place, id) in noted.raised:
                raised.append(len(looks))
            armed = 1 if noted.armed is None else int(noted.armed[place])
            said: list[Any] = [noted.time_s, armed, int(noted.resting[row]), float(noted.missed_s[row])]
            if noted.seen[row]:
                label = labels[int(noted.class_id[row])]
                said += [*noted.anchor[row].tolist(), *noted.xyxy[row].tolist()]
                said += [names.setdefault(label, len(names)), float(noted.score[row]), int(noted.moved[row])]
            looks.append(said)
        return {
            "columns": list(SEEN_COLUMNS),
            "labels": list(names),
            "before": before,
            "looks": looks,
            "raised": raised,
        }

    def _before(self, id: int, family: int, one: Family, column: int) -> dict[str, Any] | None:
        mark = self._marks[0]
        row = int(np.searchsorted(mark.ids, id))
        if row < len(mark.ids) and mark.ids[row] == id:
            return one.cell({name: values[row] for name, values in mark.tables[family].items()}, column)
        if id in self.heirs:
            return one.cell(self.heirs[id][family], column)
        return None

    def of_crowd(self, place: int, column: int) -> Any:
        """Return the counts of one rule of kind crowd, and what it remembered before them."""
        looks: list[list[Any]] = []
        raised: list[int] = []
        for noted in self._looks:
            if (place, None) in noted.raised:
                raised.append(len(looks))
            assert noted.counts is not None
            armed = 1 if noted.armed is None else int(noted.armed[place])
            looks.append([noted.time_s, armed, int(noted.counts[column])])
        before = {name: values[column].item() for name, values in self._marks[0].standing.items()}
        return {"columns": ["time_s", "armed", "count"], "before": before, "looks": looks, "raised": raised}
