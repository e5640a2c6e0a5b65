"""Set-up, signing in and out, and what one may change of oneself."""

from fastapi import Request, Response

from dashboard_api import policy as who
from dashboard_api.policy import Allowed, policy
from dashboard_api.routes import router
from dashboard_api.schemas.people import Me, MeChange, SetupRequest, SetupState, SignedIn, SignIn
from models.errors import NotReady

routes = router("sign-in")


@routes.get("/setup")
@policy(noun="setup", anonymous=True)
def setup_state(request: Request) -> SetupState:
    """Tell whether the first account is still to be made."""
    raise NotReady("soon")


@routes.post("/setup", status_code=201)
@policy(noun="setup", anonymous=True)
def set_up(request: Request, response: Response, body: SetupRequest) -> SignedIn:
    """Make the first account, an admin of the whole site, and sign it in."""
    raise NotReady("soon")


@routes.post("/login")
@policy(noun="login", anonymous=True)
def sign_in(request: Request, response: Response, body: SignIn) -> SignedIn:
    """Sign in; the answer sets the cookie."""
    raise NotReady("soon")


@routes.post("/logout", status_code=204)
@policy(who.EVERYBODY, patrol=True, noun="login", tokens=False)
def sign_out(request: Request, response: Response, access: Allowed) -> None:
    """End this login everywhere it is used."""
    raise NotReady("soon")


@routes.get("/me")
@policy(who.EVERYBODY, patrol=True, noun="me")
def me(request: Request, access: Allowed) -> Me:
    """Say who is asking."""
    raise NotReady("soon")


@routes.patch("/me")
@policy(who.EVERYBODY, noun="me")
def change_me(request: Request, access: Allowed, body: MeChange) -> Me:
    """Choose the wall's language."""
    raise NotReady("soon")
