"""Shapes of registering many cameras at once."""

from typing import Any

from pydantic import Field

from dashboard_api.schemas.base import Answer, Request

ROWS_MAX = 1000


class BulkItems(Request):
    """The JSON form before its rows are looked at one by one, each by the rules of one camera."""

    items: list[dict[str, Any]] = Field(min_length=1, max_length=ROWS_MAX)


class RowError(Answer):
    row: int = Field(description="As a spreadsheet counts: a CSV's header is 1. Of JSON the first item is 1.")
    pointer: str = Field(description="JSON pointer to the field; of a CSV the name of its column.")
    detail: str


class BulkAnswer(Answer):
    """With any error nothing was written."""

    dry_run: bool
    total: int
    created: int = Field(description="How many were registered; of a dry run: would be.")
    unchanged: int = Field(description="How many were registered before, just as the row says.")
    errors: list[RowError]
