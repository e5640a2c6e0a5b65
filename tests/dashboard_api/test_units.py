"""Registering alarm units: secrets shown once, cameras one sees, lost updates."""

from alarms.broker import secret_matches
from models.store import units
from tests.dashboard_api.world import OTHER, OWN, World


def test_a_units_secret_is_shown_once(world: World) -> None:
    """The answer to its registration has it, the database only the broker's hash."""
    engineer = world.as_("engineer")
    camera = world.camera()
    made = engineer.post("/api/v1/units", json={"id": "U1", "name": "Home 1", "area": OWN, "cameras": [camera.id]})
    assert made.status_code == 201
    body = made.json()
    assert body["mqtt"] == {"host": "broker.test", "port": 1883, "username": "U1"}
    assert body["unit"]["silence_limit_s"] == 150
    assert body["unit"]["cameras"] == [camera.id]
    assert body["unit"]["state"]["conn"] == "unknown"
    with world.store.transaction() as conn:
        assert secret_matches(body["secret"], dict(units.broker_hashes(conn))["U1"])
    for text in (engineer.get("/api/v1/units").text, engineer.get("/api/v1/units/U1").text):
        assert body["secret"] not in text
        assert "broker_hash" not in text
    assert engineer.post("/api/v1/units", json={"id": "U1", "name": "x", "area": OWN}).status_code == 409


def test_a_new_secret_replaces_the_old(world: World) -> None:
    """Rotation: the old hash is gone, the new secret is shown once."""
    unit = world.unit()
    engineer = world.as_("engineer")
    first = engineer.post(f"/api/v1/units/{unit.id}/secret").json()["secret"]
    second = engineer.post(f"/api/v1/units/{unit.id}/secret").json()["secret"]
    with world.store.transaction() as conn:
        hashed = dict(units.broker_hashes(conn))[unit.id]
    assert secret_matches(second, hashed)
    assert not secret_matches(first, hashed)


def test_a_unit_is_linked_only_to_cameras_one_sees(world: World) -> None:
    """Else its incidents would show others' pictures."""
    hidden = world.camera(OTHER)
    engineer = world.as_("engineer")
    body = {"id": "U1", "name": "x", "area": OWN, "cameras": [hidden.id]}
    assert engineer.post("/api/v1/units", json=body).status_code == 404
    unit = world.unit()
    assert engineer.patch(f"/api/v1/units/{unit.id}", json={"cameras": [hidden.id]}).status_code == 404


def test_a_unit_is_changed_and_retired(world: World) -> None:
    """What is not named stays; a stale version is refused; retired is gone from the lists."""
    unit = world.unit()
    engineer = world.as_("engineer")
    path = f"/api/v1/units/{unit.id}"
    changed = engineer.patch(path, json={"place": "Building 2", "lat": 20.5}, headers={"If-Match": '"1"'})
    assert changed.status_code == 200
    assert (changed.json()["place"], changed.json()["name"]) == ("Building 2", unit.name)
    assert engineer.patch(path, json={"name": "x"}, headers={"If-Match": '"1"'}).status_code == 412
    assert engineer.patch(path, json={"silence_limit_s": 5}).json()["errors"][0]["pointer"] == "/silence_limit_s"
    assert engineer.patch(path, json={"area": OTHER}).status_code == 404
    assert engineer.delete(path).status_code == 204
    assert engineer.get(path).status_code == 404
    assert engineer.get("/api/v1/units").json()["items"] == []


def test_units_ids_are_what_topics_may_hold(world: World) -> None:
    """No wildcard, no slash, no lower case."""
    for id in ("u1", "U/1", "U+", "#", "U 1", "", "U" * 33, "\u0055\u0308"):
        answer = world.as_("engineer").post("/api/v1/units", json={"id": id, "name": "x", "area": OWN})
        assert answer.status_code == 422, id
        assert answer.json()["errors"][0]["pointer"] == "/id"
