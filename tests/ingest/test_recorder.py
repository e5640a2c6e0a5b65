"""Segments on disk and clips cut out of them, checked by decoding them with libavformat."""

import errno
import io
import itertools
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path

import av
import pytest

from ingest import clip as clips
from ingest.disk import DiskWriter
from ingest.packet import Packet
from ingest.recorder import RETRY_S, Recorder, segment_path
from ingest.segment_file import NotASegment, read, recover
from models.errors import BadInput, NotFound
from models.timeline import GapCause, Segment
from tests.support.clock import FakeClock
from tests.support.rtsp import clip, packets_of

FIRST_BYTES_MAX = 1000


@dataclass
class Studio:
    """A recorder with its disk thread and all that it said."""

    folder: Path
    clock: FakeClock = field(default_factory=FakeClock)
    segments: list[Segment] = field(default_factory=list)
    troubles: list[GapCause | None] = field(default_factory=list)
    min_free_bytes: int = 0

    def __post_init__(self) -> None:
        self.disk = DiskWriter(self.folder)
        self.recorder = Recorder(
            "gate",
            self.folder,
            self.disk,
            clock=self.clock,
            on_segment=self.segments.append,
            on_trouble=lambda cause, _detail, _at: self.troubles.append(cause),
            segment_s=1.0,
            min_free_bytes=self.min_free_bytes,
        )

    def take(self, packets: Sequence[Packet]) -> None:
        for packet in packets:
            self.recorder.put(packet)

    def finish(self) -> list[Segment]:
        self.recorder.end()
        assert self.disk.wait(5)
        return self.segments


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    made = Studio(tmp_path)
    yield made
    made.disk.close()


def decode(file: Path | io.BytesIO) -> tuple[list[Fraction], int]:
    """Return the decode times that libavformat reads and how many pictures come out."""
    with av.open(file if isinstance(file, io.BytesIO) else str(file), "r") as container:
        stream = container.streams.video[0]
        times: list[Fraction] = []
        pictures = 0
        for packet in container.demux(stream):
            if packet.dts is not None:
                times.append(packet.dts * packet.time_base)
            pictures += len(packet.decode())
    return times, pictures


@pytest.mark.parametrize("name", ["h264", "h265", "b_frames"])
def test_segments_are_whole_and_follow_each_other(studio: Studio, name: str) -> None:
    """Each starts with a key frame at zero and decodes alone; ends meet the next start; no picture is lost."""
    packets = packets_of(clip(name), clock=studio.clock)
    studio.take(packets)
    segments = studio.finish()
    assert len(segments) == 3
    total = 0
    for segment in segments:
        times, pictures = decode(studio.folder / segment.path)
        assert times[0] == 0
        assert pictures == len(times)
        assert (studio.folder / segment.path).stat().st_size == segment.size_bytes
        total += pictures
    assert total == len(packets)
    for one, later in itertools.pairwise(segments):
        assert abs((later.started_at - one.ended_at).total_seconds()) < 0.001
    if name == "h264":
        times, _ = decode(studio.folder / segments[0].path)
        assert {later - one for one, later in itertools.pairwise(times)} == {Fraction(1, 25)}


def test_recording_waits_for_a_key_frame(studio: Studio) -> None:
    """What cannot be decoded is not kept."""
    studio.take(packets_of(clip(), clock=studio.clock)[5:])
    first = studio.finish()[0]
    assert read(studio.folder / first.path).samples[0].key


def test_a_hole_in_time_starts_a_new_segment(studio: Studio) -> None:
    """Files tell the truth: 30 s without packets are not stretched into one picture."""
    before = packets_of(clip(), clock=studio.clock)[:10]
    studio.clock.advance(30)
    after = packets_of(clip(), clock=studio.clock)[:10]
    studio.take([*before, *after])
    first, second = studio.finish()
    assert 29 < (second.started_at - first.ended_at).total_seconds() < 34


def test_changed_parameter_sets_start_a_new_segment(studio: Studio) -> None:
    """A camera that changes its size gets a new file with the new size."""
    small = packets_of(clip(), clock=studio.clock)[:12]
    large = packets_of(clip("large"), clock=studio.clock)[:12]
    studio.take([*small, *large])
    sizes = []
    for segment in studio.finish():
        with av.open(str(studio.folder / segment.path)) as container:
            sizes.append(container.streams.video[0].width)
    assert sizes == [320, 640]


def test_timestamps_that_stand_still_or_run_back_do_no_harm(studio: Studio) -> None:
    """A broken camera: increasing decode times in every file, no exception."""
    packets = packets_of(clip(), clock=studio.clock)
    broken = [replace(one, decode_90k=one.decode_90k - 90_000 * (index % 7 == 3)) for index, one in enumerate(packets)]
    studio.take(broken)
    for segment in studio.finish():
        times, _ = decode(studio.folder / segment.path)
        assert times == sorted(set(times))


def test_the_open_segment_can_be_read_and_flushed(studio: Studio) -> None:
    """A clip that ends now needs what is still being gathered."""
    packets = packets_of(clip(), clock=studio.clock)[:20]
    studio.take(packets)
    studio.recorder.flush()
    assert studio.disk.wait(5)
    path = studio.folder / segment_path("gate", packets[0].received_at)
    assert len(read(path).samples) == len(packets) - 1


def test_a_full_disk_stops_recording_and_it_starts_again(tmp_path: Path) -> None:
    """Less than the reserve: cause told once, tried again after a while, told when it goes on."""
    studio = Studio(tmp_path, min_free_bytes=1 << 60)
    packets = packets_of(clip(), clock=studio.clock)
    studio.recorder.put(packets[0])
    assert studio.disk.wait(5)
    studio.take(packets[1:])
    assert studio.troubles == [GapCause.DISK_FULL]
    assert not studio.recorder.recording
    assert studio.recorder.packets_dropped == len(packets) - 1
    studio.recorder._min_free_bytes = 0
    studio.clock.advance(RETRY_S)
    studio.take(packets_of(clip(), clock=studio.clock))
    assert len(studio.finish()) == 3
    assert studio.troubles == [GapCause.DISK_FULL, None]
    studio.disk.close()


def test_recording_stops_at_half_of_the_reserve_and_goes_on_later(tmp_path: Path) -> None:
    """Between the two shares it stays as it was."""
    free = [60]
    disk = DiskWriter(tmp_path, free_bytes=lambda _folder: free[0])
    disk.check_free(100)
    for free[0] in (49, 60, 74):
        with pytest.raises(OSError, match="free space"):
            disk.check_free(100)
    for free[0] in (75, 51):
        disk.check_free(100)
    disk.close()


def test_write_errors_half_way_end_the_segment(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    """ENOSPC in the middle: what was written before stays readable."""
    packets = packets_of(clip(), clock=studio.clock)
    studio.take(packets[:13])
    assert studio.disk.wait(5)

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        studio.take(packets[13:26])
        assert studio.disk.wait(5)
    assert studio.troubles == [GapCause.DISK_FULL]
    assert studio.disk.wait(5)
    assert len(read(studio.folder / studio.segments[0].path).samples) == 12


def test_a_file_that_can_only_be_begun_is_no_recording(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk often has room for a first few bytes: its gap stays one, however often it is tried."""
    write, sizes = os.write, []

    def nearly_full(file: int, data: bytes) -> int:
        sizes.append(len(data))
        if len(data) > FIRST_BYTES_MAX:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, data)

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", nearly_full)
        for _ in range(3):
            studio.take(packets_of(clip(), clock=studio.clock))
            assert studio.disk.wait(5)
            studio.clock.advance(RETRY_S)
    assert min(sizes) <= FIRST_BYTES_MAX < max(sizes)
    assert studio.troubles == [GapCause.DISK_FULL]
    studio.take(packets_of(clip(), clock=studio.clock))
    assert studio.finish()
    assert studio.troubles == [GapCause.DISK_FULL, None]
    assert not studio.recorder.trouble


def test_a_disk_that_is_too_slow_is_an_overload(tmp_path: Path) -> None:
    """The queue is bounded; the link's thread never waits."""
    studio = Studio(tmp_path)
    studio.disk.close()
    studio.take(packets_of(clip(), clock=studio.clock)[:14])
    assert studio.troubles == [GapCause.OVERLOAD]


CHILD = """
    import sys, time
    from pathlib import Path
    from ingest.disk import DiskWriter
    from ingest.recorder import Recorder
    from tests.support.clock import FakeClock
    from tests.support.rtsp import packets_of
    folder, clock = Path(sys.argv[1]), FakeClock()
    disk = DiskWriter(folder)
    recorder = Recorder("gate", folder, disk, clock=clock, on_segment=lambda s: None,
                        on_trouble=lambda *a: None, min_free_bytes=0)
    for packet in packets_of(Path(sys.argv[2]), clock=clock):
        recorder.put(packet)
    disk.wait(5)
    print("ready", flush=True)
    time.sleep(60)
"""


def test_kill_9_loses_at_most_one_gop(tmp_path: Path) -> None:
    """What was written is recovered whole; a file that was cut off in a fragment is shortened to its last whole one."""
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(CHILD), str(tmp_path), str(clip())], stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        child.send_signal(signal.SIGKILL)
    [path] = (tmp_path / "recordings").rglob("*.mp4")
    with path.open("ab") as file:
        file.write(b"\0\0\x10\0moof cut off")
    segment = recover(tmp_path, path, "gate")
    assert segment is not None
    assert len(read(path).samples) >= 96 - 12 - 1
    times, pictures = decode(path)
    assert pictures == len(times)
    assert abs((segment.ended_at - segment.started_at).total_seconds() - len(times) / 25) < 0.01


def test_files_without_a_picture_are_removed_and_foreign_ones_left(tmp_path: Path) -> None:
    """Only what is surely ours is touched."""
    folder = tmp_path / "recordings" / "gate" / "20260101"
    folder.mkdir(parents=True)
    foreign = folder / "1767225600000.mp4"
    foreign.write_bytes(b"hello")
    assert recover(tmp_path, foreign, "gate") is None
    assert foreign.exists()
    with pytest.raises(NotASegment):
        read(foreign)


def test_clip_starts_with_the_key_frame_before(studio: Studio) -> None:
    """From 1.5 s to 2.6 s across two files: a plain MP4 that decodes without a gap, at most one GOP early."""
    packets = packets_of(clip(), clock=studio.clock)
    studio.take(packets)
    studio.finish()
    begun = packets[0].received_at
    since, until = begun + timedelta(seconds=1.5), begun + timedelta(seconds=2.6)
    cut = clips.cut(studio.folder, "gate", since, until)
    assert timedelta(0) <= since - cut.started_at <= timedelta(seconds=0.48)
    whole = b"".join(cut.read())
    assert len(whole) == cut.size_bytes
    times, pictures = decode(io.BytesIO(whole))
    assert pictures == len(times)
    assert {later - one for one, later in itertools.pairwise(times)} == {Fraction(1, 25)}
    assert abs(float(times[-1]) - (until - cut.started_at).total_seconds()) < 0.09


def test_clip_can_be_read_in_parts(studio: Studio) -> None:
    """A browser asks for ranges; every cut of the same bytes."""
    packets = packets_of(clip(), clock=studio.clock)
    studio.take(packets)
    studio.finish()
    cut = clips.cut(studio.folder, "gate", packets[0].received_at, packets[-1].received_at)
    whole = b"".join(cut.read())
    for start in range(0, len(whole), 997):
        assert b"".join(cut.read(start, min(start + 1500, len(whole)))) == whole[start : start + 1500]


def test_clip_keeps_wall_time_over_a_hole(studio: Studio) -> None:
    """Ten seconds without a recording stand still in the clip, so that a position in it is a time of day."""
    before = packets_of(clip(), clock=studio.clock)
    studio.clock.advance(10)
    after = packets_of(clip(), clock=studio.clock)
    studio.take([*before, *after])
    studio.finish()
    cut = clips.cut(studio.folder, "gate", before[0].received_at, after[-1].received_at)
    times, _ = decode(io.BytesIO(b"".join(cut.read())))
    wall_s = (after[-1].received_at - before[0].received_at).total_seconds()
    assert abs(float(times[-1]) - wall_s) < 0.1


def test_clip_of_b_frames_keeps_their_order(studio: Studio) -> None:
    """Composition offsets survive."""
    packets = packets_of(clip("b_frames"), clock=studio.clock)
    studio.take(packets)
    studio.finish()
    cut = clips.cut(studio.folder, "gate", packets[0].received_at, packets[-1].received_at)
    with av.open(io.BytesIO(b"".join(cut.read())), "r") as container:
        shown = [frame.pts for frame in container.decode(video=0) if frame.pts is not None]
    assert shown == sorted(shown)
    assert len(shown) >= len(packets) - 1


def test_clip_from_memory_when_nothing_is_recorded(tmp_path: Path) -> None:
    """A camera that is not recorded still gives the clip of its last seconds."""
    packets = packets_of(clip(), clock=FakeClock())
    cut = clips.cut(tmp_path, "gate", packets[20].received_at, packets[-1].received_at, held=packets)
    _, pictures = decode(io.BytesIO(b"".join(cut.read())))
    assert pictures >= 75


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_ranges_that_cannot_be(studio: Studio) -> None:
    """Backwards, too long, or nothing there."""
    with pytest.raises(BadInput):
        clips.cut(studio.folder, "gate", at("2026-01-01T00:00:10+00:00"), at("2026-01-01T00:00:00+00:00"))
    with pytest.raises(BadInput):
        clips.cut(studio.folder, "gate", at("2026-01-01T00:00:00+00:00"), at("2026-01-01T03:00:00+00:00"))
    with pytest.raises(NotFound):
        clips.cut(studio.folder, "gate", at("2026-01-01T00:00:00+00:00"), at("2026-01-01T00:01:00+00:00"))
