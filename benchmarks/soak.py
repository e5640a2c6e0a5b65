"""A worker for half an hour: whether its memory, threads and open files stay as they are, and no second is missing.

`python -m benchmarks.soak [--cameras 40] [--minutes 30] [--json]`. A worker of its own process with its database and
its port; cameras over RTSP on loopback, of which some break off again and again; viewers who come and go; a disk that
is small, so that the oldest recordings go all the time. Not part of `make bench`.
"""

import argparse
import asyncio
import contextlib
import http
import http.client
import itertools
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from aiortc import RTCPeerConnection, RTCSessionDescription
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from alertwall import alone, worker
from benchmarks import clips, peers
from benchmarks.camera_load import holes, memory_mb
from benchmarks.harness import Report, folder
from configs import site as sites
from configs.site import Site
from models.camera import Camera, CameraSource, Scheme
from models.clock import SystemClock
from models.event import SourceKind
from models.rule import Rule, RuleKind
from models.store import cameras as camera_store
from models.store import gaps, parts, segments
from models.store.launcher import EmbeddedPostgres
from models.store.migrate import migrate
from models.store.pool import Store
from models.timeline import GapCause

SAMPLE_EVERY_S = 10.0
WARM_S = 300.0
WARM_SHARE_MAX = 0.5
"""A short run is warm after half of it."""
END_WITHIN_S = 15.0
STARTED_WITHIN_S = 60.0
SITE_FILE, WORKER = "site.json", "worker-1"
ROOM_BYTES, KEPT_FREE_GB = 1_600_000_000, 0.4
"""The worker's disk. Deleting begins at 1.2 GB of recordings: before the run is warm."""
MAIN = clips.Footage(960, 540, 800)
STILL_MAIN = clips.Footage(960, 540, 800, still=True)
BUSY_EACH, BROKEN_EACH = 20, 8
"""One camera of so many has something moving all the time; one of so many breaks off."""
FAULTS = ("?die=45", "?die=100", "?stall=120", "?loss=0.01")
VIEWERS, VIEWED_S, PAUSE_S = 4, 20.0, 5.0
HOLE_S = 1.0
FLAT_MB_H, FLAT_THREADS = 10.0, 0
FLAT_FILES = 6
"""One for each viewer, who may be there at one end and not at the other."""
ENDS = 12
"""So many samples at either end are compared by their medians: viewers come and go."""
LOOK_BACK = timedelta(minutes=2)
WHOLE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))


def main() -> int:
    """Soak; or be the worker that is soaked."""
    parser = argparse.ArgumentParser(prog="benchmarks.soak")
    parser.add_argument("--cameras", type=int, default=40)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    said = parser.parse_args()
    if said.worker:
        return be_worker(sites.load(said.worker))
    report = Report("soak")
    soak(report, said.cameras, said.minutes * 60)
    return report.failed and 1


# the worker's process


class SmallDisk:
    """What is left of a disk of `ROOM_BYTES` that holds this folder alone; looks once a second at most."""

    def __init__(self) -> None:
        self._looked_s, self._free = float("-inf"), 0

    def __call__(self, media_dir: Path) -> int:
        if time.monotonic() - self._looked_s > 1:
            self._looked_s, self._free = time.monotonic(), ROOM_BYTES - used_bytes(media_dir)
        return self._free


def used_bytes(media_dir: Path) -> int:
    """Return how much the recordings take; files may go meanwhile."""
    total = 0
    for path in media_dir.rglob("*.mp4"):
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


def be_worker(site: Site) -> int:
    """Do what `alertwall worker` does, with a small disk."""
    return worker.run(site, WORKER, free=SmallDisk())


# the cameras, and what else a site has


@dataclass(slots=True)
class Sample:
    at_s: float
    memory_mb: float
    threads: int
    files: int
    used_mb: float
    cpu_s: float
    viewers: int
    missing: int
    waiting: float
    """Programs that want a core, of the whole machine: with far more of them than cores, cameras starve too."""


@dataclass(slots=True)
class Seen:
    """What the run left on the record, read while it lasts: old rows are deleted."""

    ends: dict[str, datetime] = field(default_factory=dict)
    holes_s: dict[str, list[float]] = field(default_factory=dict)
    segments: int = 0

    def take(self, store: Store, camera_ids: Sequence[str]) -> None:
        now = SystemClock().utc_now()
        with store.transaction() as conn:
            found = segments.listing(conn, camera_ids, now - LOOK_BACK, now)
        for one in found:
            end = self.ends.get(one.camera_id)
            if end is not None and one.started_at < end - timedelta(seconds=HOLE_S):
                continue  # seen already
            if end is not None:
                self.holes_s.setdefault(one.camera_id, []).append((one.started_at - end).total_seconds())
            self.ends[one.camera_id] = one.ended_at
            self.segments += 1


def cameras_of(count: int, port: int) -> Iterator[tuple[Camera, bool]]:
    """Yield cameras, and whether each is sound; a few are not, and in a few something moves."""
    faults = itertools.cycle(FAULTS)
    for number in range(count):
        busy, broken = number % BUSY_EACH == 0, number % BROKEN_EACH == BROKEN_EACH - 1
        main, sub = ("main", "sub") if busy else ("still-main", "still-sub")
        path = f"/{main}@{number}" + (next(faults) if broken else "")
        source = CameraSource(scheme=Scheme.RTSP, host="127.0.0.1", port=port, path=path)
        yield (
            Camera(
                id=f"c{number}",
                name=f"Camera {number}",
                area="city",
                source=source,
                sub_path=f"/{sub}@{number}",
                min_retention_days=0,
            ),
            not broken,
        )


def viewer(port: int, token: str, names: Iterator[str], over: threading.Event) -> None:
    """Watch one camera after the other in the way of the wall's grid."""
    while not over.wait(PAUSE_S):
        url = f"ws://127.0.0.1:{port}/cameras/{next(names)}/live"
        until_s = time.monotonic() + VIEWED_S
        with (
            contextlib.suppress(WebSocketException, OSError),  # a camera that breaks off just now
            connect(url, additional_headers={"Authorization": f"Bearer {token}"}) as live,
        ):
            while time.monotonic() < until_s and not over.is_set():
                live.recv(timeout=5)


def dozing_viewer(port: int, token: str, names: Iterator[str], over: threading.Event) -> None:
    """Open a camera and take nothing of it."""
    while not over.wait(PAUSE_S):
        url = f"ws://127.0.0.1:{port}/cameras/{next(names)}/live"
        with (
            contextlib.suppress(WebSocketException, OSError),
            connect(url, additional_headers={"Authorization": f"Bearer {token}"}, max_queue=1, close_timeout=1),
        ):
            over.wait(VIEWED_S)


class WhepViewer:
    """Watches one camera after the other over WebRTC, a few seconds each."""

    def __init__(self, port: int, token: str, names: Iterator[str], over: threading.Event) -> None:
        self._port, self._token, self._names, self._over = port, token, names, over

    def run(self) -> None:
        while not self._over.wait(2 * PAUSE_S):
            with contextlib.suppress(OSError, TimeoutError, http.client.HTTPException):
                asyncio.run(self._watch(next(self._names)))

    async def _watch(self, camera_id: str) -> None:
        browser = RTCPeerConnection()
        try:
            browser.addTransceiver("video", direction="recvonly")
            await browser.setLocalDescription(await browser.createOffer())
            offer = str(browser.localDescription.sdp)
            status, answer, place = await asyncio.to_thread(self._ask, "POST", f"/cameras/{camera_id}/whep", offer)
            if status != http.HTTPStatus.CREATED:
                return
            await browser.setRemoteDescription(RTCSessionDescription(answer, "answer"))
            await asyncio.sleep(VIEWED_S / 2)
            await asyncio.to_thread(self._ask, "DELETE", place)
        finally:
            await browser.close()

    def _ask(self, method: str, path: str, body: str = "") -> tuple[int, str, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        with contextlib.closing(connection):
            connection.request(method, path, body=body.encode(), headers={"Authorization": f"Bearer {self._token}"})
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), answer.headers.get("Location", "")


def write_site(place: Path, dsn: str) -> Site:
    """Write the site file that the worker reads."""
    said = {
        "state_dir": str(place),
        "areas": {"city": "City"},
        "database": {"dsn": dsn},
        "ingest": {"allowed_networks": ["127.0.0.0/8"]},
        "analytics": {"detector": "moving-object"},
        "retention": {"min_free_gb": KEPT_FREE_GB},
    }
    (place / SITE_FILE).write_text(json.dumps(said))
    site = sites.parse(said, folder=place)
    alone.prepare(site)
    return site


def register(store: Store, found: Sequence[Camera]) -> None:
    """Register the cameras, each with a rule over the whole picture."""
    with store.transaction() as conn:
        for camera in found:
            camera_store.create(conn, camera, None)
            rule = Rule(
                id=0, version=0, camera_id=camera.id, name="all", kind=RuleKind.INTRUSION, points=WHOLE, enabled=True
            )
            camera_store.put_rule(conn, rule)


class Run:
    """One soak: viewers around the worker, and a sample each `SAMPLE_EVERY_S`."""

    def __init__(self, store: Store, site: Site, camera_ids: Sequence[str], sound: set[str], seconds: float) -> None:
        self._store, self.site, self.camera_ids, self._seconds = store, site, camera_ids, seconds
        self.sound = sound
        self.warm_s = min(WARM_S, seconds * WARM_SHARE_MAX)
        self.samples: list[Sample] = []
        self.seen = Seen()
        self.stored_longest_s: dict[str, float] = {}
        self.causes: Counter[GapCause] = Counter()
        self.stays_up = True

    @property
    def warm(self) -> list[Sample]:
        return [one for one in self.samples if one.at_s >= self.warm_s]

    def measure(self, process: "subprocess.Popen[bytes]") -> None:
        port = self._wait()
        began_s, began_at = time.monotonic(), SystemClock().utc_now()
        over = threading.Event()
        viewers = self._viewers(port, over)
        try:
            for turn in itertools.count(1):
                if (due_s := turn * SAMPLE_EVERY_S) > self._seconds:
                    break
                time.sleep(max(0.0, began_s + due_s - time.monotonic()))
                self.stays_up = self.stays_up and process.poll() is None
                self.seen.take(self._store, self.camera_ids)
                self.samples.append(self._sample(process, due_s))
                print(json.dumps(asdict(self.samples[-1])), file=sys.stderr, flush=True)
        finally:
            over.set()
            for one in viewers:
                one.join(2 * VIEWED_S)
        until, media_dir = SystemClock().utc_now().timestamp(), self.site.media_dir
        longest_s = holes(media_dir, until - LOOK_BACK.total_seconds(), until - SAMPLE_EVERY_S).holes_s
        names = [folder.name for folder in (media_dir / "recordings").glob("*")]
        self.stored_longest_s = dict(zip(names, longest_s, strict=True))
        with self._store.transaction() as conn:
            now = SystemClock().utc_now()
            for gap in gaps.listing(conn, SourceKind.CAMERA, self.camera_ids, began_at, now):
                self.causes[gap.cause] += 1

    def _wait(self) -> int:
        """Return the worker's port once every camera has shown itself."""
        deadline_s = time.monotonic() + STARTED_WITHIN_S
        while time.monotonic() < deadline_s:
            with self._store.transaction() as conn:
                found = parts.listing(conn, kind=worker.PART_KIND)
                up = sum(state.recording for state in camera_store.states(conn, list(self.camera_ids)).values())
            if found and up == len(self.camera_ids):
                return int(found[0].url.rpartition(":")[2])
            time.sleep(0.2)
        raise SystemExit("the worker's cameras do not come up")

    def _viewers(self, port: int, over: threading.Event) -> list[threading.Thread]:
        names = itertools.cycle(self.camera_ids)
        given = port, self.site.internal_token, names, over
        made = [threading.Thread(target=viewer, args=given) for _ in range(VIEWERS)]
        made += [threading.Thread(target=dozing_viewer, args=given), threading.Thread(target=WhepViewer(*given).run)]
        for one in made:
            one.start()
        return made

    def _sample(self, process: "subprocess.Popen[bytes]", at_s: float) -> Sample:
        proc = Path(f"/proc/{process.pid}")
        with self._store.transaction() as conn:
            detail = parts.listing(conn, kind=worker.PART_KIND)[0].detail
        return Sample(
            at_s=at_s,
            memory_mb=memory_mb(process.pid),
            threads=len(list((proc / "task").iterdir())),
            files=len(list((proc / "fd").iterdir())),
            used_mb=used_bytes(self.site.media_dir) / 1e6,
            cpu_s=peers.cpu_s(process),
            viewers=detail["viewers"],
            missing=sum(hole_s > HOLE_S for name in self.sound for hole_s in self.seen.holes_s.get(name, ())),
            waiting=os.getloadavg()[0],
        )


def slope_mb_h(samples: Sequence[Sample]) -> float:
    """Return how memory grows, by least squares."""
    if len(samples) < 2:
        return 0.0
    return statistics.linear_regression([one.at_s / 3600 for one in samples], [one.memory_mb for one in samples]).slope


def ends(samples: Sequence[Sample], what: str) -> tuple[float, float]:
    """Return the medians of the first and of the last samples."""
    first, last = (statistics.median(getattr(one, what) for one in part) for part in (samples[:ENDS], samples[-ENDS:]))
    return first, last


def tell(report: Report, run: Run, count: int, seconds: float) -> None:
    """Print the figures."""
    sound = run.sound
    scale = f"{count} cameras for {seconds / 60:g} min, the first {run.warm_s / 60:g} not counted"
    warm = run.warm
    first_mb, last_mb = ends(warm, "memory_mb")
    note = f"{first_mb:.0f} MB, then {last_mb:.0f} MB"
    report.add("memory grows by", slope_mb_h(warm), "MB/h", goal=FLAT_MB_H, scale=scale, note=note)
    for what, name, goal in (("threads", "threads", FLAT_THREADS), ("files", "open files", FLAT_FILES)):
        first, last = ends(warm, what)
        note = f"{first:g}, then {last:g}"
        report.add(f"{name} more than at first", last - first, "", goal=goal, scale=scale, note=note)
    of_sound = [hole_s for camera_id in sound for hole_s in run.seen.holes_s.get(camera_id, ())]
    inside = [run.stored_longest_s.get(camera_id, float("inf")) for camera_id in sound]
    missing = sum(hole_s > HOLE_S for hole_s in [*of_sound, *inside])
    note = f"longest {max([*of_sound, *inside], default=0):.2f} s; {run.seen.segments} files looked at; "
    note += f"machine's load {statistics.mean(one.waiting for one in run.samples):.1f} on {os.cpu_count()} cores"
    report.add(f"times over 1 s missing, {len(sound)} sound cameras", missing, "", goal=0, scale=scale, note=note)
    others = [hole_s for name, found in run.seen.holes_s.items() if name not in sound for hole_s in found]
    broken = sum(hole_s > HOLE_S for hole_s in others)
    unsaid = run.causes[GapCause.UNKNOWN] + run.causes[GapCause.INGEST_ERROR] + run.causes[GapCause.OVERLOAD]
    note = f"{broken} times over 1 s in {count - len(sound)} cameras that break off; rows: {dict(run.causes)}"
    report.add("gaps whose cause is ours or nobody's", unsaid, "", goal=0, scale=scale, note=note)
    used = max(one.used_mb for one in run.samples)
    report.add("disk used at most", used, "MB", goal=ROOM_BYTES / 1e6 - KEPT_FREE_GB * 500, scale=scale)
    spent_s = (warm[-1].cpu_s - warm[0].cpu_s) / max(warm[-1].at_s - warm[0].at_s, 1.0)
    note = "" if run.stays_up else "the worker ended by itself"
    report.add("worker's CPU per camera", spent_s * 1000 / count, "ms/s", scale=scale, note=note)


def soak(report: Report, count: int, seconds: float) -> None:
    """Run, and say what grew."""
    files = {"main": MAIN, "still-main": STILL_MAIN, "sub": clips.SUB, "still-sub": clips.STILL_SUB}
    with ExitStack() as stack:
        place = Path(stack.enter_context(folder()))
        place.chmod(0o755)
        port = stack.enter_context(peers.served({name: clips.made(one) for name, one in files.items()}))
        postgres = EmbeddedPostgres(place)
        postgres.start()
        stack.callback(postgres.stop)
        migrate(postgres.dsn)
        store = stack.enter_context(Store(postgres.dsn))
        site = write_site(place, postgres.dsn)
        given = list(cameras_of(count, port))
        register(store, [camera for camera, _ in given])
        sound = {camera.id for camera, well in given if well}
        run = Run(store, site, [camera.id for camera, _ in given], sound, seconds)
        command = [sys.executable, "-m", "benchmarks.soak", "--worker", str(place / SITE_FILE)]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
            try:
                run.measure(process)
            finally:
                process.terminate()
                process.wait(END_WITHIN_S)
        tell(report, run, count, seconds)


if __name__ == "__main__":
    sys.exit(main())
