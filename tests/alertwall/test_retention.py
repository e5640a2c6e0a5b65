"""What is deleted, and what is not."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from alertwall.retention import tidy
from models.camera import Camera
from models.clock import SystemClock
from models.store import segments
from models.store.pool import Store
from models.timeline import Segment
from tests.alertwall.test_camera_watch import CAMERA


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
    removed = tidy(store, SystemClock(), tmp_path, [gate, square], days_max=30, min_free_bytes=0)
    assert removed == 2
    assert not old.parent.exists()
    assert not beyond_site.exists()
    assert fresh.exists()
    assert kept_by_site.exists()
    assert left(store) == 2
    assert len(list((tmp_path / "snapshots").rglob("*.jpg"))) == 2


def test_a_full_disk_takes_the_oldest_first(store: Store, tmp_path: Path) -> None:
    """More than there is cannot be had: all recordings go, then it stops."""
    paths = make(store, tmp_path, CAMERA, [1, 2])
    removed = tidy(store, SystemClock(), tmp_path, [CAMERA], days_max=30, min_free_bytes=1 << 60)
    assert removed == 2
    assert not any(path.exists() for path in paths)
    assert left(store) == 0
