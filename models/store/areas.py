"""Areas in the store, and the one way in which rows are kept to a user's areas."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from psycopg import Connection
from psycopg.sql import SQL, Composed

from models.area import check_area
from models.errors import BadInput, Conflict

NAME_MAX_CHARS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """A named place that others lie in."""

    path: str
    name: str
    created_at: datetime | None = None


def inside(column: LiteralString = "area") -> Composed:
    """Return a condition with one parameter, a list of areas: ``column`` is one of them or lies inside one."""
    condition = SQL("EXISTS (SELECT 1 FROM unnest(%s::text[]) a WHERE {0} = a OR starts_with({0}, a || '.'))")
    return condition.format(SQL(column))


def all_inside(column: LiteralString) -> Composed:
    """Return a condition with one parameter, a list of areas: each of the areas in ``column`` lies in them."""
    condition = SQL(
        "NOT EXISTS (SELECT 1 FROM unnest({0}) inner_area WHERE NOT EXISTS"
        " (SELECT 1 FROM unnest(%s::text[]) a WHERE inner_area = a OR starts_with(inner_area, a || '.')))"
    )
    return condition.format(SQL(column))


def create(conn: Connection[Any], path: str, name: str) -> Area:
    """Add an area; `Conflict` when there is one of that path."""
    check_area(path, field="path")
    if not 1 <= len(name.strip()) <= NAME_MAX_CHARS:
        raise BadInput("name", f"1 to {NAME_MAX_CHARS} characters")
    row = conn.execute(
        "INSERT INTO area (path, name) VALUES (%s, %s) ON CONFLICT DO NOTHING RETURNING path, name, created_at",
        (path, name.strip()),
    ).fetchone()
    if row is None:
        raise Conflict(f"there is an area {path} already")
    return Area(path=row[0], name=row[1], created_at=row[2])


def ensure(conn: Connection[Any], path: str, name: str) -> None:
    """Add an area, or give it this name; what a site file says at every start."""
    check_area(path, field="path")
    conn.execute(
        "INSERT INTO area (path, name) VALUES (%s, %s) ON CONFLICT (path) DO UPDATE SET name = excluded.name",
        (path, name),
    )


def listing(
    conn: Connection[Any], areas: Sequence[str] | None = None, *, after: str = "", limit: int = 1000
) -> list[Area]:
    """Return areas by path, those within ``areas`` or all of them."""
    rows = conn.execute(
        SQL(
            "SELECT path, name, created_at FROM area"
            " WHERE (%s::text[] IS NULL OR {}) AND path > %s ORDER BY path LIMIT %s"
        ).format(inside("path")),
        (given := list(areas) if areas is not None else None, given, after, limit),
    ).fetchall()
    return [Area(path=path, name=name, created_at=created_at) for path, name, created_at in rows]
