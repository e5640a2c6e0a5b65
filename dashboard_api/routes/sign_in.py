"""Set-up, signing in and out, and what one may change of oneself."""

from dataclasses import replace
from typing import Any

from fastapi import Request, Response

from dashboard_api import lanes
from dashboard_api import policy as who
from dashboard_api import sign_in as signing
from dashboard_api.context import Here
from dashboard_api.guard import client_ip
from dashboard_api.policy import Allowed, policy
from dashboard_api.refusals import BadSignIn
from dashboard_api.routes import router
from dashboard_api.schemas.people import Me, MeChange, SetupRequest, SetupState, SignedIn, SignIn
from models.errors import Conflict, NotFound
from models.store import areas, audit, logins, patrols, users
from models.user import Role, User

routes = router("sign-in")

FIRST_AREA = "site"
"""Where the first account is put when the site names no areas yet."""


@routes.get("/setup")
@policy(noun="setup", anonymous=True)
def setup_state(here: Here) -> SetupState:
    """Tell whether the first account is still to be made."""
    with here.store.transaction() as conn:
        return SetupState(needed=users.count(conn) == 0)


@routes.post("/setup", status_code=201)
@policy(noun="setup", anonymous=True)
def set_up(here: Here, request: Request, response: Response, body: SetupRequest) -> SignedIn:
    """Make the first account, an admin of the whole site, and sign it in."""
    now = here.clock.utc_now()
    with here.store.transaction() as conn:
        if users.count(conn):  # asked once more below; here nobody unknown makes others wait for the lock
            raise Conflict("the site is set up already")
        conn.execute("LOCK TABLE app_user IN SHARE ROW EXCLUSIVE MODE")
        if users.count(conn):
            raise Conflict("the site is set up already")
        if logins.redeem_once(conn, "setup", body.token, now) is None:
            raise BadSignIn("this is not the set-up token, or it is too old")
        tops = sorted({area.path.partition(".")[0] for area in areas.listing(conn)})
        if not tops:
            areas.create(conn, FIRST_AREA, here.site.name)
            tops = [FIRST_AREA]
        user = users.create(
            conn,
            User(username=body.username, display_name=body.display_name, role=Role.ADMIN, areas=tuple(tops)),
            users.hash_password(body.password),
        )
        secret = logins.start_browser(conn, user.username, now)
        audit.append(
            conn, actor=user.username, action="setup", object=f"user:{user.username}", detail={"ip": client_ip(request)}
        )
    signing.set_cookie(here, response, secret)
    return _signed_in(user)


@routes.post("/login")
@policy(noun="login", anonymous=True)
async def sign_in(here: Here, request: Request, response: Response, body: SignIn) -> SignedIn:
    """Sign in; the answer sets the cookie."""
    user, secret = await lanes.SIGN_INS.run(signing.sign_in, here, request, body.username, body.password)
    signing.set_cookie(here, response, secret)
    return _signed_in(user)


@routes.post("/logout", status_code=204)
@policy(who.EVERYBODY, patrol=True, noun="login", tokens=False)
def sign_out(here: Here, response: Response, access: Allowed) -> None:
    """End this login everywhere it is used."""
    with here.store.transaction() as conn:
        logins.end(conn, access.id_hash)
        audit.append(conn, actor=access.login.username, action="logout")
    signing.drop_cookie(here, response)


@routes.get("/me", response_model=Me)
@policy(who.EVERYBODY, patrol=True, noun="me")
def me(here: Here, access: Allowed) -> dict[str, Any]:
    """Say who is asking."""
    login = access.login
    with here.store.transaction() as conn:
        if login.patrol_id is not None:
            patrol = patrols.get(conn, login.patrol_id)
            name, language = (patrol.name if patrol else login.patrol_id), "zh-CN"
        else:
            user = _user(users.get(conn, login.username))
            name, language = user.display_name, user.language
    return {
        "username": login.username,
        "display_name": name,
        "role": login.role,
        "areas": list(login.areas),
        "language": language,
        "kind": login.kind,
        "patrol_id": login.patrol_id,
    }


@routes.patch("/me", response_model=Me)
@policy(who.EVERYBODY, noun="me")
def change_me(here: Here, access: Allowed, body: MeChange) -> dict[str, Any]:
    """Choose the wall's language."""
    with here.store.transaction() as conn:
        user = _user(users.get(conn, access.login.username))
        users.update(conn, replace(user, language=body.language), expected_version=user.row_version)
        audit.append(
            conn, actor=user.username, action="me.change", object=f"user:{user.username}", detail=body.model_dump()
        )
    return me(here, access)


def _user(user: User | None) -> User:
    if user is None:
        raise NotFound("user", "that is signed in")
    return user


def _signed_in(user: User) -> SignedIn:
    return SignedIn(
        username=user.username,
        display_name=user.display_name,
        role=user.role,
        areas=list(user.areas),
        language="zh-CN" if user.language == "zh-CN" else "en",
    )
