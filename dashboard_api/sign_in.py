"""Signing in: slow for those who guess, equally slow for names that exist and names that do not."""

from starlette.requests import Request
from starlette.responses import Response

from dashboard_api.context import Context
from dashboard_api.guard import COOKIE, client_ip
from dashboard_api.refusals import BadSignIn, TooManyTries
from models.store import audit, logins, users
from models.store.logins import BROWSER_ABSOLUTE, PATROL_ABSOLUTE
from models.user import User

NAME_MAX_CHARS = 64
"""Longer than any account's name: what is typed may be cut here."""


def sign_in(context: Context, request: Request, username: str, password: str) -> tuple[User, str]:
    """Return who signed in and the secret of the new login; ends the browser's earlier one.

    Raises `BadSignIn` for a wrong name or password alike, `TooManyTries` when guesses come too fast.
    """
    now = context.clock.utc_now()
    name = username.replace("\0", "").strip().lower()[:NAME_MAX_CHARS]
    with context.store.transaction() as conn:
        tried = users.begin_try(conn, name, now)
    if tried.wait_s:
        # once a minute: these cost their sender nothing, and each row is one that everybody's steps wait behind
        context.views.note_of("anonymous", "login.throttled", f"user:{name}", "", ip=client_ip(request))
        raise TooManyTries(tried.wait_s)
    if not users.matches(tried.password_hash, password):
        _note_failed(context, request, name)
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


def _note_failed(context: Context, request: Request, name: str) -> None:
    """Write a failed try down, under no name of a person: whoever it was did not prove to be one."""
    with context.store.transaction() as conn:
        audit.append(
            conn,
            actor="anonymous",
            action="login.failed",
            object=f"user:{name}",
            detail={"ip": client_ip(request)},
        )
