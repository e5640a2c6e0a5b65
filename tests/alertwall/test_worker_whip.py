"""A camera that pushes to a worker: waited for, recorded, shown, cut when it is switched off."""

import asyncio
import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect

from ingest.whip import WAITING
from ingest.whip_publisher import Publisher, read
from models.camera import Camera, CameraSource, LinkState, Scheme
from models.clock import SystemClock
from models.store import cameras as camera_store
from models.store import segments
from models.store.pool import Store
from tests.alertwall.worker_bench import TOKEN, Bench, live_parts, streaming, until
from tests.support.rtsp import clip

PUSHED = CameraSource(scheme=Scheme.WHIP, host="", port=0, path="/")


@pytest.fixture
def bench(tmp_path: Path, store: Store) -> Iterator[Bench]:
    made = Bench(tmp_path, store)
    yield made
    made.stop()


@contextmanager
def publishing(bench: Bench, camera_id: str, token: str = TOKEN) -> Iterator[None]:
    """Publish from a thread, as a program of its own would; the port takes the internal token as the API shows it."""
    loop = asyncio.new_event_loop()
    url = f"http://127.0.0.1:{bench.port}/cameras/{camera_id}/whip"
    task = loop.create_task(Publisher(url, token, read(clip())).run())

    def run() -> None:
        with pytest.raises(asyncio.CancelledError):
            loop.run_until_complete(task)
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()

    thread = threading.Thread(target=run, name="publisher")
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()


def register(bench: Bench, camera_id: str = "phone") -> Camera:
    camera = Camera(id=camera_id, name=camera_id.title(), area="city", source=PUSHED)
    with bench.store.transaction() as conn:
        return camera_store.create(conn, camera, None)


def test_a_pushed_camera_is_recorded_and_shown(bench: Bench) -> None:
    """Waiting is said; pictures come within a second or two of the first offer, again after the publisher was away."""
    register(bench)
    worker = bench.start()
    state = until(lambda: (said := bench.state("phone")) and said.reason and said)
    assert (state.state, state.reason) == (LinkState.BACKOFF, WAITING)
    with publishing(bench, "phone"):
        until(streaming(bench, "phone"))
        until(lambda: (state := bench.state("phone")) and state.recording and state.fps)

        def recorded() -> list[Any]:
            with bench.store.transaction() as conn:
                now = SystemClock().utc_now()
                return segments.listing(conn, ["phone"], now - timedelta(minutes=1), now)

        segment = until(recorded)[0]
        assert (bench.site.media_dir / segment.path).stat().st_size == segment.size_bytes
        with connect(
            f"ws://127.0.0.1:{bench.port}/cameras/phone/live", additional_headers={"Authorization": f"Bearer {TOKEN}"}
        ) as live:
            assert json.loads(live.recv(timeout=5))["width_px"] == 320
            assert live.recv(timeout=5, decode=False)[4:8] == b"ftyp"
        assert bench.ask("GET", "/cameras/phone/snapshot.jpg")[0] == 200
        assert json.loads(bench.ask("GET", "/health")[1])["publishers"] == 1
    until(lambda: (state := bench.state("phone")) and state.state is LinkState.BACKOFF)
    with publishing(bench, "phone"):
        until(streaming(bench, "phone"))
        assert bench.stop() < 6
    assert worker.publishers.count == 0
    assert "video-decoder" not in {thread.name for thread in threading.enumerate()}


def test_a_camera_that_is_switched_off_takes_no_publisher(bench: Bench) -> None:
    """The one that publishes is cut, and comes back when the camera is switched on."""
    camera = register(bench)
    worker = bench.start()
    until(lambda: live_parts(bench))
    with publishing(bench, "phone"):
        until(streaming(bench, "phone"))
        camera = bench.change(camera, enabled=False)
        until(lambda: worker.publishers.count == 0)
        assert bench.ask("POST", "/cameras/phone/whip", body=b"v=0")[0] == 409
        bench.change(camera, enabled=True)
        until(streaming(bench, "phone"))


def test_what_the_port_refuses(bench: Bench) -> None:
    """Other cameras, other sessions, nonsense; with the internal token alone."""
    register(bench)
    worker = bench.start()
    until(lambda: worker.cameras.get("phone") and live_parts(bench))
    for method, path, body, status in (
        ("POST", "/cameras/nowhere/whip", b"v=0", 404),
        ("POST", "/cameras/phone/whip", b"v=0", 422),
        ("POST", "/cameras/phone/whip", b"v" * 70_000, 422),
        ("PATCH", "/cameras/phone/whip/x", b"a=end-of-candidates", 404),
        ("DELETE", "/cameras/phone/whip/x", None, 404),
        ("DELETE", "/cameras/nowhere/whip", None, 404),
        ("DELETE", "/cameras/phone/whip", None, 204),
    ):
        assert bench.ask(method, path, body=body)[0] == status, (method, path)
        assert bench.ask(method, path, body=body, token="wrong")[0] == 401
    connection = http.client.HTTPConnection("127.0.0.1", bench.port, timeout=5)
    connection.request("GET", "/cameras/phone/whip", headers={"Authorization": f"Bearer {TOKEN}"})
    assert connection.getresponse().status == 405
    connection.close()
