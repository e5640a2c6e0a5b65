"""Rehearsals through the API: checked like a rule, run by a worker, noted in the audit trail."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.dashboard_api.fake_worker import REHEARSAL, FakeWorker
from tests.dashboard_api.world import OTHER, OWN, World

RULE = {"name": "yard", "kind": "intrusion", "points": [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9]]}
RANGE = {"from": "2025-12-31T23:00:00Z", "to": "2026-01-01T07:10:00+08:00"}


@pytest.fixture
def worker(world: World, fake_worker: FakeWorker) -> Iterator[FakeWorker]:
    fake_worker.probed.clear()
    world.worker(fake_worker.url)
    yield fake_worker
    fake_worker.refusal = None


def test_a_draft_is_rehearsed_beside_the_rule_that_stands(world: World, worker: FakeWorker) -> None:
    """The worker is told both rules and the range in UTC; Location leads to the outcome."""
    camera = world.camera(OWN)
    rule = world.rule(camera.id)
    client = world.as_("engineer")
    answer = client.post(f"/api/v1/cameras/{camera.id}/rehearsals", json={"rule": RULE, "replaces": rule.id, **RANGE})
    assert answer.status_code == 202
    assert answer.json()["state"] == "waiting"
    [asked] = worker.probed
    assert (asked["since"], asked["until"]) == ("2025-12-31T23:00:00Z", "2025-12-31T23:10:00Z")
    assert (asked["draft"]["name"], asked["live"]["id"]) == ("yard", rule.id)
    said = client.get(answer.headers["Location"]).json()
    assert (said["state"], said["outcome"]["only_draft"]) == ("done", 1)
    assert client.delete(answer.headers["Location"]).status_code == 204
    with world.store.transaction() as conn:
        rows = conn.execute("SELECT action FROM audit WHERE action LIKE 'rehearsal%%' ORDER BY id").fetchall()
    assert [action for (action,) in rows] == ["rehearsal.start", "rehearsal.end"]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"to": "2026-01-01T23:00:01Z"}, 422),
        ({"to": "2025-12-31T22:00:00Z"}, 422),
        ({"to": "2025-12-31T23:10:00"}, 422),
        ({"replaces": 4711}, 404),
        ({"rule": {**RULE, "points": [[0, 0], [1, 1]]}}, 422),
    ],
)
def test_what_cannot_be_rehearsed_is_refused(
    world: World, worker: FakeWorker, change: dict[str, Any], status: int
) -> None:
    """Before a worker hears of it."""
    camera = world.camera(OWN)
    body = {"rule": RULE, **RANGE, **change}
    assert world.as_("engineer").post(f"/api/v1/cameras/{camera.id}/rehearsals", json=body).status_code == status
    assert worker.probed == []


def test_a_full_queue_is_told(world: World, worker: FakeWorker) -> None:
    """Try again later."""
    worker.refusal = (503, "rehearsals: 3 waiting")
    camera = world.camera(OWN)
    answer = world.as_("engineer").post(f"/api/v1/cameras/{camera.id}/rehearsals", json={"rule": RULE, **RANGE})
    assert answer.status_code == 503


def test_one_that_is_not_there_or_elsewhere_is_not_found(world: World, worker: FakeWorker) -> None:
    """By its id and by its camera."""
    own, other = world.camera(OWN), world.camera(OTHER)
    client = world.as_("engineer")
    for path in (
        f"{own.id}/rehearsals/nothing-like-it",
        f"{own.id}/rehearsals/a.b",
        f"{other.id}/rehearsals/{REHEARSAL}",
    ):
        assert client.get(f"/api/v1/cameras/{path}").status_code == 404
