"""Sending a patrol: pairing its phone once, the push, its answers, each with its time."""

from tests.dashboard_api.world import OTHER, OWN, World
from tests.support.clock import FakeClock

STEPS = {"delivered": "delivered", "accept": "accepted", "on_scene": "on_scene", "clear": "clear"}


def _pair(world: World, patrol_id: str) -> str:
    code = world.as_("dispatcher").post(f"/api/v1/patrols/{patrol_id}/pairing").json()["code"]
    answer = world.client().post("/api/v1/patrol/pair", json={"code": code})
    assert answer.status_code == 200, answer.text
    return str(answer.headers["set-cookie"].split("=", 1)[1].split(";")[0])


def test_a_phone_is_paired_once_within_ten_minutes(world: World, clock: FakeClock) -> None:
    """A used, late or guessed code opens nothing; a new phone replaces the old."""
    patrol = world.patrol()
    dispatcher = world.as_("dispatcher")
    made = dispatcher.post(f"/api/v1/patrols/{patrol.id}/pairing")
    assert made.status_code == 201
    code = made.json()["code"]
    assert made.json()["url"] == f"http://127.0.0.1/patrol#{code}"
    assert world.client().post("/api/v1/patrol/pair", json={"code": "guess"}).status_code == 401
    first = world.client().post("/api/v1/patrol/pair", json={"code": code})
    assert first.json()["id"] == patrol.id
    assert world.client().post("/api/v1/patrol/pair", json={"code": code}).status_code == 401
    late = dispatcher.post(f"/api/v1/patrols/{patrol.id}/pairing").json()["code"]
    clock.advance(601)
    assert world.client().post("/api/v1/patrol/pair", json={"code": late}).status_code == 401
    old = world.client(first.headers["set-cookie"].split("=", 1)[1].split(";")[0])
    assert old.get("/api/v1/patrol/me").json()["id"] == patrol.id
    assert old.get("/api/v1/me").json()["kind"] == "patrol"
    _pair(world, patrol.id)
    assert old.get("/api/v1/patrol/me").status_code == 401


def test_an_errand_from_push_to_clear(world: World, clock: FakeClock) -> None:
    """queued, delivered, accepted, on scene, clear: each step's time stands on the incident's page."""
    patrol, incident = world.patrol(), world.incident()
    phone = world.client(_pair(world, patrol.id))
    sent = world.as_("dispatcher").post(
        f"/api/v1/incidents/{incident.id}/dispatch", json={"patrol_id": patrol.id, "note": "back door"}
    )
    assert sent.status_code == 201
    (errand,) = phone.get("/api/v1/patrol/assignments").json()["items"]
    assert errand["id"] == sent.json()["id"]
    assert errand["note"] == "back door"
    assert errand["incident"]["id"] == incident.id
    assert "owner" not in errand["incident"]
    path = f"/api/v1/patrol/assignments/{errand['id']}"
    for step, state in {
        "delivered": "delivered",
        "accept": "accepted",
        "on_scene": "on_scene",
        "clear": "clear",
    }.items():
        clock.advance(10)
        key = {"Idempotency-Key": f"{errand['id']}-{step}"}
        first = phone.post(f"{path}/{step}", json={}, headers=key)
        assert first.json()["state"] == state
        clock.advance(1)
        assert phone.post(f"{path}/{step}", json={}, headers=key).json() == first.json()
    shown = world.as_("operator").get(f"/api/v1/incidents/{incident.id}").json()["assignments"][0]
    times = [shown[name] for name in ("queued_at", "delivered_at", "answered_at", "on_scene_at", "ended_at")]
    assert all(times)
    assert times == sorted(times)
    assert world.as_("operator").get("/api/v1/patrols").json()["items"][0]["state"] == "available"


def test_a_patrol_declines_with_a_reason(world: World) -> None:
    """The reason is on the incident."""
    patrol, incident = world.patrol(), world.incident()
    errand = world.assignment(incident.id, patrol.id)
    phone = world.client(world.phone(patrol.id))
    answer = phone.post(f"/api/v1/patrol/assignments/{errand.id}/decline", json={"reason": "flat tyre"})
    assert (answer.json()["state"], answer.json()["decline_reason"]) == ("declined", "flat tyre")
    assert phone.post(f"/api/v1/patrol/assignments/{errand.id}/accept", json={}).status_code == 409


def test_one_phone_cannot_speak_for_another_patrol(world: World) -> None:
    """Nor read or take steps in its errands."""
    patrol, other, incident = world.patrol(), world.patrol(), world.incident()
    errand = world.assignment(incident.id, patrol.id)
    stranger = world.client(world.phone(other.id))
    assert stranger.get("/api/v1/patrol/assignments").json()["items"] == []
    assert stranger.post(f"/api/v1/patrol/assignments/{errand.id}/accept", json={}).status_code == 404
    assert stranger.get("/api/v1/incidents").status_code == 403


def test_a_patrol_outside_ones_areas_is_not_sent(world: World) -> None:
    """It does not exist for this dispatcher."""
    incident = world.incident()
    elsewhere = world.patrol(OTHER)
    answer = world.as_("dispatcher").post(f"/api/v1/incidents/{incident.id}/dispatch", json={"patrol_id": elsewhere.id})
    assert answer.status_code == 404


def test_a_busy_patrol_is_not_sent_twice(world: World) -> None:
    """409 says where it is."""
    patrol, first, second = world.patrol(), world.incident(), world.incident()
    dispatcher = world.as_("dispatcher")
    body = {"patrol_id": patrol.id}
    assert dispatcher.post(f"/api/v1/incidents/{first.id}/dispatch", json=body).status_code == 201
    assert dispatcher.post(f"/api/v1/incidents/{second.id}/dispatch", json=body).status_code == 409
    open_errands = dispatcher.get("/api/v1/assignments?state=queued,delivered").json()["items"]
    assert [errand["incident_id"] for errand in open_errands] == [first.id]


def test_a_retired_patrols_phone_is_out(world: World) -> None:
    """Its login ends with its registration."""
    patrol = world.patrol()
    phone = world.client(world.phone(patrol.id))
    assert phone.get("/api/v1/patrol/me").status_code == 200
    assert world.as_("dispatcher").delete(f"/api/v1/patrols/{patrol.id}").status_code == 204
    assert phone.get("/api/v1/patrol/me").status_code == 401
    assert (
        world.as_("dispatcher").post("/api/v1/patrols", json={"id": patrol.id, "name": "x", "area": OWN}).status_code
        == 409
    )
