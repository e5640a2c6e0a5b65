"""Many cameras as one CSV file: its columns are the fields of one camera's registration, whatever those are."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from dashboard_api.schemas.bulk import ROWS_MAX
from dashboard_api.schemas.cameras import CameraCreate
from models.errors import BadInput

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
SECRETS = frozenset({"password"})
"""Taken as they are: they never come out again, into a spreadsheet or anywhere."""
NO_FORMULA = "text that does not begin with = + - or @: a spreadsheet would take it for a formula"
DRAWN = frozenset({"masks"})
"""Their cells are JSON."""
DRAWN_AS = "polygons as JSON, such as [[[0, 0], [0.3, 0], [0.3, 0.2]]]; or nothing"
EXAMPLE = {
    "id": "gate-1",
    "name": "Gate 1",
    "scheme": "rtsp",
    "host": "192.168.1.20",
    "port": 554,
    "path": "/Streaming/Channels/101",
    "username": "viewer",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One camera as it was typed; ``errors`` are (pointer, detail) found before its fields were looked at."""

    number: int
    said: dict[str, Any]
    errors: tuple[tuple[str, str], ...] = ()


def _columns(model: type[BaseModel], inside: tuple[str, ...] = ()) -> Iterator[tuple[str, tuple[str, ...], Any]]:
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _columns(field.annotation, (*inside, name))
        else:
            yield name, (*inside, name), field


_FIELDS = list(_columns(CameraCreate))
COLUMNS = {name: place for name, place, _ in _FIELDS}
"""A column's name and where its value belongs in the request."""
REQUIRED = [name for name, _, field in _FIELDS if field.is_required()]


def read(body: bytes) -> list[Row]:
    """Return the rows of a file in UTF-8, separated by commas or semicolons; `BadInput` when it is none."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadInput("body", "a CSV file in UTF-8") from None
    first = text.partition("\n")[0]
    separator = ";" if first.count(";") > first.count(",") else ","
    rows: list[Row] = []
    try:
        records = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        header = _header(next(records, []))
        for number, cells in enumerate(records, 2):
            if not any(cell.strip() for cell in cells):
                continue
            if len(rows) == ROWS_MAX:
                raise BadInput("body", f"at most {ROWS_MAX} rows")
            rows.append(_row(number, header, cells))
    except csv.Error as error:
        raise BadInput("body", f"a CSV file; it ends to be one after row {len(rows) + 1} ({error})") from None
    if not rows:
        raise BadInput("body", "at least one row below the header")
    return rows


def _header(cells: Sequence[str]) -> list[str]:
    names = [cell.strip().lower() for cell in cells]
    while names and not names[-1]:
        names.pop()
    if unknown := [name for name in names if name not in COLUMNS]:
        raise BadInput("body", f"no column {unknown[0][:40]!r}; there are {', '.join(COLUMNS)}")
    if twice := [name for name in names if names.count(name) > 1]:
        raise BadInput("body", f"the column {twice[0]} once")
    if missing := [name for name in REQUIRED if name not in names]:
        raise BadInput("body", f"a header with the columns {', '.join(missing)}")
    return names


def _row(number: int, header: Sequence[str], cells: Sequence[str]) -> Row:
    said: dict[str, Any] = {}
    errors: list[tuple[str, str]] = []
    if any(cell.strip() for cell in cells[len(header) :]):
        errors.append(("/", f"no more than {len(header)} fields, as the header has"))
    for name, cell in zip(header, cells, strict=False):
        value = cell if name in SECRETS else cell.strip()
        if not value and name not in REQUIRED:  # an empty cell says nothing: the default holds
            continue
        if name not in SECRETS and cell.startswith(FORMULA_STARTS) and not _is_number(value):
            errors.append((f"/{name}", NO_FORMULA))
        inner = said
        *above, last = COLUMNS[name]
        for key in above:
            inner = inner.setdefault(key, {})
        inner[last] = value
        if name in DRAWN:
            try:
                inner[last] = json.loads(value)
            except ValueError:
                errors.append((f"/{name}", DRAWN_AS))
    for *above, _ in COLUMNS.values():  # a part of which nothing was said misses its fields, not itself
        inner = said
        for key in above:
            inner = inner.setdefault(key, {})
    return Row(number, said, tuple(errors))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def template(area: str) -> str:
    """Return a header and one line that could be registered in ``area``."""
    values = {
        name: "" if field.is_required() or name in DRAWN else _spelled(field.default) for name, _, field in _FIELDS
    }
    values |= {name: str(value) for name, value in (EXAMPLE | {"area": area}).items()}
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(values)
    writer.writerow(values.values())
    return out.getvalue()


def _spelled(default: Any) -> str:
    if default is None:
        return ""
    return str(default).lower() if isinstance(default, bool) else str(default)
