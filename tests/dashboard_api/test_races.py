"""Two people at the same thing: who saw an older version is told so, also when the other was a moment quicker."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.dashboard_api.world import World


def _wait_until_blocked(world: World) -> None:
    pause = threading.Event()
    for _ in range(500):
        with world.store.transaction() as conn:
            row = conn.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            ).fetchone()
        if row is not None and row[0]:
            return
        pause.wait(0.01)
    raise AssertionError("nobody waits")


def _camera(world: World) -> tuple[str, str]:
    return "camera", world.camera().id


def _unit(world: World) -> tuple[str, str]:
    return "unit", world.unit().id


def _patrol(world: World) -> tuple[str, str]:
    return "patrol", world.patrol().id


@pytest.mark.parametrize("make", [_camera, _unit, _patrol])
@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_who_saw_an_older_version_changes_nothing(
    world: World, make: Callable[[World], tuple[str, str]], method: str
) -> None:
    """412 when the version moved before the request, and when it moves between its check and its write."""
    table, id = make(world)
    client = world.as_("admin")
    path = f"/api/v1/{table}s/{id}"
    body: dict[str, Any] = {"json": {"name": "mine"}} if method == "PATCH" else {}
    answers: list[int] = []

    def ask() -> None:
        answers.append(client.request(method, path, headers={"If-Match": '"1"'}, **body).status_code)

    with world.store.transaction() as conn:
        conn.execute(f"UPDATE {table} SET name = 'theirs', row_version = row_version + 1 WHERE id = %s", (id,))
        asking = threading.Thread(target=ask)
        asking.start()
        _wait_until_blocked(world)
    asking.join()
    ask()
    assert answers == [412, 412]
    with world.store.transaction() as conn:
        row = conn.execute(f"SELECT name, retired_at FROM {table} WHERE id = %s", (id,)).fetchone()
    assert row == ("theirs", None)


def test_two_admins_at_one_account(world: World) -> None:
    """The slower one hears 412, not that the account is somebody's."""
    client = world.as_("admin")
    answers: list[int] = []

    def ask() -> None:
        answer = client.patch("/api/v1/users/operator", json={"role": "analyst"}, headers={"If-Match": '"1"'})
        answers.append(answer.status_code)

    with world.store.transaction() as conn:
        conn.execute("UPDATE app_user SET row_version = row_version + 1 WHERE username = 'operator'")
        asking = threading.Thread(target=ask)
        asking.start()
        _wait_until_blocked(world)
    asking.join()
    assert answers == [412]
