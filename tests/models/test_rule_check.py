"""What a rule may say."""

from collections.abc import Mapping
from typing import Any

import pytest

from models.errors import BadInput
from models.rule import PARAMS, SHAPES, Rule, RuleKind, Window
from models.rule_check import check_rule

SQUARE = ((0.1, 0.1), (0.9, 0.1), (0.9, 0.9), (0.1, 0.9))
LINE = ((0.5, 0.1), (0.5, 0.9))
USUAL = {RuleKind.LINE_CROSSING: LINE, RuleKind.TAMPER: ()}


def rule(kind: RuleKind, **said: Any) -> Rule:
    return Rule(
        **{
            "id": 0,
            "version": 1,
            "camera_id": "gate",
            "name": "r",
            "kind": kind,
            "points": USUAL.get(kind, SQUARE),
            **said,
        }
    )


@pytest.mark.parametrize("kind", RuleKind)
def test_every_kind_with_its_usual_shape_passes(kind: RuleKind) -> None:
    """Each kind has a shape and parameters, and their defaults are within their bounds."""
    check_rule(rule(kind, params={name: param.default for name, param in PARAMS[kind].items()}))
    assert kind in SHAPES


@pytest.mark.parametrize(
    ("kind", "said", "field"),
    [
        (RuleKind.INTRUSION, {"points": LINE}, "points"),
        (RuleKind.INTRUSION, {"points": ((0, 0), (2, 0), (1, 1))}, "points"),
        (RuleKind.INTRUSION, {"points": ((0, 0), (0.5, 0.5), (1, 1))}, "points"),
        (RuleKind.LINE_CROSSING, {"points": SQUARE}, "points"),
        (RuleKind.LINE_CROSSING, {"points": (LINE[0], LINE[0])}, "points"),
        (RuleKind.SPEED, {"points": SQUARE[:3]}, "points"),
        (RuleKind.SPEED, {"points": (SQUARE[0], SQUARE[2], SQUARE[1], SQUARE[3])}, "points"),
        (RuleKind.TAMPER, {"points": SQUARE}, "points"),
        (RuleKind.TAMPER, {"labels": ("blurred",)}, "labels"),
        (RuleKind.LOITERING, {"params": {"dwell": 5}}, "params.dwell"),
        (RuleKind.LOITERING, {"params": {"dwell_s": float("nan")}}, "params.dwell_s"),
        (RuleKind.LOITERING, {"params": {"dwell_s.car": 0}}, "params.dwell_s.car"),
        (RuleKind.CROWD, {"params": {"hold_s.car": 5}}, "params.hold_s.car"),
        (RuleKind.CROWD, {"schedule": (Window(days=(), start="08:00", end="09:00"),)}, "schedule.0.days"),
        (RuleKind.CROWD, {"schedule": (Window(days=("Mon",), start="08:00", end="09:00"),)}, "schedule.0.days"),
        (RuleKind.CROWD, {"schedule": (Window(days=("mon",), start="8:00", end="09:00"),)}, "schedule.0.start"),
        (RuleKind.CROWD, {"schedule": (Window(days=("mon",), start="sunset", end="dawn"),)}, "schedule.0.end"),
    ],
)
def test_what_cannot_be_is_refused_by_name(kind: RuleKind, said: Mapping[str, Any], field: str) -> None:
    """The error names the field."""
    with pytest.raises(BadInput) as refused:
        check_rule(rule(kind, **said))
    assert refused.value.field == field


def test_a_class_may_have_its_own_number() -> None:
    """``name.label`` goes before ``name``, and that before the default."""
    one = rule(RuleKind.LOITERING, params={"dwell_s": 60, "dwell_s.car": 600})
    assert [one.param("dwell_s", label) for label in ("person", "car", "")] == [60, 600, 60]
    assert one.param("grace_s") == PARAMS[RuleKind.LOITERING]["grace_s"].default
