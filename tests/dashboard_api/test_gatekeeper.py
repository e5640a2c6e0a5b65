"""Other sites' pages, other hosts' names, bodies too long or of the wrong type: refused before anything else."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard_api.gatekeeper import BODY_MAX_BYTES
from models.store.pool import Store
from tests.dashboard_api.matrix import OPERATIONS
from tests.dashboard_api.world import World
from tests.support.clock import FakeClock

FOREIGN = ("https://evil.example", "http://127.0.0.1:9999", "http://127.0.0.1.evil.example", "null", "file://", "")
WRITES = [(method, path) for _, method, path in OPERATIONS if method not in ("GET", "HEAD")]


def _filled(path: str) -> str:
    for name, value in {
        "{camera_id}": "x",
        "{unit_id}": "X",
        "{patrol_id}": "x",
        "{incident_id}": "1",
        "{assignment_id}": "1",
        "{username}": "x",
        "{token_id}": "0" * 32,
        "{rule_id}": "1",
        "{peer}": "x" * 8,
        "{session}": "x" * 8,
        "{step}": "clear",
    }.items():
        path = path.replace(name, value)
    return path


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_no_write_from_another_site(world: World, method: str, path: str) -> None:
    """Whoever is signed in, whatever the route: a foreign Origin is refused, a cross-site fetch without one too."""
    client = world.as_("admin")
    for origin in FOREIGN:
        answer = client.request(method, _filled(path), json={}, headers={"Origin": origin})
        assert answer.status_code == 403, (origin, answer.text)
        assert answer.json()["type"] == "urn:alertwall:problem:foreign-origin"
    for site in ("cross-site", "same-site"):
        bare = world.client()
        del bare.headers["Origin"]
        answer = bare.request(method, _filled(path), json={}, headers={"Sec-Fetch-Site": site})
        assert answer.status_code == 403


def test_the_public_name_is_ours_over_tls_alone(store: Store, clock: FakeClock, tmp_path: Path) -> None:
    """A page of http://alerts.example may have been written by anybody on the way."""
    said = {"api": {"public_origin": "https://Alerts.example"}}
    client = World.make(store, clock, tmp_path / "state", **said).as_("admin")
    for origin, status in (
        ("https://alerts.example", 200),
        ("http://alerts.example", 403),
        ("https://alerts.example:8443", 403),
    ):
        headers = {"Origin": origin, "Host": "alerts.example"}
        assert client.patch("/api/v1/me", json={"language": "en"}, headers=headers).status_code == status, origin


def test_no_form_can_write(world: World) -> None:
    """The types a page can send without asking first are not taken."""
    incident = world.incident()
    for kind in ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"):
        answer = world.as_("operator").post(
            f"/api/v1/incidents/{incident.id}/comment", content=b'{"text":"x"}', headers={"Content-Type": kind}
        )
        assert answer.status_code == 415, kind
    answer = world.as_("operator").post(f"/api/v1/incidents/{incident.id}/comment", content=b'{"text":"x"}')
    assert answer.status_code == 415


def test_no_preflight_is_answered_with_permission(world: World) -> None:
    """There is no CORS here."""
    answer = world.client().options(
        "/api/v1/incidents",
        headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"},
    )
    assert not [name for name in answer.headers if name.startswith("access-control-")]
    read = world.as_("operator").get("/api/v1/incidents", headers={"Origin": "https://evil.example"})
    assert not [name for name in read.headers if name.startswith("access-control-")]


def test_names_that_are_not_ours_are_not_answered(world: World) -> None:
    """A page that points its own name at this machine gets nothing; addresses and localhost are ours."""
    for host, status in {
        "evil.example": 403,
        "127.0.0.1.evil.example": 403,
        "": 403,
        "localhost": 200,
        "127.0.0.1:8780": 200,
        "[::1]:8780": 200,
        "192.168.7.9": 200,
    }.items():
        answer = world.client().get("/healthz", headers={"Host": host})
        assert answer.status_code == status, host


def test_scripts_without_an_origin_may_write(world: World) -> None:
    """A script sends no Origin, and no browser ever leaves it out of a write."""
    incident = world.incident()
    client = world.as_("operator")
    del client.headers["Origin"]
    assert client.post(f"/api/v1/incidents/{incident.id}/claim").status_code == 200


def test_long_bodies_are_refused(world: World) -> None:
    """Said in advance or found out on the way."""
    client = world.as_("operator")
    incident = world.incident()
    path = f"/api/v1/incidents/{incident.id}/comment"
    answer = client.post(path, json={"text": "x" * BODY_MAX_BYTES})
    assert answer.status_code == 413

    def endless() -> Iterator[bytes]:
        for _ in range(20):
            yield b" " * (BODY_MAX_BYTES // 10)

    answer = client.post(path, content=endless(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"


def test_every_answer_carries_the_guards(world: World) -> None:
    """Pages, API and errors alike: no scripts from elsewhere, no framing, no sniffing, and the request's id."""
    for path in ("/", "/api/v1/me", "/api/v1/nothing", "/healthz"):
        headers = world.client().get(path, headers={"X-Request-ID": "abc-123"}).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "script-src 'self';" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-request-id"] == "abc-123"
        assert "server" not in headers
    assert world.client().get("/healthz", headers={"X-Request-ID": "bad id\t"}).headers["x-request-id"] != "bad id\t"


def test_nul_and_surrogates_are_refused_not_crashed_on(world: World) -> None:
    """What PostgreSQL cannot hold is the sender's mistake."""
    client = world.as_("engineer")
    incident = world.incident()
    assert client.get("/api/v1/events?source_id=%00").status_code == 422
    assert client.get("/api/v1/cameras/%00").status_code in (404, 422)
    for text in ("a\0b", "\ud800"):
        answer = world.as_("operator").post(
            f"/api/v1/incidents/{incident.id}/comment",
            content=json.dumps({"text": text}).encode(),
            headers={"Content-Type": "application/json"},
        )
        assert answer.status_code == 422, answer.text
