"""Cursors and limits of lists. A cursor is opaque: it is what the store gave out, in base64url."""

import base64
import binascii
from typing import Annotated, Any

import msgspec
from fastapi import Query
from starlette.responses import Response

from models.errors import BadInput

PAGE_DEFAULT = 100
PAGE_MAX = 500

Cursor = Annotated[str | None, Query(max_length=500, description="A next_cursor as it was given.")]
Limit = Annotated[int, Query(ge=1, le=PAGE_MAX)]


def opaque(cursor: str | None) -> str | None:
    """Return a store's cursor as clients see it."""
    return None if cursor is None else base64.urlsafe_b64encode(cursor.encode()).decode().rstrip("=")


def listed(items: list[dict[str, Any]], following: str | None) -> Response:
    """Return a page as it is: for some hundred items, looking at each once more would take longer than all the rest.

    The tests hold every such answer against the shape that its route promises.
    """
    body = {"items": items, "next_cursor": opaque(following)}
    return Response(msgspec.json.encode(body), media_type="application/json")


def plain(cursor: str | None) -> str | None:
    """Return the store's cursor in what a client sent; `BadInput` when it never came from us."""
    if not cursor:
        return None
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        text = raw.decode("utf-8")
    except (binascii.Error, UnicodeError, ValueError):
        raise BadInput("cursor", "a next_cursor as it was given") from None
    if "\0" in text:
        raise BadInput("cursor", "a next_cursor as it was given")
    return text
