"""What a rule would have raised: a recorded range through the real pipeline, draft and live rule over the same tracks.

`python -m alertwall.rehearsal` reads a `Job` as JSON from its input and writes a line of JSON for each step: progress,
then the outcome. A process of its own, at low priority: a crash or a slow machine takes nothing from live cameras.
"""

import base64
import logging
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import cv2
import msgspec
import numpy as np

from alertwall.rehearsal_report import Failed, Hole, Job, Line, OfRule, Outcome, Progress, Raised
from analytics.detector import Detector
from analytics.detectors import open_detector
from analytics.finding import Finding
from analytics.pipeline import Pipeline
from analytics.schedule import Calendar
from analytics.scheduler import Rate
from ingest.gate import DecodeGate
from ingest.playback import packets
from models.errors import AlertwallError
from models.frame import DecodeMode, Frame

NICE = 10
WALL_CLOCK_MAX_S = 1800.0
"""Then the outcome is of what was looked at until then."""
EVENTS_MOST = 500
"""So many of each rule are listed; the totals count all."""
PICTURES_MOST = 20
PICTURE_WIDTH_PX = 320
PICTURE_QUALITY = 70
MATCH_WITHIN_S = 3.0
"""Two events of the same class so close in time are the same happening, told by both rules."""
GAP_S = 2.0
GAPS_MOST = 100
PROGRESS_EVERY_S = 0.5
DRAFT, LIVE = -1, -2
"""Ids of the two rules while they are rehearsed."""

log = logging.getLogger(__name__)


class FrameClock:
    """The time of the picture that is looked at."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def monotonic_s(self) -> float:
        return self.now_s

    def utc_now(self) -> datetime:
        return datetime.fromtimestamp(self.now_s, UTC)


class Rehearsal:
    """One run; `run` does it."""

    def __init__(self, job: Job, detector: Detector, tell: Callable[[Progress], None] = lambda _: None) -> None:
        self._job, self._tell = job, tell
        self._clock = FrameClock()
        self._rate = Rate(job.detect_fps)
        self._found: dict[int, list[Raised]] = {DRAFT: [], LIVE: []}
        self._footage_s = 0.0
        self._gaps: list[Hole] = []
        self._began_s = self._told_s = time.monotonic()
        self._pipeline = Pipeline(
            detector, clock=self._clock, on_finding=self._note, detect_fps=job.detect_fps, threaded=False
        )
        # under ids of their own; a draft that is switched off is rehearsed as if it were on
        rules = [replace(job.draft, id=DRAFT, enabled=True)]
        rules += [replace(job.live, id=LIVE)] if job.live is not None else []
        calendar = Calendar(job.timezone, job.holidays, job.lat, job.lon)
        self._pipeline.add_camera(job.camera_id, rules, calendar)

    def run(self) -> Outcome:
        """Look at the whole range; the same job has the same outcome."""
        try:
            cut_short = self._play()
        finally:
            self._pipeline.close()
        took_s = time.monotonic() - self._began_s
        draft, live = self._found[DRAFT], self._found[LIVE]
        both = _match(draft, live)
        why = "" if self._footage_s else "nothing of this range was recorded, or it was deleted since"
        if cut_short is not None:
            why = (
                f"it took longer than {WALL_CLOCK_MAX_S:.0f} s: only what was recorded until {cut_short} was looked at"
            )
        return Outcome(
            draft=OfRule(total=len(draft), events=draft[:EVENTS_MOST]),
            live=OfRule(total=len(live), events=live[:EVENTS_MOST]) if self._job.live is not None else None,
            both=both,
            only_draft=len(draft) - both,
            only_live=len(live) - both,
            footage_s=round(self._footage_s, 2),
            gaps=self._gaps[:GAPS_MOST],
            took_s=round(took_s, 2),
            speed=round(self._footage_s / max(took_s, 1e-3), 1),
            why=why,
        )

    def _play(self) -> str | None:
        """Play the range; return where it was cut short."""
        job = self._job
        gate = DecodeGate(job.camera_id, on_frame=self._look, mode=self._mode)
        last = job.since
        for packet in packets(Path(job.media_dir), job.camera_id, job.since, job.until):
            at = packet.received_at
            if at >= job.since:
                step_s = (at - last).total_seconds()
                if step_s > GAP_S:
                    self._gaps.append(Hole(since=last, until=at))
                    gate.reset()
                else:
                    self._footage_s += max(step_s, 0)
                last = max(last, at)
            self._clock.now_s = packet.monotonic_s
            gate.put(packet)
            now_s = time.monotonic()
            if now_s - self._began_s > WALL_CLOCK_MAX_S:
                return f"{at:%Y-%m-%d %H:%M:%S} UTC"
            if now_s - self._told_s >= PROGRESS_EVERY_S:
                self._told_s = now_s
                self._tell(self._progress(at, now_s))
        if (job.until - last).total_seconds() > GAP_S:
            self._gaps.append(Hole(since=last, until=job.until))
        return None

    def _progress(self, at: datetime, now_s: float) -> Progress:
        job = self._job
        return Progress(
            share=round(min(max((at - job.since) / (job.until - job.since), 0.0), 1.0), 4),
            at=at,
            footage_s=round(self._footage_s, 1),
            speed=round(self._footage_s / max(now_s - self._began_s, 1e-3), 1),
            raised_draft=len(self._found[DRAFT]),
            raised_live=len(self._found[LIVE]),
        )

    def _mode(self) -> DecodeMode:
        return self._pipeline.mode(self._job.camera_id)

    def _look(self, frame: Frame) -> None:
        if frame.captured_at < self._job.since or not self._rate.due(frame.monotonic_s):
            return
        self._pipeline.put(_scaled(frame, self._job.size_px))
        self._pipeline.settle()

    def _note(self, finding: Finding) -> None:
        of_rule = self._found[finding.rule.id]
        size = finding.attrs["frame"]
        width, height = size["width_px"], size["height_px"]
        left, top, right, bottom = finding.box_px
        of_rule.append(
            Raised(
                time=finding.time,
                label=finding.label,
                score=round(finding.score, 3),
                box=(left / width, top / height, right / width, bottom / height),
                direction=finding.attrs.get("direction"),
                picture=_small(finding.jpeg) if len(of_rule) < PICTURES_MOST else None,
            )
        )


def _match(draft: list[Raised], live: list[Raised]) -> int:
    """Mark what both rules raise, each event at most once, the nearest in time first; return how many."""
    pairs = sorted(
        (abs((one.time - other.time).total_seconds()), mine, theirs)
        for mine, one in enumerate(draft)
        for theirs, other in enumerate(live)
        if one.label == other.label and abs((one.time - other.time).total_seconds()) <= MATCH_WITHIN_S
    )
    both = 0
    for _, mine, theirs in pairs:
        if not (draft[mine].both or live[theirs].both):
            draft[mine].both = live[theirs].both = True
            both += 1
    return both


def _scaled(frame: Frame, size_px: tuple[int, int] | None) -> Frame:
    """Return the frame as live analysis would have seen it; never larger than it is."""
    if size_px is None or frame.size_px == size_px or frame.size_px[0] <= size_px[0]:
        return frame
    width, height = size_px
    half = -(-width // 2), -(-height // 2)
    y, u, v = (
        np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.uint8)
        for plane, size in ((frame.y, (width, height)), (frame.u, half), (frame.v, half))
    )
    return replace(frame, y=y, u=u, v=v)


def _small(jpeg: bytes) -> str:
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None, "a JPEG of our own"
    height, width = picture.shape[:2]
    if width > PICTURE_WIDTH_PX:
        size = PICTURE_WIDTH_PX, max(1, round(height * PICTURE_WIDTH_PX / width))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, PICTURE_QUALITY])
    return base64.b64encode(data.tobytes()).decode()


def _say(line: Line) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(line) + b"\n")
    sys.stdout.buffer.flush()


def main() -> int:
    """Rehearse the job on the standard input."""
    os.nice(NICE)
    cv2.setNumThreads(1)
    logging.basicConfig(level=logging.WARNING)
    try:
        job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
        detector = open_detector(
            job.detector,
            weights_dir=Path(job.weights_dir),
            device=job.device,
            precision=job.precision,
            threads=1,
        )
        _say(Rehearsal(job, detector, _say).run())
    except (AlertwallError, msgspec.MsgspecError, OSError, RuntimeError, ImportError) as failed:
        log.exception("the rehearsal ends")
        _say(Failed(why=str(failed)))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
