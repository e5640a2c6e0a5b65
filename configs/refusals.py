"""From pydantic's findings to the user's own words: the key's path, what was expected, what stands there."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from configs.section import SECRET_KEYS
from models.errors import ConfigError

SHOWN_VALUE_MAX_CHARS = 60
Location = tuple[str | int, ...]


class SiteRefused(ConfigError):
    """Everything that is wrong with one file; it reads as its first problem."""

    def __init__(self, problems: tuple[ConfigError, ...]) -> None:
        first = problems[0]
        super().__init__(first.key, first.expected, source=first.source)
        self.problems = problems


def at(location: Location, message: str) -> PydanticCustomError:
    """Make the error that a check over several keys raises, so that it still names one key."""
    return PydanticCustomError("refused", "{message}", {"message": message, "location": location})


def nearest(word: str, known: Iterable[str]) -> str:
    """Return " (did you mean ...?)" or nothing."""
    close = difflib.get_close_matches(word, sorted(known), n=1)
    return f" (did you mean '{close[0]}'?)" if close else ""


def translate(refused: ValidationError, schema: type[BaseModel], *, source: str) -> SiteRefused:
    """Return the error that the user sees."""
    return SiteRefused(tuple(_problem(found, schema, source) for found in refused.errors(include_url=False)))


def key_path(location: Location) -> str:
    """Return a.b[0].c, as the user would look for it."""
    path = ""
    for step in location:
        if isinstance(step, int):
            path += f"[{step}]"
        elif step != "[key]":
            path += f".{step}" if path else step
    return path or "(file)"


def _problem(found: ErrorDetails, schema: type[BaseModel], source: str) -> ConfigError:
    location: Location = found["loc"]
    context: Mapping[str, Any] = found.get("ctx", {})
    match found["type"]:
        case "extra_forbidden":
            known = _known_keys(schema, location[:-1])
            expected = f"is not a key{nearest(str(location[-1]), known) or ', known here: ' + ', '.join(sorted(known))}"
        case "missing":
            expected = "is required"
        case "refused":
            location, expected = context["location"], str(context["message"])
        case "value_error":
            location, expected = _own_words(location, str(context["error"]))
        case _:
            expected = found["msg"].replace("Input should be", "needs").replace("String should have", "needs")
            expected = f"{expected[0].lower()}{expected[1:]}{_shown(location, found['input'])}"
    return ConfigError(key_path(location), expected, source=source)


def _own_words(location: Location, message: str) -> tuple[Location, str]:
    """Let a check of a whole section name the key it means: `silence_limit_s: needs ...`."""
    key, colon, rest = message.partition(": ")
    return ((*location, key), rest) if colon and key.isidentifier() else (location, message)


def _shown(location: Location, value: Any) -> str:
    if any(step in SECRET_KEYS for step in location) or isinstance(value, dict):
        return ""
    text = repr(value)
    return f", has {text if len(text) <= SHOWN_VALUE_MAX_CHARS else text[:SHOWN_VALUE_MAX_CHARS] + '...'}"


def _known_keys(schema: type[BaseModel], location: Location) -> frozenset[str]:
    """Walk the schema along ``location``; a step into a table of named things stays in its value's section."""
    here: type[BaseModel] | None = schema
    inside_table = False
    for step in location:
        if inside_table:
            inside_table = False
            continue
        field = here.model_fields.get(str(step)) if here else None
        here = section_of(field.annotation) if field else None
        inside_table = field is not None and is_table(field.annotation)
    return frozenset(here.model_fields) if here else frozenset()


def is_table(annotation: Any) -> bool:
    """Tell whether a field is a table of things by name, such as [cameras.gate]."""
    return getattr(annotation, "__origin__", None) is dict


def section_of(annotation: Any) -> type[BaseModel] | None:
    """Return the section that a field holds, itself or as the values of a table; None for plain values."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if is_table(annotation):
        return section_of(get_args(annotation)[1])
    return None
