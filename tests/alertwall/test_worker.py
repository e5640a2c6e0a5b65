"""A worker as a whole: real cameras, a real database, its own port; only the detector is a fake."""

import base64
import http.client
import io
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import av
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from alertwall.worker import Worker
from configs import site as sites
from configs.site import Site
from ingest.camera_server import CameraServer, ServerOptions
from models.camera import Camera, CameraState, LinkState, Rule, RuleKind
from models.clock import SystemClock
from models.event import Event, EventKind, SourceKind
from models.frame import DecodeMode, Frame
from models.store import cameras as camera_store
from models.store import events, gaps, parts, segments
from models.store.pool import Store
from models.store.secrets import SecretBox
from models.timeline import GapCause
from tests.support.rtsp import clip

PASSWORD = "open sesame"
TOKEN = "token-of-this-test"


@dataclass(frozen=True)
class Found:
    """What a rule says; as `analytics.finding.Finding`."""

    camera_id: str
    time: datetime
    rule: Rule
    label: str = "person"
    score: float = 0.9
    track_id: int = 7
    box_px: tuple[int, int, int, int] = (1, 2, 3, 4)
    jpeg: bytes = b"\xff\xd8fake"

    @property
    def attrs(self) -> dict[str, Any]:
        return {"detector": {"name": "fake"}}


class FakePipeline:
    """Counts frames; never finds anything by itself."""

    def __init__(self) -> None:
        self.rules: dict[str, Sequence[Rule]] = {}
        self.frames: list[Frame] = []

    def add_camera(self, camera_id: str, rules: Sequence[Rule]) -> None:
        self.rules[camera_id] = rules

    def set_rules(self, camera_id: str, rules: Sequence[Rule]) -> None:
        self.rules[camera_id] = rules

    def remove_camera(self, camera_id: str) -> None:
        del self.rules[camera_id]

    def put(self, frame: Frame) -> None:
        self.frames.append(frame)

    def mode(self, camera_id: str) -> DecodeMode:
        return DecodeMode.QUIET

    def stats(self) -> dict[str, Any]:
        return {}

    def close(self) -> None:
        pass


class Bench:
    """A site with a worker that runs in a thread."""

    def __init__(self, folder: Path, store: Store) -> None:
        self.folder, self.store = folder, store
        said = {
            "state_dir": str(folder),
            "areas": {"city": "City"},
            "ingest": {"allowed_networks": ["127.0.0.0/8"], "segment_s": 1},
            "retention": {"min_free_gb": 0},
        }
        self.site: Site = sites.parse(said, folder=folder)
        (folder / "internal.token").write_text(TOKEN)
        self.box = SecretBox(self.site.secret_key_file)
        self.pipeline = FakePipeline()
        self.site.media_dir.mkdir()
        self.worker: Worker | None = None
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> Worker:
        self._stopping.clear()
        worker = Worker(self.site, "worker-1", self.store, SystemClock(), open_pipeline=lambda _name: self.pipeline)
        self._thread = threading.Thread(target=worker.serve, args=(self._stopping,), name="worker")
        self._thread.start()
        self.worker = worker
        return worker

    def stop(self) -> float:
        """Stop the worker; return how long it took."""
        began_s = time.monotonic()
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        return time.monotonic() - began_s

    def register(self, server: CameraServer, name: str, *, camera_id: str = "", **changes: Any) -> Camera:
        faults = changes.pop("faults", {})
        camera = Camera(id=camera_id or name, name=name.title(), area="city", source=server.source(name, **faults))
        with self.store.transaction() as conn:
            sealed = camera_store.seal(self.box, camera.id, PASSWORD)
            return camera_store.create(conn, replace(camera, **changes), sealed)

    def change(self, camera: Camera, **changes: Any) -> Camera:
        with self.store.transaction() as conn:
            return camera_store.update(conn, replace(camera, **changes))

    def state(self, camera_id: str) -> CameraState | None:
        with self.store.transaction() as conn:
            return camera_store.states(conn, [camera_id]).get(camera_id)

    def events(self, kind: EventKind) -> list[Event]:
        with self.store.transaction() as conn:
            return events.listing(conn, ["city"], kinds=[kind])[0]

    def ask(self, method: str, path: str, *, body: bytes | None = None, token: str = TOKEN) -> tuple[int, bytes, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request(method, path, body=body, headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        said = answer.status, answer.read(), answer.headers
        connection.close()
        return said

    @property
    def port(self) -> int:
        with self.store.transaction() as conn:
            [part] = parts.listing(conn, kind="worker")
        return int(part.url.rpartition(":")[2])


def until(true: Callable[[], Any], *, within_s: float = 15) -> Any:
    """Return what ``true`` says as soon as it is so."""
    deadline_s = time.monotonic() + within_s
    while not (said := true()):
        assert time.monotonic() < deadline_s, "it did not come"
        threading.Event().wait(0.05)
    return said


@pytest.fixture
def bench(tmp_path: Path, store: Store) -> Iterator[Bench]:
    made = Bench(tmp_path, store)
    yield made
    made.stop()


@pytest.fixture
def server() -> Iterator[CameraServer]:
    options = ServerOptions(username="viewer", password=PASSWORD)
    with CameraServer({"gate": clip(), "square": clip("large"), "yard": clip("h265")}, options) as made:
        yield made


def streaming(bench: Bench, camera_id: str) -> Callable[[], bool]:
    return lambda: (state := bench.state(camera_id)) is not None and state.state is LinkState.STREAMING


def test_a_registered_camera_is_recorded_analysed_and_shown(bench: Bench, server: CameraServer) -> None:
    """State, segments, frames, snapshot, clip, live picture; all through the port, by token only."""
    bench.register(server, "gate")
    bench.start()
    until(streaming(bench, "gate"))
    until(lambda: bench.pipeline.frames)
    until(lambda: (state := bench.state("gate")) and state.recording and state.fps)

    def recorded() -> list[Any]:
        with bench.store.transaction() as conn:
            now = SystemClock().utc_now()
            return segments.listing(conn, ["gate"], now - timedelta(minutes=1), now)

    segment = until(recorded)[0]
    assert (bench.site.media_dir / segment.path).stat().st_size == segment.size_bytes
    status, body, _ = bench.ask("GET", "/cameras/gate/snapshot.jpg")
    assert (status, body[:2]) == (200, b"\xff\xd8")
    now = SystemClock().utc_now()
    since = (now - timedelta(seconds=1)).isoformat().replace("+00:00", "Z")
    status, body, headers = bench.ask("GET", f"/cameras/gate/clip.mp4?from={since}&to={now:%Y-%m-%dT%H:%M:%S.%fZ}")
    assert status == 200
    assert int(headers["Content-Length"]) == len(body)
    with av.open(io.BytesIO(body), "r") as container:
        assert sum(1 for _ in container.decode(video=0)) >= 20
    with connect(
        f"ws://127.0.0.1:{bench.port}/cameras/gate/live", additional_headers={"Authorization": f"Bearer {TOKEN}"}
    ) as live:
        assert json.loads(live.recv(timeout=5))["width_px"] == 320
        assert live.recv(timeout=5, decode=False)[4:8] == b"ftyp"
        assert live.recv(timeout=5, decode=False)[4:8] == b"moof"
    status, body, _ = bench.ask("GET", "/health")
    assert json.loads(body)["recording"] == 1
    for path in ("/health", "/cameras/gate/snapshot.jpg", "/cameras/gate/clip.mp4"):
        assert bench.ask("GET", path, token="wrong")[0] == 401
    with pytest.raises(InvalidStatus):
        connect(f"ws://127.0.0.1:{bench.port}/cameras/gate/live")
    assert bench.ask("GET", "/cameras/nowhere/snapshot.jpg")[0] == 404
    assert bench.ask("GET", "/cameras/gate/clip.mp4?from=x&to=y")[0] == 422
    assert bench.ask("GET", "/cameras/..%2Fgate/snapshot.jpg")[0] == 404
    assert bench.stop() < 5


def test_probe_over_the_port(bench: Bench, server: CameraServer) -> None:
    """The API's form of a camera in, what it shows out; hostile ones are refused in words."""
    bench.start()
    until(lambda: _live_parts(bench))
    source = server.source("gate")
    said = {"scheme": "rtsp", "host": source.host, "port": source.port, "path": source.path, "username": "viewer"}
    status, body, _ = bench.ask("POST", "/probe", body=json.dumps(said | {"password": PASSWORD}).encode())
    answer = json.loads(body)
    assert (status, answer["ok"], answer["problem"], answer["codec"]) == (200, True, None, "h264")
    assert base64.b64decode(answer["snapshot_b64"])[:2] == b"\xff\xd8"
    _, body, _ = bench.ask("POST", "/probe", body=json.dumps(said | {"host": "169.254.169.254"}).encode())
    assert "camera networks" in json.loads(body)["problem"]
    assert bench.ask("POST", "/probe", body=b'{"scheme": "exec"}')[0] == 422
    assert bench.ask("POST", "/probe", body=b"[" * 100_000)[0] == 422


def _live_parts(bench: Bench) -> list[parts.Part]:
    with bench.store.transaction() as conn:
        return parts.listing(conn, kind="worker")


def test_a_silent_camera_is_an_event_with_a_gap_and_comes_back(bench: Bench, server: CameraServer) -> None:
    """The camera's power is cut and comes back; the other camera notices nothing."""
    bench.register(server, "square")
    with CameraServer({"gate": clip()}) as lone:
        bench.register(lone, "gate")
        bench.start()
        until(streaming(bench, "gate"))
        until(streaming(bench, "square"))
    [silent] = until(lambda: bench.events(EventKind.CAMERA_SILENT))
    assert silent.source_id == "gate"
    with CameraServer({"gate": clip()}, ServerOptions(port=lone.port)):
        [restored] = until(lambda: bench.events(EventKind.CAMERA_RESTORED))
    with bench.store.transaction() as conn:
        now = SystemClock().utc_now()
        [hole] = gaps.listing(conn, SourceKind.CAMERA, ["gate"], now - timedelta(minutes=5), now)
        assert not gaps.listing(conn, SourceKind.CAMERA, ["square"], now - timedelta(minutes=5), now)
    assert hole.cause is GapCause.SOURCE_OFFLINE
    assert hole.started_at == silent.time
    assert hole.ended_at == restored.time


def test_cameras_come_change_and_go_without_touching_others(bench: Bench, server: CameraServer) -> None:
    """Added, switched off, moved to another path, retired; the first camera keeps its link all the while."""
    bench.register(server, "gate")
    worker = bench.start()
    until(streaming(bench, "gate"))
    first = worker.cameras.get("gate")
    assert first is not None
    link = first.link
    square = bench.register(server, "square")
    until(streaming(bench, "square"))
    square = bench.change(square, enabled=False)
    until(lambda: (state := bench.state("square")) and state.state is LinkState.DISABLED)
    square = bench.change(square, enabled=True, source=replace(square.source, path="/yard"))
    until(lambda: (state := bench.state("square")) and state.codec == "h265")
    with bench.store.transaction() as conn:
        camera_store.retire(conn, "square", SystemClock().utc_now())
    until(lambda: worker.cameras.get("square") is None)
    assert bench.state("square") is None
    assert first.link is link
    with bench.store.transaction() as conn:
        now = SystemClock().utc_now()
        causes = [hole.cause for hole in gaps.listing(conn, SourceKind.CAMERA, ["square"], now - timedelta(1), now)]
    assert causes == [GapCause.DISABLED_BY_USER]


def test_a_finding_becomes_an_event_with_a_snapshot(bench: Bench, server: CameraServer) -> None:
    """Once, however often it is said; rules reach the pipeline, changed ones too."""
    bench.register(server, "gate")
    with bench.store.transaction() as conn:
        rule = camera_store.put_rule(
            conn,
            Rule(
                id=0, version=0, camera_id="gate", name="yard", kind=RuleKind.INTRUSION, points=((0, 0), (1, 0), (1, 1))
            ),
        )
    worker = bench.start()
    until(lambda: bench.pipeline.rules.get("gate"))
    found = Found("gate", SystemClock().utc_now(), rule)
    worker.found(found)
    worker.found(found)
    [event] = until(lambda: bench.events(EventKind.INTRUSION))
    assert (event.label, event.rule_id, event.rule_version, event.area) == ("person", rule.id, 1, "city")
    assert event.snapshot is not None
    assert (bench.site.media_dir / event.snapshot).read_bytes() == found.jpeg
    with bench.store.transaction() as conn:
        camera_store.put_rule(conn, replace(rule, min_score=0.5))
    until(lambda: [one.version for one in bench.pipeline.rules["gate"]] == [2])


def test_a_killed_worker_leaves_its_files_to_the_next(bench: Bench, server: CameraServer) -> None:
    """A segment on disk without a row gets one; the time between has a cause."""
    camera = bench.register(server, "gate")
    worker = bench.start()
    until(streaming(bench, "gate"))
    until(lambda: list(bench.site.media_dir.rglob("*.mp4")))
    bench.stop()
    with bench.store.transaction() as conn:
        conn.execute("DELETE FROM segment")
        conn.execute("UPDATE camera_state SET last_frame_at = last_frame_at - interval '1 minute'")
    del worker
    bench.start()

    def recovered() -> bool:
        with bench.store.transaction() as conn:
            rows = conn.execute("SELECT path FROM segment").fetchall()
        return {path for (path,) in rows} >= {
            str(path.relative_to(bench.site.media_dir)) for path in sorted(bench.site.media_dir.rglob("*.mp4"))[:1]
        }

    until(recovered)

    def explained() -> list[Any]:
        with bench.store.transaction() as conn:
            now = SystemClock().utc_now()
            return gaps.listing(conn, SourceKind.CAMERA, [camera.id], now - timedelta(1), now)

    assert until(explained)[0].cause is GapCause.NOT_STARTED


def test_unreachable_records_are_said_not_dialled(bench: Bench, server: CameraServer) -> None:
    """A camera outside the site's networks gets its reason on the wall."""
    camera = bench.register(server, "gate")
    bench.change(camera, source=replace(camera.source, host="192.0.2.1"))
    bench.start()
    state = until(lambda: (said := bench.state("gate")) and said.reason and said)
    assert state.state is LinkState.NOT_FOUND
    assert "camera networks" in state.reason
