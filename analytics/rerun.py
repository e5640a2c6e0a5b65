"""Come to a verdict again, from nothing but what was stored with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from analytics import scene
from analytics.rules.book import JUDGED, RuleBook
from analytics.rules.crowd import STANDING, Crowd
from analytics.rules.family import REST_S, Verdict
from analytics.rules.journal import SEEN_COLUMNS
from analytics.schedule import Calendar
from analytics.tracker import Tracks
from models.rule import Rule, RuleKind, Window

TRACK = 0
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Rerun:
    """``same``: the verdict came at the same look, with the same figures, to the last bit; None: nothing to judge."""

    same: bool | None
    text: str
    steps: list[dict[str, Any]] = field(default_factory=list)
    """Per look: seconds before the event, foot, what the rule remembered after it."""


def rerun(rule: Rule, attrs: Mapping[str, Any]) -> Rerun:
    """Judge an event's evidence again by ``rule``, in the very code that raised it."""
    evidence = attrs.get("evidence")
    if not isinstance(evidence, Mapping):
        return Rerun(same=None, text="The event carries no evidence: it cannot be judged again.")
    if rule.kind not in JUDGED:
        return _scene(rule, evidence)
    try:
        steps, said = (_crowd if rule.kind is RuleKind.CROWD else _track)(rule, evidence)
        return _compared(rule, attrs, steps, said)
    except (KeyError, IndexError, TypeError, ValueError) as broken:
        return Rerun(same=None, text=f"The evidence cannot be read: {type(broken).__name__} {broken}")


def _scene(rule: Rule, evidence: Mapping[str, Any]) -> Rerun:
    """Judge what was told of the picture itself: tamper, a left or a removed object."""
    if "rows" not in evidence:
        return Rerun(same=None, text="It is the end of what an earlier event told: there is nothing to judge.")
    try:
        again = scene.rejudge(replace(rule, enabled=True), dict(evidence))
    except (KeyError, IndexError, TypeError, ValueError) as broken:
        return Rerun(same=None, text=f"The evidence cannot be read: {type(broken).__name__} {broken}")
    over = f"{len(evidence['rows'])} looks"
    steps = [dict(zip(evidence["columns"], row, strict=False)) for row in evidence["rows"]]
    if not again["fires"]:
        return Rerun(same=False, text=f"Judged again over {over}, the rule does not raise at the last.", steps=steps)
    if again.get("since_s") != evidence.get("since_s"):
        return Rerun(same=False, text=f"Judged again over {over}, the rule raises at other looks.", steps=steps)
    return Rerun(same=True, text=f"Judged again over {over}: the same verdict at the same look.", steps=steps)


def _track(rule: Rule, evidence: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[tuple[int, Verdict]]]:
    labels, as_recorded = evidence["labels"], _AsRecorded()
    rule = replace(rule, enabled=True)
    book = RuleBook([rule], labels=labels, tells_classes=evidence["tells_classes"], calendar=as_recorded)
    if evidence["before"] is not None:
        book.restore(TRACK, evidence["before"])
    width, height = evidence["size_px"]
    steps: list[dict[str, Any]] = []
    said: list[tuple[int, Verdict]] = []
    end_s = evidence["looks"][-1][0]
    last: dict[str, Any] | None = None
    for number, row in enumerate(evidence["looks"]):
        look = dict(zip(SEEN_COLUMNS, row, strict=False))
        seen = len(row) == len(SEEN_COLUMNS)
        last = look if seen else last
        as_recorded.now = bool(look["armed"])
        # a minute each, since schedules are asked once a minute
        at = EPOCH + timedelta(minutes=number)
        tracks = _one(look, last, len(labels))
        verdicts = book.judge(tracks, np.array([seen]), (width, height), look["time_s"], at)
        said += [(number, verdict) for verdict in verdicts]
        step = {"time_s": look["time_s"] - end_s, "armed": bool(look["armed"]), "raised": bool(verdicts)}
        if seen:
            step |= {"x": look["x"], "y": look["y"]}
        steps.append(step | _told(book.families[0].shown(0, 0), look["time_s"]))
    return steps, said


def _one(look: Mapping[str, Any], last: Mapping[str, Any] | None, classes: int) -> Tracks:
    """Return one track as it was at a look; ``last`` is the last look that saw it."""
    now = np.array([look["time_s"]])
    box = [0.0] * 4 if last is None else [last[edge] for edge in ("left", "top", "right", "bottom")]
    votes = np.zeros((1, classes), np.float32)
    votes[0, 0 if last is None else last["class"]] = 1
    return Tracks(
        id=np.array([TRACK]),
        xyxy=np.array([box], np.float32),
        votes=votes,
        score=np.array([0.0 if last is None else last["score"]], np.float32),
        born_s=now,
        seen_s=now,
        missed_s=np.array([look["missed_s"]]),
        resting_since_s=now - (2 * REST_S if look["resting"] else 0),
        moved=np.array([bool(last and last["moved"])]),
    )


def _crowd(rule: Rule, evidence: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[tuple[int, Verdict]]]:
    family = Crowd([rule], 0, ())
    for name, dtype in STANDING.items():
        family.standing[name] = np.array([evidence["before"][name]], dtype)
    steps: list[dict[str, Any]] = []
    said: list[tuple[int, Verdict]] = []
    end_s = evidence["looks"][-1][0]
    for number, (time_s, armed, count) in enumerate(evidence["looks"]):
        family.counts = np.array([count])
        raised = bool(family.weigh(family.counts, time_s, np.array([bool(armed)]))[0])
        if raised:
            said.append((number, Verdict(rule, None, measured=family.measured(0, time_s))))
        steps.append({"time_s": time_s - end_s, "armed": bool(armed), "raised": raised, "count": count})
    return steps, said


def _compared(
    rule: Rule, attrs: Mapping[str, Any], steps: list[dict[str, Any]], said: list[tuple[int, Verdict]]
) -> Rerun:
    evidence = attrs["evidence"]
    looks, last = [number for number, _verdict in said], len(steps) - 1
    over = f"{len(steps)} looks over {-steps[0]['time_s']:.1f} s"
    if not said or looks[-1] != last:
        return Rerun(same=False, text=f"Judged again over {over}, the rule does not raise at the last.", steps=steps)
    if looks != evidence["raised"]:
        return Rerun(same=False, text=f"Judged again over {over}, the rule raises at other looks.", steps=steps)
    verdict = said[-1][1]
    direction = None if verdict.direction is None else verdict.direction.value
    if direction != attrs.get("direction"):
        return Rerun(same=False, text=f"Judged again over {over}, the direction is {direction}.", steps=steps)
    if dict(verdict.measured) != attrs.get("measured", {}):
        measured = ", ".join(f"{name} {value!r}" for name, value in verdict.measured.items())
        return Rerun(same=False, text=f"Judged again over {over}, the figures differ: {measured}.", steps=steps)
    calendar = evidence["calendar"]
    if rule.schedule and calendar is not None:
        at = datetime.fromisoformat(calendar["at"])
        if not Calendar.of_facts(calendar).armed(rule.schedule, at):
            return Rerun(same=False, text=f"Judged again, the schedule is not in force at {at}.", steps=steps)
    return Rerun(same=True, text=f"Judged again over {over}: the same verdict at the same look.", steps=steps)


def _told(shown: Mapping[str, float], time_s: float) -> dict[str, float]:
    """Return moments as seconds before ``time_s``: clocks of a machine mean nothing to people."""
    return {
        f"{name[:-2]}_ago_s" if name.endswith("_s") else name: time_s - value if name.endswith("_s") else value
        for name, value in shown.items()
    }


class _AsRecorded:
    """A calendar that says what was said then."""

    now = True

    def armed(self, schedule: tuple[Window, ...], at: datetime) -> bool:  # noqa: ARG002 - as a calendar is asked
        return self.now or not schedule

    def facts(self, at: datetime) -> dict[str, Any]:  # noqa: ARG002
        return {}
