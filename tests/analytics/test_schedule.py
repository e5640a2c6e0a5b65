"""When schedules are in force: nights, holidays, clocks that change, suns that do not rise."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from analytics.schedule import Calendar
from models.rule import DAYS, RuleKind, Window
from tests.analytics.pictures import zone
from tests.analytics.scenes import Scene, again, line, person, rule

WORKDAYS = DAYS[:5]
BERLIN, SHANGHAI = "Europe/Berlin", "Asia/Shanghai"


def window(start: str, end: str, *days: str) -> Window:
    return Window(days=days or DAYS, start=start, end=end)


def hours(calendar: Calendar, schedule: tuple[Window, ...], day: date, *, step_min: int = 30) -> list[str]:
    """Return the local times of a day, each half hour, at which a schedule is in force; twice where the clock is."""
    zone_ = ZoneInfo(calendar.timezone)
    at = datetime(day.year, day.month, day.day, tzinfo=zone_).astimezone(UTC)
    found = []
    while at.astimezone(zone_).date() == day:
        if calendar.armed(schedule, at):
            found.append(f"{at.astimezone(zone_):%H:%M}")
        at += timedelta(minutes=step_min)
    return found


def test_no_schedule_is_always() -> None:
    assert Calendar().armed((), datetime(2026, 1, 1, tzinfo=UTC))


def test_a_night_belongs_to_the_day_that_it_begins_on() -> None:
    """From Friday evening into Saturday; its end is not inside."""
    calendar, night = Calendar(SHANGHAI), (window("22:30", "06:00", "fri"),)
    assert hours(calendar, night, date(2026, 1, 2)) == ["22:30", "23:00", "23:30"]
    saturday = hours(calendar, night, date(2026, 1, 3))
    assert (saturday[0], saturday[-1]) == ("00:00", "05:30")
    assert hours(calendar, night, date(2026, 1, 4)) == []


def test_whole_days() -> None:
    """24:00 is midnight after; the same time twice is a day."""
    for schedule in ((window("00:00", "24:00", "sun"),), (window("00:00", "00:00", "sun"),)):
        assert len(hours(Calendar(BERLIN), schedule, date(2026, 1, 4))) == 48
        assert hours(Calendar(BERLIN), schedule, date(2026, 1, 5)) == []


def test_holidays() -> None:
    """On a holiday its windows hold instead of the weekday's, where there are any."""
    calendar = Calendar(SHANGHAI, (date(2026, 10, 1),))
    usual, with_holiday = (window("20:00", "22:00"),), (window("20:00", "22:00"), window("08:00", "09:00", "holiday"))
    thursday, friday = date(2026, 10, 1), date(2026, 10, 2)
    assert hours(calendar, usual, thursday)[0] == "20:00"
    assert hours(calendar, with_holiday, thursday) == ["08:00", "08:30"]
    assert hours(calendar, with_holiday, friday)[0] == "20:00"


def test_the_clock_goes_forward() -> None:
    """A time that is skipped is the moment of the change; the night is an hour shorter."""
    spring = date(2026, 3, 29)
    assert hours(Calendar(BERLIN), (window("02:30", "04:00"),), spring) == ["03:00", "03:30"]
    assert hours(Calendar(BERLIN), (window("01:00", "02:30"),), spring) == ["01:00", "01:30"]


def test_the_clock_goes_back() -> None:
    """Of an hour that comes twice a window begins in the first and ends in the second."""
    autumn = date(2026, 10, 25)
    assert hours(Calendar(BERLIN), (window("02:30", "03:30"),), autumn) == ["02:30", "02:00", "02:30", "03:00"]
    assert hours(Calendar(BERLIN), (window("01:30", "02:30"),), autumn) == ["01:30", "02:00", "02:30", "02:00"]


def test_the_sun() -> None:
    """Beijing at midsummer: up from about 04:46 to 19:46; an hour before and after by offsets."""
    calendar, june = Calendar(SHANGHAI, (), 39.9, 116.4), date(2026, 6, 21)
    day = hours(calendar, (window("sunrise", "sunset"),), june, step_min=1)
    assert day[0] in ("04:45", "04:46", "04:47")
    assert day[-1] in ("19:44", "19:45", "19:46")
    night = hours(calendar, (window("sunset+01:00", "sunrise-01:00"),), june, step_min=1)
    assert night[0] == "00:00"
    assert "03:44" in night
    assert "03:50" not in night
    assert "20:40" not in night
    assert "20:50" in night


def test_no_place_no_sun() -> None:
    """Where a camera stands nobody knows: six to six."""
    day = hours(Calendar(SHANGHAI), (window("sunrise", "sunset"),), date(2026, 6, 21))
    assert (day[0], day[-1]) == ("06:00", "17:30")


def test_a_clock_far_from_the_sun() -> None:
    """A site in China that keeps UTC: the sun rises at ten in the evening, and the day is no less long."""
    day = hours(Calendar("UTC", (), 39.9, 116.4), (window("sunrise", "sunset"),), date(2026, 6, 21))
    assert len(day) in (29, 30, 31)
    assert "15:00" not in day


@pytest.mark.parametrize(
    ("day", "light", "dark"), [(date(2026, 6, 21), 48, 0), (date(2026, 12, 21), 0, 48), (date(2026, 3, 20), None, None)]
)
def test_polar_days_and_nights(day: date, light: int | None, dark: int | None) -> None:
    """Tromsø: the sun never sets, or never rises; every half hour is either day or night."""
    calendar = Calendar("Europe/Oslo", (), 69.65, 18.96)
    by_day = hours(calendar, (window("sunrise", "sunset"),), day)
    by_night = hours(calendar, (window("sunset", "sunrise"),), day)
    assert len(by_day) + len(by_night) == 48
    if light is not None:
        assert (len(by_day), len(by_night)) == (light, dark)


def test_every_night_of_a_year_is_one_night_long() -> None:
    """Day and night share every moment of a year between them, as far north as nights are short."""
    calendar = Calendar("Europe/Helsinki", (), 60.2, 24.9)
    for number in range(0, 365, 18):
        day = date(2026, 1, 1) + timedelta(days=number)
        assert len(hours(calendar, (window("sunrise", "sunset"), window("sunset", "sunrise")), day)) in (46, 48, 50)


EVENING = (window("18:00", "24:00"),)


def test_who_is_inside_when_the_schedule_begins_is_told_once_then() -> None:
    """Before it nothing is raised, and nothing forgotten."""
    begins = datetime(2026, 1, 1, 17, 58, tzinfo=UTC)
    scene = Scene(zone(schedule=EVENING), calendar=Calendar(), begins=begins)
    scene.walk(line((105, 500), (480, 500), 14))
    scene.wait(240, person(480))
    (told,) = scene.told
    assert told[0] == pytest.approx(120, abs=0.3)
    assert again(told).same
    never = (window("03:00", "04:00"),)
    assert not again(told, zone(schedule=never)).same


def test_a_line_crossed_before_the_schedule_is_not_told_later() -> None:
    scene = Scene(
        rule(RuleKind.LINE_CROSSING, points=((0.5, 1), (0.5, 0)), schedule=EVENING),
        calendar=Calendar(),
        begins=datetime(2026, 1, 1, 17, 59, 55, tzinfo=UTC),
    )
    scene.walk(line((300, 500), (720, 500), 15))
    scene.wait(60, person(720))
    assert scene.told == []


def test_what_is_kept_of_a_calendar_is_enough() -> None:
    """Holidays near the moment, the place, the time zone."""
    at = datetime(2026, 10, 1, 4, tzinfo=UTC)
    calendar = Calendar(SHANGHAI, (date(2026, 10, 1), date(2026, 5, 1)), 39.9, 116.4)
    kept = calendar.facts(at)
    assert kept["holidays"] == ["2026-10-01"]
    assert kept["local"] == "2026-10-01T12:00:00+08:00"
    assert Calendar.of_facts(kept).armed((window("11:00", "13:00", "holiday"),), at)
