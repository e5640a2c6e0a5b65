"""What every section of a site file has in common: unknown keys are refused, nothing changes after loading."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo

from models.area import ID_PATTERN, check_area
from models.errors import BadInput
from models.unit import UNIT_ID_PATTERN

SECRET_KEYS = frozenset({"password", "publish_token", "secret", "dsn"})
"""Their values are never shown."""


class Section(BaseModel):
    """Base of every section of a site file."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        for key, value in super().__repr_args__():
            yield key, "..." if key in SECRET_KEYS and value else value


def _area(value: str) -> str:
    try:
        return check_area(value)
    except BadInput as refused:
        raise ValueError(f"needs {refused.expected}, has '{value}'") from refused


def _stable_id(value: str) -> str:
    if not ID_PATTERN.fullmatch(value):
        raise ValueError(f"needs lower-case letters, digits, - and _, has '{value}'")
    return value


def _unit_id(value: str) -> str:
    if not UNIT_ID_PATTERN.fullmatch(value):
        raise ValueError(f"needs 1 to 32 of A-Z, 0-9 and -, has '{value}'")
    return value


def _absolute(value: Path, info: ValidationInfo) -> Path:
    """Make ``value`` independent of the folder a process starts in: it is meant from the site file's folder."""
    folder = (info.context or {}).get("folder", Path())
    return Path(os.path.normpath((folder / value.expanduser()).absolute()))


AreaPath = Annotated[str, AfterValidator(_area)]
StableId = Annotated[str, AfterValidator(_stable_id)]
UnitId = Annotated[str, AfterValidator(_unit_id)]
FilePath = Annotated[Path, AfterValidator(_absolute)]
Port = Annotated[int, Field(ge=1, le=65535)]
AnyPort = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=86400)]
Latitude = Annotated[float, Field(ge=-90, le=90)]
Longitude = Annotated[float, Field(ge=-180, le=180)]
Secret = Annotated[str, Field(max_length=1024)]
"""Belongs under one of `SECRET_KEYS`."""
Name = Annotated[str, Field(min_length=1, max_length=200)]
"""What people read; ids are kept apart."""
