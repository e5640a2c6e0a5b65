"""If-Match: a change says which version it was made from."""

from typing import Any, LiteralString, Protocol

from psycopg import Connection
from psycopg.sql import SQL, Identifier
from starlette.responses import Response

from dashboard_api.refusals import StaleVersion, VersionMissing
from models.errors import BadInput


class Versioned(Protocol):
    @property
    def row_version(self) -> int: ...


def expected_version(if_match: str | None) -> int | None:
    """Return the version that an If-Match header names; None without one or for ``*``."""
    if if_match is None or if_match.strip() == "*":
        return None
    text = if_match.strip().removeprefix("W/").strip('"')
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise BadInput("if-match", "a row_version, quoted")
    return int(text)


def check_version(if_match: str | None, thing: Versioned, *, required: bool) -> int:
    """Return the version to change from; refuse when the caller saw an older one, or did not say."""
    expected = expected_version(if_match)
    if expected is None and required and if_match is None:
        raise VersionMissing("say If-Match with the row_version you saw")
    if expected is not None and expected != thing.row_version:
        raise StaleVersion(f"it is at version {thing.row_version} now, not {expected}")
    return thing.row_version


def hold(conn: Connection[Any], table: LiteralString, id: str, if_match: str | None) -> None:
    """Hold a row until the transaction ends; refuse when it is no longer what the caller saw."""
    row = conn.execute(
        SQL("SELECT row_version FROM {} WHERE id = %s FOR UPDATE").format(Identifier(table)), (id,)
    ).fetchone()
    expected = expected_version(if_match)
    if row is not None and expected is not None and row[0] != expected:
        raise StaleVersion(f"it is at version {row[0]} now, not {expected}")


def tag(response: Response, thing: Versioned) -> None:
    """Give the answer its version as ETag."""
    response.headers["ETag"] = f'"{thing.row_version}"'
