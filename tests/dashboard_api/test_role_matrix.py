"""Who may do what, where: every operation of the OpenAPI document, asked as everybody, of own and of others' things.

What is expected stands in `matrix`; a new route has to say there who may call it.
"""

from typing import Any

import pytest
from starlette.websockets import WebSocketDisconnect

from models.store.pool import Store
from tests.dashboard_api.fake_worker import FakeWorker
from tests.dashboard_api.matrix import EXPECTED, IDENTITIES, OPERATIONS, PUBLISHERS, STREAMS, WATCH, Matrix
from tests.dashboard_api.world import ORIGIN, OTHER, OWN, World
from tests.support.clock import FakeClock


@pytest.fixture(scope="module")
def here(module_store: Store, fake_worker: FakeWorker, tmp_path_factory: pytest.TempPathFactory) -> Matrix:
    """One world for the whole matrix; each question gets things of its own."""
    world = World.make(module_store, FakeClock(), tmp_path_factory.mktemp("matrix") / "state")
    world.worker(fake_worker.url)
    return Matrix(world)


def test_the_table_knows_every_operation() -> None:
    """A route without an expectation, or an expectation without a route, is a mistake."""
    assert {operation for operation, _, _ in OPERATIONS} == set(EXPECTED)


@pytest.mark.parametrize(("operation", "method", "path"), OPERATIONS, ids=[one[0] for one in OPERATIONS])
def test_matrix(here: Matrix, operation: str, method: str, path: str) -> None:
    """Seven identities times own and other area: allowed, 401, 403 or 404, and nothing else."""
    expected = EXPECTED[operation]
    has_object = "{" in path
    for identity in IDENTITIES:
        for area in (OWN, OTHER):
            if operation in STREAMS and identity in expected.who:
                continue
            url = here.path(operation, path, area, identity) + expected.query
            body = here.body(expected, area)
            if operation in ("create_patrol", "create_unit") and body is not None:
                body["id"] = body["id"].lower() if operation == "create_patrol" else body["id"].upper()
            headers = {"Origin": ORIGIN, **expected.headers}
            if operation == "metrics":
                headers["X-Forwarded-For"] = "203.0.113.9"
            client = here.world.client(here.secret(identity), headers=headers)
            if expected.content is not None:
                answer = client.request(
                    method, url, content=expected.content, headers={"Content-Type": expected.content_type}
                )
            else:
                answer = client.request(method, url, json=body)
            about = f"{method} {url} as {identity}: {answer.status_code} {answer.text[:200]}"
            assert answer.status_code == _wanted(operation, identity, area, has_object), about
            if expected.lists is not None and answer.status_code == 200:
                _check_list(here, expected.lists, answer.json(), about)


def _wanted(operation: str, identity: str, area: str, has_object: bool) -> int:
    expected = EXPECTED[operation]
    if operation in PUBLISHERS:
        return 401
    if identity not in expected.who:
        return 401 if identity == "anonymous" else 403
    if area == OTHER and (has_object or expected.area_in_body):
        return 404
    return expected.status


def _check_list(here: Matrix, kind: str, answer: dict[str, Any], about: str) -> None:
    """A list shows what lies in the asker's areas and nothing of the others'."""
    key = {"area": "path", "user": "username", "quarantine": "unit_id", "audit": "object"}.get(kind, "id")
    shown = [str(item[key]) for item in answer["tracks" if kind == "track" else "items"]]
    assert here.seeded[OTHER][kind] not in shown, about
    if kind != "track" and not answer.get("next_cursor"):
        assert here.seeded[OWN][kind] in shown, about


def test_live_pictures_follow_the_matrix(here: Matrix) -> None:
    """The one WebSocket route, which OpenAPI cannot say, is refused and granted like the others."""
    for identity in IDENTITIES:
        for area in (OWN, OTHER):
            path = f"/api/v1/cameras/{here.world.camera(area).id}/live"
            client = here.world.client(here.secret(identity))
            allowed = identity in WATCH and area == OWN
            try:
                with client.websocket_connect(path, headers={"Host": "127.0.0.1"}) as opened:
                    assert "mime" in opened.receive_json()
                granted = True
            except WebSocketDisconnect:
                granted = False
            assert granted == allowed, (identity, area)
