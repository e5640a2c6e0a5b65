"""The one gate: a thing is given out only when it lies in the asker's areas, else it does not exist for them."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from psycopg import Connection

from models.area import ID_PATTERN, any_covers, check_area, covers
from models.errors import NotFound
from models.store import cameras, events, incidents, logins, patrols, units, users
from models.unit import UNIT_ID_PATTERN
from models.user import Login, User

BIGINT_MAX = 2**63 - 1


def load_for(conn: Connection[Any], login: Login, kind: str, id: object, *, retired: bool = False) -> Any:
    """Return the thing of this kind and id; `NotFound` when there is none or it lies outside ``login``'s areas.

    Retired things are not found unless ``retired``: their past stays on the timeline.
    """
    thing = _LOADERS[kind](conn, id)
    if thing is None or not _sees(conn, login, kind, thing):
        raise NotFound(kind, id)
    if not retired and getattr(thing, "retired_at", None) is not None:
        raise NotFound(kind, id)
    return thing


def require_area(login: Login, area: str, *, field: str = "area") -> str:
    """Return ``area`` when the asker may put things there; else it does not exist for them."""
    check_area(area, field=field)
    if not any_covers(login.areas, area):
        raise NotFound("area", area)
    return area


def narrowed(login: Login, area: str | None) -> list[str]:
    """Return the asker's areas, or what of them lies in ``area``."""
    if area is None:
        return list(login.areas)
    if any_covers(login.areas, area):
        return [area]
    return [own for own in login.areas if covers(area, own)]


def within(login: Login, areas: tuple[str, ...]) -> bool:
    """Tell whether all of ``areas`` lie in the asker's."""
    return all(any_covers(login.areas, area) for area in areas)


def _sees(conn: Connection[Any], login: Login, kind: str, thing: Any) -> bool:
    match kind:
        case "user":
            return within(login, thing.areas)
        case "token":
            owner = users.get(conn, thing.username)
            return isinstance(owner, User) and within(login, owner.areas)
        case "assignment":
            return login.patrol_id is not None and thing.patrol_id == login.patrol_id
        case _:
            return any_covers(login.areas, thing.area)


def _number(load: Callable[[Connection[Any], int], Any]) -> Callable[[Connection[Any], object], Any]:
    def by_number(conn: Connection[Any], id: object) -> Any:
        text = str(id)
        if not (text.isascii() and text.isdigit()) or len(text) > 19 or int(text) > BIGINT_MAX:
            return None
        return load(conn, int(text))

    return by_number


def _text(load: Callable[[Connection[Any], str], Any], pattern: Any) -> Callable[[Connection[Any], object], Any]:
    def by_text(conn: Connection[Any], id: object) -> Any:
        text = str(id)
        return load(conn, text) if pattern.fullmatch(text) else None

    return by_text


def _event(conn: Connection[Any], id: object) -> Any:
    try:
        return events.get(conn, UUID(str(id)))
    except ValueError:
        return None


_LOADERS: dict[str, Callable[[Connection[Any], object], Any]] = {
    "camera": _text(cameras.get, ID_PATTERN),
    "unit": _text(units.get, UNIT_ID_PATTERN),
    "patrol": _text(patrols.get, ID_PATTERN),
    "incident": _number(incidents.get),
    "assignment": _number(patrols.get_assignment),
    "event": _event,
    "user": _text(users.get, users.USERNAME_PATTERN),
    "token": _text(logins.token, logins.TOKEN_ID_PATTERN),
}
