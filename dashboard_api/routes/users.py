"""Accounts and scripts' tokens."""

from typing import Annotated

from fastapi import Header, Request, Response

from dashboard_api import policy as who
from dashboard_api.paging import PAGE_DEFAULT, Cursor, Limit
from dashboard_api.policy import Allowed, policy
from dashboard_api.routes import router
from dashboard_api.schemas.people import (
    TokenCreate,
    TokenCreated,
    TokenList,
    UserChange,
    UserCreate,
    UserItem,
    UserList,
)
from models.errors import NotReady

routes = router("users")


@routes.get("/users")
@policy(who.ADMINS, noun="users")
def list_users(request: Request, access: Allowed, cursor: Cursor = None, limit: Limit = PAGE_DEFAULT) -> UserList:
    """List the accounts whose areas lie in yours."""
    raise NotReady("soon")


@routes.post("/users", status_code=201)
@policy(who.ADMINS, noun="users", tokens=False)
def create_user(request: Request, response: Response, access: Allowed, body: UserCreate) -> UserItem:
    """Add an account."""
    raise NotReady("soon")


@routes.patch("/users/{username}")
@policy(who.ADMINS, noun="users", object="user", tokens=False)
def change_user(
    request: Request,
    response: Response,
    username: str,
    access: Allowed,
    body: UserChange,
    if_match: Annotated[str | None, Header()] = None,
) -> UserItem:
    """Change an account; disabling it or moving its areas ends what it has open within two seconds."""
    raise NotReady("soon")


@routes.get("/tokens")
@policy(who.ADMINS, noun="tokens")
def list_tokens(request: Request, access: Allowed, cursor: Cursor = None, limit: Limit = PAGE_DEFAULT) -> TokenList:
    """List scripts' tokens of the accounts you see."""
    raise NotReady("soon")


@routes.post("/tokens", status_code=201)
@policy(who.ADMINS, noun="tokens", tokens=False)
def create_token(request: Request, response: Response, access: Allowed, body: TokenCreate) -> TokenCreated:
    """Make a token for a script, with your role and areas; it is shown this once."""
    raise NotReady("soon")


@routes.delete("/tokens/{token_id}", status_code=204)
@policy(who.ADMINS, noun="tokens", object="token", tokens=False)
def end_token(request: Request, token_id: str, access: Allowed) -> None:
    """End a token."""
    raise NotReady("soon")
