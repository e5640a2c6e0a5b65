"""When rules are in force: weekly windows in a site's time, holidays, sunrise and sunset at a camera.

Times that a clock shows twice or skips (daylight saving) never shorten a window: it starts at the first and ends at
the second of two, and a skipped time is the moment of the change.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple, Self
from zoneinfo import ZoneInfo

from astral import Observer
from astral.sun import elevation, sunrise, sunset

from models.rule import DAYS, HOLIDAY, Window

SUNRISE_UNPLACED, SUNSET_UNPLACED = time(6), time(18)
"""Where a camera's place is not known."""
HORIZON_DEG = -0.833
"""The sun's middle at sunrise: its radius and refraction."""
NOON = time(12)
DAYS_AROUND = (-2, -1, 0, 1)
"""Days, seen from that of the moment, whose windows may hold it: nights, and offsets around sunrise and sunset."""
KEPT_MOST = 512
"""Days of schedules that are kept ready, for each camera."""
DAY = timedelta(days=1)
RISES, SETS = "sunrise", "sunset"

Span = tuple[datetime, datetime]


class _Sun(NamedTuple):
    """One day's sunrise and sunset; ``polar`` where there is none: the sun is up all day, or never."""

    rises: datetime
    sets: datetime
    polar: str = ""


@dataclass(frozen=True, slots=True)
class Calendar:
    """``timezone`` is an IANA name; ``lat`` and ``lon`` in degrees, None: the sun rises at 06:00 and sets at 18:00.

    On polar days the sun rises and sets at midnight, in polar nights both are at noon; a window from sunset to
    sunrise then holds never, or all day; on the few days in between, when the sun sets after midnight, it may begin
    or end up to two hours late. One thread at a time may ask.
    """

    timezone: str = "UTC"
    holidays: tuple[date, ...] = ()
    lat: float | None = None
    lon: float | None = None
    _spans: dict[tuple[tuple[Window, ...], date], tuple[Span, ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def armed(self, schedule: tuple[Window, ...], at: datetime) -> bool:
        """Tell whether a schedule is in force at ``at`` (UTC, or any aware time); an empty one always is."""
        if not schedule:
            return True
        today = at.astimezone(self._zone).date()
        moment = at.astimezone(UTC)
        return any(
            start <= moment < end
            for around in DAYS_AROUND
            for start, end in self._of_day(schedule, today + around * DAY)
        )

    def facts(self, at: datetime) -> dict[str, Any]:
        """Return what `of_facts` needs to judge ``at`` again; of the holidays only those near it."""
        local = at.astimezone(self._zone)
        near = [day.isoformat() for day in self.holidays if abs(day - local.date()) <= 3 * DAY]
        return {
            "at": at.astimezone(UTC).isoformat(),
            "local": local.isoformat(timespec="seconds"),
            "timezone": self.timezone,
            "holidays": near,
            "lat": self.lat,
            "lon": self.lon,
        }

    @classmethod
    def of_facts(cls, facts: Mapping[str, Any]) -> Self:
        holidays = tuple(date.fromisoformat(day) for day in facts["holidays"])
        return cls(facts["timezone"], holidays, facts["lat"], facts["lon"])

    @property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    def _of_day(self, schedule: tuple[Window, ...], day: date) -> tuple[Span, ...]:
        spans = self._spans.get((schedule, day))
        if spans is None:
            if len(self._spans) >= KEPT_MOST:
                self._spans.clear()
            names = {DAYS[day.weekday()]}
            if day in self.holidays and any(HOLIDAY in window.days for window in schedule):
                names = {HOLIDAY}
            held = [self._span(window, day) for window in schedule if names & set(window.days)]
            spans = self._spans[schedule, day] = tuple(span for span in held if span is not None)
        return spans

    def _span(self, window: Window, day: date) -> Span | None:
        if window.start.startswith("sun") and window.end.startswith("sun"):
            return self._sunny(window, day)
        start, end = self._moment(window.start, day, last=False), self._moment(window.end, day, last=True)
        if end <= start:
            end = self._moment(window.end, day + DAY, last=True)
        return (start, end) if start < end else None

    def _sunny(self, window: Window, day: date) -> Span | None:
        """Return a window between sunrise and sunset: to the first end after its start, offsets aside."""
        start_at, end_at = window.start.startswith(RISES), window.end.startswith(RISES)
        sun = self._sun(day)
        if sun.polar:
            if start_at == end_at or (sun.polar == "day") != start_at:
                return None
            after = self._sun(day + DAY)
            start, end = (sun.rises, sun.sets) if start_at else (sun.sets, after.rises)
        else:
            start = sun.rises if start_at else sun.sets
            end = start
            if start_at != end_at:
                suns = [self._sun(day + DAY * later) for later in (0, 1)]
                ends = [one.rises if end_at else one.sets for one in suns]
                end = next((one for one in ends if one > start), start)
        start, end = start + _offset(window.start), end + _offset(window.end)
        return (start, end) if start < end else None

    def _moment(self, word: str, day: date, *, last: bool) -> datetime:
        """Return a time of the day, UTC; of a time that the clock shows twice the first, or the ``last``."""
        if word.startswith("sun"):
            sun = self._sun(day)
            return (sun.rises if word.startswith(RISES) else sun.sets) + _offset(word)
        hour, minute = int(word[:2]), int(word[3:])
        if hour == 24:
            return self._clock(day + DAY, time(0), last=last)
        return self._clock(day, time(hour, minute), last=last)

    def _clock(self, day: date, at: time, *, last: bool) -> datetime:
        zone = self._zone
        local = datetime.combine(day, at, zone)
        moment = local.replace(fold=int(last)).astimezone(UTC)
        if moment.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
            return moment
        # the clock skips it: find the change between the two readings of it
        early, late = sorted(local.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
        before = early.astimezone(zone).utcoffset()
        while late - early > timedelta(seconds=1):
            middle = early + (late - early) / 2
            if middle.astimezone(zone).utcoffset() == before:
                early = middle
            else:
                late = middle
        return late.replace(microsecond=0)

    def _sun(self, day: date) -> _Sun:
        if self.lat is None or self.lon is None:
            rises = self._clock(day, SUNRISE_UNPLACED, last=False)
            return _Sun(rises, self._clock(day, SUNSET_UNPLACED, last=False))
        observer = Observer(self.lat, self.lon)
        found = [_event(ask, observer, day, self._zone) for ask in (sunrise, sunset)]
        if found[0] is not None and found[1] is not None:
            return _Sun(found[0], found[1])
        noon = self._clock(day, NOON, last=False)
        if elevation(observer, noon) > HORIZON_DEG:
            midnight = self._clock(day, time(0), last=False)
            return _Sun(midnight, self._clock(day + DAY, time(0), last=True), "day")
        return _Sun(noon, noon, "night")


def _event(ask: Callable[..., datetime], observer: Observer, day: date, zone: ZoneInfo) -> datetime | None:
    try:
        return ask(observer, day, tzinfo=zone).astimezone(UTC)
    except ValueError:  # the sun does not reach the horizon on that day
        return None


def _offset(word: str) -> timedelta:
    said = word.removeprefix(RISES).removeprefix(SETS)
    if not said:
        return timedelta()
    size = timedelta(hours=int(said[1:3]), minutes=int(said[4:6]))
    return -size if said[0] == "-" else size
