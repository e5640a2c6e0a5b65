"""What one camera's fault looks like, how soon, and how soon it is over; the camera beside it notices nothing.

`docs/faults.md` is the table. Time-outs are shortened; `test_the_shortened_times_stand_for_short_ones` looks at those
that a site has.
"""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from alertwall import camera_watch
from alertwall.camera_watch import CameraWatch
from alertwall.outbox import Fact, GapClosed, GapOpened
from ingest.backoff import Backoff
from ingest.camera_server import CameraServer, ServerOptions
from ingest.disk import DiskWriter
from ingest.packet import TICKS_PER_S, Packet
from ingest.recorder import Recorder
from ingest.stream import PICTURE_WITHIN_S, OpenLimiter, StreamConfig
from models.camera import UP_STATES, Camera, CameraSource, LinkState
from models.clock import SystemClock
from models.timeline import GapCause, Segment
from tests.ingest.conftest import PASSWORD
from tests.ingest.test_link import Watched, loopback
from tests.support.browser import Line
from tests.support.rtsp import FPS, clip

pytestmark = pytest.mark.alone
SEEN_WITHIN_S, FIRST_SEEN_WITHIN_S, BACK_WITHIN_S = 5.0, 10.0, 5.0
"""Of the goals: a camera that was up, one that never was, and either once it answers again."""
LOST_SHARE_MAX = 0.01
NEIGHBOUR_SHOWN = 2 * FPS
SILENT_AFTER_S = 0.5
LOOK_EVERY_S = 0.02


@dataclass
class Scene:
    """The camera that goes wrong, watched as a worker watches it, and the one beside it."""

    gate: Watched
    yard: Watched
    facts: list[Fact] = field(default_factory=list)
    seen: list[tuple[LinkState, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        clock = SystemClock()
        source = self.gate.link.config.source
        self.watch = CameraWatch(
            Camera(id="gate", name="Gate", area="city", source=source),
            now=clock.utc_now(),
            now_s=clock.monotonic_s(),
            last_seen_at=None,
            gap_open=None,
        )
        self._since: Packet | None = None

    def look(self) -> LinkState:
        """Look once, as the worker does several times a second."""
        link, clock = self.gate.link, SystemClock()
        while not self.gate.states.empty():
            told = self.gate.states.get()
            self.seen.append((told.state, told.reason))
        link.look()
        state = link.state()
        self.facts += self.watch.look(
            now=clock.utc_now(),
            now_s=clock.monotonic_s(),
            last_s=link.last_packet_s,
            last_at=link.last_packet_at,
            state=state.state,
            reason=state.reason,
            holes=link.main.take_holes(),
        )
        if self._since is None:
            self._since = self.yard.link.main.last_packet
        return state.state

    def until(self, happened: Callable[[], object], within_s: float) -> float:
        """Look until it happened; return how long that took."""
        began_s = time.monotonic()
        while True:
            self.look()
            took_s = time.monotonic() - began_s
            if happened():
                return took_s
            assert took_s < within_s, f"saw only {self.seen[-6:]} and {self.causes()}"
            time.sleep(LOOK_EVERY_S)

    def up(self, within_s: float = BACK_WITHIN_S) -> float:
        """Wait for the camera's pictures and the neighbour's."""
        return self.until(lambda: self.is_up() and self.yard.link.main.last_packet, within_s)

    def is_up(self) -> bool:
        return self.gate.link.state().state in UP_STATES and self.gate.link.main.last_packet is not None

    def told(self, state: LinkState, reason: str) -> Callable[[], bool]:
        return lambda: any(one is state and re.search(reason, why) for one, why in self.seen)

    def causes(self) -> list[GapCause | None]:
        """Return the gaps in order: the cause where one begins, None where it ends."""
        gaps = [fact for fact in self.facts if isinstance(fact, GapOpened | GapClosed)]
        return [fact.gap.cause if isinstance(fact, GapOpened) else None for fact in gaps]

    def check_neighbour(self) -> None:
        """Of the pictures since the beginning, some seconds at least; its own timestamps tell how many there were."""
        first = self._since
        assert first is not None
        self.until(lambda: (now := self.yard.link.main.last_packet) and now.seq > first.seq + NEIGHBOUR_SHOWN, 10)
        last = self.yard.link.main.last_packet
        assert last is not None
        sent = (last.present_90k - first.present_90k) * FPS / TICKS_PER_S
        assert last.seq - first.seq >= sent * (1 - LOST_SHARE_MAX) - 0.5
        assert self.yard.link.state().frames_lost_total <= sent * LOST_SHARE_MAX


@pytest.fixture(autouse=True)
def shortened(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is a constant of the product."""
    monkeypatch.setattr(camera_watch, "SILENT_AFTER_S", SILENT_AFTER_S)
    monkeypatch.setattr(camera_watch, "FIRST_PICTURE_WITHIN_S", 1.0)


@pytest.fixture
def scene(cameras: CameraServer) -> Iterator[Callable[..., Scene]]:
    """Make scenes; the neighbour is watched through the same slots for opening."""
    made: list[Watched] = []

    def begin(source: CameraSource, recorder: Recorder | None = None, **config: Any) -> Scene:
        opens = OpenLimiter(1)
        gate = Watched(source, recorder, opens=opens, **config)
        yard = Watched(cameras.source("h264@yard"), opens=opens, camera_id="yard")
        made.extend((gate, yard))
        for one in (gate, yard):
            one.link.start()
        return Scene(gate, yard)

    yield begin
    for one in made:
        one.link.stop()
    assert all(one.link.join(3) for one in made)


def test_the_shortened_times_stand_for_short_ones() -> None:
    """What a site has unless it says otherwise, beside the goals; the shortened ones are not looked at here."""
    config = StreamConfig(source=loopback(554), allowed_networks=())
    assert config.read_timeout_s <= SEEN_WITHIN_S
    assert config.open_timeout_s <= SEEN_WITHIN_S
    assert PICTURE_WITHIN_S <= FIRST_SEEN_WITHIN_S
    assert Backoff().limit_s < BACK_WITHIN_S
    pristine = Path(camera_watch.__file__).read_text("utf-8")
    silent_s, first_s = (
        float(re.findall(rf"^{name} = ([\d.]+)$", pristine, re.MULTILINE)[0])
        for name in ("SILENT_AFTER_S", "FIRST_PICTURE_WITHIN_S")
    )
    assert silent_s <= SEEN_WITHIN_S
    assert first_s <= FIRST_SEEN_WITHIN_S


def test_stall(cameras: CameraServer, scene: Callable[..., Scene]) -> None:
    """The connection stays open, pictures stop: noticed, dialled anew, and the hole is on the record."""
    here = scene(cameras.source("h264", stall=1.0))
    here.up()
    here.until(here.told(LinkState.BACKOFF, "no picture for"), SEEN_WITHIN_S)
    assert here.causes() == [GapCause.SOURCE_OFFLINE]
    here.up()
    here.until(lambda: here.causes()[:2] == [GapCause.SOURCE_OFFLINE, None], 1)
    here.check_neighbour()


def test_die(cameras: CameraServer, scene: Callable[..., Scene]) -> None:
    """The connection is reset: said at once, and back before anybody calls it silent."""
    here = scene(cameras.source("h264", die=1.0))
    here.up()
    here.until(here.told(LinkState.BACKOFF, r"ended the stream|connection lost"), SEEN_WITHIN_S)
    here.up()
    here.check_neighbour()


def test_corrupt(cameras: CameraServer, scene: Callable[..., Scene]) -> None:
    """A fifth of the packets has wrong bytes: it is said, and the other pictures go on coming."""
    here = scene(cameras.source("h264", corrupt=0.2))
    here.up()
    here.until(here.told(LinkState.DEGRADED, "pictures come with wrong bytes|damaged"), FIRST_SEEN_WITHIN_S)
    assert LinkState.BACKOFF not in {state for state, _ in here.seen}
    assert here.causes() == []
    here.check_neighbour()


def test_loss(cameras: CameraServer, scene: Callable[..., Scene]) -> None:
    """One packet in a hundred is missing: the pictures hit are counted, the link stays."""
    scenes = [scene(cameras.source(f"h264@{number}", loss=0.01)) for number in range(6)]
    for here in scenes:
        here.up()
    scenes[0].until(lambda: sum(here.gate.link.state().frames_lost_total for here in scenes), 15)
    scenes[0].check_neighbour()
    for here in scenes:
        here.look()
        assert here.is_up()
        assert LinkState.BACKOFF not in {state for state, _ in here.seen}
        assert here.causes() == []


def test_resolution_change(scene: Callable[..., Scene], tmp_path: Path) -> None:
    """Set in the camera, which starts its stream anew: the new size is shown, and a new file begins with it."""
    segments: list[Segment] = []
    disk = DiskWriter(tmp_path)
    recorder = Recorder(
        "gate", tmp_path, disk, clock=SystemClock(), on_segment=segments.append, on_trouble=lambda *_: None,
        min_free_bytes=0,
    )  # fmt: skip
    with CameraServer({"h264": clip()}) as small:
        here = scene(loopback_path(small.port), recorder)
        here.up()
        here.until(lambda: here.gate.link.state().recording, 5)
    with CameraServer({"h264": clip("large")}, ServerOptions(port=small.port)):
        here.until(lambda: here.gate.link.state().width_px == 640, BACK_WITHIN_S)
        here.until(lambda: here.gate.link.state().recording, 5)
        here.gate.link.stop()
        assert here.gate.link.join(3)
    assert disk.wait(5)
    disk.close()
    assert len(segments) >= 2
    here.check_neighbour()


@pytest.mark.parametrize("jump_s", [3600, -3600, 86_400 * 3])
def test_clock_jump(scene: Callable[..., Scene], jump_s: int) -> None:
    """The camera sets its clock: pictures keep our time, nothing is told and nothing is missing."""
    with CameraServer({"h264": clip()}) as server:
        here = scene(loopback_path(server.port))
        here.up()
        before = here.gate.link.main.last_packet
        stream = server.stream("h264")
        assert stream is not None
        assert before is not None
        stream.stamper.origin = (stream.stamper.origin + jump_s * TICKS_PER_S) & 0xFFFFFFFF
        here.until(lambda: (now := here.gate.link.main.last_packet) and now.seq > before.seq + FPS, 5)
        now = here.gate.link.main.last_packet
        assert now is not None
        passed_s = (now.present_90k - before.present_90k) / TICKS_PER_S
        assert abs(passed_s - (now.monotonic_s - before.monotonic_s)) < 1.1
        assert now.decode_90k > before.decode_90k
        assert here.look() is LinkState.STREAMING
        assert here.causes() == []
        here.check_neighbour()


def test_wrong_password(cameras: CameraServer, scene: Callable[..., Scene]) -> None:
    """Said as it is; an engineer types the right one, which is a new link."""
    here = scene(cameras.source("h264"), password="not this one")
    here.until(here.told(LinkState.AUTH_FAILED, "wrong user name or password"), SEEN_WITHIN_S)
    here.until(lambda: here.causes() == [GapCause.SOURCE_OFFLINE], FIRST_SEEN_WITHIN_S)
    again = scene(cameras.source("h264"), password=PASSWORD)
    again.up()
    here.until(lambda: here.yard.link.state().frames_total > FPS, 5)
    here.check_neighbour()


def test_reboot(scene: Callable[..., Scene]) -> None:
    """Gone for a while, then on the same port again."""
    with CameraServer({"h264": clip()}) as server:
        here = scene(loopback_path(server.port))
        here.up()
    here.until(here.told(LinkState.BACKOFF, "refused|lost|ended the stream"), SEEN_WITHIN_S)
    here.until(lambda: here.causes() == [GapCause.SOURCE_OFFLINE], SEEN_WITHIN_S)
    with CameraServer({"h264": clip()}, ServerOptions(port=server.port)):
        here.up()
        here.until(lambda: here.causes() == [GapCause.SOURCE_OFFLINE, None], BACK_WITHIN_S)
        here.check_neighbour()


def test_half_open(scene: Callable[..., Scene]) -> None:
    """The peer vanishes without a word, as behind a switch that lost its power: no reset, no end, no picture."""
    with CameraServer({"h264": clip()}) as server, Line(f"http://127.0.0.1:{server.port}") as line:
        here = scene(loopback_path(int(line.url.rpartition(":")[2])))
        here.up()
        line.silence()
        here.until(here.told(LinkState.BACKOFF, "no picture for|no answer"), SEEN_WITHIN_S)
        here.until(lambda: here.causes() == [GapCause.SOURCE_OFFLINE], SEEN_WITHIN_S)
        line.mend()
        here.until(lambda: here.causes() == [GapCause.SOURCE_OFFLINE, None], BACK_WITHIN_S)
        assert here.is_up()
        here.check_neighbour()


def test_disk_full(cameras: CameraServer, scene: Callable[..., Scene], tmp_path: Path) -> None:
    """Recording stops with its cause and goes on by itself; the live picture and the analysis never stop."""
    told: list[GapCause | None] = []
    disk = DiskWriter(tmp_path)

    def trouble(cause: GapCause | None, detail: str, _at: object) -> None:
        told.append(cause)
        here.facts.extend(here.watch.not_recorded(cause, detail, SystemClock().utc_now()))

    recorder = Recorder(
        "gate", tmp_path, disk, clock=SystemClock(), on_segment=lambda _: None, on_trouble=trouble,
        min_free_bytes=1 << 60,
    )  # fmt: skip
    here = scene(cameras.source("h264"), recorder)
    here.until(lambda: told == [GapCause.DISK_FULL], SEEN_WITHIN_S)
    here.up()
    assert not here.gate.link.state().recording
    assert here.causes() == [GapCause.DISK_FULL]
    recorder._min_free_bytes = 0  # room again
    here.until(lambda: here.gate.link.state().recording, BACK_WITHIN_S)
    assert here.causes() == [GapCause.DISK_FULL, None]
    assert here.gate.frames.qsize() > 0
    assert here.look() is LinkState.STREAMING
    here.check_neighbour()
    here.gate.link.stop()
    assert here.gate.link.join(3)
    assert disk.wait(5)
    disk.close()


def loopback_path(port: int) -> CameraSource:
    """Return the address of a camera of its own server, which asks for no password."""
    source = loopback(port)
    return CameraSource(scheme=source.scheme, host=source.host, port=port, path="/h264")
