"""Every error is problem+json, and none says more than it should."""

from pathlib import Path

import psycopg
import pytest

from dashboard_api.app import create_app
from dashboard_api.policy import policy
from dashboard_api.routes import router
from models.errors import LinkDown, Overloaded, StoreDown
from models.store.pool import Store
from tests.dashboard_api.client import TestClient
from tests.dashboard_api.world import World, make_site
from tests.support.clock import FakeClock


def _check(answer: object, status: int, kind: str = "") -> dict[str, object]:
    assert answer.status_code == status  # type: ignore[attr-defined]
    assert answer.headers["content-type"] == "application/problem+json"  # type: ignore[attr-defined]
    body: dict[str, object] = answer.json()  # type: ignore[attr-defined]
    assert {"type", "title", "status", "detail", "instance"} <= set(body)
    assert body["status"] == status
    assert not kind or body["type"] == f"urn:alertwall:problem:{kind}"
    assert "Traceback" not in str(body)
    assert ".py" not in str(body)
    return body


def _pointers(body: dict[str, object]) -> list[str]:
    errors = body["errors"]
    assert isinstance(errors, list)
    return [error["pointer"] for error in errors]


def test_what_each_mistake_looks_like(world: World) -> None:
    """404, 405, 401, 403, 422 of the framework and of ours, 428, 412."""
    operator, engineer = world.as_("operator"), world.as_("engineer")
    camera = world.camera()
    path = f"/api/v1/cameras/{camera.id}"
    _check(operator.get("/api/v1/nothing"), 404)
    _check(operator.post("/api/v1/nothing"), 404)
    _check(operator.get("/api/v1/cameras/", follow_redirects=False), 404)
    _check(operator.delete("/api/v1/me"), 405)
    assert _check(world.client().get("/api/v1/me"), 401, "not-signed-in")
    assert world.client().get("/api/v1/me").headers["www-authenticate"].startswith("Bearer")
    _check(operator.post("/api/v1/cameras", json={}), 403, "denied")
    _check(operator.get("/api/v1/cameras/nope"), 404, "not-found")
    _check(operator.get("/api/v1/incidents/not-a-number"), 404, "not-found")
    _check(engineer.patch(path, json={"name": "x"}), 428, "version-missing")
    _check(engineer.patch(path, json={"name": "x"}, headers={"If-Match": '"7"'}), 412, "stale-version")
    _check(engineer.patch(path, json={"name": "x"}, headers={"If-Match": "yesterday"}), 422, "bad-input")


def test_a_refused_body_names_each_field_by_a_pointer(world: World) -> None:
    """FastAPI's own 422 included, also for JSON that is none, unknown fields and numbers that are not."""
    engineer = world.as_("engineer")
    body = {"id": "Bad Id", "name": "", "area": "city.north", "source": {"scheme": "exec", "port": -1}, "extra": 1}
    answer = _check(engineer.post("/api/v1/cameras", json=body), 422, "bad-input")
    errors = answer["errors"]
    assert isinstance(errors, list)
    pointers = {error["pointer"] for error in errors}
    assert {"/id", "/name", "/source/scheme", "/source/port", "/source/host", "/extra"} <= pointers
    broken = engineer.post("/api/v1/cameras", content=b"{", headers={"Content-Type": "application/json"})
    assert _pointers(_check(broken, 422, "bad-input")) == ["/"]
    deep = engineer.post("/api/v1/cameras", content=b"[" * 100_000, headers={"Content-Type": "application/json"})
    assert _pointers(_check(deep, 422, "bad-input")) == ["/"]
    nul = engineer.post("/api/v1/areas", json={"path": "city.north.x", "name": "a\0b"})
    assert _pointers(_check(nul, 422, "bad-input")) == ["/name"]
    assert _pointers(_check(engineer.get("/api/v1/events?cursor=x"), 422, "bad-input")) == ["cursor"]
    assert _pointers(_check(engineer.get("/api/v1/incidents?priority=1,9"), 422, "bad-input")) == ["priority"]
    assert _pointers(_check(engineer.get("/api/v1/feed?after=x"), 422, "bad-input")) == ["after"]
    _check(engineer.get("/api/v1/events?limit=0"), 422, "bad-input")
    _check(engineer.get("/api/v1/events?since=2026-01-01T00:00:00"), 422, "bad-input")
    _check(engineer.get("/api/v1/incidents?state=open"), 422, "bad-input")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (RuntimeError("secret detail of the inside"), 500),
        (LinkDown("worker", "does not answer"), 503),
        (Overloaded("desk", 200), 503),
        (StoreDown("host=10.9.9.9 password=hunter2"), 503),
        (psycopg.errors.UndefinedTable("relation x"), 500),
    ],
)
def test_failures_inside_are_answered_without_their_insides(
    store: Store, clock: FakeClock, tmp_path: Path, error: Exception, status: int
) -> None:
    """Whatever breaks, the answer is a problem, has its guards, and tells nothing of us."""
    app = create_app(make_site(tmp_path / "s"), store, clock=clock)
    routes = router("test")

    @routes.get("/boom")
    @policy(noun="test", anonymous=True)
    def boom() -> None:
        raise error

    app.include_router(routes)
    answer = TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False).get("/api/v1/boom")
    body = _check(answer, status)
    assert "secret detail" not in str(body)
    assert "hunter2" not in str(body)
    assert "relation" not in str(body)
    assert answer.headers["x-frame-options"] == "DENY"
    assert ("retry-after" in answer.headers) == (status == 503)


def test_the_document_promises_problems(world: World) -> None:
    """Each operation's default answer is a problem; FastAPI's own shape of a 422 is not in the document."""
    document = world.client().get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert "HTTPValidationError" not in document["components"]["schemas"]
    for path, item in document["paths"].items():
        for method, operation in item.items():
            assert "422" not in operation["responses"], (method, path)
            assert "application/problem+json" in operation["responses"]["default"]["content"]
