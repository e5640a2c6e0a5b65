"""One camera as analytics sees it: what moves, what is tracked, what is due to be looked at."""

import logging
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from analytics.detections import Detections, Floats
from analytics.detector import DetectorSpec
from analytics.finding import Finding, finding_of, scene_finding_of
from analytics.motion import Change, Motion, MotionWatch, share_moving
from analytics.overload import Step
from analytics.planner import NOTHING, Look, Plan, Planner
from analytics.rules import JUDGED, Armed, RuleBook, in_force
from analytics.scene import Scene
from analytics.scheduler import Rate
from analytics.statistics import Statistics
from analytics.tracker import Tracker, TrackerSettings
from models.frame import Frame
from models.rule import Rule

log = logging.getLogger(__name__)

ACTIVE_S = 10.0
"""Every frame is decoded for so long after the last motion."""
RECHECK_TRACKS_S = 10.0
"""A full look so often while something stands in the picture, moving or not."""
RECHECK_S = 30.0
"""A full look so often whatever happens: motion is not everything."""
RECENT_TRACK_S = 1.0
UNEASY_S = 2.0
"""Every frame is decoded for so long after a look that found the picture wrong."""
COMPLAIN_EVERY_S = 30.0
"""What is wrong with every frame is said so often; the counters have all of it."""
ARMED_WEIGHT = TRACKED_WEIGHT = 2.0
PARTS_MOST = 0.5
"""Of a full look: so much a camera may cost that is looked at in parts alone."""
STIRRED_SHARE = 0.1
"""So much of a box must move before its object has moved: boxes of still things waver too."""


@dataclass(frozen=True, slots=True)
class Job:
    """One frame that the detector is to look at, or is looking at."""

    frame: Frame
    plan: Plan
    motion: Motion
    scene: int
    """Cuts before it; what was found in an earlier scene means nothing in this one."""


@dataclass(slots=True)
class CameraWatch:
    """Used by the scheduler's thread alone, but for `rate`, `slot`, `fresh_book` and the counters of `put`."""

    camera_id: str
    spec: DetectorSpec
    rate: Rate
    book: RuleBook
    tracker: Tracker
    view: Scene
    motion: MotionWatch = field(default_factory=MotionWatch)
    planner: Planner | None = None
    slot: Frame | None = None
    """The newest frame that nobody has looked at."""
    fresh_book: RuleBook | None = None
    """Rules that were set meanwhile."""
    calendar: Armed | None = None
    """Says which schedules are in force; without it all are."""
    step: Step = Step.NONE
    looks: Rate | None = None
    """While there is an overload: which of the due frames may want the detector."""
    wanting: Job | None = None
    """The newest frame that wants the detector."""
    under_way: Job | None = None
    armed: bool = True
    """A rule was in force at the last frame."""
    active_until_s: float = 0.0
    last_full_s: float = -RECHECK_S
    scene: int = 0
    complained_s: float = -math.inf
    statistics: Statistics | None = None
    counts: Counter[str] = field(default_factory=Counter)
    _boxes: Floats = field(default_factory=lambda: np.empty((0, 4), np.float32))
    _share: float = 1.0

    @classmethod
    def of(
        cls,
        camera_id: str,
        rules: Sequence[Rule],
        spec: DetectorSpec,
        detect_fps: float,
        calendar: Armed | None = None,
        *,
        counts: bool = False,
    ) -> "CameraWatch":
        settings = TrackerSettings(conf_high=spec.conf_high)
        tracker = Tracker(settings, classes=len(spec.labels))
        view = Scene(spec, calendar=calendar)
        view.take_rules(rules)
        watch = cls(camera_id, spec, Rate(detect_fps), book_of(rules, spec, calendar), tracker, view)
        watch.calendar = calendar
        watch.statistics = statistics_of(camera_id, rules, spec) if counts else None
        return watch

    @property
    def weight(self) -> float:
        """Its share of the detector: more with a rule in force, while something is tracked, and by what moves."""
        return self._share * (ARMED_WEIGHT if self.armed else 1.0)

    def give_up(self, step: Step, fps: float) -> None:
        """Want the detector less, as the overload policy says."""
        if step is not self.step:
            self.step, self.looks = step, None if step is Step.NONE else Rate(fps)

    def _note_armed(self, frame: Frame) -> None:
        rules = (*self.book.rules, *self.view.rules)
        self.armed = any(in_force(rule, self.calendar, frame.captured_at) for rule in rules)

    def may_complain(self, now_s: float) -> bool:
        """Tell whether the log may hear of this camera again."""
        due = now_s - self.complained_s >= COMPLAIN_EVERY_S
        if due:
            self.complained_s = now_s
        return due

    def take_rules(self) -> None:
        """Put rules that were set meanwhile into force."""
        fresh, self.fresh_book = self.fresh_book, None
        if fresh is not None:
            fresh.adopt(self.book)
            self.book = fresh
            if self.statistics is not None:
                statistics = statistics_of(self.camera_id, fresh.asked, self.spec)
                statistics.adopt(self.statistics)
                self.statistics = statistics
            self.view.calendar = self.calendar
            self.view.take_rules(fresh.asked)

    def look_at_view(self, frame: Frame) -> list[Finding]:
        """Return what the rules about the picture itself say, once `consider` has seen ``frame``. Needs no detector."""
        told = self.view.look(frame, self.motion.small, self.tracker)
        if self.view.uneasy:
            self.active_until_s = max(self.active_until_s, frame.monotonic_s + UNEASY_S)
        self.counts["findings"] += len(told)
        return [scene_finding_of(verdict, frame) for verdict in told]

    def consider(self, frame: Frame) -> Change:
        """Look for motion in ``frame`` and note in `wanting` what the detector should see of it."""
        plan, motion = self._plan(frame)
        if plan.look is not Look.SKIP:
            plan = self._less(plan, frame)
        if plan.look is Look.SKIP:
            return motion.change
        if plan.look is Look.FULL:
            self.last_full_s = frame.monotonic_s
        if self.wanting is not None:
            self.counts["busy"] += 1
            if self.planner and self.wanting.plan.look is Look.FULL:
                plan = self.planner.full
        self.wanting = Job(frame, plan, motion, self.scene)
        return motion.change

    def _less(self, plan: Plan, frame: Frame) -> Plan:
        """Return what is left of a plan under the overload policy; what is not is counted."""
        if self.step >= Step.ARMED_ONLY and not self.armed:
            self.counts["shed_unarmed"] += 1
            return NOTHING
        if self.looks is not None and not self.looks.due(frame.monotonic_s):
            self.counts["shed_rate"] += 1
            return NOTHING
        if self.step >= Step.REGIONS and plan.look is Look.FULL and self.planner is not None:
            self.counts["shed_region"] += 1
            self.last_full_s = frame.monotonic_s
            return self.planner.parts(self._boxes, most=PARTS_MOST)
        return plan

    def _plan(self, frame: Frame) -> tuple[Plan, Motion]:
        now_s = frame.monotonic_s
        if self.planner is None or self.planner.size_px != frame.size_px:
            self.planner = Planner(frame.size_px, self.spec.sizes)
            # boxes of another size mean nothing here, even where both sizes have as many cells
            self.motion = MotionWatch()
        motion = self.motion.look(frame.y, now_s)
        self.counts["looked"] += 1
        self.counts[motion.change.value] += 1
        if motion.change is Change.CUT:
            self.tracker.reset()
            self.book.reset(now_s)
            if self.statistics is not None:
                self.statistics.reset(now_s)
            self.scene += 1
        if not self.book.rules and not self.view.wants_tracks:
            return NOTHING, motion
        if motion.change is not Change.STILL:
            self.active_until_s = now_s + ACTIVE_S
        tracks = self.tracker.tracks
        recheck_s = RECHECK_TRACKS_S if len(tracks) else RECHECK_S
        everything = motion.change is Change.CUT or now_s - self.last_full_s >= recheck_s
        awake = ~self.tracker.resting(now_s) & (tracks.missed_s <= RECENT_TRACK_S)
        boxes = np.concatenate([self.tracker.predicted(now_s)[awake], motion.boxes_px.astype(np.float32)])
        plan = self.planner.plan(boxes, everything=everything)
        self._boxes = boxes
        self._share = (TRACKED_WEIGHT if len(tracks) else 1.0) + float(motion.share)
        self._note_armed(frame)
        self.counts[plan.look.value] += 1
        return plan, motion

    def conclude(self, job: Job, found: Detections) -> list[Finding]:
        """Take what the detector found in ``job`` into tracks and rules; return what the rules say."""
        if job.scene != self.scene:
            return []
        now_s = job.frame.monotonic_s
        stirred = share_moving(found.xyxy, job.motion.cells) >= STIRRED_SHARE
        looked = None if job.plan.look is Look.FULL else job.plan.rects
        seen = self.tracker.update(found, now_s, looked=looked, stirred=stirred)
        tracks = self.tracker.tracks
        if self.statistics is not None:
            self.statistics.look(tracks, job.frame)
        if np.any(~self.tracker.resting(now_s)):
            self.active_until_s = max(self.active_until_s, now_s + RECENT_TRACK_S)
        verdicts = self.book.judge(tracks, seen, job.frame.size_px, now_s, job.frame.captured_at)
        self.counts["findings"] += len(verdicts)
        return [
            finding_of(verdict, tracks, book=self.book, frame=job.frame, plan=job.plan, spec=self.spec)
            for verdict in verdicts
        ]


def book_of(rules: Sequence[Rule], spec: DetectorSpec, calendar: Armed | None = None) -> RuleBook:
    """Make the rules of a camera ready; one that waits for what the detector cannot tell would wait for ever."""
    for rule in rules if spec.tells_classes else ():
        if rule.kind not in JUDGED:
            continue
        if unknown := ", ".join(label for label in rule.labels if label not in spec.labels):
            log.warning("rule %s of %s: detector %s cannot tell: %s", rule.id, rule.camera_id, spec.name, unknown)
    return RuleBook(rules, labels=spec.labels, tells_classes=spec.tells_classes, calendar=calendar)


def statistics_of(camera_id: str, rules: Sequence[Rule], spec: DetectorSpec) -> Statistics:
    """Return empty counts of a camera under these rules."""
    return Statistics(camera_id, rules, spec.labels, tells_classes=spec.tells_classes)
