"""A camera's link as a whole: states with reasons, reconnecting, sub-streams, recording while it lasts."""

import contextlib
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ingest import stream
from ingest.camera_server import CameraServer, ServerOptions
from ingest.clients import Dial, Dialer, dial
from ingest.disk import DiskWriter
from ingest.link import CameraLink, LinkConfig
from ingest.live import LiveFanout
from ingest.probe import probe
from ingest.recorder import Recorder
from ingest.stream import OpenLimiter
from models.camera import CameraSource, CameraState, LinkState, Scheme, Transport
from models.clock import SystemClock
from models.errors import BadInput
from models.frame import DecodeMode, Frame
from tests.ingest.conftest import LOOPBACK, PASSWORD
from tests.support.rtsp import HostileServer, answering, clip

QUICK = {"backoff_first_s": 0.1, "open_timeout_s": 2.0, "read_timeout_s": 0.6}


class Watched:
    """A link with all that it tells."""

    def __init__(
        self,
        source: CameraSource,
        recorder: Recorder | None = None,
        *,
        opens: OpenLimiter | None = None,
        dial: Dial = dial,
        **config: object,
    ) -> None:
        self.states: queue.Queue[CameraState] = queue.Queue()
        self.frames: queue.Queue[Frame] = queue.Queue()
        self.mode = DecodeMode.QUIET
        said = {"camera_id": "gate", "worker_id": "w", "password": PASSWORD, "allowed_networks": LOOPBACK}
        self.link = CameraLink(
            LinkConfig(source=source, **{**said, **QUICK, **config}),  # type: ignore[arg-type]
            clock=SystemClock(),
            on_state=self.states.put,
            on_frame=self.frames.put,
            mode=lambda: self.mode,
            recorder=recorder,
            live=LiveFanout(),
            opens=opens or OpenLimiter(8),
            dial=dial,
        )

    def until(self, wanted: Callable[[CameraState], bool], *, within_s: float = 8) -> CameraState:
        """Return the first state told that is wanted."""
        deadline_s = time.monotonic() + within_s
        seen: list[tuple[LinkState, str]] = []
        while True:
            try:
                state = self.states.get(timeout=max(0.01, deadline_s - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"saw only {seen}") from None
            seen.append((state.state, state.reason))
            if wanted(state):
                return state


def in_state(*wanted: LinkState) -> Callable[[CameraState], bool]:
    return lambda state: state.state in wanted


def loopback(port: int) -> CameraSource:
    return CameraSource(scheme=Scheme.RTSP, host="127.0.0.1", port=port, path="/live")


@contextlib.contextmanager
def silent_host() -> Iterator[int]:
    """Yield a port where connections are neither taken nor refused: its queue is full."""
    with contextlib.ExitStack() as held:
        listener = held.enter_context(socket.create_server(("127.0.0.1", 0), backlog=1))
        for _ in range(4):
            filler = held.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


@pytest.fixture
def watch() -> Iterator[Callable[..., Watched]]:
    made: list[Watched] = []

    def start(*args: object, **config: object) -> Watched:
        watched = Watched(*args, **config)  # type: ignore[arg-type]
        made.append(watched)
        watched.link.start()
        return watched

    yield start
    for watched in made:
        watched.link.stop()
    assert all(watched.link.join(3) for watched in made), "a link's thread did not end"


@pytest.mark.parametrize("transport", list(Transport))
def test_streams_and_gives_frames(cameras: CameraServer, watch: Callable[..., Watched], transport: Transport) -> None:
    """Connecting, probing, streaming; key frames come out of the gate; the figures are there."""
    watched = watch(cameras.source("h264", transport=transport))
    watched.until(in_state(LinkState.STREAMING))
    frame = watched.frames.get(timeout=3)
    assert frame.size_px == (320, 240)
    state = watched.link.state()
    assert (state.codec, state.width_px, state.height_px) == ("h264", 320, 240)
    assert state.frames_total > 0
    assert not state.recording


def test_comes_back_when_the_camera_does(watch: Callable[..., Watched]) -> None:
    """The camera restarts on the same port: backoff with its reason, then streaming again."""
    server = CameraServer({"h264": clip()}).start()
    watched = watch(server.source("h264"))
    watched.until(in_state(LinkState.STREAMING))
    server.stop()
    assert "refused" in watched.until(lambda state: "refused" in state.reason).reason
    with CameraServer({"h264": clip()}, ServerOptions(port=server.port)):
        watched.until(in_state(LinkState.STREAMING))


@pytest.mark.parametrize(
    ("faults", "reason"), [({"stall": 0.3}, "no picture for"), ({"die": 0.3}, r"ended the stream|lost")]
)
def test_stalled_and_dying_cameras_are_tried_again(
    cameras: CameraServer, watch: Callable[..., Watched], faults: dict[str, float], reason: str
) -> None:
    """A connection that stays open without pictures is as bad as none."""
    import re  # noqa: PLC0415 - one use

    watched = watch(cameras.source("h264", transport=Transport.TCP, **faults))
    watched.until(in_state(LinkState.STREAMING))
    assert re.search(reason, watched.until(in_state(LinkState.BACKOFF)).reason)
    watched.until(in_state(LinkState.STREAMING))


def test_holes_between_pictures_are_kept_until_asked(
    cameras: CameraServer, watch: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the last picture before to the first one after, however late somebody asks."""
    monkeypatch.setattr(stream, "HOLE_S", 0.5)
    link = watch(cameras.source("h264", stall=0.3)).link
    deadline_s = time.monotonic() + 8
    while not (holes := link.main.take_holes()):
        assert time.monotonic() < deadline_s
        time.sleep(0.02)
    assert 0.5 < (holes[0].after - holes[0].before).total_seconds() < 5


@pytest.mark.alone
def test_an_unreachable_camera_is_given_up_in_time(watch: Callable[..., Watched]) -> None:
    """Its host answers nothing at all, as behind a firewall: the kernel would try for two minutes."""
    with silent_host() as port:
        began_s = time.monotonic()
        watched = watch(loopback(port), open_timeout_s=0.5)
        assert "no answer" in watched.until(in_state(LinkState.BACKOFF)).reason
        assert time.monotonic() - began_s < 3


def test_a_dead_camera_is_told_once_however_often_it_is_tried(watch: Callable[..., Watched]) -> None:
    """Each attempt would else be news on every wall."""
    tries = threading.Semaphore(0)

    def hang_up(connection: socket.socket, server: HostileServer) -> None:
        server.read_request(connection)
        tries.release()

    with HostileServer(hang_up) as server:
        watched = watch(loopback(server.port))
        watched.until(in_state(LinkState.BACKOFF))
        for _ in range(4):
            assert tries.acquire(timeout=8)
        assert watched.states.empty()


@pytest.mark.alone
def test_dead_cameras_do_not_hold_up_a_living_one(watch: Callable[..., Watched], cameras: CameraServer) -> None:
    """They fill every slot for opening, for as long as a camera may take."""
    opens = OpenLimiter(1, wait_s=0.2)
    with silent_host() as port:
        for number in range(3):
            watch(loopback(port), camera_id=f"dead-{number}", opens=opens, open_timeout_s=6.0)
        began_s = time.monotonic()
        watch(cameras.source("h264"), opens=opens).until(in_state(LinkState.STREAMING))
        assert time.monotonic() - began_s < 4


def test_a_camera_that_redirects_to_itself_is_asked_once(watch: Callable[..., Watched]) -> None:
    """An endless redirect ends at its first step, and the camera is left in peace."""

    def answer(_method: str, number: str) -> bytes:
        return f"RTSP/1.0 302 Found\r\nCSeq: {number}\r\nLocation: /live\r\n\r\n".encode()

    with HostileServer(answering(answer)) as server:
        watched = watch(loopback(server.port))
        assert "redirect refused" in watched.until(in_state(LinkState.NOT_FOUND)).reason
        with pytest.raises(queue.Empty):
            watched.states.get(timeout=0.3)
        assert server.connections == 1


def test_a_wrong_password_is_told_and_tried_slowly(cameras: CameraServer, watch: Callable[..., Watched]) -> None:
    """One attempt, then half a minute of peace for the camera."""
    watched = watch(cameras.source("h264"), password="wrong")
    assert "password" in watched.until(in_state(LinkState.AUTH_FAILED)).reason
    with pytest.raises(queue.Empty):
        watched.states.get(timeout=0.3)


def test_a_camera_outside_the_networks_is_never_dialled(watch: Callable[..., Watched], cameras: CameraServer) -> None:
    """The refusal is the reason shown."""
    before = cameras.clients
    watched = watch(cameras.source("h264"), allowed_networks=())
    assert "camera networks" in watched.until(in_state(LinkState.NOT_FOUND)).reason
    assert cameras.clients == before


def test_hostile_records_make_no_link(cameras: CameraServer) -> None:
    """Checked before a thread is made."""
    with pytest.raises(BadInput):
        Watched(replace(cameras.source("h264"), host="-oProxyCommand=x"))


def test_sub_stream_is_analysed_while_the_main_one_is_recorded(
    cameras: CameraServer, watch: Callable[..., Watched], tmp_path: Path
) -> None:
    """Frames have the sub-stream's size, segments the main one's; both in one state."""
    segments: queue.Queue[object] = queue.Queue()
    disk = DiskWriter(tmp_path)
    recorder = Recorder(
        "gate",
        tmp_path,
        disk,
        clock=SystemClock(),
        on_segment=segments.put,
        on_trouble=lambda *_: None,
        segment_s=0.4,
        min_free_bytes=0,
    )
    watched = watch(cameras.source("large"), recorder, sub_path="/h264")
    assert watched.frames.get(timeout=5).size_px == (320, 240)
    segments.get(timeout=5)
    state = watched.link.state()
    assert state.recording
    assert state.width_px == 640
    watched.link.stop()
    assert watched.link.join(3)
    assert disk.wait(2)
    assert not recorder.recording
    disk.close()


@pytest.mark.alone
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"udp_lost": 1}, "over TCP: no picture came over UDP within 0.7 s"),
        ({"no_udp": 1}, "over TCP: the camera does not"),
    ],
)
def test_udp_that_brings_nothing_becomes_tcp(
    cameras: CameraServer, watch: Callable[..., Watched], fault: dict[str, float], reason: str
) -> None:
    """For this connection, said with its reason; the link's next connections do not try UDP again."""
    dial = Dialer()
    source = cameras.source("h264", transport=Transport.UDP, die=1.0, **fault)
    watched = watch(source, dial=dial, open_timeout_s=0.7)
    assert reason in watched.until(in_state(LinkState.STREAMING)).reason
    watched.until(in_state(LinkState.BACKOFF))
    began_s = time.monotonic()
    assert reason in watched.until(in_state(LinkState.STREAMING)).reason
    assert time.monotonic() - began_s < 0.6, "UDP was tried again"


def test_a_missing_sub_stream_degrades(cameras: CameraServer, watch: Callable[..., Watched]) -> None:
    """The picture is there, the analysis is blind: said with its reason."""
    watched = watch(cameras.source("h264"), sub_path="/nowhere")
    degraded = watched.until(in_state(LinkState.DEGRADED))
    assert degraded.reason.startswith("sub-stream: no such stream")


def test_damage_degrades(cameras: CameraServer, watch: Callable[..., Watched]) -> None:
    """A third of the packets missing."""
    watched = watch(cameras.source("h264", loss=0.3))
    assert "damaged" in watched.until(in_state(LinkState.DEGRADED)).reason
    assert watched.link.state().frames_lost_total > 0


def test_probe_tells_what_the_camera_sends(cameras: CameraServer) -> None:
    """Codec, size, rate, key frame interval and a snapshot."""
    for name, codec in (("h264", "h264"), ("h265", "h265")):
        told = probe(cameras.source(name), PASSWORD, allowed_networks=LOOPBACK, timeout_s=5)
        assert told.ok, told.problem
        assert (told.codec, told.width_px, told.height_px) == (codec, 320, 240)
        assert told.fps is not None
        assert abs(told.fps - 25) < 2
        assert told.keyframe_interval_s is not None
        assert abs(told.keyframe_interval_s - 0.48) < 0.1
        assert told.snapshot.startswith(b"\xff\xd8")
    refused = probe(cameras.source("h264"), "wrong", allowed_networks=LOOPBACK, timeout_s=5)
    assert "password" in refused.problem
