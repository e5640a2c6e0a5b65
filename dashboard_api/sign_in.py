"""Signing in: slow for those who guess, equally slow for names that exist and names that do not."""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response

from dashboard_api.context import Context
from dashboard_api.guard import COOKIE, client_ip
from dashboard_api.refusals import BadSignIn, TooManyTries
from models.store import audit, logins, users
from models.store.logins import BROWSER_ABSOLUTE, PATROL_ABSOLUTE
from models.user import User

UNKNOWN_NAMES_MAX = 10_000


@dataclass(slots=True)
class _Tries:
    count: int
    last_at: datetime


class UnknownNames:
    """Slows tries on names that do not exist just as the store does for those that do."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tries: OrderedDict[str, _Tries] = OrderedDict()

    def begin_try(self, name: str, now: datetime) -> float:
        """Count a try and return how long it must wait."""
        with self._lock:
            tries = self._tries.setdefault(name, _Tries(0, now))
            self._tries.move_to_end(name)
            if len(self._tries) > UNKNOWN_NAMES_MAX:
                self._tries.popitem(last=False)
            if tries.count >= users.FREE_TRIES:
                wait = tries.last_at + timedelta(seconds=users.SLOW_TRY_S) - now
                if wait > timedelta(0):
                    return wait.total_seconds()
            tries.count += 1
            tries.last_at = now
            return 0.0


def sign_in(context: Context, request: Request, username: str, password: str) -> tuple[User, str]:
    """Return who signed in and the secret of the new login; ends the browser's earlier one.

    Raises `BadSignIn` for a wrong name or password alike, `TooManyTries` when guesses come too fast.
    """
    now = context.clock.utc_now()
    name = username.strip().lower()
    exists, tried = False, users.Try(password_hash=None)
    if users.USERNAME_PATTERN.fullmatch(name):
        with context.store.transaction() as conn:
            exists = users.get(conn, name) is not None
            if exists:
                tried = users.begin_try(conn, name, now)
    wait_s = tried.wait_s if exists else context.guesses.begin_try(name, now)
    if wait_s:
        _note(context, request, name, "login.throttled")
        raise TooManyTries(wait_s)
    if not users.matches(tried.password_hash, password):
        _note(context, request, name, "login.failed")
        raise BadSignIn("the name or the password is wrong")
    with context.store.transaction() as conn:
        users.end_try(conn, name)
        user = users.get(conn, name)
        if user is None or user.disabled:
            raise BadSignIn("the name or the password is wrong")
        secret = logins.start_browser(conn, name, now)
        if earlier := request.cookies.get(COOKIE):
            logins.end(conn, logins.digest(earlier))
        audit.append(conn, actor=name, action="login", object=f"user:{name}", detail={"ip": client_ip(request)})
    return user, secret


def set_cookie(context: Context, response: Response, secret: str, *, patrol: bool = False) -> None:
    """Give the browser its login: scripts of the page cannot read it, other sites cannot use it."""
    response.set_cookie(
        COOKIE,
        secret,
        max_age=int((PATROL_ABSOLUTE if patrol else BROWSER_ABSOLUTE).total_seconds()),
        path="/",
        secure=context.secure_cookies,
        httponly=True,
        samesite="strict",
    )


def drop_cookie(context: Context, response: Response) -> None:
    """Take the cookie back."""
    response.delete_cookie(COOKIE, path="/", secure=context.secure_cookies, httponly=True, samesite="strict")


def _note(context: Context, request: Request, name: str, action: str) -> None:
    """Write a failed try down, under no name of a person: whoever it was did not prove to be one."""
    with context.store.transaction() as conn:
        audit.append(
            conn,
            actor="anonymous",
            action=action,
            object=f"user:{name[:63]}".replace("\0", ""),
            detail={"ip": client_ip(request)},
        )
