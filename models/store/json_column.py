"""JSON on its way into the database: encoded once, by msgspec, free of what PostgreSQL refuses.

PostgreSQL takes neither NUL characters nor lone surrogates, and JSON has no NaN: one such value from a device would
fail the whole batch that it came in, so they are left out here.
"""

import json
from dataclasses import dataclass
from typing import Any

import msgspec
import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format

JSON_OID, JSONB_OID = 114, 3802
_JSONB_VERSION = b"\x01"
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Json:
    """A value for a column of type json."""

    value: Any


class Jsonb(Json):
    """A value for a column of type jsonb."""

    __slots__ = ()


def encode(value: Any) -> bytes:
    """Return ``value`` as JSON that PostgreSQL takes."""
    try:
        text = _encode(value)
    except (UnicodeEncodeError, msgspec.ValidationError):
        return _encode(_clean(value))
    return _encode(_clean(json.loads(text))) if b"\\u0000" in text else text


def clean_text(text: str) -> str:
    """Return ``text`` without what a text column cannot hold."""
    if "\0" in text:
        text = text.replace("\0", "")
    return text if text.isascii() else text.encode("utf-8", "ignore").decode()


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, dict):
        return {clean_text(str(key)): _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(item) for item in value]
    return value


class _JsonDumper(Dumper):
    format = Format.BINARY
    oid = JSON_OID

    def dump(self, obj: Json) -> bytes:
        return encode(obj.value)


class _JsonTextDumper(_JsonDumper):
    format = Format.TEXT


class _JsonbDumper(Dumper):
    format = Format.BINARY
    oid = JSONB_OID

    def dump(self, obj: Json) -> bytes:
        return _JSONB_VERSION + encode(obj.value)


class _JsonbTextDumper(_JsonDumper):
    format = Format.TEXT
    oid = JSONB_OID


for _kind, _dumpers in ((Json, (_JsonTextDumper, _JsonDumper)), (Jsonb, (_JsonbTextDumper, _JsonbDumper))):
    for _dumper in _dumpers:  # the one registered last is preferred: binary
        psycopg.adapters.register_dumper(_kind, _dumper)
