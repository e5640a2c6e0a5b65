"""Accounts in the store. Passwords come in as Argon2id hashes; only `secret_hash` reads one back."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError
from psycopg import Connection
from psycopg.errors import UniqueViolation
from psycopg.sql import SQL

from models.area import check_area
from models.errors import BadInput, Conflict, NotFound
from models.store import areas as area_store
from models.user import Role, User

PASSWORD_MIN_CHARS = 10
PASSWORD_MAX_CHARS = 256
USERNAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
LANGUAGES = ("en", "zh-CN")
FREE_TRIES = 10
"""So many wrong passwords in a row are answered at once; then one in `SLOW_TRY_S` is looked at."""
SLOW_TRY_S = 30.0
TRIES_KEPT = timedelta(hours=1)

_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, type=Type.ID)
_NOBODY = _HASHER.hash("the password of nobody")
"""Checked in place of an unknown user's hash, so that both answers take the same work."""

_USER = SQL("username, display_name, role, areas, language, disabled, row_version, created_at")
_GET = SQL("SELECT {} FROM app_user WHERE username = %s").format(_USER)
_PAGE = SQL("SELECT {} FROM app_user WHERE {} AND username > %s ORDER BY username LIMIT %s").format(
    _USER, area_store.all_inside("app_user.areas")
)
_CREATE = SQL(
    "INSERT INTO app_user (username, display_name, password_hash, role, areas, language, disabled)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING {}"
).format(_USER)
_UPDATE = SQL(
    "UPDATE app_user SET display_name = %s, role = %s, areas = %s, language = %s, disabled = %s,"
    " password_hash = coalesce(%s, password_hash), row_version = row_version + 1"
    " WHERE username = %s AND (%s::integer IS NULL OR row_version = %s) RETURNING {}"
).format(_USER)

_TRY = SQL(
    "INSERT INTO sign_in_try AS t (name, failed_count, failed_at) VALUES (%s, 1, %s)"
    " ON CONFLICT (name) DO UPDATE SET failed_count = t.failed_count + 1, failed_at = excluded.failed_at"
    " WHERE t.failed_count < %s OR t.failed_at <= %s RETURNING failed_count"
)


def hash_password(password: str) -> str:
    """Return the Argon2id hash of a new password; `BadInput` when it is too short or too long."""
    if not PASSWORD_MIN_CHARS <= len(password) <= PASSWORD_MAX_CHARS:
        raise BadInput("password", f"{PASSWORD_MIN_CHARS} to {PASSWORD_MAX_CHARS} characters")
    return _HASHER.hash(password)


def matches(password_hash: str | None, password: str) -> bool:
    """Tell whether ``password`` is the right one; takes the same work when there is no hash."""
    try:
        _HASHER.verify(password_hash or _NOBODY, password[:PASSWORD_MAX_CHARS])
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None


def count(conn: Connection[Any]) -> int:
    """Return how many accounts there are; none means that the site is not set up yet."""
    row = conn.execute("SELECT count(*) FROM app_user").fetchone()
    return int(row[0]) if row else 0


def get(conn: Connection[Any], username: str) -> User | None:
    row = conn.execute(_GET, (username,)).fetchone()
    return _user(row) if row else None


def page(conn: Connection[Any], areas: Sequence[str], *, after: str = "", limit: int = 200) -> list[User]:
    """Return accounts all of whose areas lie in ``areas``, by name, from behind ``after`` on."""
    return [_user(row) for row in conn.execute(_PAGE, (list(areas), after, limit)).fetchall()]


def create(conn: Connection[Any], user: User, password_hash: str) -> User:
    """Add an account; `Conflict` when the name is taken."""
    if not USERNAME_PATTERN.fullmatch(user.username):
        raise BadInput("username", "lower-case letters, digits, . _ and -, at most 63")
    _check(user)
    try:
        with conn.transaction():
            row = conn.execute(
                _CREATE,
                (
                    user.username,
                    user.display_name,
                    password_hash,
                    user.role,
                    list(user.areas),
                    user.language,
                    user.disabled,
                ),
            ).fetchone()
    except UniqueViolation as taken:
        raise Conflict(f"there is a user {user.username} already") from taken
    return _user(row)


def update(
    conn: Connection[Any], user: User, *, password_hash: str | None = None, expected_version: int | None = None
) -> User:
    """Write an account's fields; `Conflict` when it is no longer at ``expected_version``."""
    _check(user)
    row = conn.execute(
        _UPDATE,
        (
            user.display_name,
            user.role,
            list(user.areas),
            user.language,
            user.disabled,
            password_hash,
            user.username,
            expected_version,
            expected_version,
        ),
    ).fetchone()
    if row is None:
        if get(conn, user.username) is None:
            raise NotFound("user", user.username)
        raise Conflict(f"user {user.username} was changed meanwhile")
    return _user(row)


# ── wrong passwords ────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """What a sign-in needs to know before it looks at the password."""

    password_hash: str | None
    wait_s: float = 0.0


def begin_try(conn: Connection[Any], name: str, now: datetime) -> Try:
    """Count a try and return the hash to check, or how long ``name`` must wait since too many tries were wrong.

    The try is paid for here, before the password is looked at, so that tries at once cannot share one. A name that
    is nobody's takes the same way: neither the answers nor their time tell which names exist.
    """
    counted = conn.execute(_TRY, (name, now, FREE_TRIES, now - timedelta(seconds=SLOW_TRY_S))).fetchone()
    row = conn.execute("SELECT password_hash, disabled FROM app_user WHERE username = %s", (name,)).fetchone()
    if counted is None:
        last = conn.execute("SELECT failed_at FROM sign_in_try WHERE name = %s", (name,)).fetchone()
        wait = (last[0] if last else now) + timedelta(seconds=SLOW_TRY_S) - now
        return Try(password_hash=None, wait_s=max(wait.total_seconds(), 1.0))
    return Try(password_hash=row[0] if row is not None and not row[1] else None)


def end_try(conn: Connection[Any], name: str) -> None:
    """Forget wrong passwords: the right one came."""
    conn.execute("DELETE FROM sign_in_try WHERE name = %s", (name,))


def prune_tries(conn: Connection[Any], now: datetime) -> int:
    """Forget names that nobody has tried for a while."""
    return conn.execute("DELETE FROM sign_in_try WHERE failed_at < %s", (now - TRIES_KEPT,)).rowcount


def _check(user: User) -> None:
    if not 1 <= len(user.display_name.strip()) <= 200:
        raise BadInput("display_name", "1 to 200 characters")
    if user.language not in LANGUAGES:
        raise BadInput("language", " or ".join(LANGUAGES))
    check_areas(user.areas)


def check_areas(areas: Sequence[str]) -> None:
    """Raise `BadInput` unless there is at least one area and each is a path."""
    if not areas:
        raise BadInput("areas", "at least one area")
    for index, area in enumerate(areas):
        check_area(area, field=f"areas[{index}]")


def _user(row: Any) -> User:
    return User(
        username=row[0],
        display_name=row[1],
        role=Role(row[2]),
        areas=tuple(row[3]),
        language=row[4],
        disabled=row[5],
        row_version=row[6],
        created_at=row[7],
    )
