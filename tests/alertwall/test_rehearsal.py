"""A draft rule over what was recorded: real segments, the real pipeline, a process of its own."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from alertwall.rehearsal import FrameClock, Rehearsal
from alertwall.rehearsal_report import Job, Outcome, Progress
from alertwall.rehearsals import WAITING_MOST, Rehearsals
from analytics.detectors import open_detector
from analytics.finding import Finding
from analytics.pipeline import Pipeline
from analytics.scheduler import Rate
from ingest.disk import DiskWriter
from ingest.gate import DecodeGate
from ingest.packet import Packet
from ingest.playback import packets
from ingest.recorder import Recorder
from models.clock import SystemClock
from models.errors import NotFound, Overloaded
from models.frame import Frame
from models.rule import Direction, Rule, RuleKind
from tests.alertwall.worker_bench import until
from tests.support.clock import FakeClock
from tests.support.rtsp import clip, packets_of

MIDDLE = ((0.5, 1.0), (0.5, 0.0))
EVERYWHERE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
LOOPS = 6


@dataclass(frozen=True)
class Recorded:
    """A camera's recording and the packets that it was made of."""

    folder: Path
    since: datetime
    until: datetime
    packets: list[Packet]

    def job(self, draft: Rule, live: Rule | None = None, **changes: object) -> Job:
        made = Job(
            camera_id="gate",
            since=self.since,
            until=self.until,
            draft=draft,
            live=live,
            media_dir=str(self.folder),
            weights_dir=str(self.folder),
            detector="moving-object",
        )
        return msgspec.structs.replace(made, **changes)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """Twenty-three seconds of a square that walks to the right, again and again, in segments of two seconds."""
    folder = tmp_path_factory.mktemp("media")
    film = clip("large")
    clock = FakeClock()
    began = clock.utc_now()
    made = packets_of(film, clock=clock, loops=LOOPS)
    disk = DiskWriter(folder)
    recorder = Recorder(
        "gate",
        folder,
        disk,
        clock=clock,
        on_segment=lambda _: None,
        on_trouble=lambda *_: None,
        segment_s=2.0,
        min_free_bytes=0,
    )
    for packet in made:
        recorder.put(packet)
    recorder.end()
    assert disk.wait(5)
    disk.close()
    return Recorded(folder, began, clock.utc_now() + timedelta(seconds=1), made)


def line(id: int = 7, **other: object) -> Rule:
    made = Rule(id=id, version=1, camera_id="gate", name="line", kind=RuleKind.LINE_CROSSING, points=MIDDLE)
    return replace(made, **{"confirm_frames": 2, "cool_down_s": 0.0, **other})  # type: ignore[arg-type]


def rehearsed(job: Job) -> Outcome:
    detector = open_detector("moving-object", weights_dir=Path(job.weights_dir))
    return Rehearsal(job, detector).run()


@pytest.mark.parametrize("name", ["h264", "h265", "b_frames"])
def test_a_recording_is_read_back_as_it_came(tmp_path: Path, name: str) -> None:
    """The same bytes, key frames and parameter sets; times of the wall clock."""
    film = clip(name)
    clock = FakeClock()
    began = clock.utc_now()
    made = packets_of(film, clock=clock)
    disk = DiskWriter(tmp_path)
    recorder = Recorder(
        "gate", tmp_path, disk, clock=clock, on_segment=lambda _: None, on_trouble=lambda *_: None, min_free_bytes=0
    )
    for packet in made:
        recorder.put(packet)
    recorder.end()
    assert disk.wait(5)
    disk.close()
    read = list(packets(tmp_path, "gate", began - timedelta(seconds=9), clock.utc_now() + timedelta(seconds=9)))
    assert [one.data for one in read] == [one.data for one in made]
    assert [one.key for one in read] == [one.key for one in made]
    assert {one.sets for one in read} == {made[0].sets}
    shift = {(one.present_90k - other.present_90k) for one, other in zip(read, made, strict=True)}
    assert max(shift) - min(shift) <= 90
    assert abs((read[0].received_at - began).total_seconds()) < 0.5
    later = read[0].received_at + timedelta(seconds=2)
    cut = list(packets(tmp_path, "gate", later, later + timedelta(seconds=1)))
    assert cut[0].key
    assert cut[0].received_at <= later + timedelta(seconds=0.1)
    assert all(one.received_at < later + timedelta(seconds=1.2) for one in cut)


def test_the_same_job_has_the_same_outcome(recorded: Recorded) -> None:
    """Also what the pictures show; only the speed may differ."""
    job = recorded.job(line(direction=Direction.LEFT_TO_RIGHT), line(direction=Direction.RIGHT_TO_LEFT))
    first, second = rehearsed(job), rehearsed(job)
    for outcome in (first, second):
        outcome.took_s = outcome.speed = 0
    assert first == second
    assert first.draft.total >= LOOPS - 1
    assert (first.both, first.only_draft, first.only_live) == (0, first.draft.total, 0)
    assert first.footage_s == pytest.approx(23.04, abs=0.2)
    assert not first.why
    event = first.draft.events[0]
    assert event.direction == "left_to_right"
    assert recorded.since <= event.time <= recorded.until
    assert event.picture is not None


def test_the_live_rule_is_rehearsed_as_it_ran(recorded: Recorded) -> None:
    """Its rehearsal equals what the pipeline found in the very packets that were recorded."""
    rule = line()
    found: list[Finding] = []
    clock, rate = FrameClock(), Rate(5.0)
    pipeline = Pipeline(
        open_detector("moving-object", weights_dir=recorded.folder),
        clock=clock,
        on_finding=found.append,
        threaded=False,
    )
    pipeline.add_camera("gate", [rule])

    def look(frame: Frame) -> None:
        if rate.due(frame.monotonic_s):
            pipeline.put(frame)
            pipeline.settle()

    gate = DecodeGate("gate", on_frame=look, mode=lambda: pipeline.mode("gate"))
    for packet in recorded.packets:
        clock.now_s = packet.monotonic_s
        gate.put(packet)
    pipeline.close()
    outcome = rehearsed(recorded.job(line(version=2), rule))
    assert outcome.live is not None
    assert outcome.live.total == len(found) >= LOOPS - 1
    for raised, finding in zip(outcome.live.events, found, strict=True):
        assert abs((raised.time - finding.time).total_seconds()) < 0.05
        assert raised.label == finding.label
        assert raised.score == pytest.approx(finding.score, abs=0.001)
    assert (outcome.both, outcome.only_draft, outcome.only_live) == (len(found), 0, 0)
    assert all(one.both for one in (*outcome.draft.events, *outcome.live.events))


def test_a_stricter_draft_raises_less(recorded: Recorded) -> None:
    """A long cool-down leaves some out; the difference says how many."""
    draft = line(confirm_frames=1, labels=(), direction=Direction.LEFT_TO_RIGHT, points=((0.999, 1.0), (0.999, 0.0)))
    outcome = rehearsed(recorded.job(draft, line()))
    assert outcome.live is not None
    assert outcome.only_live == outcome.live.total - outcome.both > 0
    assert outcome.draft.total < outcome.live.total


def test_what_was_not_recorded_is_said(recorded: Recorded) -> None:
    """Gaps by time; a range without any footage says why nothing was found."""
    hole = recorded.since - timedelta(minutes=10)
    outcome = rehearsed(recorded.job(line(), since=hole, until=recorded.until + timedelta(minutes=5)))
    assert [round((gap.until - gap.since).total_seconds() / 60) for gap in outcome.gaps] == [10, 5]
    assert outcome.footage_s == pytest.approx(23.04, abs=0.2)
    nothing = rehearsed(recorded.job(line(), since=hole, until=recorded.since - timedelta(minutes=1)))
    assert (nothing.footage_s, nothing.draft.total, len(nothing.gaps)) == (0, 0, 1)
    assert "nothing of this range was recorded" in nothing.why


def test_the_recording_is_seen_as_small_as_live(recorded: Recorded) -> None:
    """Boxes are in 0..1, so that the size of the analysed picture changes them little."""
    whole, small = (rehearsed(recorded.job(line(), size_px=size)) for size in (None, (320, 240)))
    assert whole.draft.total == small.draft.total
    assert small.draft.events[0].box == pytest.approx(whole.draft.events[0].box, abs=0.05)


@pytest.fixture
def rehearsals() -> Iterator[Rehearsals]:
    made = Rehearsals(SystemClock())
    yield made
    made.close()


def test_a_process_of_its_own_tells_its_outcome(recorded: Recorded, rehearsals: Rehearsals) -> None:
    """Under an id that only its camera's address opens."""
    id = rehearsals.start(recorded.job(line(), line()))
    said = until(lambda: (now := rehearsals.get("gate", id))["state"] in ("done", "failed") and now, within_s=60)
    assert (said["state"], said["why"]) == ("done", "")
    assert said["outcome"]["both"] == said["outcome"]["live"]["total"] >= LOOPS - 1
    with pytest.raises(NotFound):
        rehearsals.get("square", id)
    rehearsals.end("gate", id)
    with pytest.raises(NotFound):
        rehearsals.get("gate", id)


SLOW = (sys.executable, "-c", "import sys, time; sys.stdin.read(); time.sleep(600)")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_cancelling_ends_the_process_and_lets_the_next_begin(recorded: Recorded) -> None:
    """One runs, a few wait, more are refused."""
    rehearsals = Rehearsals(SystemClock(), command=SLOW)
    try:
        first = rehearsals.start(recorded.job(line()))
        until(lambda: rehearsals.get("gate", first)["state"] == "running")
        others = [rehearsals.start(recorded.job(line())) for _ in range(WAITING_MOST)]
        with pytest.raises(Overloaded):
            rehearsals.start(recorded.job(line()))
        assert rehearsals.running == 1
        rehearsals.end("gate", first)
        until(lambda: rehearsals.get("gate", others[0])["state"] == "running")
        assert rehearsals.running == 1
    finally:
        rehearsals.close()
    assert rehearsals.get("gate", others[0])["state"] == "failed"


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("import sys; sys.stdin.read(); sys.exit(3)", "status 3"),
        ("import sys; sys.stdin.read(); print('not json')", "its process ended"),
        ("""import sys; sys.stdin.read(); print('{"type": "failed", "why": "no weights"}')""", "no weights"),
    ],
)
def test_a_process_that_fails_says_why(recorded: Recorded, code: str, why: str) -> None:
    """Whatever it was."""
    rehearsals = Rehearsals(SystemClock(), command=(sys.executable, "-c", code))
    try:
        id = rehearsals.start(recorded.job(line()))
        until(lambda: rehearsals.get("gate", id)["state"] == "failed")
        assert why in rehearsals.get("gate", id)["why"]
    finally:
        rehearsals.close()


def test_nothing_is_left_when_the_worker_is_killed(recorded: Recorded, tmp_path: Path) -> None:
    """The kernel ends the process of a rehearsal with the worker."""
    (tmp_path / "job.json").write_bytes(msgspec.json.encode(recorded.job(line())))
    code = textwrap.dedent(
        f"""
        import sys, threading, msgspec
        from alertwall.rehearsal_report import Job
        from alertwall.rehearsals import Rehearsals
        from models.clock import SystemClock
        made = Rehearsals(SystemClock(), command={SLOW!r})
        made.start(msgspec.json.decode(open({str(tmp_path / "job.json")!r}, "rb").read(), type=Job))
        while not (pids := [held.process.pid for held in made._held.values() if held.process]):
            threading.Event().wait(0.02)
        print(pids[0], flush=True)
        threading.Event().wait()
        """
    )
    worker = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None
    child = int(worker.stdout.readline())
    assert _alive(child)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    worker.stdout.close()
    until(lambda: not _alive(child))


def test_progress_is_told(recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    """Share of the range, never backwards."""
    monkeypatch.setattr("alertwall.rehearsal.PROGRESS_EVERY_S", 0.0)
    told: list[Progress] = []
    Rehearsal(recorded.job(line()), open_detector("moving-object", weights_dir=recorded.folder), told.append).run()
    shares = [one.share for one in told]
    assert shares == sorted(shares)
    assert shares[-1] > 0.9
