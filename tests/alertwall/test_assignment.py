"""Cameras shared over workers."""

from collections import Counter

from alertwall.assignment import owner

CAMERAS = [f"camera-{number}" for number in range(2000)]


def test_every_camera_has_one_owner_and_shares_are_even() -> None:
    """Four workers: each between a fifth and a third."""
    workers = ["worker-1", "worker-2", "worker-3", "worker-4"]
    shares = Counter(owner(camera, workers) for camera in CAMERAS)
    assert set(shares) == set(workers)
    assert all(400 < share < 660 for share in shares.values())
    assert owner("gate", reversed(workers)) == owner("gate", workers)


def test_a_worker_that_leaves_moves_only_its_own() -> None:
    """The others keep what they hold."""
    before = {camera: owner(camera, ["a", "b", "c"]) for camera in CAMERAS}
    after = {camera: owner(camera, ["a", "b"]) for camera in CAMERAS}
    assert all(after[camera] == held for camera, held in before.items() if held != "c")


def test_nobody() -> None:
    """No worker, no owner."""
    assert owner("gate", []) is None
