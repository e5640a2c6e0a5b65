"""What a rule says of one frame; stored, it is an event."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from analytics.detector import DetectorSpec
from analytics.planner import Plan
from analytics.rules import RuleBook, Verdict
from analytics.scene import SceneVerdict
from analytics.snapshot import jpeg
from analytics.tracker import Tracks
from models.frame import Frame
from models.rule import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One rule, one object, one moment; ``attrs`` (JSON) is what it takes to say why."""

    camera_id: str
    time: datetime
    rule: Rule
    label: str
    score: float
    track_id: int | None
    """None where many objects raised it together, or where it is about the picture."""
    box_px: tuple[int, int, int, int]
    attrs: dict[str, Any]
    jpeg: bytes
    ends: bool = False
    """It is the end of what the rule told before."""


def finding_of(
    verdict: Verdict, tracks: Tracks, *, book: RuleBook, frame: Frame, plan: Plan, spec: DetectorSpec
) -> Finding:
    """Write down a verdict with everything that led to it; to be called before ``book`` judges the next look."""
    rule, index = verdict.rule, verdict.index
    width, height = frame.size_px
    members = np.array(verdict.members if index is None else (index,), np.int64)
    left, top = (round(float(edge)) for edge in tracks.xyxy[members, :2].min(axis=0))
    right, bottom = (round(float(edge)) for edge in tracks.xyxy[members, 2:].max(axis=0))
    attrs: dict[str, Any] = {
        "frame": {"seq": frame.seq, "width_px": width, "height_px": height, "pts_s": frame.pts_s},
        "look": plan.look.value,
        "geometry": [list(point) for point in rule.points],
        "thresholds": {
            "confirm_frames": rule.confirm_frames,
            "cool_down_s": rule.cool_down_s,
            "min_score": rule.min_score,
            "conf_high": spec.conf_high,
            "conf_low": spec.conf_low,
        },
        "detector": {
            "name": spec.name,
            "digest": spec.digest,
            "backend": spec.backend,
            "device": spec.device,
            "precision": spec.precision,
        },
        "evidence": book.evidence(verdict, frame.captured_at),
    }
    if verdict.measured:
        attrs["measured"] = dict(verdict.measured)
    if verdict.direction is not None:
        attrs["direction"] = verdict.direction.value
    if index is not None:
        # seconds before the finding, and anchors in 0..1 of the picture
        attrs["track"] = [[time_s - frame.monotonic_s, x / width, y / height] for time_s, x, y in tracks.history(index)]
    return Finding(
        camera_id=frame.camera_id,
        time=frame.captured_at,
        rule=rule,
        label=spec.labels[int(np.bincount(tracks.class_id[members]).argmax())],
        score=float(tracks.score[members].max()),
        track_id=None if index is None else int(tracks.id[index]),
        box_px=(max(left, 0), max(top, 0), min(right, width), min(bottom, height)),
        attrs=attrs,
        jpeg=jpeg(frame),
    )


def scene_finding_of(verdict: SceneVerdict, frame: Frame) -> Finding:
    """Write down what a rule says of the picture itself, with the numbers that led to it."""
    rule = verdict.rule
    width, height = frame.size_px
    left, top, right, bottom = verdict.box
    attrs: dict[str, Any] = {
        "frame": {"seq": frame.seq, "width_px": width, "height_px": height, "pts_s": frame.pts_s},
        "geometry": [list(point) for point in rule.points],
        "evidence": verdict.evidence,
    }
    return Finding(
        camera_id=frame.camera_id,
        time=frame.captured_at,
        rule=rule,
        label=verdict.label,
        score=1.0,
        track_id=None,
        box_px=(round(left * width), round(top * height), round(right * width), round(bottom * height)),
        attrs=attrs,
        jpeg=b"" if verdict.ends else jpeg(frame),
        ends=verdict.ends,
    )
