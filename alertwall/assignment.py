"""Which worker holds which camera: rendezvous hashing, so that a worker that comes or goes moves only its share."""

import hashlib
from collections.abc import Iterable


def owner(camera_id: str, workers: Iterable[str]) -> str | None:
    """Return the worker with the highest weight for this camera; None without workers."""

    def weight(worker: str) -> tuple[bytes, str]:
        return hashlib.blake2b(f"{worker}\0{camera_id}".encode(), digest_size=8).digest(), worker

    return max(workers, key=weight, default=None)
