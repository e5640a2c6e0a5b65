"""A worker as a whole: real cameras, a real database, its own port; only the detector is a fake."""

import asyncio
import base64
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import av
import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription
from av.video.frame import VideoFrame
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from alertwall import recording_watch
from configs import site as sites
from dashboard_api.routes.feeds import DESK_KINDS, PHONE_KINDS
from ingest.camera_server import CameraServer, ServerOptions
from models.camera import Camera, CameraSource, LinkState, RecordMode, Scheme
from models.clock import SystemClock
from models.event import EventKind, SourceKind
from models.rule import Rule, RuleKind
from models.store import cameras as camera_store
from models.store import canaries, events, gaps, segments
from models.store.pool import Store
from models.timeline import GapCause
from tests.alertwall.worker_bench import PASSWORD, TOKEN, Bench, Found, live_parts, streaming, until
from tests.support.rtsp import HostileServer, clip
from tests.support.web import mjpeg


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


def test_a_canary_goes_the_way_of_events_and_nobody_is_shown_it(bench: Bench) -> None:
    """Through the outbox and the database into the feed, under a kind of its own; no event, no camera."""
    bench.start()

    def arrived() -> dict[str, Any]:
        with bench.store.transaction() as conn:
            return canaries.newest(conn)

    assert set(until(arrived)) == {"worker-1"}
    assert canaries.KIND not in DESK_KINDS | PHONE_KINDS
    with bench.store.transaction() as conn:
        assert events.listing(conn, ["city", "site"])[0] == []
        assert camera_store.listing(conn) == []


def test_a_full_disk_is_one_event_of_the_worker_and_a_gap_of_each_camera(
    bench: Bench, server: CameraServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Live pictures and analytics go on; only the patience is shorter than in earnest."""
    monkeypatch.setattr(recording_watch, "LOST_AFTER_S", 0.5)
    bench.site = sites.parse({**bench.said, "retention": {"min_free_gb": 100_000}}, folder=bench.folder)
    for name in ("gate", "square"):
        bench.register(server, name)
    bench.start()
    (event,) = until(lambda: bench.events(EventKind.RECORDING_LOST))
    assert (event.source_kind, event.source_id, event.area) == (SourceKind.SYSTEM, "recordings of worker-1", "city")
    assert event.attrs["cause"] == "disk_full"

    def causes() -> dict[str, GapCause]:
        with bench.store.transaction() as conn:
            return gaps.open_causes(conn, SourceKind.CAMERA)

    until(lambda: causes() == {"gate": GapCause.DISK_FULL, "square": GapCause.DISK_FULL})
    until(streaming(bench, "square"))
    until(lambda: bench.pipeline.frames)
    assert len(bench.events(EventKind.RECORDING_LOST)) == 1


def test_a_camera_that_waits_for_events_is_recorded_around_them(bench: Bench, server: CameraServer) -> None:
    """What is deliberately not recorded is no gap; a finding has its seconds before and after."""
    bench.register(server, "gate", record_mode=RecordMode.EVENT, record_pre_s=1, record_post_s=1)
    worker = bench.start()
    until(streaming(bench, "gate"))
    until(lambda: len(bench.pipeline.frames) > 2)
    state = bench.state("gate")
    assert state is not None
    assert not state.recording
    rule = Rule(
        id=1, version=1, camera_id="gate", name="yard", kind=RuleKind.INTRUSION, points=((0, 0), (1, 0), (1, 1))
    )
    now = SystemClock().utc_now()
    worker.found(Found("gate", now, rule))

    def recorded() -> list[Any]:
        with bench.store.transaction() as conn:
            return segments.listing(conn, ["gate"], now - timedelta(minutes=1), now + timedelta(minutes=1))

    def whole() -> bool:
        found = recorded()
        return bool(found) and found[-1].ended_at >= now + timedelta(seconds=0.9)

    until(whole)
    assert recorded()[0].started_at <= now
    until(lambda: bench.worker and not bench.worker.cameras.counts()["recording"])
    with bench.store.transaction() as conn:
        assert gaps.listing(conn, SourceKind.CAMERA, ["gate"], now - timedelta(minutes=1), now) == []


def test_an_mjpeg_camera_is_recorded_analysed_and_live(bench: Bench) -> None:
    """Encoded once at the door, it is a camera like any other: segments, frames, clip, live picture, probe."""
    with HostileServer(mjpeg(fps=10)) as camera:
        address = CameraSource(scheme=Scheme.HTTP, host="127.0.0.1", port=camera.port, path="/video.cgi?fps=10")
        with bench.store.transaction() as conn:
            camera_store.create(conn, Camera(id="road", name="Road", area="city", source=address), None)
        bench.start()
        until(streaming(bench, "road"))
        until(lambda: bench.pipeline.frames)
        state = until(lambda: (said := bench.state("road")) and said.recording and said.fps and said)
        assert (state.codec, state.width_px, state.height_px) == ("h264", 320, 240)

        def recorded() -> list[Any]:
            with bench.store.transaction() as conn:
                now = SystemClock().utc_now()
                return segments.listing(conn, ["road"], now - timedelta(minutes=1), now)

        segment = until(recorded)[0]
        with av.open(str(bench.site.media_dir / segment.path), "r") as container:
            assert sum(1 for _ in container.decode(video=0)) >= 8
        now = SystemClock().utc_now()
        since = (now - timedelta(seconds=1)).isoformat().replace("+00:00", "Z")
        status, body, _ = bench.ask("GET", f"/cameras/road/clip.mp4?from={since}&to={now:%Y-%m-%dT%H:%M:%S.%fZ}")
        assert status == 200
        assert b"moof" in body or b"moov" in body
        with connect(
            f"ws://127.0.0.1:{bench.port}/cameras/road/live", additional_headers={"Authorization": f"Bearer {TOKEN}"}
        ) as live:
            assert "avc1." in str(live.recv(timeout=5))
            assert live.recv(timeout=5, decode=False)[4:8] == b"ftyp"
            assert live.recv(timeout=5, decode=False)[4:8] == b"moof"
        said = {"scheme": "http", "host": "127.0.0.1", "port": camera.port, "path": "/"}
        _, body, _ = bench.ask("POST", "/probe", body=json.dumps(said).encode())
        answer = json.loads(body)
        assert (answer["ok"], answer["problem"], answer["codec"]) == (True, None, "h264")
        said = {"scheme": "file", "host": "localhost", "port": 1, "path": "/etc/passwd"}
        _, body, _ = bench.ask("POST", "/probe", body=json.dumps(said).encode())
        assert "replay_folders" in json.loads(body)["problem"]


def test_probe_over_the_port(bench: Bench, server: CameraServer) -> None:
    """The API's form of a camera in, what it shows out; hostile ones are refused in words."""
    bench.start()
    until(lambda: live_parts(bench))
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


def test_webrtc_over_the_port(bench: Bench, server: CameraServer) -> None:
    """A peer that is not a browser gets the camera's own pictures, and is gone after DELETE."""
    bench.register(server, "gate")
    bench.start()
    until(streaming(bench, "gate"))

    async def watch() -> tuple[int, int]:
        browser = RTCPeerConnection()
        browser.addTransceiver("video", direction="recvonly")
        await browser.setLocalDescription(await browser.createOffer())
        offer = str(browser.localDescription.sdp).encode()
        status, answer, headers = await asyncio.to_thread(bench.ask, "POST", "/cameras/gate/whep", body=offer)
        assert status == 201
        assert headers["Content-Type"] == "application/sdp"
        await browser.setRemoteDescription(RTCSessionDescription(answer.decode(), "answer"))
        for _ in range(15):  # beyond the backlog: live
            picture = await asyncio.wait_for(browser.getReceivers()[0].track.recv(), 10)
        assert isinstance(picture, VideoFrame)
        assert (await asyncio.to_thread(bench.ask, "DELETE", headers["Location"]))[0] == 204
        assert (await asyncio.to_thread(bench.ask, "DELETE", headers["Location"]))[0] == 404
        await browser.close()
        return picture.width, picture.height

    assert asyncio.run(watch()) == (320, 240)
    assert bench.ask("POST", "/cameras/gate/whep", body=b"v=0")[0] == 422
    assert bench.ask("POST", "/cameras/nowhere/whep", body=b"v=0")[0] == 404
    assert bench.ask("POST", "/cameras/gate/whep", body=b"v=0", token="wrong")[0] == 401
    assert json.loads(bench.ask("GET", "/health")[1])["peers"] == 0


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


def test_unreachable_records_are_said_not_dialled(bench: Bench, server: CameraServer) -> None:
    """A camera outside the site's networks gets its reason on the wall."""
    camera = bench.register(server, "gate")
    bench.change(camera, source=replace(camera.source, host="192.0.2.1"))
    bench.start()
    state = until(lambda: (said := bench.state("gate")) and said.reason and said)
    assert state.state is LinkState.NOT_FOUND
    assert "camera networks" in state.reason


def test_masks_are_in_everything_that_leaves_the_camera(bench: Bench, server: CameraServer) -> None:
    """Analysed frames, snapshot, recording and probe: black where the mask is, as soon as it is drawn."""
    left = (((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)),)
    camera = bench.register(server, "gate", masks=left)
    bench.start()
    until(streaming(bench, "gate"))
    until(lambda: bench.pipeline.frames)

    def recorded() -> Any:
        with bench.store.transaction() as conn:
            now = SystemClock().utc_now()
            return segments.listing(conn, ["gate"], now - timedelta(minutes=1), now)

    segment = until(recorded)[0]
    with av.open(str(bench.site.media_dir / segment.path), "r") as container:
        shown = [picture.to_ndarray(format="gray") for picture in container.decode(video=0)]
    status, snapshot, _ = bench.ask("GET", "/cameras/gate/snapshot.jpg")
    assert status == 200
    source = camera.source
    asked = {"scheme": source.scheme, "host": source.host, "port": source.port, "path": source.path}
    asked |= {"username": source.username, "password": PASSWORD, "masks": left}
    probed = json.loads(bench.ask("POST", "/probe", body=json.dumps(asked).encode())[1])
    shown += [
        _grey(snapshot),
        _grey(base64.b64decode(probed["snapshot_b64"])),
        *(one.y for one in bench.pipeline.frames),
    ]
    for picture in shown:
        width = picture.shape[1]
        assert picture[:, : width // 2 - 4].max() < 40
        assert picture[:, width // 2 + 16 :].max() > 60
    bench.pipeline.frames.clear()
    bench.change(camera, masks=())
    until(lambda: any(frame.y[:, :100].max() > 60 for frame in list(bench.pipeline.frames)))


def _grey(jpeg: bytes) -> Any:
    with av.open(io.BytesIO(jpeg), "r") as container:
        return next(container.decode(video=0)).to_ndarray(format="gray")
