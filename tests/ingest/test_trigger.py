"""Recording on triggers: from a key frame before to a key frame after, nothing twice."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ingest.packet import Packet
from ingest.segment_file import read
from ingest.trigger import KEY_FRAME_WAIT_S, TriggeredRecorder
from models.timeline import Segment
from tests.ingest.test_recorder import Studio
from tests.support.rtsp import clip, packets_of

GOP_S = 12 / 25


@dataclass
class Site:
    """A studio whose recorder waits for triggers; ``moving`` is what analytics would say."""

    studio: Studio
    moving: bool = False

    def triggered(self, *, pre_s: float = 1.0, post_s: float = 1.0, motion: bool = False) -> TriggeredRecorder:
        asked = (lambda: self.moving) if motion else None
        return TriggeredRecorder(self.studio.recorder, pre_s=pre_s, post_s=post_s, bytes_max=24 << 20, moving=asked)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    studio = Studio(tmp_path)
    yield Site(studio)
    studio.disk.close()


def pictures(site: Site, segments: list[Segment]) -> int:
    return sum(len(read(site.studio.folder / segment.path).samples) for segment in segments)


def span(segments: list[Segment], packets: list[Packet]) -> tuple[float, float]:
    """Return begin and end of all that was recorded, in seconds of the clip."""
    zero = packets[0].received_at
    return (segments[0].started_at - zero).total_seconds(), (segments[-1].ended_at - zero).total_seconds()


def test_nothing_is_written_without_a_trigger(site: Site) -> None:
    """Neither a file nor a complaint."""
    recorder = site.triggered()
    for packet in packets_of(clip(), clock=site.studio.clock):
        recorder.put(packet)
    recorder.end()
    assert not site.studio.finish()
    assert not site.studio.troubles
    assert site.studio.recorder.written_s is None


def test_an_event_is_recorded_with_what_came_before_and_after(site: Site) -> None:
    """From the last key frame a second before to the first one a second after."""
    packets = packets_of(clip(), clock=site.studio.clock, loops=2)
    recorder = site.triggered()
    for packet in packets[:80]:
        recorder.put(packet)
    at_s = packets[79].monotonic_s
    recorder.trigger(at_s)
    recorder.put(packets[80])
    assert site.studio.recorder.recording
    for packet in packets[81:]:
        recorder.put(packet)
    assert not recorder.wanted
    began, ended = span(site.studio.finish(), packets)
    trigger = at_s - packets[0].monotonic_s
    assert trigger - 1 - GOP_S <= began <= trigger - 1
    assert trigger + 1 <= ended <= trigger + 1 + GOP_S + 0.05


def test_a_second_trigger_goes_on_where_the_first_ended(site: Site) -> None:
    """Its seconds before are on disk already: no picture is there twice, none is missing."""
    packets = packets_of(clip(), clock=site.studio.clock, loops=2)
    recorder = site.triggered(pre_s=3.0, post_s=0.5)
    for index, packet in enumerate(packets):
        if index in (60, 100):
            recorder.trigger(packet.monotonic_s)
        recorder.put(packet)
    segments = site.studio.finish()
    began, ended = span(segments, packets)
    assert began == pytest.approx(0, abs=0.05)
    assert pictures(site, segments) == pytest.approx((ended - began) * 25, abs=1)


def test_motion_is_recorded_as_long_as_it_lasts(site: Site) -> None:
    """And ``post_s`` longer."""
    packets = packets_of(clip(), clock=site.studio.clock, loops=2)
    recorder = site.triggered(pre_s=0, post_s=1, motion=True)
    for index, packet in enumerate(packets):
        site.moving = 30 <= index < 90
        recorder.put(packet)
    began, ended = span(site.studio.finish(), packets)
    assert 30 / 25 - GOP_S <= began <= 30 / 25
    assert 89 / 25 + 1 <= ended <= 89 / 25 + 1 + GOP_S + 0.05


def test_a_trigger_from_before_the_stream_is_over(site: Site) -> None:
    """A camera that was away does not begin with what nobody can see any more."""
    packets = packets_of(clip(), clock=site.studio.clock)
    recorder = site.triggered(post_s=1)
    recorder.trigger(packets[0].monotonic_s - 5)
    for packet in packets:
        recorder.put(packet)
    recorder.end()
    assert not site.studio.finish()


def test_a_stream_without_key_frames_ends_all_the_same(site: Site) -> None:
    """One endless GOP is cut after a while."""
    packets = packets_of(clip(), clock=site.studio.clock, loops=5)
    endless = [packets[0], *(packet for packet in packets[1:] if not packet.key)]
    recorder = site.triggered(pre_s=0, post_s=1)
    recorder.trigger(packets[0].monotonic_s)
    for packet in endless:
        recorder.put(packet)
    began, ended = span(site.studio.finish(), packets)
    assert ended - began == pytest.approx(1 + KEY_FRAME_WAIT_S, abs=0.1)
