"""Every error becomes RFC 9457 problem+json, and none tells more than it should."""

import json
import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import psycopg
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from dashboard_api.refusals import (
    BadSignIn,
    Denied,
    ForeignOrigin,
    NotSignedIn,
    StaleVersion,
    TooLarge,
    TooManyTries,
    VersionMissing,
    WrongContentType,
)
from models.errors import AlertwallError, BadInput, Conflict, NotFound, NotReady, Overloaded

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 2
ERRORS_MAX = 20
VALUE_TEXT_MAX_CHARS = 300
BODY_METHODS = frozenset({"POST", "PUT", "PATCH"})
HEADER_FIELDS = frozenset({"if-match", "idempotency-key"})

STATUS: dict[type[AlertwallError], tuple[int, str]] = {
    NotSignedIn: (401, "not-signed-in"),
    BadSignIn: (401, "bad-sign-in"),
    Denied: (403, "denied"),
    ForeignOrigin: (403, "foreign-origin"),
    NotFound: (404, "not-found"),
    Conflict: (409, "conflict"),
    StaleVersion: (412, "stale-version"),
    TooLarge: (413, "too-large"),
    WrongContentType: (415, "wrong-content-type"),
    BadInput: (422, "bad-input"),
    VersionMissing: (428, "version-missing"),
    TooManyTries: (429, "too-many-tries"),
    Overloaded: (503, "overloaded"),
    NotReady: (503, "not-ready"),
}
"""The nearest class of an error's ancestry decides."""

log = logging.getLogger(__name__)


def problem(
    status: int,
    detail: str,
    *,
    instance: str,
    kind: str = "",
    errors: Sequence[dict[str, str]] = (),
    winner: str | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """Return a problem document."""
    body: dict[str, Any] = {
        "type": f"urn:alertwall:problem:{kind}" if kind else "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": instance,
    }
    if errors:
        body["errors"] = list(errors)[:ERRORS_MAX]
    if winner is not None:
        body["winner"] = winner
    text = json.dumps(body, ensure_ascii=True)
    return Response(text, status, {"Cache-Control": "no-store", **(headers or {})}, media_type=MEDIA_TYPE)


def of_error(error: AlertwallError, instance: str, *, in_body: bool = False) -> Response:
    """Return what an error of ours looks like from outside; ``in_body`` tells where the request's fields came in."""
    status, kind = next((STATUS[base] for base in type(error).__mro__ if base in STATUS), (500, ""))
    if status == 500:
        log.error("%s: %s", type(error).__name__, error)
        return unexpected(instance)
    headers: dict[str, str] = {}
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="alertwall"'
    elif isinstance(error, TooManyTries):
        headers["Retry-After"] = str(max(1, round(error.retry_after_s)))
    elif status == 503:
        headers["Retry-After"] = str(RETRY_AFTER_S)
    errors = []
    if isinstance(error, BadInput):
        errors = [{"pointer": _field_pointer(error.field, in_body=in_body), "detail": error.expected}]
    winner = error.winner if isinstance(error, Conflict) else None
    return problem(status, _public(error), instance=instance, kind=kind, errors=errors, winner=winner, headers=headers)


def unexpected(instance: str) -> Response:
    """Return the answer to what should not have happened; the log has the rest under the request's id."""
    return problem(500, "alertwall failed at this request; the log names it by its X-Request-ID", instance=instance)


def install(app: FastAPI) -> None:
    """Answer every error of ``app`` with a problem document."""

    async def ours(request: Request, error: Exception) -> Response:
        assert isinstance(error, AlertwallError)
        return of_error(error, request.url.path, in_body=request.method in BODY_METHODS)

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code == 400 and isinstance(error.__cause__, RecursionError | ValueError):
            # FastAPI's word for a body that its JSON reader gave up on: too deep, not UTF-8, endless digits
            return _unreadable(request.url.path, "JSON in UTF-8, of sensible depth and numbers")
        detail = error.detail if error.detail != HTTPStatus(error.status_code).phrase else _plain(error.status_code)
        return problem(
            error.status_code, detail, instance=request.url.path, headers=dict(error.headers) if error.headers else None
        )

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        found = error.errors()
        if found and found[0]["type"] == "json_invalid":
            return _unreadable(request.url.path, f"JSON; it ends to be that at character {found[0]['loc'][-1]}")
        errors = [{"pointer": _pointer(one["loc"]), "detail": str(one["msg"])} for one in found]
        first = f"{errors[0]['pointer']}: {errors[0]['detail']}" if errors else "not what this route takes"
        return problem(422, first, instance=request.url.path, kind="bad-input", errors=errors)

    async def unstorable(request: Request, error: Exception) -> Response:
        log.info("%s: %s", request.url.path, str(error).splitlines()[0])
        return problem(422, "a text or number in it cannot be stored", instance=request.url.path, kind="bad-input")

    app.add_exception_handler(AlertwallError, ours)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(psycopg.DataError, unstorable)
    app.add_exception_handler(UnicodeEncodeError, unstorable)
    app.add_exception_handler(OverflowError, unstorable)


def _unreadable(instance: str, expected: str) -> Response:
    errors = [{"pointer": "/", "detail": expected}]
    return problem(422, f"the body: {expected}", instance=instance, kind="bad-input", errors=errors)


def _public(error: AlertwallError) -> str:
    """Return the error's words, without what the database or a worker said of themselves."""
    if isinstance(error, NotReady) and type(error).__name__ == "StoreDown":
        return "the database does not answer; try again"
    return str(error)[:VALUE_TEXT_MAX_CHARS]


def _plain(status: int) -> str:
    return {404: "there is nothing at this address", 405: "this address does not take that method"}.get(
        status, HTTPStatus(status).phrase
    )


def _pointer(loc: Sequence[int | str]) -> str:
    place, *rest = loc or ("",)
    if place == "body":
        return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in rest) or "/"
    return ".".join(str(part) for part in rest) or str(place)


def _field_pointer(field: str, *, in_body: bool) -> str:
    if not in_body or field in HEADER_FIELDS:
        return field
    return "/" if field == "body" else "/" + field.replace("[", "/").replace("]", "").replace(".", "/")
