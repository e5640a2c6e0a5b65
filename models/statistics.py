"""What a camera's picture held, in numbers: counts by rule and class, and where things stood. Never who."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

HEAT_COLUMNS, HEAT_ROWS = 32, 18
HEAT_CELLS = HEAT_COLUMNS * HEAT_ROWS


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionCount:
    """One minute of one rule and class. ``run`` tells apart who counted: the sum over all runs is the minute."""

    time: datetime
    camera_id: str
    run: UUID
    rule_id: int
    rule_version: int
    label: str
    entered: int = 0
    """Objects that came into the zone, or first moved in it."""
    left_count: int = 0
    """Objects that went out of it, or were lost in it."""
    crossed_right: int = 0
    """From left to right over the tripwire, looking from its first point to its second."""
    crossed_left: int = 0
    present_most: int = 0
    """At once, in one look."""
    present_s: float = 0.0
    """Object-seconds: two objects for ten seconds are twenty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionHeat:
    """One hour so far: object-seconds by where the objects stood, row by row, `HEAT_COLUMNS` to a row."""

    time: datetime
    camera_id: str
    run: UUID
    grid: tuple[float, ...]


Tally = DetectionCount | DetectionHeat
