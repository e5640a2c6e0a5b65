"""Accounts and scripts' tokens."""

from dataclasses import asdict, replace
from datetime import timedelta
from typing import Annotated, Any

from fastapi import Header, Response

from dashboard_api import policy as who
from dashboard_api.context import Here
from dashboard_api.gate import within
from dashboard_api.paging import PAGE_DEFAULT, Cursor, Limit, opaque, plain
from dashboard_api.policy import NOUNS, Access, Allowed, policy
from dashboard_api.preconditions import check_version, tag
from dashboard_api.refusals import StaleVersion
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
from dashboard_api.shapes import user_item
from models.errors import BadInput, Conflict, NotFound
from models.store import audit, logins, users
from models.store.logins import Token
from models.user import Role, User
from models.wire import plain as json_plain

routes = router("users")


@routes.get("/users", response_model=UserList)
@policy(who.ADMINS, noun="users")
def list_users(here: Here, access: Allowed, cursor: Cursor = None, limit: Limit = PAGE_DEFAULT) -> dict[str, Any]:
    """List the accounts whose areas lie in yours."""
    with here.store.transaction() as conn:
        found = users.page(conn, access.login.areas, after=plain(cursor) or "", limit=limit + 1)
    following = found[limit - 1].username if len(found) > limit else None
    return {"items": [user_item(user) for user in found[:limit]], "next_cursor": opaque(following)}


@routes.post("/users", status_code=201, response_model=UserItem)
@policy(who.ADMINS, noun="users", tokens=False)
def create_user(here: Here, response: Response, access: Allowed, body: UserCreate) -> dict[str, Any]:
    """Add an account."""
    _own_areas(access, body.areas)
    if body.username in body.password.lower():
        raise BadInput("password", "one that does not hold the user's name")
    hashed = users.hash_password(body.password)
    with here.store.transaction() as conn:
        user = users.create(
            conn,
            User(
                username=body.username,
                display_name=body.display_name,
                role=body.role,
                areas=tuple(body.areas),
                language=body.language,
            ),
            hashed,
        )
        _note(conn, access, "user.create", user, body.model_dump(mode="json", exclude={"password"}))
    response.headers["Location"] = f"/api/v1/users/{user.username}"
    tag(response, user)
    return user_item(user)


@routes.patch("/users/{username}", response_model=UserItem)
@policy(who.ADMINS, noun="users", object="user", tokens=False)
def change_user(
    here: Here,
    response: Response,
    username: str,
    access: Allowed,
    body: UserChange,
    if_match: Annotated[str | None, Header()] = None,
) -> dict[str, Any]:
    """Change an account; disabling it or moving its areas ends what it has open within two seconds."""
    user: User = access.thing
    version = check_version(if_match, user, required=False)
    changes = body.model_dump(exclude_unset=True, exclude={"password"})
    changes = {name: value for name, value in changes.items() if value is not None}
    if "areas" in changes:
        _own_areas(access, changes["areas"])
        changes["areas"] = tuple(changes["areas"])
    changed = replace(user, **changes)
    if username == access.login.username and (changed.disabled or changed.role is not Role.ADMIN):
        raise Conflict("somebody else must take your own account away")
    hashed = users.hash_password(body.password) if body.password is not None else None
    with here.store.transaction() as conn:
        try:
            changed = users.update(conn, changed, password_hash=hashed, expected_version=version)
        except Conflict as raced:
            raise StaleVersion(str(raced)) from raced
        if changed.disabled:
            logins.end_all(conn, username)
        elif hashed is not None:
            logins.end_all(conn, username, but=access.id_hash, kind="browser")
        detail = json_plain(changes) | ({"password": "changed"} if hashed is not None else {})
        _note(conn, access, "user.change", changed, detail)
    tag(response, changed)
    return user_item(changed)


@routes.get("/tokens", response_model=TokenList)
@policy(who.ADMINS, noun="tokens")
def list_tokens(here: Here, access: Allowed, cursor: Cursor = None, limit: Limit = PAGE_DEFAULT) -> dict[str, Any]:
    """List scripts' tokens of the accounts you see."""
    with here.store.transaction() as conn:
        found = logins.tokens(conn, access.login.areas, after=plain(cursor) or "", limit=limit + 1)
    following = found[limit - 1].id if len(found) > limit else None
    return {"items": [_token(token) for token in found[:limit]], "next_cursor": opaque(following)}


@routes.post("/tokens", status_code=201, response_model=TokenCreated)
@policy(who.ADMINS, noun="tokens", tokens=False)
def create_token(here: Here, response: Response, access: Allowed, body: TokenCreate) -> dict[str, Any]:
    """Make a token for a script, with your role and areas; it is shown this once."""
    for index, scope in enumerate(body.scopes):
        noun, _, right = scope.partition(":")
        if noun not in NOUNS or right not in ("read", "write"):
            raise BadInput(f"scopes[{index}]", f"one of {', '.join(sorted(NOUNS))}, then :read or :write")
    with here.store.transaction() as conn:
        secret, token = logins.start_token(
            conn,
            access.login.username,
            here.clock.utc_now(),
            label=body.label,
            scopes=body.scopes,
            lives=timedelta(days=body.expires_in_days),
        )
        audit.append(
            conn,
            actor=access.login.username,
            action="token.create",
            object=f"token:{token.id}",
            detail=body.model_dump(),
        )
    response.headers["Location"] = f"/api/v1/tokens/{token.id}"
    return {**_token(token), "token": secret}


@routes.delete("/tokens/{token_id}", status_code=204)
@policy(who.ADMINS, noun="tokens", object="token", tokens=False)
def end_token(here: Here, token_id: str, access: Allowed) -> None:
    """End a token."""
    with here.store.transaction() as conn:
        logins.end_token(conn, token_id)
        audit.append(conn, actor=access.login.username, action="token.end", object=f"token:{token_id}")


def _own_areas(access: Access, areas: list[str]) -> None:
    if not within(access.login, tuple(areas)):
        raise NotFound("area", ", ".join(areas))


def _note(conn: Any, access: Access, action: str, user: User, detail: dict[str, Any]) -> None:
    audit.append(
        conn,
        actor=access.login.username,
        action=action,
        object=f"user:{user.username}",
        area=user.areas[0],
        detail=detail,
    )


def _token(token: Token) -> dict[str, Any]:
    shown: dict[str, Any] = json_plain(asdict(token))
    return shown
