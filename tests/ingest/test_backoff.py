"""Waiting between attempts."""

import random

from ingest.backoff import Backoff


def test_full_jitter_grows_up_to_the_limit() -> None:
    """The ceiling doubles: 1, 2, 4 s; the wait lies anywhere below it, never at once."""
    for seed in range(50):
        backoff = Backoff(dice=random.Random(seed))
        waits = [backoff.next_s() for _ in range(12)]
        assert all(0.25 <= wait <= min(4, 2.0**attempt) for attempt, wait in enumerate(waits))


def test_a_camera_that_is_gone_for_long_is_asked_less_often() -> None:
    """After some minutes up to a minute apart."""
    backoff = Backoff(dice=random.Random(1))
    quick_s = sum(backoff.next_s() for _ in range(backoff.quick_attempts))
    assert 240 < quick_s < 400
    waits = [backoff.next_s() for _ in range(50)]
    assert 30 < max(waits) <= 60


def test_wrong_passwords_are_tried_slowly() -> None:
    """Cameras lock accounts: half a minute at least, five minutes at most."""
    backoff = Backoff(dice=random.Random(1))
    waits = [backoff.next_s(slow=True) for _ in range(10)]
    assert min(waits) >= 30
    assert max(waits) <= 300


def test_a_link_that_lasted_starts_anew() -> None:
    """30 s of streaming forgive what was before; 5 s do not."""
    backoff = Backoff(attempts=6)
    backoff.streamed(5)
    assert backoff.attempts == 6
    backoff.streamed(30)
    assert backoff.attempts == 0


def test_two_hundred_dead_cameras_do_not_storm() -> None:
    """Once they are known to be gone, 200 cameras make fewer than 20 attempts a second together."""
    attempts = []
    for seed in range(200):
        backoff, at_s = Backoff(dice=random.Random(seed)), 0.0
        while at_s < 800:
            at_s += backoff.next_s()
            attempts.append(at_s)
    late = [at for at in attempts if 600 <= at < 800]
    assert len(late) / 200 < 20
