"""ONVIF over the API: what a worker found comes back in our shapes, its refusals as ours, every act on the trail."""

from collections.abc import Iterator

import pytest

from tests.dashboard_api.fake_worker import FakeWorker
from tests.dashboard_api.world import CANARY, OTHER, World


@pytest.fixture
def worker(world: World, fake_worker: FakeWorker) -> Iterator[FakeWorker]:
    world.worker(fake_worker.url)
    yield fake_worker
    fake_worker.refusal = None


def test_cameras_are_discovered(world: World, worker: FakeWorker) -> None:
    answer = world.as_("engineer").post("/api/v1/cameras/discover", json={"hosts": ["10.1.2.3"]})
    assert answer.status_code == 200
    assert answer.json() == {
        "items": [{"name": "Gate", "host": "10.1.2.3", "port": 80, "scopes": ["onvif://x"]}],
        "outside": 1,
        "ignored": 2,
    }
    assert worker.probed[-1] == {"hosts": ["10.1.2.3"]}
    assert world.audit("camera.discover") == [("engineer", "camera.discover", "10.1.2.3")]


@pytest.mark.parametrize("host", ["", "a b", "127.1", "user@10.1.2.3", "http://10.1.2.3", "a\r\nb", "x" * 300])
def test_hostile_hosts_are_refused(world: World, worker: FakeWorker, host: str) -> None:
    """Nothing is asked of a worker."""
    asked = len(worker.asked)
    engineer = world.as_("engineer")
    for path, body, pointer in (("discover", {"hosts": [host]}, "/hosts"), ("onvif", {"host": host}, "/host")):
        answer = engineer.post(f"/api/v1/cameras/{path}", json=body)
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["pointer"].startswith(pointer)
    assert len(worker.asked) == asked


def test_a_camera_is_described(world: World, worker: FakeWorker) -> None:
    """Ready for the form; the password typed goes to the worker and comes back nowhere."""
    body = {"host": "10.1.2.3", "port": 8000, "username": "viewer", "password": CANARY}
    answer = world.as_("engineer").post("/api/v1/cameras/onvif", json=body)
    assert answer.status_code == 200
    said = answer.json()
    assert (said["model"], said["main"], said["profiles"][0]["source"]["path"]) == ("M", 0, "/main")
    assert worker.probed[-1] == body
    assert CANARY not in answer.text
    assert world.audit("camera.probe") == [("engineer", "camera.probe", "onvif://10.1.2.3:8000")]


def test_a_stored_password_is_not_lent_to_another_address(world: World, worker: FakeWorker) -> None:
    """It goes to the host and port that the camera is registered with, and to no other."""
    camera = world.camera(password=CANARY, onvif_port=8000)
    engineer = world.as_("engineer")
    for host, port, sent in (("10.1.2.3", 8000, CANARY), ("10.1.2.3", 8001, ""), ("10.66.6.6", 8000, "")):
        body = {"host": host, "port": port, "camera_id": camera.id}
        assert engineer.post("/api/v1/cameras/onvif", json=body).status_code == 200
        assert worker.probed[-1]["password"] == sent
    foreign = world.camera(OTHER, password=CANARY, onvif_port=8000)
    body = {"host": "10.1.2.3", "port": 8000, "camera_id": foreign.id}
    assert engineer.post("/api/v1/cameras/onvif", json=body).status_code == 404


def test_a_card_says_what_was_expected(world: World, worker: FakeWorker) -> None:
    camera = world.camera()
    said = world.as_("engineer").get(f"/api/v1/cameras/{camera.id}/acceptance").json()
    assert (said["camera_id"], said["passed"]) == (camera.id, False)
    assert said["checks"][1] == {
        "name": "clock_skew_s",
        "ok": False,
        "found": "3600",
        "expected": "at most 5 either way",
    }


def test_a_camera_is_turned_and_who_did_it_is_kept(world: World, worker: FakeWorker) -> None:
    camera = world.camera()
    operator = world.as_("operator")
    assert operator.get(f"/api/v1/cameras/{camera.id}/presets").json() == {"items": [{"token": "1", "name": "Gate"}]}
    assert operator.post(f"/api/v1/cameras/{camera.id}/turn", json={"preset": "1"}).status_code == 204
    assert worker.probed[-1] == {"token": "1"}
    assert world.audit("camera.turn") == [("operator", "camera.turn", f"camera:{camera.id}")]


@pytest.mark.parametrize(
    ("status", "reason", "becomes"),
    [
        (422, "host: an address inside the site's camera networks (10.1.2.3 is not)", 422),
        (422, "onvif_port: a camera with an ONVIF port", 422),
        (503, "10.1.2.3: wrong user name or password", 503),
        (404, "no camera x", 404),
        (500, "?", 503),
    ],
)
def test_refusals_of_a_worker_become_ours(
    world: World, worker: FakeWorker, status: int, reason: str, becomes: int
) -> None:
    """With its words; a turn that failed is not on the trail."""
    worker.refusal = (status, reason)
    camera = world.camera()
    engineer = world.as_("engineer")
    answers = [
        engineer.post("/api/v1/cameras/discover", json={"hosts": ["10.1.2.3"]}),
        engineer.get(f"/api/v1/cameras/{camera.id}/presets"),
        engineer.post(f"/api/v1/cameras/{camera.id}/turn", json={"preset": "1"}),
    ]
    for answer in answers:
        assert answer.status_code == becomes, answer.text
        assert status == 404 or reason.rpartition(": ")[2] in answer.text
    assert world.audit("camera.turn") == []


def test_a_camera_keeps_its_port_and_its_switch(world: World) -> None:
    """Given at registration, changed and cleared; the port is for engineers' eyes."""
    engineer = world.as_("engineer")
    source = {"scheme": "rtsp", "host": "10.1.2.3", "port": 554, "path": "/main"}
    body = {"id": "gate", "name": "Gate", "area": "city.north", "source": source}
    made = engineer.post("/api/v1/cameras", json={**body, "onvif_port": 8000, "onvif_events": True})
    assert (made.status_code, made.json()["onvif_port"], made.json()["onvif_events"]) == (201, 8000, True)
    shown = world.as_("operator").get("/api/v1/cameras/gate").json()
    assert (shown["onvif_port"], shown["has_onvif"], shown["onvif_events"]) == (None, True, True)
    changed = engineer.patch(
        "/api/v1/cameras/gate", json={"onvif_port": None, "onvif_events": False}, headers={"If-Match": "1"}
    )
    assert (changed.json()["onvif_port"], changed.json()["onvif_events"]) == (None, False)
    for port in (0, 65536, "80; ls"):
        refused = engineer.patch("/api/v1/cameras/gate", json={"onvif_port": port}, headers={"If-Match": "2"})
        assert refused.status_code == 422
