"""Areas: city > district > street > community > grid cell, written as a dotted path."""

import re
from collections.abc import Iterable

from models.errors import BadInput

AREA_PATTERN = re.compile(r"[a-z0-9_-]{1,32}(\.[a-z0-9_-]{1,32}){0,7}")
AREA_MAX_CHARS = 200
ID_PATTERN = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
"""Stable ids of cameras and patrols; the name that people read is kept apart."""


def check_area(area: str, *, field: str = "area") -> str:
    """Return ``area`` unchanged; raise `BadInput` when it is not a dotted path of lower-case words."""
    if len(area) > AREA_MAX_CHARS or not AREA_PATTERN.fullmatch(area):
        raise BadInput(field, "a dotted path of lower-case words such as city.district.street")
    return area


def covers(area: str, inner: str) -> bool:
    """Tell whether ``inner`` is ``area`` or lies inside it."""
    return inner == area or inner.startswith(area + ".")


def any_covers(areas: Iterable[str], inner: str) -> bool:
    """Tell whether one of ``areas`` covers ``inner``."""
    return any(covers(area, inner) for area in areas)
