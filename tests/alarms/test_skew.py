"""The unit's clock against ours."""

from datetime import UTC, datetime, timedelta

import pytest

from alarms.skew import place_in_time

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def ms(seconds_ago: float) -> float:
    return (NOW - timedelta(seconds=seconds_ago)).timestamp() * 1000


@pytest.mark.parametrize(
    ("ts", "quality", "queued", "corrected_s_ago", "skewed", "trouble"),
    [
        (ms(0.2), "ntp", False, 0.2, False, False),
        (ms(5), "ntp", False, 5, False, False),
        (ms(-5), "ntp", False, -5, False, False),
        (ms(6), "ntp", False, 0, True, False),
        (ms(-60), "ntp", False, 0, True, False),
        (ms(300), "ntp", False, 0, True, False),
        (ms(301), "ntp", False, 0, True, True),
        (ms(-301), "rtc", False, 0, True, True),
        (ms(3600), "ntp", True, 3600, False, False),
        (ms(31 * 86400), "ntp", True, 0, True, True),
        (ms(-3600), "ntp", True, 0, True, True),
        (ms(3600), "none", False, 0, False, False),
        (None, "ntp", False, 0, False, False),
        (0, "ntp", False, 0, True, True),
        (-1, "ntp", False, 0, True, True),
        (10**18, "ntp", False, 0, True, True),
        (10**30, "ntp", True, 0, True, True),
    ],
)
def test_which_time_stands(
    *, ts: float | None, quality: str, queued: bool, corrected_s_ago: float, skewed: bool, trouble: bool
) -> None:
    """The unit's time within five seconds or from its outbox; else ours, flagged; never a refusal."""
    timing = place_in_time(ts, received_at=NOW, quality=quality, queued=queued)
    assert abs((NOW - timing.corrected).total_seconds() - corrected_s_ago) < 0.01
    assert (timing.skewed, timing.trouble) == (skewed, trouble)
