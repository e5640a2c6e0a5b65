"""Every verdict comes again from its stored evidence, to the last bit; with another threshold it does not."""

import json
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.rerun import rerun
from analytics.rules.journal import EVIDENCE_BYTES_MAX
from models.rule import Direction, Rule, RuleKind
from tests.analytics.pictures import UPWARDS
from tests.analytics.scenes import Scene, Told, again, person, rule

WIDE = ((0.2, 0.2), (0.8, 0.25), (0.75, 0.8), (0.25, 0.7))
CHANGED: dict[RuleKind, dict[str, Any]] = {
    RuleKind.INTRUSION: {"min_score": 1.0},
    RuleKind.LINE_CROSSING: {"min_score": 1.0},
    RuleKind.LOITERING: {"params": {"dwell_s": 4.4}},
    RuleKind.WRONG_WAY: {"params": {"heading_deg": 200, "travel_min": 0.35}},
    RuleKind.SPEED: {"params": {"width_m": 8, "length_m": 8, "limit_kmh": 250}},
    RuleKind.CROWD: {"params": {"count_min": 9, "hold_s": 1}},
}


def everything(confirm_frames: int, cool_down_s: float) -> list[Rule]:
    """Return a rule of each kind, easily raised."""
    common: dict[str, Any] = {"confirm_frames": confirm_frames, "cool_down_s": cool_down_s, "points": WIDE}
    return [
        rule(RuleKind.INTRUSION, id=1, **common),
        rule(RuleKind.LINE_CROSSING, id=2, **common | {"points": UPWARDS, "direction": Direction.BOTH}),
        rule(RuleKind.LOITERING, id=3, params={"dwell_s": 3, "grace_s": 1}, **common),
        rule(RuleKind.WRONG_WAY, id=4, params={"heading_deg": 20, "travel_min": 0.05}, **common),
        rule(RuleKind.SPEED, id=5, params={"width_m": 8, "length_m": 8, "limit_kmh": 3, "measure_s": 0.6}, **common),
        rule(RuleKind.CROWD, id=6, params={"count_min": 2, "hold_s": 1}, **common),
    ]


def wander(seed: int, looks: int, scene: Scene) -> None:
    """Let people walk about at random, be missed now and then, at uneven times, with a cut and an edit of the rules."""
    dice = np.random.default_rng(seed)
    count = int(dice.integers(2, 9))
    at, pace = dice.uniform(100, 900, (count, 2)), dice.normal(0, 25, (count, 2))
    cut, edit = dice.integers(0, looks, 2)
    for look in range(looks):
        pace = np.where(dice.random((count, 1)) < 0.05, dice.normal(0, 25, (count, 2)), pace)
        pace = np.where(dice.random((count, 1)) < 0.03, 0, pace)
        pace = np.where((at < 50) | (at > 950), -pace, pace)
        at = np.clip(at + pace, 40, 990)
        found = [person(*(foot + dice.normal(0, 3, 2)).tolist()) for foot in at if dice.random() > 0.08]
        if look == cut:
            scene.cut()
        if look == edit:
            scene.change(*scene.book.rules[::-1], rule(RuleKind.INTRUSION, id=50, points=WIDE))
        scene.see(*found, score=float(dice.uniform(0.55, 1)), step_s=float(dice.uniform(0.05, 0.35)))


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([1, 2, 4]), st.sampled_from([0.0, 3.0]))
def test_every_verdict_comes_again(seed: int, confirm_frames: int, cool_down_s: float) -> None:
    """At the same look, with the same direction and the same figures; small enough to keep."""
    scene = Scene(*everything(confirm_frames, cool_down_s))
    wander(seed, 80, scene)
    for told in scene.told:
        assert again(told).text.endswith("the same verdict at the same look.")
        assert len(json.dumps(told[2]["evidence"])) <= EVIDENCE_BYTES_MAX


@cache
def scene_of(kind: RuleKind) -> list[Told]:
    scene = Scene(*everything(2, 3.0))
    for seed in range(2):
        wander(seed, 120, scene)
    return [told for told in scene.told if told[1].rule.kind is kind][:6]


@pytest.mark.parametrize("kind", list(CHANGED))
def test_another_threshold_is_another_verdict(kind: RuleKind) -> None:
    """Each kind is raised, comes again, and does not by other numbers or elsewhere."""
    said = scene_of(kind)
    assert said
    for told in said:
        asked = told[1].rule
        assert again(told).same
        assert not again(told, replace(asked, **CHANGED[kind])).same
        if kind is not RuleKind.CROWD:
            elsewhere = UPWARDS if kind is RuleKind.LINE_CROSSING else ((0.0, 0.0), (0.01, 0), (0.01, 0.01), (0, 0.01))
            moved = tuple((x * 0.01, y * 0.01) for x, y in elsewhere)
            assert not again(told, replace(asked, points=moved)).same


@pytest.mark.parametrize("kind", list(CHANGED))
def test_one_changed_bit_is_noticed(kind: RuleKind) -> None:
    """A figure that differs in its last bit is another figure; a direction too."""
    told = scene_of(kind)[0]
    attrs = json.loads(json.dumps(told[2]))
    for name, value in attrs.get("measured", {}).items():
        other = {**attrs, "measured": {**attrs["measured"], name: float(np.nextafter(value, 1e9))}}
        assert not rerun(told[1].rule, other).same
    if "direction" in attrs:
        turned = next(way for way in ("left_to_right", "right_to_left") if way != attrs["direction"])
        assert not rerun(told[1].rule, attrs | {"direction": turned}).same
    shorter = {**attrs["evidence"], "looks": attrs["evidence"]["looks"][:-1]}
    assert not rerun(told[1].rule, attrs | {"evidence": shorter}).same


def test_steps_can_be_followed() -> None:
    """Each look says when, where, and what the rule remembered then."""
    told = scene_of(RuleKind.LOITERING)[0]
    steps = again(told).steps
    assert steps[-1]["time_s"] == 0
    assert steps[-1]["raised"]
    assert steps[-1]["since_ago_s"] == told[1].measured["dwell_s"]
    assert {"x", "y"} <= steps[-1].keys()


@pytest.mark.parametrize("attrs", [{}, {"evidence": None}, {"evidence": {"looks": []}}, {"evidence": {"looks": 3}}])
def test_without_evidence_nothing_is_claimed(attrs: dict[str, Any]) -> None:
    """Events of older versions, or with broken evidence, say that they cannot be judged again."""
    said = rerun(rule(RuleKind.INTRUSION), attrs)
    assert not said.same
    assert "evidence" in said.text


def test_kinds_that_are_not_about_tracks() -> None:
    """Until their own judge is there they say so."""
    said = rerun(rule(RuleKind.LEFT_OBJECT), {"evidence": {}})
    assert not said.same
