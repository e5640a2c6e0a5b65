"""A camera that sends H.265, which browsers do not play: its H.264 sub-stream is shown, or it is said why not."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect

from ingest.camera_server import CameraServer, ServerOptions
from ingest.live import H265_PROBLEM
from models.store.pool import Store
from tests.alertwall.worker_bench import PASSWORD, TOKEN, Bench, until
from tests.support.rtsp import clip


@pytest.fixture
def bench(tmp_path: Path, store: Store) -> Iterator[Bench]:
    made = Bench(tmp_path, store)
    yield made
    made.stop()


@pytest.fixture
def server() -> Iterator[CameraServer]:
    options = ServerOptions(username="viewer", password=PASSWORD)
    with CameraServer({"yard": clip("h265"), "small": clip(), "large": clip("large")}, options) as made:
        yield made


def first(bench: Bench, camera_id: str) -> dict[str, Any]:
    """Return the first thing that a viewer is told."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with connect(f"ws://127.0.0.1:{bench.port}/cameras/{camera_id}/live", additional_headers=headers) as live:
        said: dict[str, Any] = json.loads(live.recv(timeout=10))
    return said


def test_the_wall_shows_the_sub_stream_of_an_h265_camera(bench: Bench, server: CameraServer) -> None:
    """While RTSP and recording keep the main stream; a camera whose main stream is H.264 shows that."""
    bench.register(server, "yard", sub_path="/small")
    bench.register(server, "large", sub_path="/small@2")
    worker = bench.start()
    until(lambda: worker.cameras.get("yard") and worker.cameras.get("large"))
    yard, large = worker.cameras.held["yard"], worker.cameras.held["large"]
    until(lambda: yard.live_sub.codec == "h264" and yard.live.codec == "h265" and large.live.codec)
    said = first(bench, "yard")
    assert said["mime"].startswith('video/mp4; codecs="avc1')
    assert (said["width_px"], said["height_px"]) == (320, 240)
    assert first(bench, "large")["width_px"] == 640
    assert large.live_sub.codec is None, "nothing is kept that nobody needs"
    state = until(lambda: (state := bench.state("yard")) and state.codec and state)
    assert state.codec == "h265"


@pytest.mark.parametrize("sub_path", [None, "/yard@2", "/none"])
def test_an_h265_camera_without_h264_says_so(bench: Bench, server: CameraServer, sub_path: str | None) -> None:
    """At once, in words, instead of a black tile: no sub-stream, one that is H.265 too, one that is not there."""
    bench.register(server, "yard", sub_path=sub_path)
    worker = bench.start()
    held = until(lambda: worker.cameras.get("yard"))
    until(lambda: held.live.codec)
    assert first(bench, "yard") == {"problem": H265_PROBLEM}
