"""`alertwall worker` as a process of its own, killed without warning while it records."""

import io
import signal
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import av
import pytest

from ingest.camera_server import CameraServer, ServerOptions
from ingest.segment_file import NotASegment, read
from models.clock import SystemClock
from models.event import SourceKind
from models.store import gaps, segments
from models.store.pool import Store
from models.timeline import GapCause
from tests.alertwall.worker_bench import PASSWORD, Bench, streaming, until
from tests.support.rtsp import clip


@pytest.fixture
def bench(tmp_path: Path, store: Store, dsn: str) -> Iterator[Bench]:
    made = Bench(tmp_path, store, dsn)
    yield made
    made.stop()


@pytest.fixture
def server() -> Iterator[CameraServer]:
    with CameraServer({"gate": clip()}, ServerOptions(username="viewer", password=PASSWORD)) as made:
        yield made


def pictures(file: Path | bytes) -> int:
    """Return how many pictures libavformat decodes."""
    with av.open(io.BytesIO(file) if isinstance(file, bytes) else str(file), "r") as container:
        return sum(1 for _ in container.decode(video=0))


def stored(path: Path) -> int:
    try:
        return len(read(path).samples)
    except (NotASegment, OSError):
        return 0


def rows(bench: Bench, since: datetime) -> list[Any]:
    with bench.store.transaction() as conn:
        return segments.listing(conn, ["gate"], since, SystemClock().utc_now())


def recordings(bench: Bench) -> list[Path]:
    return sorted(bench.site.media_dir.glob("recordings/gate/*/*.mp4"))


def test_kill_9_leaves_every_segment_playable_and_the_next_worker_explains_the_hole(
    bench: Bench, server: CameraServer
) -> None:
    """What the killed worker wrote decodes, the open file too; the next one gives it a row, and the hole a cause."""
    begun = SystemClock().utc_now()
    bench.register(server, "gate")
    with bench.process() as process:
        until(streaming(bench, "gate"), within_s=30)
        until(lambda: rows(bench, begun))
        # an open segment with whole fragments in it, and no row yet
        until(lambda: stored(recordings(bench)[-1]) >= 12)
        process.send_signal(signal.SIGKILL)
        process.wait(5)
    files = recordings(bench)
    before = {path: stored(path) for path in files}
    assert len(files) >= 2
    for path, count in before.items():
        assert not count or pictures(path) == count
    with bench.store.transaction() as conn:  # as if it had been away for a minute, without waiting for it
        conn.execute("UPDATE camera_state SET last_frame_at = last_frame_at - interval '1 minute'")
    bench.start()
    registered = until(lambda: (found := rows(bench, begun)) and len(found) >= len(files) and found)
    relative = {str(path.relative_to(bench.site.media_dir)) for path, count in before.items() if count}
    assert relative <= {row.path for row in registered}
    until(streaming(bench, "gate"))
    with bench.store.transaction() as conn:
        now = SystemClock().utc_now()
        holes = until(lambda: gaps.listing(conn, SourceKind.CAMERA, ["gate"], now - timedelta(days=1), now))
    assert holes[0].cause is GapCause.NOT_STARTED
    # one clip over both lives of the recording: from the killed worker's first picture up to the open segment
    until(lambda: len(recordings(bench)) > len(files) and stored(recordings(bench)[-1]))
    now = SystemClock().utc_now()
    since, until_ = (f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}" for moment in (begun, now))
    status, body, _ = bench.ask("GET", f"/cameras/gate/clip.mp4?from={since}&to={until_}")
    assert status == 200
    assert pictures(body) > sum(before.values())


@pytest.mark.alone
def test_sigterm_ends_it_in_order(bench: Bench, server: CameraServer) -> None:
    """Within seconds; every file has its row, and the state says when the last picture came."""
    begun = SystemClock().utc_now()
    bench.register(server, "gate")
    with bench.process() as process:
        until(streaming(bench, "gate"), within_s=30)
        until(lambda: rows(bench, begun))
        asked, asked_s = SystemClock().utc_now(), time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert time.monotonic() - asked_s < 6
    paths = {str(path.relative_to(bench.site.media_dir)) for path in recordings(bench)}
    assert {row.path for row in rows(bench, begun)} == paths
    state = bench.state("gate")
    assert state is not None
    assert state.last_frame_at is not None
    assert state.last_frame_at > asked - timedelta(seconds=2)
