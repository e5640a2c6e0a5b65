"""A site with one worker for tests: real cameras and a real database; only the detector is a fake."""

import http.client
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from alertwall.worker import Worker
from analytics.schedule import Calendar
from configs import site as sites
from configs.site import Site
from ingest.camera_server import CameraServer
from models.camera import Camera, CameraState, LinkState
from models.clock import SystemClock
from models.event import Event, EventKind
from models.frame import DecodeMode, Frame
from models.rule import Rule
from models.store import cameras as camera_store
from models.store import events, parts
from models.store.pool import Store
from models.store.secrets import SecretBox

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
    track_id: int | None = 7
    box_px: tuple[int, int, int, int] = (1, 2, 3, 4)
    jpeg: bytes = b"\xff\xd8fake"
    ends: bool = False

    @property
    def attrs(self) -> dict[str, Any]:
        return {"detector": {"name": "fake"}}


class FakePipeline:
    """Counts frames; never finds anything by itself."""

    def __init__(self) -> None:
        self.rules: dict[str, Sequence[Rule]] = {}
        self.frames: list[Frame] = []

    def add_camera(self, camera_id: str, rules: Sequence[Rule], calendar: Calendar | None = None) -> None:
        self.rules[camera_id] = rules

    def set_rules(self, camera_id: str, rules: Sequence[Rule], calendar: Calendar | None = None) -> None:
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

    def __init__(self, folder: Path, store: Store, dsn: str = "") -> None:
        self.folder, self.store, self.dsn = folder, store, dsn
        self.said = {
            "state_dir": str(folder),
            "areas": {"city": "City"},
            "ingest": {"allowed_networks": ["127.0.0.0/8"], "segment_s": 1},
            "retention": {"min_free_gb": 0},
        }
        self.site: Site = sites.parse(self.said, folder=folder)
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

    def process(self) -> subprocess.Popen[bytes]:
        """Start `alertwall worker` as a process of its own, with the detector that needs no weights."""
        said = {**self.said, "database": {"dsn": self.dsn}, "analytics": {"detector": "moving-object"}}
        (self.folder / "site.json").write_text(json.dumps(said))
        command = [sys.executable, "-m", "alertwall", "worker", "-c", str(self.folder / "site.json")]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

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


def streaming(bench: Bench, camera_id: str) -> Callable[[], bool]:
    """Ask whether a camera's pictures arrive."""
    return lambda: (state := bench.state(camera_id)) is not None and state.state is LinkState.STREAMING


def live_parts(bench: Bench) -> list[parts.Part]:
    """Return the workers that the database knows."""
    with bench.store.transaction() as conn:
        return parts.listing(conn, kind="worker")
