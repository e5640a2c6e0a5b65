"""Pictures that analytics did not look at are said on the timeline, as what they are, until it is over."""

from datetime import UTC, datetime, timedelta

import pytest

from alertwall.coverage import WINDOW_S, CoverageWatch, summed
from alertwall.outbox import Fact, GapClosed, GapOpened, apply
from models.event import SourceKind
from models.store import gaps
from models.store import timeline as timeline_store
from models.store.pool import Store
from models.store.timeline import Source
from models.timeline import GapCause

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
AREAS = {"gate": "haikou"}


class Windows:
    """One camera's counters, window after window."""

    def __init__(self) -> None:
        self.watch = CoverageWatch()
        self.counts: dict[str, int] = {}
        self.number = 0

    def pass_one(self, *, due: int = 50, **missed: int) -> list[Fact]:
        for reason, count in {"offered": due, **missed}.items():
            self.counts[reason] = self.counts.get(reason, 0) + count
        now_s, self.number = self.number * WINDOW_S, self.number + 1
        now = BEGAN + timedelta(seconds=now_s)
        return self.watch.look({"gate": self.counts}, AREAS, now=now, now_s=now_s)


@pytest.fixture
def windows() -> Windows:
    made = Windows()
    [left] = made.pass_one()
    assert left == GapClosed("analytics:gate", BEGAN, SourceKind.SYSTEM)
    return made


def test_looked_at_as_it_should_be(windows: Windows) -> None:
    """Some losses are nothing to be told."""
    assert [windows.pass_one(busy=5) for _ in range(5)] == [[]] * 5


def test_an_overload_is_a_stretch(windows: Windows) -> None:
    """It begins with the window in which too much was missed, says how much, and ends when it is over."""
    [opened] = windows.pass_one(shed_rate=20, busy=5, shed_region=9)
    assert isinstance(opened, GapOpened)
    assert (opened.gap.source_kind, opened.gap.source_id, opened.gap.area) == (
        SourceKind.SYSTEM,
        "analytics:gate",
        "haikou",
    )
    assert opened.gap.started_at == BEGAN
    assert opened.gap.cause is GapCause.OVERLOAD
    assert opened.gap.detail == "analytics: 25 of 50 pictures not looked at"
    [more] = windows.pass_one(shed_unarmed=50)
    assert isinstance(more, GapOpened)
    assert more.gap.detail == "analytics: 75 of 100 pictures not looked at"
    assert windows.watch.thin == ["gate"]
    assert windows.pass_one() == []
    assert windows.pass_one() == [GapClosed("analytics:gate", BEGAN + timedelta(seconds=40), SourceKind.SYSTEM)]
    assert windows.watch.thin == []


def test_another_pipeline_counts_anew(windows: Windows) -> None:
    """A detector that was opened meanwhile begins at nought: no picture is counted twice or below nought."""
    windows.pass_one(busy=40)
    windows.counts = {}
    assert windows.pass_one(busy=3) == []
    [more] = windows.pass_one(busy=10)
    assert isinstance(more, GapOpened)
    assert more.gap.detail == "analytics: 50 of 100 pictures not looked at"


def test_a_camera_that_goes(windows: Windows) -> None:
    """Its stretch ends with it, as with the worker."""
    windows.pass_one(busy=40)
    now = BEGAN + timedelta(seconds=100)
    assert windows.watch.look({}, {}, now=now, now_s=100) == [GapClosed("analytics:gate", now, SourceKind.SYSTEM)]
    assert windows.watch.close(now) == []


def test_it_is_no_gap_of_the_footage(store: Store, windows: Windows) -> None:
    """On the timeline it stands apart from what is missing; it is one row, with its newest numbers."""
    facts = [fact for busy in (40, 30, 0, 0) for fact in windows.pass_one(busy=busy)]
    until = BEGAN + timedelta(hours=1)
    with store.transaction() as conn:
        apply(conn, facts)
        assert gaps.listing(conn, SourceKind.CAMERA, ["gate"], BEGAN, until) == []
        source = Source(SourceKind.CAMERA, "gate", "Gate")
        [track] = timeline_store.read(conn, [source], BEGAN, until, 60, areas=["haikou"])
    assert track.gaps == []
    [stretch] = track.not_analysed
    assert (stretch.started_at, stretch.ended_at) == (BEGAN, BEGAN + timedelta(seconds=40))
    assert stretch.detail == "analytics: 70 of 100 pictures not looked at"


def test_summed() -> None:
    """Everything together, and the cameras where most was given up."""
    of_b = {"offered": 10, "busy": 3, "shed_rate": 1}
    said = summed({"a": {"offered": 10, "busy": 2}, "b": of_b, "c": {"offered": 5}})
    assert (said["pictures"]["offered"], said["pictures"]["busy"], said["pictures"]["lost"]) == (25, 5, 0)
    assert list(said["given_up"].items()) == [("b", {"busy": 3, "shed_rate": 1}), ("a", {"busy": 2})]
