"""How long a dead part waits."""

import signal

from alertwall.restarts import Restarts, reason


def test_the_first_restart_is_immediate() -> None:
    """A single death costs no waiting."""
    assert Restarts().delay_s(lived_s=0.1, status=1) == 0


def test_dying_again_and_again_slows_down() -> None:
    """A crash loop does not eat the machine."""
    restarts = Restarts()
    delays = [restarts.delay_s(lived_s=0.1, status=1) for _ in range(9)]
    assert delays == [0, 0.25, 0.5, 1, 2, 4, 8, 15, 15]


def test_a_steady_life_forgives() -> None:
    """After a good while the next death is a first one."""
    restarts = Restarts()
    for _ in range(5):
        restarts.delay_s(lived_s=0.1, status=1)
    assert restarts.delay_s(lived_s=60, status=1) == 0


def test_kills_from_outside_stay_quick() -> None:
    """However often somebody uses `kill -9`, it is repaired within two seconds."""
    restarts = Restarts()
    assert max(restarts.delay_s(lived_s=0.1, status=-signal.SIGKILL) for _ in range(100)) <= 1


def test_reasons_are_words() -> None:
    """What the log says about a death."""
    assert reason(3) == "ended with exit code 3"
    assert reason(-9) == "was ended by SIGKILL"
    assert reason(-200) == "was ended by signal 200"
