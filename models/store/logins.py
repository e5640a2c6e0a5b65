"""Logins in the store: browsers, scripts' tokens, patrols' phones, and secrets that work once.

The client holds 256 random bits; only their sha256 is kept, so that a copy of the database opens nothing.
"""

import hashlib
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg import Connection
from psycopg.sql import SQL

from models.errors import NotFound
from models.store import areas as area_store
from models.user import Login, Role

BROWSER_ABSOLUTE = timedelta(hours=12)
"""A browser's login ends after this, whoever sits there: one shift."""
BROWSER_IDLE: dict[Role, timedelta] = {
    Role.OPERATOR: timedelta(hours=12),
    Role.DISPATCHER: timedelta(hours=12),
    Role.ANALYST: timedelta(hours=2),
    Role.ENGINEER: timedelta(minutes=15),
    Role.ADMIN: timedelta(minutes=15),
}
"""Without a request for this long a browser's login ends; a wall that only shows must not go dark in a shift."""
PATROL_ABSOLUTE = timedelta(days=7)
TOKEN_MAX = timedelta(days=366)
SETUP_LIVES = timedelta(hours=24)
PAIRING_LIVES = timedelta(minutes=10)
TOKEN_ID_PATTERN = re.compile(r"[0-9a-f]{32}")
SEEN_EVERY_S = 30
"""`last_seen_at` is written at most so often."""

_IDLE_CASES = SQL(" ").join(
    SQL("WHEN {} THEN {}::interval").format(role.value, f"{int(idle.total_seconds())} seconds")
    for role, idle in BROWSER_IDLE.items()
)
_ALIVE = SQL(
    "SELECT l.id_hash, l.kind, l.username, l.patrol_id, l.scopes, l.expires_at, l.last_seen_at, u.role, u.areas, p.area"
    " FROM login l LEFT JOIN app_user u ON u.username = l.username LEFT JOIN patrol p ON p.id = l.patrol_id"
    " WHERE l.id_hash = ANY(%(ids)s) AND l.expires_at > %(now)s"
    " AND (l.kind = 'patrol' OR NOT u.disabled) AND (l.kind <> 'patrol' OR p.retired_at IS NULL)"
    " AND (l.kind <> 'browser' OR l.last_seen_at > %(now)s - CASE u.role {} END)"
).format(_IDLE_CASES)

_SHOWN = SQL(
    "left(encode(l.id_hash, 'hex'), 32), l.username, l.label, l.scopes, l.created_at, l.last_seen_at, l.expires_at"
)
_TOKENS = SQL(
    "SELECT {} FROM login l JOIN app_user u ON u.username = l.username WHERE l.kind = 'token' AND {}"
    " AND left(encode(l.id_hash, 'hex'), 32) > %s ORDER BY 1 LIMIT %s"
).format(_SHOWN, area_store.all_inside("u.areas"))
_TOKEN = SQL("SELECT {} FROM login l WHERE l.kind = 'token' AND left(encode(l.id_hash, 'hex'), 32) = %s").format(_SHOWN)


def digest(secret: str) -> bytes:
    """Return what is stored of a client's secret."""
    return hashlib.sha256(secret.encode()).digest()


def new_secret() -> str:
    """Return 256 random bits as text for cookies and headers."""
    return secrets.token_urlsafe(32)


def start_browser(conn: Connection[Any], username: str, now: datetime) -> str:
    """Begin a browser's login and return its secret."""
    return _start(conn, now=now, kind="browser", username=username, expires_at=now + BROWSER_ABSOLUTE)


def start_patrol(conn: Connection[Any], patrol_id: str, now: datetime) -> str:
    """Begin the login of a patrol's phone, ending those of earlier phones, and return its secret."""
    conn.execute("DELETE FROM login WHERE patrol_id = %s", (patrol_id,))
    return _start(conn, now=now, kind="patrol", patrol_id=patrol_id, expires_at=now + PATROL_ABSOLUTE)


def start_token(
    conn: Connection[Any], username: str, now: datetime, *, label: str, scopes: Iterable[str], lives: timedelta
) -> tuple[str, "Token"]:
    """Make a script's token; return its secret and what may be shown of it."""
    secret = _start(
        conn,
        now=now,
        kind="token",
        username=username,
        label=label,
        scopes=tuple(scopes),
        expires_at=now + min(lives, TOKEN_MAX),
    )
    return secret, _one_token(conn, token_id(digest(secret)))


def find(conn: Connection[Any], secret: str, now: datetime) -> Login | None:
    """Return the login that holds ``secret``, None when it never was, has ended, or its user is disabled."""
    id_hash = digest(secret)
    login = alive(conn, [id_hash], now).get(id_hash)
    if login is not None:
        conn.execute(
            "UPDATE login SET last_seen_at = %s WHERE id_hash = %s AND last_seen_at < %s",
            (now, id_hash, now - timedelta(seconds=SEEN_EVERY_S)),
        )
    return login


def alive(conn: Connection[Any], id_hashes: Iterable[bytes], now: datetime) -> dict[bytes, Login]:
    """Return which of these logins still stand, with the role and areas they have now. One query for all."""
    rows = conn.execute(_ALIVE, {"ids": list(id_hashes), "now": now}).fetchall()
    return {bytes(row[0]): _login(row) for row in rows}


def end(conn: Connection[Any], id_hash: bytes) -> None:
    """Sign one login out."""
    conn.execute("DELETE FROM login WHERE id_hash = %s", (id_hash,))


def end_all(conn: Connection[Any], username: str, *, but: bytes | None = None, kind: str | None = None) -> int:
    """Sign out every login of a user, of one kind or all, except ``but``."""
    return conn.execute(
        "DELETE FROM login WHERE username = %s AND (%s::bytea IS NULL OR id_hash <> %s)"
        " AND (%s::text IS NULL OR kind = %s)",
        (username, but, but, kind, kind),
    ).rowcount


def end_patrol(conn: Connection[Any], patrol_id: str) -> int:
    """Sign out a patrol's phones."""
    return conn.execute("DELETE FROM login WHERE patrol_id = %s", (patrol_id,)).rowcount


def prune(conn: Connection[Any], now: datetime) -> int:
    """Remove logins and one-time secrets that ended."""
    conn.execute("DELETE FROM one_time_token WHERE expires_at < %s", (now - timedelta(days=1),))
    return conn.execute("DELETE FROM login WHERE expires_at < %s", (now,)).rowcount


# ── tokens of scripts ──────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What may be shown of a script's token."""

    id: str
    username: str
    label: str
    scopes: tuple[str, ...]
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime


def token_id(id_hash: bytes) -> str:
    """Return the name under which a token is listed and ended; it opens nothing."""
    return id_hash.hex()[:32]


def tokens(conn: Connection[Any], areas: Iterable[str], *, after: str = "", limit: int = 200) -> list[Token]:
    """Return scripts' tokens by id, those of accounts all of whose areas lie in ``areas``."""
    rows = conn.execute(_TOKENS, (list(areas), after, limit)).fetchall()
    return [_token(row) for row in rows]


def token(conn: Connection[Any], id: str) -> Token | None:
    """Return one token by the id it is listed under."""
    try:
        return _one_token(conn, id)
    except NotFound:
        return None


def end_token(conn: Connection[Any], id: str) -> None:
    """End one token by the id it is listed under."""
    ended = conn.execute("DELETE FROM login WHERE kind = 'token' AND left(encode(id_hash, 'hex'), 32) = %s", (id,))
    if ended.rowcount == 0:
        raise NotFound("token", id)


# ── secrets that work once ─────────────────────────────────────────────────────────────────────────


def issue_once(conn: Connection[Any], purpose: str, now: datetime, *, subject: str = "", lives: timedelta) -> str:
    """Make a secret that works once, ending earlier ones of the same purpose and subject."""
    conn.execute(
        "DELETE FROM one_time_token WHERE purpose = %s AND subject = %s AND used_at IS NULL", (purpose, subject)
    )
    secret = new_secret()
    conn.execute(
        "INSERT INTO one_time_token (token_hash, purpose, subject, created_at, expires_at) VALUES (%s, %s, %s, %s, %s)",
        (digest(secret), purpose, subject, now, now + lives),
    )
    return secret


def redeem_once(conn: Connection[Any], purpose: str, secret: str, now: datetime) -> str | None:
    """Use a secret up and return its subject; None when it is unknown, used or too old."""
    row = conn.execute(
        "UPDATE one_time_token SET used_at = %s"
        " WHERE token_hash = %s AND purpose = %s AND used_at IS NULL AND expires_at > %s RETURNING subject",
        (now, digest(secret), purpose, now),
    ).fetchone()
    return str(row[0]) if row else None


def _start(
    conn: Connection[Any],
    *,
    now: datetime,
    kind: str,
    expires_at: datetime,
    username: str | None = None,
    patrol_id: str | None = None,
    label: str = "",
    scopes: tuple[str, ...] = (),
) -> str:
    secret = new_secret()
    conn.execute(
        "INSERT INTO login (id_hash, kind, username, patrol_id, label, scopes, created_at, last_seen_at, expires_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (digest(secret), kind, username, patrol_id, label, list(scopes), now, now, expires_at),
    )
    return secret


def _one_token(conn: Connection[Any], id: str) -> Token:
    row = conn.execute(_TOKEN, (id,)).fetchone()
    if row is None:
        raise NotFound("token", id)
    return _token(row)


def _token(row: Any) -> Token:
    return Token(
        id=row[0],
        username=row[1],
        label=row[2],
        scopes=tuple(row[3]),
        created_at=row[4],
        last_seen_at=row[5],
        expires_at=row[6],
    )


def _login(row: Any) -> Login:
    _id_hash, kind, username, patrol_id, scopes, expires_at, _seen, role, areas, patrol_area = row
    return Login(
        username=username or f"patrol:{patrol_id}",
        role=Role(role) if role else None,
        areas=tuple(areas) if areas is not None else (patrol_area,),
        kind=kind,
        expires_at=expires_at,
        patrol_id=patrol_id,
        scopes=tuple(scopes),
    )
