"""What is too old, or in the way on a full disk, is deleted: files first, then their rows."""

import logging
import shutil
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

from models.camera import Camera
from models.clock import Clock
from models.store import segments
from models.store.pool import Store
from models.timeline import Segment

SNAPSHOTS = "snapshots"
BATCH = 200
BATCHES_PER_ROUND = 50
HEADROOM = 1.25
"""Recording stops below the site's reserve; deleting starts a little earlier."""

log = logging.getLogger(__name__)


def tidy(
    store: Store, clock: Clock, media_dir: Path, cameras: Iterable[Camera], *, days_max: int, min_free_bytes: int
) -> int:
    """Delete what the cameras' retention says and what the disk needs; return how many files went."""
    removed = 0
    for camera in cameras:
        oldest = clock.utc_now() - timedelta(days=min(camera.retention_days, days_max))
        for _ in range(BATCHES_PER_ROUND):
            with store.transaction() as conn:
                found = segments.expired(conn, camera.id, oldest, BATCH)
            removed += _remove(store, media_dir, found)
            if len(found) < BATCH:
                break
        _remove_snapshots(media_dir / SNAPSHOTS / camera.id, oldest)
    return removed + _make_room(store, media_dir, min_free_bytes)


def _make_room(store: Store, media_dir: Path, min_free_bytes: int) -> int:
    removed = 0
    while shutil.disk_usage(media_dir).free < min_free_bytes * HEADROOM:
        with store.transaction() as conn:
            found = segments.oldest(conn, BATCH)
        if not found:
            break
        removed += _remove(store, media_dir, found)
    if removed:
        log.warning("the disk is nearly full: %d of the oldest recordings were deleted", removed)
    return removed


def _remove(store: Store, media_dir: Path, found: list[Segment]) -> int:
    for segment in found:
        (media_dir / segment.path).unlink(missing_ok=True)
    for folder in {(media_dir / segment.path).parent for segment in found}:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    if found:
        with store.transaction() as conn:
            segments.remove(conn, found)
    return len(found)


def _remove_snapshots(root: Path, oldest: datetime) -> None:
    for folder in root.iterdir() if root.is_dir() else ():
        if len(folder.name) == 8 and folder.name.isdigit() and folder.name < f"{oldest:%Y%m%d}":
            shutil.rmtree(folder, ignore_errors=True)
