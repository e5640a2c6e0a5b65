"""A worker's cameras in a process of their own, without database and API: what they cost is this process's CPU.

`run` starts it: `python -m benchmarks.camera_load` reads an order as JSON and answers with one JSON object.
"""

import gc
import json
import math
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from alertwall.analysis import Analysis, Opener, opener
from alertwall.camera_set import CameraSet, Registration
from alertwall.outbox import Fact, GapOpened, NewSegment
from analytics.detections import Detections
from analytics.detector import Answer, DetectorSpec, InputSizes
from analytics.pipeline import Pipeline
from configs import site as sites
from configs.site import Site
from ingest.disk import DiskWriter
from ingest.packet import TICKS_PER_S
from ingest.segment_file import read, started_at
from models.camera import Camera, CameraSource, Scheme
from models.clock import SystemClock
from models.rule import Rule, RuleKind

NO_NETWORK = "no-network"
"""Everything of analytics but the detector's own network: it is asked, and sees nothing."""
OPENED_WITHIN_S = 60.0
TURN_S = 0.5
ENDED_WITHIN_S = 5.0
WHOLE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """``streams`` are (path, sub path or None); ``first`` of them run for ``warm_s`` before the others come."""

    port: int
    streams: Sequence[tuple[str, str | None]]
    folder: str
    detector: str = NO_NETWORK
    weights_dir: str = ""
    record: bool = True
    first: int = 0
    warm_s: float = 6.0
    window_s: float = 15.0


@dataclass(slots=True)
class Blind:
    """A `Detector` without a network."""

    answers: list[Answer] = field(default_factory=list)
    wake: Callable[[], None] = lambda: None

    @property
    def spec(self) -> DetectorSpec:
        return DetectorSpec(
            name=NO_NETWORK,
            backend="none",
            device="CPU",
            precision="none",
            digest="",
            licence="Apache-2.0",
            labels=("person",),
            sizes=InputSizes(long_px=416),
            conf_high=0.4,
            conf_low=0.1,
            nms_iou=0.6,
        )

    def free(self) -> int:
        return 1 - len(self.answers)

    def submit(self, ticket: int, *_: object) -> None:
        self.answers.append(Answer(ticket, Detections.none()))
        self.wake()

    def poll(self) -> list[Answer]:
        found, self.answers = self.answers, []
        return found

    def on_ready(self, wake: Callable[[], None]) -> None:
        self.wake = wake

    def forget(self, camera_id: str) -> None:
        """Nothing was learned."""

    def close(self) -> None:
        """There is no device."""


class Load:
    """The cameras of one order."""

    def __init__(self, order: Order) -> None:
        self.order, self.clock = order, SystemClock()
        weights = {"weights_dir": order.weights_dir} if order.weights_dir else {}
        said = {
            "state_dir": order.folder,
            "areas": {"city": "City"},
            "ingest": {"allowed_networks": ["127.0.0.0/8"]},
            "analytics": {"detector": order.detector, **weights},
            "retention": {"min_free_gb": 0},
        }
        self.site: Site = sites.parse(said, folder=Path(order.folder))
        self.site.media_dir.mkdir(exist_ok=True)
        self.facts: list[Fact] = []
        self.disk = DiskWriter(self.site.media_dir)
        self.analysis = Analysis(self._opener(), order.detector)
        self.cameras = CameraSet(
            self.site,
            "bench",
            clock=self.clock,
            disk=self.disk,
            analysis=self.analysis,
            put=lambda *facts: self.facts.extend(facts),
        )
        self.began_s: dict[str, float] = {}
        self.opened_s: dict[str, float] = {}

    def _opener(self) -> Opener:
        if self.order.detector != NO_NETWORK:
            return opener(self.site, self.clock, lambda _finding: None)
        return lambda _name: Pipeline(Blind(), clock=self.clock, on_finding=lambda _finding: None)

    def _registration(self, number: int) -> Registration:
        path, sub_path = self.order.streams[number]
        source = CameraSource(scheme=Scheme.RTSP, host="127.0.0.1", port=self.order.port, path=path)
        camera = Camera(
            id=f"c{number}", name="c", area="city", source=source, sub_path=sub_path, record=self.order.record
        )
        rule = Rule(id=number + 1, version=1, camera_id=camera.id, name="all", kind=RuleKind.INTRUSION, points=WHOLE)
        return Registration(camera=camera, rules=(rule,))

    def open_analysis(self) -> None:
        self.analysis.start()
        deadline_s = time.monotonic() + OPENED_WITHIN_S
        while not self.analysis.detector and time.monotonic() < deadline_s:
            time.sleep(0.05)
        if self.analysis.detector != self.order.detector:
            raise SystemExit(f"the detector did not open: {self.analysis.problem}")

    def take(self, count: int) -> None:
        """Make the first ``count`` cameras run."""
        began_s = time.monotonic()
        for number in range(count):
            self.began_s.setdefault(f"c{number}", began_s)
        self.cameras.take([self._registration(number) for number in range(count)])

    def wait_open(self, count: int, *, within_s: float = OPENED_WITHIN_S) -> None:
        """Wait until the first picture of each has been decoded, and note when."""
        deadline_s = time.monotonic() + within_s
        while len(self.opened_s) < count and time.monotonic() < deadline_s:
            for camera_id, held in self.cameras.held.items():
                if camera_id not in self.opened_s and held.link and held.link.gate.frames_total:
                    self.opened_s[camera_id] = time.monotonic() - self.began_s[camera_id]
            time.sleep(0.004)

    def run_for(self, seconds: float) -> None:
        """Do what a worker's main thread does."""
        until_s = time.monotonic() + seconds
        while (left_s := until_s - time.monotonic()) > 0:
            self.cameras.look()
            self.cameras.states_due()
            time.sleep(min(TURN_S, left_s))

    def pictures(self) -> int:
        return sum(held.link.main.meter.pictures_total for held in self.cameras.held.values() if held.link)

    def close(self) -> None:
        self.cameras.close(time.monotonic() + ENDED_WITHIN_S)
        self.disk.close()
        self.analysis.close()


def work(order: Order) -> dict[str, Any]:
    """Run the cameras, measure, end; return the figures."""
    load, count = Load(order), len(order.streams)
    said: dict[str, Any] = {}
    load.open_analysis()
    if order.first:
        load.take(order.first)
        load.wait_open(order.first)
        load.run_for(order.warm_s)
        said["memory_first_mb"] = memory_mb()
    load.take(count)
    load.wait_open(count)
    said["open_s"] = sorted(load.opened_s.values())
    load.run_for(order.warm_s)
    threads, pictures, cpu_s, began_s = thread_cpu_s(), load.pictures(), time.process_time(), time.monotonic()
    load.run_for(order.window_s)
    window_s = time.monotonic() - began_s
    share = 1000 / window_s / count
    said["cpu_ms_per_camera_s"] = (time.process_time() - cpu_s) * share
    said["threads_ms_per_camera_s"] = {
        name: round((spent - threads.get(name, 0)) * share, 2) for name, spent in thread_cpu_s().items()
    }
    said["pictures_per_camera_s"] = (load.pictures() - pictures) / window_s / count
    said["memory_mb"] = memory_mb()
    stats = load.analysis.stats()
    said["analysis"] = dict(sum((Counter(one) for one in stats.get("cameras", {}).values()), Counter()))
    links = [held.link for held in load.cameras.held.values() if held.link]
    said["damaged"] = sum(link.main.damaged_total for link in links)
    said["dropped"] = sum(link.recorder.packets_dropped for link in links if link.recorder)
    load.close()
    said["gaps"] = sum(isinstance(fact, GapOpened) for fact in load.facts)
    said["segments"] = sum(isinstance(fact, NewSegment) for fact in load.facts)
    said["longest_hole_s"] = max(holes(load.site.media_dir).holes_s, default=0.0)
    return said


def thread_cpu_s() -> dict[str, float]:
    """Return CPU seconds by the kind of thread: what follows the last slash of its name."""
    spent: Counter[str] = Counter()
    for thread in threading.enumerate():
        try:
            text = Path(f"/proc/self/task/{thread.native_id}/schedstat").read_text()
        except OSError:
            continue
        spent[thread.name.rpartition("/")[2]] += int(text.split()[0]) / 1e9  # type: ignore[assignment]
    return dict(spent)


def memory_mb(pid: int | None = None) -> float:
    """Return the private resident memory of another process, or of this one after it is tidied up."""
    if pid is None:
        gc.collect()
    lines = Path(f"/proc/{pid or 'self'}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) * 1024 / 1e6


@dataclass(frozen=True, slots=True)
class Stored:
    """``holes_s`` has the longest time between two pictures of each camera."""

    pictures: int
    holes_s: list[float]


def holes(media_dir: Path, since: float = 0.0, until: float = math.inf) -> Stored:
    """Return what the segments hold between two times of day."""
    pictures, holes_s = 0, []
    for folder in (media_dir / "recordings").glob("*"):
        times: list[float] = []
        for path in sorted(folder.glob("*/*.mp4")):
            begun = started_at(path).timestamp()
            times += [begun + one.decode_90k / TICKS_PER_S for one in read(path).samples]
        inside = [moment for moment in times if since <= moment < until]
        pictures += len(inside)
        holes_s.append(max((later - one for one, later in pairwise(inside)), default=math.inf))
    return Stored(pictures, holes_s)


# the caller's side


def run(order: Order) -> dict[str, Any]:
    """Carry out an order in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.camera_load"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            text, _ = process.communicate(json.dumps(asdict(order)), timeout=OPENED_WITHIN_S * 3 + order.window_s)
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise SystemExit(f"the cameras' process ended with {process.returncode}")
    answer: dict[str, Any] = json.loads(text)
    return answer


if __name__ == "__main__":
    sys.stdout.write(json.dumps(work(Order(**json.load(sys.stdin)))))
