"""A3: people found and followed in vtest.avi, against the ground truth of its first half (PETS09-S2L1).

Detections are made once for each network; the tracker then runs over them at every frame and at half the rate. Beside
it runs ByteTrack of the package `trackers`, over the same detections, where that package is installed.
"""

import importlib.util
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import motmetrics
import numpy as np
from numpy.typing import NDArray

from analytics.detections import Detections, overlaps
from analytics.detector import DetectorSpec
from analytics.tracker import Tracker, TrackerSettings
from benchmarks import vtest
from benchmarks.harness import Report

MATCH_IOU = 0.5
EVERY = {"every frame": 1, "half rate": 2, "a fifth": 5}
JUDGED = ("every frame", "half rate")
LOST_S = 3.0
AP_GOAL = 0.90
GOALS = (83.0, 80.0)


Follow = Callable[[Detections, float], tuple[list[int], NDArray[np.float32]]]
"""(what was found, its time) -> ids and boxes of tracks."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What one network found in every frame that has a ground truth."""

    spec: DetectorSpec
    found: Sequence[Detections]


def main() -> int:
    """Measure with each network that is here."""
    report = Report("bench_track")
    truth, clip = vtest.truth(), vtest.clip()
    if truth is None or clip is None:
        report.add("A3 person AP50", None, "", goal=AP_GOAL, better="more", note="vtest.avi is not on this machine")
        return 0
    for name in ("nanodet", "yolo11n"):
        seen = look(name)
        if seen is None:
            report.add(f"A3 {name}", None, "", note="its weights are not on this machine")
            continue
        scale = f"{seen.spec.precision}, {len(seen.found)} frames"
        expected = [truth[number][:, 1:5] for number in range(len(seen.found))]
        found = [(boxes.xyxy, boxes.score) for boxes in map(vtest.people, seen.found)]
        goal = AP_GOAL if name == "nanodet" else None
        precision = vtest.average_precision(found, expected, iou=MATCH_IOU)
        report.add(f"A3 person AP50, {name}", precision, "", goal=goal, better="more", scale=scale)
        for rate, every in EVERY.items():
            ours = follow(seen, truth, every, our_tracker(seen.spec))
            peer = byte_track(seen.spec, every)
            beside = follow(seen, truth, every, peer) if peer else (None, None, None)
            goals = GOALS if name == "yolo11n" and rate in JUDGED else (None, None)
            for metric, value, wanted, limit in zip(("MOTA", "IDF1"), ours, goals, beside, strict=False):
                report.add(
                    f"A3 {metric}, {name}, {rate}",
                    value,
                    "%",
                    goal=wanted,
                    limit=limit,
                    better="more",
                    scale=f"{vtest.FPS / every:g} fps",
                    note=f"switches: {ours[2]}, ByteTrack: {beside[2]}" if metric == "IDF1" else "",
                )
    return report.failed and 1


def look(name: str) -> Seen | None:
    """Return what the network called ``name`` finds, unsure boxes included; None without its weights."""
    clip = vtest.clip()
    found: list[Detections] = []
    with vtest.weights(name) as folder:
        if folder is None or clip is None:
            return None
        with vtest.detector(name, folder, everything=True) as looker:
            frames = vtest.frames(clip, limit=vtest.TRUTH_FRAMES)
            vtest.look_at_all(looker, frames, lambda _frame, boxes: found.append(boxes))
            return Seen(looker.spec, found)


def follow(seen: Seen, truth: vtest.Truth, every: int, tracker: Follow) -> tuple[float, float, int]:
    """Return MOTA, IDF1 (both in %) and identity switches of a tracker at one rate."""
    score = motmetrics.MOTAccumulator(auto_id=True)
    for number in range(0, len(seen.found), every):
        boxes = vtest.people(seen.found[number])
        ids, tracked = tracker(boxes[boxes.score >= seen.spec.conf_low], number / vtest.FPS)
        people = truth[number]
        score.update(people[:, 0].tolist(), ids, apart(people[:, 1:5], tracked))
    measured = motmetrics.metrics.create().compute(score, metrics=["mota", "idf1", "num_switches"])
    row = measured.iloc[0]
    return 100 * float(row["mota"]), 100 * float(row["idf1"]), int(row["num_switches"])


def our_tracker(spec: DetectorSpec) -> Follow:
    tracker = Tracker(TrackerSettings(conf_high=spec.conf_high), classes=len(spec.labels))

    def update(found: Detections, time_s: float) -> tuple[list[int], NDArray[np.float32]]:
        sure = tracker.update(found, time_s)
        return tracker.tracks.id[sure].tolist(), tracker.tracks.xyxy[sure]

    return update


def byte_track(spec: DetectorSpec, every: int) -> Follow | None:
    """Return the peer, told the same thresholds; None where it is not installed."""
    if importlib.util.find_spec("trackers") is None:
        return None
    import supervision as sv  # noqa: PLC0415 - optional
    from trackers import ByteTrackTracker  # noqa: PLC0415 - optional

    rate = vtest.FPS / every
    tracker = ByteTrackTracker(
        lost_track_buffer=round(LOST_S * rate),
        frame_rate=rate,
        track_activation_threshold=spec.conf_high,
        high_conf_det_threshold=spec.conf_high,
    )

    def update(found: Detections, _time_s: float) -> tuple[list[int], NDArray[np.float32]]:
        tracked = tracker.update(sv.Detections(found.xyxy, confidence=found.score, class_id=found.class_id))
        ids = np.asarray(tracked.tracker_id)
        return ids[ids >= 0].tolist(), tracked.xyxy[ids >= 0].astype(np.float32)

    return update


def apart(people: NDArray[np.float32], tracks: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return distances, not-a-number where two boxes are not a match."""
    near = overlaps(people, tracks)
    return np.where(near >= MATCH_IOU, 1.0 - near, np.nan).astype(np.float64)


if __name__ == "__main__":
    sys.exit(main())
