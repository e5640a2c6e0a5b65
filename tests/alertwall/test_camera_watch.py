"""When a camera's silence becomes an event, and its gap a row."""

from alertwall.camera_watch import FIRST_PICTURE_WITHIN_S, SILENT_AFTER_S, CameraWatch
from alertwall.outbox import Fact, GapClosed, GapOpened, NewEvent
from ingest.stream import Hole
from models.camera import Camera, CameraSource, LinkState, Scheme
from models.event import EventKind, Priority
from models.timeline import GapCause
from tests.support.clock import FakeClock

CAMERA = Camera(
    id="gate",
    name="Gate",
    area="city.street",
    source=CameraSource(scheme=Scheme.RTSP, host="127.0.0.1", port=554, path="/"),
)


class Looked:
    """A watch on a fake clock; pictures come when a test says so."""

    def __init__(self, *, seen_before_s: float | None = None, gap_open: GapCause | None = None) -> None:
        self.clock = FakeClock()
        seen = None
        if seen_before_s is not None:
            seen = self.clock.utc_now()
            self.clock.advance(seen_before_s)
        now, now_s = self.clock.utc_now(), self.clock.monotonic_s()
        self.watch = CameraWatch(CAMERA, now=now, now_s=now_s, last_seen_at=seen, gap_open=gap_open)
        self.last = None, None
        self.state, self.reason = LinkState.STREAMING, ""
        self.holes: list[Hole] = []

    def picture(self) -> None:
        self.last = self.clock.monotonic_s(), self.clock.utc_now()  # type: ignore[assignment]

    def look(self, after_s: float = 0.0) -> list[Fact]:
        self.clock.advance(after_s)
        holes, self.holes = self.holes, []
        return self.watch.look(
            now=self.clock.utc_now(),
            now_s=self.clock.monotonic_s(),
            last_s=self.last[0],
            last_at=self.last[1],
            state=self.state,
            reason=self.reason,
            holes=holes,
        )


def kinds(facts: list[Fact]) -> list[str]:
    """Return the facts in short."""
    return [
        fact.event.kind
        if isinstance(fact, NewEvent)
        else f"open {fact.gap.cause}"
        if isinstance(fact, GapOpened)
        else type(fact).__name__
        for fact in facts
    ]


def test_silence_is_an_event_with_a_gap_from_the_last_picture_on() -> None:
    """After four seconds, once; with the link's reason."""
    looked = Looked()
    looked.picture()
    seen_at = looked.clock.utc_now()
    assert looked.look() == []
    assert looked.look(SILENT_AFTER_S - 0.5) == []
    looked.state, looked.reason = LinkState.BACKOFF, "connection refused"
    facts = looked.look(1.0)
    assert kinds(facts) == [EventKind.CAMERA_SILENT, "open source_offline"]
    event, gap = facts
    assert isinstance(event, NewEvent)
    assert isinstance(gap, GapOpened)
    assert event.event.time == gap.gap.started_at == seen_at
    assert event.event.priority is Priority.TROUBLE
    assert event.event.attrs["reason"] == gap.gap.detail == "connection refused"
    assert looked.look(60) == []


def test_the_first_picture_after_it_restores() -> None:
    """The gap ends with that picture."""
    looked = Looked()
    looked.picture()
    looked.look()
    looked.look(10)
    looked.picture()
    back_at = looked.clock.utc_now()
    facts = looked.look(0.3)
    assert kinds(facts) == ["GapClosed", EventKind.CAMERA_RESTORED]
    assert isinstance(facts[0], GapClosed)
    assert facts[0].ended_at == back_at
    assert looked.look(1) == []


def test_a_camera_that_never_came_up_gets_longer() -> None:
    """Opening takes its time."""
    looked = Looked()
    looked.state, looked.reason = LinkState.AUTH_FAILED, "wrong user name or password"
    assert looked.look(FIRST_PICTURE_WITHIN_S - 1) == []
    assert kinds(looked.look(2)) == [EventKind.CAMERA_SILENT, "open source_offline"]


def test_a_blip_is_a_gap_but_no_event() -> None:
    """Three seconds between two pictures: nobody is woken, the timeline knows."""
    looked = Looked()
    looked.picture()
    looked.look()
    before = looked.clock.utc_now()
    looked.clock.advance(3)
    looked.picture()
    looked.holes = [Hole(before, looked.clock.utc_now())]
    opened, closed = looked.look()
    assert kinds([opened, closed]) == ["open source_offline", "GapClosed"]
    assert isinstance(opened, GapOpened)
    assert isinstance(closed, GapClosed)
    assert (opened.gap.started_at, closed.ended_at) == (before, looked.clock.utc_now())


def test_the_hole_of_a_silence_is_its_gap() -> None:
    """One row for both; and a worker that looks late (a slow database) makes no hole of its own."""
    looked = Looked()
    looked.picture()
    looked.look()
    before = looked.clock.utc_now()
    looked.look(10)
    looked.picture()
    looked.holes = [Hole(before, looked.clock.utc_now())]
    assert kinds(looked.look()) == ["GapClosed", EventKind.CAMERA_RESTORED]
    looked.clock.advance(30)
    looked.picture()
    assert looked.look() == []


def test_time_without_a_worker_has_its_own_cause() -> None:
    """From the last sign of life an earlier worker wrote up to the first picture."""
    looked = Looked(seen_before_s=120)
    assert kinds(looked.watch.begin()) == ["open not_started"]
    looked.picture()
    assert kinds(looked.look()) == ["GapClosed"]
    assert Looked(seen_before_s=2).watch.begin() == []


def test_an_open_gap_of_an_earlier_worker_is_closed_and_restores() -> None:
    """No second event says that it is silent."""
    looked = Looked(seen_before_s=120, gap_open=GapCause.SOURCE_OFFLINE)
    assert looked.watch.begin() == []
    assert looked.look(30) == []
    looked.picture()
    assert kinds(looked.look()) == ["GapClosed", EventKind.CAMERA_RESTORED]


def test_our_own_errors_are_not_the_cameras() -> None:
    """The cause tells whom to call."""
    looked = Looked()
    looked.picture()
    looked.look()
    looked.reason = "internal error: KeyError"
    assert kinds(looked.look(10))[1] == "open ingest_error"


def test_a_full_disk_is_a_gap_and_the_worse_cause_wins() -> None:
    """One row at a time: disk full, then the camera goes, comes back, and the disk is still full."""
    looked = Looked()
    looked.picture()
    looked.look()
    at = looked.clock.utc_now()
    assert kinds(looked.watch.not_recorded(GapCause.DISK_FULL, "disk full", at)) == ["open disk_full"]
    assert kinds(looked.look(10)) == [EventKind.CAMERA_SILENT, "GapClosed", "open source_offline"]
    looked.picture()
    assert kinds(looked.look()) == ["GapClosed", "open disk_full", EventKind.CAMERA_RESTORED]
    assert kinds(looked.watch.not_recorded(None, "", at)) == ["GapClosed"]


def test_switched_off_is_no_silence() -> None:
    """A gap by its user; switched on again it has its first seconds, and the gap ends with a picture."""
    looked = Looked()
    looked.picture()
    looked.look()
    assert kinds(looked.watch.disabled(looked.clock.utc_now())) == ["open disabled_by_user"]
    looked.clock.advance(3600)
    looked.watch.enabled(looked.clock.utc_now(), looked.clock.monotonic_s())
    looked.last = None, None
    assert looked.look(5) == []
    looked.picture()
    assert kinds(looked.look()) == ["GapClosed"]


def test_what_an_earlier_worker_left_is_gone_on_with() -> None:
    """A full disk is no silent camera, a switched off one is back, one that never began is silent like any other."""
    looked = Looked(seen_before_s=120, gap_open=GapCause.DISK_FULL)
    looked.picture()
    assert looked.look() == []
    assert kinds(looked.watch.not_recorded(None, "", looked.clock.utc_now())) == ["GapClosed"]
    looked = Looked(seen_before_s=120, gap_open=GapCause.DISABLED_BY_USER)
    assert looked.watch.disabled(looked.clock.utc_now()) == []
    looked.watch.enabled(looked.clock.utc_now(), looked.clock.monotonic_s())
    looked.picture()
    assert kinds(looked.look()) == ["GapClosed"]
    looked = Looked(seen_before_s=120, gap_open=GapCause.NOT_STARTED)
    facts = kinds(looked.look(FIRST_PICTURE_WITHIN_S + 1))
    assert facts == [EventKind.CAMERA_SILENT, "GapClosed", "open source_offline"]
