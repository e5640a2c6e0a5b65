"""Camera timestamps on our own clock."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from ingest.packet import TICKS_PER_S
from ingest.timeline import DecodeOrder, Timeline


def test_spacing_is_the_cameras() -> None:
    """Network jitter of 30 ms leaves no trace."""
    timeline = Timeline()
    times = [timeline.present_90k(index * 3600, 100 + index * 0.04 + index % 2 * 0.03) for index in range(50)]
    assert {later - one for one, later in itertools.pairwise(times)} == {3600}


def test_timestamps_wrap() -> None:
    """A 90 kHz counter of 32 bits wraps after 13 hours."""
    timeline = Timeline()
    first = timeline.present_90k(0xFFFFFFFF - 1799, 100.0)
    assert timeline.present_90k(1800, 100.04) - first == 3600


def test_a_camera_that_set_its_clock_is_anchored_anew() -> None:
    """Off by more than a second: the receive clock is the truth."""
    timeline = Timeline()
    timeline.present_90k(0, 100.0)
    assert timeline.present_90k(77_000_000, 100.04) == round(100.04 * TICKS_PER_S)
    assert timeline.reanchored_total == 1
    assert timeline.present_90k(77_003_600, 100.08) == round(100.08 * TICKS_PER_S)


def test_a_slow_camera_clock_is_followed_without_a_step() -> None:
    """500 ppm for an hour would be 1.8 s; the error stays below 60 ms and no step is seen."""
    timeline = Timeline()
    for index in range(25 * 3600):
        now_s = 100 + index * 0.04
        error_s = abs(timeline.present_90k(round(index * 3600 * 0.9995), now_s) / TICKS_PER_S - now_s)
        assert error_s < 0.06
    assert timeline.reanchored_total == 0


def test_decode_times_without_b_frames_are_presentation_times() -> None:
    """Nothing to reorder."""
    order = DecodeOrder()
    assert [order.decode_90k(present) for present in range(0, 36_000, 3600)] == list(range(0, 36_000, 3600))


def test_decode_times_with_b_frames_settle() -> None:
    """I P B B: after the first B-frame shows the depth, decode times step evenly."""
    order = DecodeOrder()
    shown = [0, *(3 * group + step for group in range(10) for step in (3, 1, 2))]
    decoded = [order.decode_90k(index * 3600) for index in shown]
    assert all(later > one for one, later in itertools.pairwise(decoded))
    assert decoded[8:] == [shown_before * 3600 for shown_before in range(7, 7 + len(decoded) - 8)]


@given(st.lists(st.integers(0, 2**40), min_size=1, max_size=50))
def test_decode_times_always_increase(presents: list[int]) -> None:
    """Whatever a camera sends: a container needs increasing decode times."""
    order = DecodeOrder()
    decoded = [order.decode_90k(present) for present in presents]
    assert all(later > one for one, later in itertools.pairwise(decoded))
