"""Rules of cameras: what may be drawn, by what it is told, and when it is in force.

`PARAMS` and `SHAPES` are the one place that says what a kind of rule takes: the site file, the API, the wall's form and
analytics all read them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class RuleKind(StrEnum):
    INTRUSION = "intrusion"
    LINE_CROSSING = "line_crossing"
    LOITERING = "loitering"
    WRONG_WAY = "wrong_way"
    SPEED = "speed"
    CROWD = "crowd"
    LEFT_OBJECT = "left_object"
    REMOVED_OBJECT = "removed_object"
    TAMPER = "tamper"


class Direction(StrEnum):
    """Which side of a tripwire counts, looking from its first point to its second."""

    LEFT_TO_RIGHT = "left_to_right"
    RIGHT_TO_LEFT = "right_to_left"
    BOTH = "both"


class TamperFault(StrEnum):
    """What is wrong with a camera's picture; the labels of a rule of kind tamper."""

    COVERED = "covered"
    DEFOCUSED = "defocused"
    MOVED = "moved"
    FROZEN = "frozen"
    BLACK = "black"


class Shape(StrEnum):
    """What is drawn: a polygon, a line of two points, four corners in order, or nothing (the whole picture)."""

    POLYGON = "polygon"
    LINE = "line"
    QUAD = "quad"
    PICTURE = "picture"


SHAPES: dict[RuleKind, Shape] = {
    RuleKind.INTRUSION: Shape.POLYGON,
    RuleKind.LINE_CROSSING: Shape.LINE,
    RuleKind.LOITERING: Shape.POLYGON,
    RuleKind.WRONG_WAY: Shape.POLYGON,
    RuleKind.SPEED: Shape.QUAD,
    RuleKind.CROWD: Shape.POLYGON,
    RuleKind.LEFT_OBJECT: Shape.POLYGON,
    RuleKind.REMOVED_OBJECT: Shape.POLYGON,
    RuleKind.TAMPER: Shape.PICTURE,
}


class Param(NamedTuple):
    """A number that a kind of rule takes. ``per_label``: ``name.label`` sets it for one class alone."""

    default: float
    least: float
    most: float
    unit: str
    text: str
    per_label: bool = False


PARAMS: dict[RuleKind, dict[str, Param]] = {
    RuleKind.INTRUSION: {},
    RuleKind.LINE_CROSSING: {},
    RuleKind.LOITERING: {
        "dwell_s": Param(30, 1, 86400, "s", "Inside for so long is loitering.", per_label=True),
        "grace_s": Param(2, 0, 60, "s", "Out of the zone or unseen for less does not end the stay."),
    },
    RuleKind.WRONG_WAY: {
        "heading_deg": Param(0, 0, 360, "deg", "The allowed way in the picture: 0 is right, 90 down."),
        "tolerance_deg": Param(75, 5, 175, "deg", "So far from the allowed way is still allowed."),
        "travel_min": Param(0.08, 0.01, 1, "heights", "So far against it, in heights of the picture."),
    },
    RuleKind.SPEED: {
        "width_m": Param(4, 0.5, 500, "m", "From the first corner to the second on the ground."),
        "length_m": Param(10, 0.5, 500, "m", "From the second corner to the third on the ground."),
        "limit_kmh": Param(30, 1, 300, "km/h", "Faster than this raises the rule.", per_label=True),
        "measure_s": Param(1, 0.3, 10, "s", "The speed is a mean over so long."),
    },
    RuleKind.CROWD: {
        "count_min": Param(10, 1, 500, "objects", "So many at once are a crowd."),
        "hold_s": Param(5, 0, 3600, "s", "So many for so long; single misses of the detector do not count."),
    },
    RuleKind.LEFT_OBJECT: {
        "still_s": Param(30, 3, 3600, "s", "It has stood for so long."),
        "owner_s": Param(10, 0, 3600, "s", "Nobody has been near it for so long."),
        "owner_radius": Param(0.15, 0, 1, "heights", "Near, in heights of the picture."),
        "size_min": Param(0.02, 0.005, 1, "heights", "Smaller things are not looked at."),
    },
    RuleKind.REMOVED_OBJECT: {
        "still_s": Param(15, 3, 3600, "s", "It has been away for so long."),
        "size_min": Param(0.02, 0.005, 1, "heights", "Smaller things are not looked at."),
    },
    RuleKind.TAMPER: {
        "hold_s": Param(3, 1, 600, "s", "The picture has been so for so long."),
    },
}

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HOLIDAY = "holiday"
MOMENT = re.compile(r"(?:(?:[01]\d|2[0-3]):[0-5]\d|24:00|(?:sunrise|sunset)(?:[+-][0-5]\d:[0-5]\d)?)")
"""A time of the day: 22:30, sunset, sunrise-00:45 (hours and minutes before or after)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """From ``start`` to ``end`` on ``days``, in the site's time; an ``end`` not after ``start`` is on the next day.

    On a holiday the windows of ``holiday`` hold instead of its weekday's, where the schedule has any.
    """

    days: tuple[str, ...]
    start: str
    end: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule of one camera. ``points`` are (x, y) in 0..1 of the picture, as `SHAPES` says of its kind.

    A change makes a new ``version``; old versions stay, so that an event can say which one fired. ``params`` holds
    what differs from the defaults in `PARAMS`. An empty ``schedule`` is always in force.
    """

    id: int
    version: int
    camera_id: str
    name: str
    kind: RuleKind
    points: tuple[tuple[float, float], ...]
    labels: tuple[str, ...] = ()
    direction: Direction = Direction.BOTH
    confirm_frames: int = 3
    cool_down_s: float = 30.0
    min_score: float = 0.0
    enabled: bool = True
    created_at: datetime | None = None
    created_by: str = ""
    params: Mapping[str, float] = field(default_factory=dict)
    schedule: tuple[Window, ...] = ()

    def param(self, name: str, label: str = "") -> float:
        """Return what was set for ``label``, or for all, or the default."""
        usual = self.params.get(name, PARAMS[self.kind][name].default)
        return self.params.get(f"{name}.{label}", usual) if label else usual
