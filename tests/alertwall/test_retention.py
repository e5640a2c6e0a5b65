"""What is deleted, and what is not."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from alarms import triage
from alertwall.retention import HEADROOM, make_room, tidy
from configs.parts import AlarmsConfig
from models.camera import Camera
from models.clock import SystemClock
from models.event import EventKind, Priority, SourceKind
from models.store import areas, cameras, events, gaps, segments, units
from models.store.pool import Store
from models.timeline import Gap, GapCause, Segment
from models.unit import Unit
from tests.alertwall.test_camera_watch import CAMERA
from tests.alertwall.test_outbox import event
from tests.support.clock import FakeClock

SIX_S = timedelta(seconds=6)


def make(store: Store, media_dir: Path, camera: Camera, days: list[int]) -> list[Path]:
    now = SystemClock().utc_now()
    made, paths = [], []
    for age in days:
        at = now - timedelta(days=age)
        path = media_dir / "recordings" / camera.id / f"{at:%Y%m%d}" / f"{age}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
        relative = str(path.relative_to(media_dir))
        made.append(Segment(camera_id=camera.id, started_at=at, ended_at=at, path=relative, size_bytes=1, codec="h264"))
        paths.append(path)
        snapshot = media_dir / "snapshots" / camera.id / f"{at:%Y%m%d}" / "a.jpg"
        snapshot.parent.mkdir(parents=True, exist_ok=True)
        snapshot.write_bytes(b"x")
    with store.transaction() as conn:
        segments.add(conn, made)
    return paths


def left(store: Store) -> int:
    now = SystemClock().utc_now()
    with store.transaction() as conn:
        return len(segments.listing(conn, ["gate", "square"], now - timedelta(days=4000), now + timedelta(days=1)))


def test_each_camera_keeps_its_days_and_no_more(store: Store, tmp_path: Path) -> None:
    """Files, rows, empty folders and snapshots go together; the site's limit is the upper one."""
    gate, square = replace(CAMERA, retention_days=5), replace(CAMERA, id="square", retention_days=3650)
    old, fresh = make(store, tmp_path, gate, [6, 4])
    kept_by_site, beyond_site = make(store, tmp_path, square, [6, 40])
    removed = tidy(store, SystemClock(), tmp_path, [gate, square], days_max=30)
    assert removed == 2
    assert not old.parent.exists()
    assert not beyond_site.exists()
    assert fresh.exists()
    assert kept_by_site.exists()
    assert left(store) == 2
    assert len(list((tmp_path / "snapshots").rglob("*.jpg"))) == 2


class Disk:
    """A disk on which each recording takes ten bytes."""

    def __init__(self, free: int, paths: list[Path]) -> None:
        self.free, self.paths = free, paths

    def __call__(self, _folder: Path) -> int:
        return self.free + 10 * sum(not path.exists() for path in self.paths)


def register(store: Store, camera: Camera) -> None:
    with store.transaction() as conn:
        areas.ensure(conn, camera.area, "Street")
        cameras.create(conn, camera, None)


def early(store: Store) -> list[Gap]:
    now = SystemClock().utc_now()
    with store.transaction() as conn:
        return gaps.listing(conn, SourceKind.CAMERA, ["gate"], now - timedelta(days=4000), now)


def test_a_nearly_full_disk_takes_the_oldest_first(store: Store, tmp_path: Path) -> None:
    """Below the reserve, a little more than the reserve; what went early is a gap that says so."""
    register(store, CAMERA)
    paths = make(store, tmp_path, CAMERA, [5, 4, 3, 2])
    assert make_room(store, SystemClock(), tmp_path, min_free_bytes=100, free=Disk(100, paths)) == 0
    assert early(store) == []
    disk = Disk(90, paths[:1])
    assert make_room(store, SystemClock(), tmp_path, min_free_bytes=100, free=disk) == 4
    assert {gap.cause for gap in early(store)} == {GapCause.RETENTION}
    assert len(early(store)) == 4
    tidy(store, SystemClock(), tmp_path, [replace(CAMERA, retention_days=1)], days_max=30)
    assert early(store) == []
    assert HEADROOM > 1


def test_neighbours_that_go_are_one_gap(store: Store, clock: FakeClock) -> None:
    """Hours of footage are one row, not one for each file."""
    register(store, CAMERA)
    at = clock.utc_now()
    gone = [
        Segment(
            camera_id="gate",
            started_at=at + i * SIX_S,
            ended_at=at + (i + 1) * SIX_S,
            path="p",
            size_bytes=1,
            codec="h264",
        )
        for i in range(20)
    ]
    with store.transaction() as conn:
        gaps.add_retention(conn, gone[:10])
        gaps.add_retention(conn, gone[10:])
        (gap,) = gaps.listing(conn, SourceKind.CAMERA, ["gate"], at, at + timedelta(days=1))
    assert (gap.started_at, gap.ended_at, gap.cause) == (at, at + 20 * SIX_S, GapCause.RETENTION)


def test_nothing_goes_before_its_minimum(store: Store, tmp_path: Path) -> None:
    """However full the disk is; a camera that promises nothing gives all."""
    register(store, replace(CAMERA, min_retention_days=3))
    paths = make(store, tmp_path, CAMERA, [4, 2])
    assert make_room(store, SystemClock(), tmp_path, min_free_bytes=1000, free=Disk(0, paths)) == 1
    assert [path.exists() for path in paths] == [False, True]
    unknown = make(store, tmp_path, replace(CAMERA, id="square"), [0])
    assert make_room(store, SystemClock(), tmp_path, min_free_bytes=1000, free=Disk(0, unknown)) == 1


def test_what_belongs_to_an_event_or_an_incident_stays(store: Store, tmp_path: Path) -> None:
    """With the camera's seconds before and after; its silence is no event that anybody could see there."""
    register(store, CAMERA)
    paths = make(store, tmp_path, CAMERA, [6, 5, 4, 3])
    now = SystemClock().utc_now()
    seen = event(1, kind=EventKind.INTRUSION, time=now - timedelta(days=6) + timedelta(seconds=3))
    silent = event(2, kind=EventKind.CAMERA_SILENT, time=now - timedelta(days=5))
    alarm = event(
        3,
        kind=EventKind.BURGLARY,
        time=now - timedelta(days=4) - timedelta(seconds=8),
        source_kind=SourceKind.UNIT,
        source_id="U1",
        priority=Priority.ALARM,
    )
    with store.transaction() as conn:
        units.create(conn, Unit(id="U1", name="Home", area=CAMERA.area, cameras=("gate",)), broker_hash="x")
        events.write(conn, [seen, silent, alarm])
        triage.take(conn, SystemClock(), [alarm], AlarmsConfig())
    assert make_room(store, SystemClock(), tmp_path, min_free_bytes=1000, free=Disk(0, paths)) == 2
    assert [path.exists() for path in paths] == [True, False, True, False]
    tidy(store, SystemClock(), tmp_path, [replace(CAMERA, retention_days=5)], days_max=30)
    assert [path.exists() for path in paths] == [False, False, True, False]
