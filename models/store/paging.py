"""Cursors of lists that are ordered by a number."""

from models.errors import BadInput

_BIGINT_MAX = 2**63 - 1


def number_cursor(text: str | None) -> int | None:
    """Return the number in ``text``; `BadInput` when it is not one that a list has given out."""
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or int(text) > _BIGINT_MAX:
        raise BadInput("cursor", "a next_cursor as it was given")
    return int(text)
