"""What a rule may say: the site file and the API refuse the same things in the same words."""

import math
from collections.abc import Iterable, Mapping, Sequence

from models.camera import MASKS_MAX
from models.errors import BadInput
from models.rule import DAYS, HOLIDAY, MOMENT, PARAMS, SHAPES, Rule, RuleKind, Shape, TamperFault, Window

POLYGON_LEAST_POINTS = 3
POLYGON_MAX_POINTS = 64
AREA_LEAST = 1e-4
"""Of the picture; a smaller zone is a slip of the hand, or points on one line."""
WINDOWS_MAX = 32
LABELS_MAX = 40


def check_rule(rule: Rule) -> None:
    """Raise `BadInput` naming the field and what it should have been."""
    _check_points(SHAPES[rule.kind], rule.points)
    _check_params(rule.kind, rule.params)
    _check_schedule(rule.schedule)
    if rule.kind is RuleKind.TAMPER and (unknown := set(rule.labels) - set(TamperFault)):
        raise BadInput("labels", f"of {', '.join(TamperFault)}, has {min(unknown)}")


def _check_points(shape: Shape, points: tuple[tuple[float, float], ...]) -> None:
    for x, y in points:
        if not (0 <= x <= 1 and 0 <= y <= 1):
            raise BadInput("points", f"points within 0..1 of the picture, has [{x:g}, {y:g}]")
    if shape is Shape.PICTURE:
        if points:
            raise BadInput("points", "none: it looks at the whole picture")
    elif shape is Shape.LINE:
        if len(points) != 2:
            raise BadInput("points", f"2 points, has {len(points)}")
        if points[0] == points[1]:
            raise BadInput("points", "2 different points, has the same one twice")
    else:
        _check_polygon(points, corners=4 if shape is Shape.QUAD else None)


def _check_polygon(points: tuple[tuple[float, float], ...], *, corners: int | None) -> None:
    if corners is not None and len(points) != corners:
        raise BadInput("points", f"{corners} corners in order, has {len(points)}")
    if len(points) < POLYGON_LEAST_POINTS:
        raise BadInput("points", f"{POLYGON_LEAST_POINTS} points, has {len(points)}")
    if len(points) > POLYGON_MAX_POINTS:
        raise BadInput("points", f"at most {POLYGON_MAX_POINTS} points, has {len(points)}")
    if polygon_area(points) < AREA_LEAST:
        raise BadInput("points", "points that enclose an area, has points on one line")
    if corners is not None and not convex(points):
        raise BadInput("points", f"{corners} corners in order around the zone, none of them bent inwards")


def check_masks(masks: Sequence[tuple[tuple[float, float], ...]]) -> None:
    """Raise `BadInput` unless these can be painted over a camera's picture."""
    if len(masks) > MASKS_MAX:
        raise BadInput("masks", f"at most {MASKS_MAX} polygons, has {len(masks)}")
    for at, polygon in enumerate(masks):
        try:
            _check_points(Shape.POLYGON, polygon)
        except BadInput as refused:
            raise BadInput(f"masks.{at}", refused.expected) from refused


def polygon_area(points: Iterable[tuple[float, float]]) -> float:
    """Return how much of the picture a polygon encloses (shoelace formula)."""
    corners = list(points)
    around = zip(corners, [*corners[1:], corners[0]], strict=True)
    return abs(sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in around)) / 2


def convex(points: Iterable[tuple[float, float]]) -> bool:
    """Tell whether the corners turn the same way all around."""
    corners = list(points)
    turns = []
    for (x0, y0), (x1, y1), (x2, y2) in zip(corners, corners[1:] + corners[:1], corners[2:] + corners[:2], strict=True):
        turns.append((x1 - x0) * (y2 - y1) - (y1 - y0) * (x2 - x1))
    return all(turn > 0 for turn in turns) or all(turn < 0 for turn in turns)


def _check_params(kind: RuleKind, params: Mapping[str, float]) -> None:
    known = PARAMS[kind]
    for name, value in params.items():
        base, _, label = name.partition(".")
        param = known.get(base)
        if param is None or (label and not param.per_label):
            what = ", ".join(known) or "none"
            raise BadInput(f"params.{name}", f"a parameter that {kind.replace('_', ' ')} takes ({what})")
        if not (math.isfinite(value) and param.least <= value <= param.most):
            raise BadInput(f"params.{name}", f"{param.least:g} to {param.most:g} {param.unit}, has {value:g}")


def _check_schedule(schedule: tuple[Window, ...]) -> None:
    if len(schedule) > WINDOWS_MAX:
        raise BadInput("schedule", f"at most {WINDOWS_MAX} windows, has {len(schedule)}")
    for at, window in enumerate(schedule):
        here = f"schedule.{at}"
        if not window.days:
            raise BadInput(f"{here}.days", "at least one day")
        if unknown := [day for day in window.days if day not in (*DAYS, HOLIDAY)]:
            raise BadInput(f"{here}.days", f"of {', '.join((*DAYS, HOLIDAY))}, has {unknown[0]}")
        for name, moment in (("start", window.start), ("end", window.end)):
            if not MOMENT.fullmatch(moment):
                raise BadInput(f"{here}.{name}", f"HH:MM, sunrise or sunset (sunset-00:30), has '{moment}'")
