"""One camera's tracker and rules at five pictures a second, and how a verdict is judged again."""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from analytics.rerun import Rerun, rerun
from analytics.rules import Armed, RuleBook, Verdict
from analytics.tracker import Tracker, TrackerSettings
from models.rule import Rule, RuleKind
from tests.analytics.pictures import LABELS, SQUARE, START, Box, boxes

SIZE_PX = (1000, 1000)
STEP_S = 0.2
Told = tuple[float, Verdict, dict[str, Any]]
"""Seconds since the scene began, the verdict, and its attrs as they are stored."""


class Scene:
    """What is seen is told look by look; ``told`` keeps what the rules said."""

    def __init__(self, *rules: Rule, calendar: Armed | None = None, begins: datetime = START) -> None:
        self.calendar, self.begins, self.now_s, self.began_s = calendar, begins, 1234.5, 1234.5
        self.tracker = Tracker(TrackerSettings(), classes=len(LABELS))
        self.book = self.book_of(*rules)
        self.told: list[Told] = []

    def book_of(self, *rules: Rule) -> RuleBook:
        return RuleBook(rules, labels=LABELS, tells_classes=True, calendar=self.calendar)

    def change(self, *rules: Rule) -> None:
        book = self.book_of(*rules)
        book.adopt(self.book)
        self.book = book

    def cut(self) -> None:
        """Let the picture be another one."""
        self.tracker.reset()
        self.book.reset(self.now_s)

    def see(self, *found: Box, class_id: int = 0, score: float = 0.9, step_s: float = STEP_S) -> list[Told]:
        """Let time go on by a picture with these boxes."""
        seen = self.tracker.update(boxes(*found, class_id=class_id, score=score), self.now_s)
        tracks, past_s = self.tracker.tracks, self.now_s - self.began_s
        at = self.begins + timedelta(seconds=past_s)
        said = [
            (past_s, verdict, stored(self.book, verdict, at))
            for verdict in self.book.judge(tracks, seen, SIZE_PX, self.now_s, at)
        ]
        self.told += said
        self.now_s += step_s
        return said

    def walk(self, feet: Iterable[Iterable[float]], **other: Any) -> list[Told]:
        """Let somebody's feet go through all of ``feet``."""
        return [told for x, y in feet for told in self.see(person(x, y), **other)]

    def wait(self, seconds: float, *found: Box, **other: Any) -> list[Told]:
        """Let these be seen for a while."""
        return [told for _ in range(round(seconds / STEP_S)) for told in self.see(*found, **other)]

    def sleep(self, seconds: float) -> None:
        """Let time go on without a look."""
        self.now_s += seconds

    @property
    def times(self) -> list[float]:
        return [round(time_s, 3) for time_s, *_ in self.told]


def stored(book: RuleBook, verdict: Verdict, at: datetime | None = None) -> dict[str, Any]:
    """Return what an event keeps of a verdict, once through JSON as the database does."""
    attrs: dict[str, Any] = {"evidence": book.evidence(verdict, at)}
    if verdict.measured:
        attrs["measured"] = dict(verdict.measured)
    if verdict.direction is not None:
        attrs["direction"] = verdict.direction.value
    kept: dict[str, Any] = json.loads(json.dumps(attrs))
    return kept


def again(told: Told, rule: Rule | None = None) -> Rerun:
    """Judge a verdict again, by its own rule or another."""
    return rerun(rule or told[1].rule, told[2])


def person(x: float, y: float = 500) -> Box:
    return (x - 40, y - 200, x + 40, y)


def car(x: float, y: float = 500, shift: Iterable[float] = (0, 0, 0, 0)) -> Box:
    left, top, right, bottom = (edge + more for edge, more in zip((x - 120, y - 130, x + 120, y), shift, strict=True))
    return (left, top, right, bottom)


def line(begin: tuple[float, float], end: tuple[float, float], looks: int) -> np.ndarray:
    """Return feet on the way from ``begin`` to ``end``."""
    return np.linspace(begin, end, looks)


def rule(kind: RuleKind, *, id: int = 5, points: Iterable[tuple[float, float]] = SQUARE, **other: Any) -> Rule:
    """Return a rule about the middle of the picture unless told otherwise; ``params`` by their names."""
    said: dict[str, Any] = {
        "id": id,
        "version": 1,
        "camera_id": "gate",
        "name": f"rule {id}",
        "kind": kind,
        "points": tuple(points),
        "confirm_frames": 1,
    }
    return Rule(**(said | other))
