"""What a rehearsal is asked, and what it says: JSON lines between a worker and the process that rehearses."""

from datetime import date, datetime

import msgspec

from models.rule import Rule


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """``size_px`` is what live analysis sees of the camera; None takes the recording as it is."""

    camera_id: str
    since: datetime
    until: datetime
    draft: Rule
    live: Rule | None
    media_dir: str
    weights_dir: str
    detector: str
    device: str = "CPU"
    precision: str = "auto"
    detect_fps: float = 5.0
    size_px: tuple[int, int] | None = None
    timezone: str = "UTC"
    holidays: tuple[date, ...] = ()
    lat: float | None = None
    lon: float | None = None


class Raised(msgspec.Struct, kw_only=True):
    """One event that a rule would have raised; ``box`` in 0..1 of the picture."""

    time: datetime
    label: str
    score: float
    box: tuple[float, float, float, float]
    direction: str | None
    both: bool = False
    """The other rule raises it too."""
    picture: str | None = None
    """A small JPEG, base64."""


class OfRule(msgspec.Struct, kw_only=True):
    total: int
    events: list[Raised]


class Hole(msgspec.Struct, kw_only=True, rename={"since": "from", "until": "to"}):
    since: datetime
    until: datetime


class Outcome(msgspec.Struct, kw_only=True, tag="outcome"):
    """``both``, ``only_draft`` and ``only_live`` count happenings; ``why`` says what is missing."""

    draft: OfRule
    live: OfRule | None
    both: int
    only_draft: int
    only_live: int
    footage_s: float
    gaps: list[Hole]
    took_s: float
    speed: float
    why: str


class Progress(msgspec.Struct, kw_only=True, tag="progress"):
    """How much of the range lies behind."""

    share: float
    at: datetime
    footage_s: float
    speed: float
    raised_draft: int
    raised_live: int


class Failed(msgspec.Struct, kw_only=True, tag="failed"):
    why: str


Line = Progress | Outcome | Failed
