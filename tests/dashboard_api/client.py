"""Starlette's test client, without its advice on which HTTP library to use beneath; it checks what it is answered."""

import warnings
from typing import Any

from tests.dashboard_api import promise

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient as PlainClient


class TestClient(PlainClient):
    """Every answer it gets must be one that the OpenAPI document promises."""

    __test__ = False

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.event_hooks = {"response": [_check]}


def _check(answer: Any) -> None:
    media_type = answer.headers.get("content-type", "").partition(";")[0]
    body = None
    if media_type.endswith("json"):
        answer.read()
        body = answer.json()
    promise.check(answer.request.method, answer.request.url.path, answer.status_code, media_type, body)


__all__ = ["PlainClient", "TestClient"]
