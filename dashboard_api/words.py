"""Query parameters that hold several words, and times."""

from collections.abc import Callable
from datetime import datetime
from enum import Enum
from typing import TypeVar

from models.errors import BadInput

Word = TypeVar("Word", bound=Enum)


def several(field: str, text: str | None, kind: Callable[[str], Word]) -> list[Word] | None:
    """Return the words in ``text``, separated by commas; None when nothing was asked for."""
    if not text:
        return None
    try:
        return [kind(word.strip()) for word in text.split(",")]
    except ValueError:
        raise BadInput(field, f"words with commas between them, each one of: {_known(kind)}") from None


def aware(field: str, value: datetime | None) -> datetime | None:
    """Return ``value`` when it says its offset: a time without one means another moment on another machine."""
    if value is not None and value.tzinfo is None:
        raise BadInput(field, "a time with its offset, such as 2026-01-31T08:00:00Z")
    return value


def _known(kind: Callable[[str], Word]) -> str:
    return ", ".join(str(one.value) for one in kind) if isinstance(kind, type) and issubclass(kind, Enum) else "?"
