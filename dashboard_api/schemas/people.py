"""Shapes of accounts, logins and tokens."""

from typing import Literal

from pydantic import Field

from dashboard_api.schemas.base import Answer, AreaPath, Name, Page, Request, Username, Utc
from models.store.users import PASSWORD_MAX_CHARS, PASSWORD_MIN_CHARS
from models.user import Role

Language = Literal["en", "zh-CN"]
LoginKind = Literal["browser", "token", "patrol"]


class SetupState(Answer):
    needed: bool


class SetupRequest(Request):
    token: str = Field(max_length=200, description="Printed at the first start.")
    username: Username
    password: str = Field(min_length=PASSWORD_MIN_CHARS, max_length=PASSWORD_MAX_CHARS)
    display_name: Name


class SignIn(Request):
    username: str = Field(max_length=200)
    password: str = Field(max_length=1000)


class SignedIn(Answer):
    """Who signed in."""

    username: str
    display_name: str
    role: Role
    areas: list[str]
    language: Language


class Me(Answer):
    """Who is asking; ``role`` is null for a patrol's phone."""

    username: str
    display_name: str
    role: Role | None
    areas: list[str]
    language: Language
    kind: LoginKind
    patrol_id: str | None


class MeChange(Request):
    language: Language


class UserItem(Answer):
    username: str
    display_name: str
    role: Role
    areas: list[str]
    language: Language
    disabled: bool
    row_version: int
    created_at: Utc


class UserList(Page[UserItem]):
    pass


class UserCreate(Request):
    username: Username
    password: str = Field(min_length=PASSWORD_MIN_CHARS, max_length=PASSWORD_MAX_CHARS)
    display_name: Name
    role: Role
    areas: list[AreaPath] = Field(min_length=1, max_length=100)
    language: Language = "en"


class UserChange(Request):
    display_name: Name | None = None
    role: Role | None = None
    areas: list[AreaPath] | None = Field(default=None, min_length=1, max_length=100)
    language: Language | None = None
    disabled: bool | None = None
    password: str | None = Field(default=None, min_length=PASSWORD_MIN_CHARS, max_length=PASSWORD_MAX_CHARS)


class TokenCreate(Request):
    label: Name
    scopes: list[str] = Field(default_factory=list, max_length=50, description="noun:read, noun:write; none: all.")
    expires_in_days: int = Field(default=90, ge=1, le=366)


class TokenItem(Answer):
    id: str
    username: str
    label: str
    scopes: list[str]
    created_at: Utc
    last_seen_at: Utc
    expires_at: Utc


class TokenCreated(TokenItem):
    token: str = Field(description="Shown this once.")


class TokenList(Page[TokenItem]):
    pass
