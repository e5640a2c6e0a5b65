"""What is too old, or in the way on a full disk, is deleted: files first, then their rows."""

import logging
import shutil
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path

from ingest.disk import free_bytes
from models.camera import Camera
from models.clock import Clock
from models.store import gaps, segments
from models.store.pool import Store
from models.timeline import Segment

SNAPSHOTS = "snapshots"
BATCH = 200
BATCHES_PER_ROUND = 50
HEADROOM = 1.25
"""Deleting begins when less than the site's ``min_free_gb`` is free, and makes so much room."""

log = logging.getLogger(__name__)


def tidy(store: Store, clock: Clock, media_dir: Path, cameras: Iterable[Camera], *, days_max: int) -> int:
    """Delete what is older than the cameras' retention; return how many files went."""
    removed = 0
    for camera in cameras:
        oldest = clock.utc_now() - timedelta(days=min(camera.retention_days, days_max))
        for _ in range(BATCHES_PER_ROUND):
            with store.transaction() as conn:
                found = segments.expired(conn, camera.id, oldest, BATCH)
            removed += _remove(store, media_dir, found)
            if len(found) < BATCH:
                break
        with store.transaction() as conn:
            gaps.forget_retention(conn, camera.id, oldest)
        _remove_snapshots(media_dir / SNAPSHOTS / camera.id, oldest)
    return removed


def make_room(
    store: Store,
    clock: Clock,
    media_dir: Path,
    *,
    min_free_bytes: int,
    free: Callable[[Path], int] = free_bytes,
) -> int:
    """Delete the oldest recordings that nothing protects while too little is free; return how many files went.

    When nothing is left that may go, recording stops at half of ``min_free_bytes`` (see `ingest.disk`).
    """
    removed = 0
    wanted: float = min_free_bytes
    while free(media_dir) < wanted:
        with store.transaction() as conn:
            found = segments.oldest_unprotected(conn, clock.utc_now(), BATCH)
        if not found:
            break
        removed += _remove(store, media_dir, found, early=True)
        wanted = min_free_bytes * HEADROOM
    if removed:
        log.warning("the disk is nearly full: %d of the oldest recordings were deleted", removed)
    return removed


def _remove(store: Store, media_dir: Path, found: list[Segment], *, early: bool = False) -> int:
    for segment in found:
        (media_dir / segment.path).unlink(missing_ok=True)
    for folder in {(media_dir / segment.path).parent for segment in found}:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    if found:
        with store.transaction() as conn:
            segments.remove(conn, found)
            if early:
                gaps.add_retention(conn, found)
    return len(found)


def _remove_snapshots(root: Path, oldest: datetime) -> None:
    for folder in root.iterdir() if root.is_dir() else ():
        if len(folder.name) == 8 and folder.name.isdigit() and folder.name < f"{oldest:%Y%m%d}":
            shutil.rmtree(folder, ignore_errors=True)
