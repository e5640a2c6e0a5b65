"""Query parameters that hold several words, and times."""

import re
from datetime import UTC, datetime
from enum import Enum
from typing import Annotated, Any, TypeVar

from pydantic import PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from models.errors import BadInput

Word = TypeVar("Word", bound=Enum)
RFC_3339 = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})", re.ASCII | re.IGNORECASE)
FIRST_YEAR, LAST_YEAR = 1970, 2199


def several(field: str, text: str | None, kind: type[Word]) -> list[Word] | None:
    """Return the words in ``text``, separated by commas; None when nothing was asked for."""
    if not text:
        return None
    try:
        return [kind(word.strip()) for word in text.split(",")]
    except ValueError:
        raise BadInput(
            field, f"words with commas between them, each one of: {', '.join(str(one.value) for one in kind)}"
        ) from None


def _moment(value: Any) -> datetime:
    """Read RFC 3339: a time without its offset means another moment on another machine."""
    text = value if isinstance(value, str) else ""
    # a plus sign that was not encoded arrives as a blank
    if not RFC_3339.fullmatch(text := text.replace(" ", "+")):
        raise PydanticCustomError("moment", "a time with its offset, such as 2026-01-31T08:00:00Z")
    try:
        moment = datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise PydanticCustomError("moment", "a time that there is") from None
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise PydanticCustomError("moment", "a year from 1970 to 2199")
    return moment


Moment = Annotated[
    datetime, PlainValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"}, mode="validation")
]
"""A query parameter: a moment, in UTC."""
