"""People who sign in, what they may do, and where."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Role(StrEnum):
    OPERATOR = "operator"
    DISPATCHER = "dispatcher"
    ENGINEER = "engineer"
    ANALYST = "analyst"
    ADMIN = "admin"


WATCHERS = frozenset({Role.OPERATOR, Role.DISPATCHER, Role.ENGINEER, Role.ADMIN})
"""Who may look through a camera now; analysts look at what was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """An account; the password hash stays in the store."""

    username: str
    display_name: str
    role: Role
    areas: tuple[str, ...]
    language: str = "en"
    disabled: bool = False
    row_version: int = 1
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Who is asking: a user's browser or script, or a paired patrol phone (then ``patrol_id``)."""

    username: str
    role: Role | None
    areas: tuple[str, ...]
    kind: str
    expires_at: datetime
    patrol_id: str | None = None
    scopes: tuple[str, ...] = ()
