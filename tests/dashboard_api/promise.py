"""Holds every JSON answer in the tests against the OpenAPI document: status, media type, shape, nothing besides."""

import re
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from dashboard_api.app import bare_app
from dashboard_api.openapi import document
from models.wire import instant

PROBLEM = "application/problem+json"
OUTSIDE = re.compile(r"/openapi\.json|/(?!api/|healthz|readyz|metrics).*|/api(/v1)?(/nothing|/boom)?", re.DOTALL)
"""Pages of the wall and routes that tests invent: nothing is promised of them."""
CHECKED_ELSEWHERE = {"description", "title", "default", "examples"}
TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}


class Broken(AssertionError):
    """An answer is not what the document says."""


@lru_cache
def promised() -> dict[str, Any]:
    """Return the document."""
    return document(bare_app(), "test")


@lru_cache
def _paths() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    found = []
    for path, item in promised()["paths"].items():
        parts = re.split(r"{\w+}", path)
        found.append((re.compile("[^/]+".join(map(re.escape, parts))), item))
    return found


def check(method: str, path: str, status: int, media_type: str, body: Any) -> None:
    """Raise `Broken` when the document does not allow this answer."""
    about = f"{method} {path} -> {status}"
    operations = _operations(method, path)
    if media_type == PROBLEM and not operations:
        _match(body, {"$ref": "#/components/schemas/Problem"}, about)
        return
    if not operations:
        if OUTSIDE.fullmatch(path):
            return
        raise Broken(f"{about}: not in the document")
    responses = operations[0]["responses"]
    said = responses.get(str(status)) or (responses["default"] if status >= 400 else None)
    if said is None:
        raise Broken(f"{about}: the document knows {sorted(responses)}")
    content = said.get("content", {})
    if not content and media_type == "":
        return
    if media_type not in content:
        raise Broken(f"{about}: {media_type} is not one of {sorted(content)}")
    if body is not None:
        _match(body, content[media_type].get("schema", {}), about)


def _operations(method: str, path: str) -> list[dict[str, Any]]:
    # a literal path comes before one with a parameter, as the router has it
    found = [item[method.lower()] for pattern, item in _paths() if pattern.fullmatch(path) and method.lower() in item]
    literal = promised()["paths"].get(path, {}).get(method.lower())
    return [literal] if literal else found


def _match(value: Any, schema: dict[str, Any], where: str) -> None:
    # the type first: the other keywords rely on it
    for keyword, said in sorted(schema.items(), key=lambda item: item[0] != "type"):
        if keyword in CHECKED_ELSEWHERE:
            continue
        rule = RULES.get(keyword)
        if rule is None:
            raise Broken(f"{where}: a keyword this check does not know: {keyword}")
        rule(value, said, schema, where)


def _ref(value: Any, said: str, _schema: dict[str, Any], where: str) -> None:
    _match(value, promised()["components"]["schemas"][said.rpartition("/")[2]], where)


def _any_of(value: Any, said: list[dict[str, Any]], _schema: dict[str, Any], where: str) -> None:
    reasons = []
    for one in said:
        try:
            _match(value, one, where)
        except Broken as broken:
            reasons.append(str(broken))
        else:
            return
    raise Broken(" or ".join(reasons))


def _type(value: Any, said: str, _schema: dict[str, Any], where: str) -> None:
    right = isinstance(value, TYPES[said])
    if isinstance(value, bool) and said in ("integer", "number"):
        right = False
    if not right:
        raise Broken(f"{where}: {value!r} is no {said}")


def _properties(value: Any, said: dict[str, Any], schema: dict[str, Any], where: str) -> None:
    if not schema.get("additionalProperties") and (unknown := value.keys() - said.keys()):
        raise Broken(f"{where}: {sorted(unknown)} is not promised")
    for name, one in said.items():
        if name in value:
            _match(value[name], one, f"{where}/{name}")


def _additional(value: Any, said: Any, _schema: dict[str, Any], where: str) -> None:
    if isinstance(said, dict):
        for name, one in value.items():
            _match(one, said, f"{where}/{name}")


def _required(value: Any, said: list[str], _schema: dict[str, Any], where: str) -> None:
    if missing := set(said) - value.keys():
        raise Broken(f"{where}: {sorted(missing)} is missing")


def _items(value: Any, said: Any, _schema: dict[str, Any], where: str) -> None:
    for index, one in enumerate(value):
        _match(one, said, f"{where}/{index}")


def _prefix_items(value: Any, said: list[Any], _schema: dict[str, Any], where: str) -> None:
    for index, (one, schema) in enumerate(zip(value, said, strict=False)):
        _match(one, schema, f"{where}/{index}")


def _min_items(value: Any, said: int, _schema: dict[str, Any], where: str) -> None:
    if len(value) < said:
        raise Broken(f"{where}: fewer than {said}")


def _max_items(value: Any, said: int, _schema: dict[str, Any], where: str) -> None:
    if len(value) > said:
        raise Broken(f"{where}: more than {said}")


def _enum(value: Any, said: list[Any], _schema: dict[str, Any], where: str) -> None:
    if value not in said:
        raise Broken(f"{where}: {value!r} is none of {said}")


def _format(value: Any, said: str, _schema: dict[str, Any], where: str) -> None:
    right = {
        "date-time": lambda: instant(datetime.fromisoformat(value)) == value,
        "uuid": lambda: str(UUID(value)) == value,
    }[said]()
    if not right:
        raise Broken(f"{where}: {value!r} is no {said} as we write them")


RULES: dict[str, Callable[[Any, Any, dict[str, Any], str], None]] = {
    "$ref": _ref,
    "anyOf": _any_of,
    "type": _type,
    "properties": _properties,
    "additionalProperties": _additional,
    "required": _required,
    "items": _items,
    "prefixItems": _prefix_items,
    "minItems": _min_items,
    "maxItems": _max_items,
    "enum": _enum,
    "format": _format,
}
