"""What operators, dispatchers, engineers and analysts do all night, through the API of a running demo."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.demo_process import Client, DemoProcess, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def new_incident(client: Client) -> dict[str, Any]:
    def ask() -> dict[str, Any] | None:
        items = client.get("/api/v1/incidents?state=new&limit=50")["items"]
        return items[0] if items else None

    found: dict[str, Any] = wait_for(ask, 60, "an incident from the alarm units")
    return found


def test_events_come_from_both_cameras(demo: DemoProcess) -> None:
    """Real footage raises events on both cameras within a minute, each with a snapshot."""
    client = demo.client("analyst")

    def cameras_heard() -> bool:
        items = client.get("/api/v1/events?limit=500")["items"]
        return {"gate", "square"} <= {
            item["source_id"] for item in items if item["kind"] in ("intrusion", "line_crossing")
        }

    wait_for(cameras_heard, 90, "events of both cameras")
    items = client.get("/api/v1/events?limit=500")["items"]
    seen = next(item for item in items if item["has_snapshot"])
    status, jpeg, kind = client.raw("GET", f"/api/v1/events/{seen['id']}/snapshot.jpg")
    assert (status, kind, jpeg[:2]) == (200, "image/jpeg", b"\xff\xd8")
    why = client.get(f"/api/v1/events/{seen['id']}/why")
    assert why["rule"]["version"] >= 1


def test_operator_claims_and_closes(demo: DemoProcess) -> None:
    """One operator wins the claim, another is told who has it; comment and close stand on the incident."""
    operator, dispatcher = demo.client("operator"), demo.client("dispatcher")
    incident = new_incident(operator)
    path = f"/api/v1/incidents/{incident['id']}"
    status, claimed = operator.post(f"{path}/claim")
    assert (status, claimed["state"]) == (200, "claimed")
    status, problem = dispatcher.post(f"{path}/claim")
    assert status == 409
    assert problem["winner"] == claimed["owner"]
    assert operator.post(f"{path}/comment", {"text": "called the home, no answer"})[0] == 200
    status, closed = operator.post(f"{path}/close", {"disposition": "false", "text": "cat"})
    assert (status, closed["state"], closed["disposition"]) == (200, "closed", "false")
    kinds = [entry["kind"] for entry in operator.get(path)["entries"]]
    assert kinds[0] == "opened"
    assert [kind for kind in kinds if kind in ("claimed", "comment", "closed")] == ["claimed", "comment", "closed"]


def test_dispatcher_sends_a_patrol(demo: DemoProcess) -> None:
    """The patrol's phone gets the assignment, accepts it and reports each step, with its time on the incident."""
    dispatcher = demo.client("dispatcher")
    incident = new_incident(dispatcher)
    patrol = next(p for p in dispatcher.get("/api/v1/patrols")["items"] if p["state"] == "available")
    _, pairing = dispatcher.post(f"/api/v1/patrols/{patrol['id']}/pairing")
    phone = Client(demo.told()["url"])
    assert phone.post("/api/v1/patrol/pair", {"code": pairing["code"]})[0] == 200
    assert phone.post("/api/v1/patrol/pair", {"code": pairing["code"]})[0] >= 400
    path = f"/api/v1/incidents/{incident['id']}"
    assert dispatcher.post(f"{path}/claim")[0] in (200, 409)
    status, answer = dispatcher.post(f"{path}/dispatch", {"patrol_id": patrol["id"], "note": "back door"})
    assert status in (200, 201), answer
    (errand,) = phone.get("/api/v1/patrol/assignments")["items"]
    assert errand["note"] == "back door"
    for step in ("delivered", "accept", "on_scene", "clear"):
        status, body = phone.post(f"/api/v1/patrol/assignments/{errand['id']}/{step}")
        assert status == 200, (step, body)
    (done,) = [a for a in dispatcher.get(path)["assignments"] if a["id"] == errand["id"]]
    assert done["state"] == "clear"
    assert all(done[at] for at in ("queued_at", "delivered_at", "answered_at", "on_scene_at", "ended_at"))


def test_engineer_adds_a_camera_and_a_unit(demo: DemoProcess) -> None:
    """A probed camera is live within seconds of its saving; a unit gets its secret once; nothing restarts."""
    engineer = demo.client("engineer")
    gate = engineer.get("/api/v1/cameras/gate")
    before = set(demo.processes())
    password = next(c["url"] for c in demo.told()["cameras"] if c["id"] == "gate").split("@")[0].rsplit(":", 1)[1]
    source = {**gate["source"], "password": password}
    status, probed = engineer.post("/api/v1/cameras/probe", source)
    assert (status, probed["ok"], probed["codec"]) == (200, True, "h264"), probed
    assert base64.b64decode(probed["snapshot_b64"])[:2] == b"\xff\xd8"
    status, made = engineer.post(
        "/api/v1/cameras", {"id": "gate-2", "name": "Second gate", "area": gate["area"], **source_fields(source)}
    )
    assert status == 201, made
    assert password not in str(made)

    def streaming() -> bool:
        state = engineer.get("/api/v1/cameras/gate-2")["state"]
        return bool(state) and state["state"] == "streaming"

    wait_for(streaming, 15, "the new camera streaming")
    body = {"id": "U900001", "name": "New home", "area": gate["area"], "place": "7-2-501", "cameras": ["gate-2"]}
    status, unit = engineer.post("/api/v1/units", body)
    assert status == 201, unit
    assert len(unit["secret"]) >= 16
    assert unit["secret"] not in str(engineer.get("/api/v1/units/U900001"))
    assert set(demo.processes()) == before
    for hostile in ({"scheme": "exec"}, {"scheme": "file"}, {"host": "-i"}, {"path": "/a\r\nX: y"}):
        assert engineer.post("/api/v1/cameras/probe", {**source, **hostile})[0] == 422


def source_fields(source: dict[str, Any]) -> dict[str, Any]:
    password = source.get("password")
    return {"source": {k: v for k, v in source.items() if k != "password"}, "password": password}


def test_analyst_plays_back(demo: DemoProcess) -> None:
    """The timeline has recordings, gaps with causes and events; a click's clip is an MP4."""
    analyst = demo.client("analyst")
    now = datetime.now(UTC)
    since = (now - timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    until = now.isoformat().replace("+00:00", "Z")

    def recorded() -> dict[str, Any] | None:
        line = analyst.get(f"/api/v1/timeline?from={since}&to={until}&camera=gate&unit=U000001&bucket_s=60")
        tracks = {track["id"]: track for track in line["tracks"]}
        return tracks["gate"] if tracks["gate"]["recordings"] else None

    track = wait_for(recorded, 60, "a recording of the gate on the timeline")
    assert all(gap["cause"] for gap in track["gaps"])
    start = track["recordings"][0]["from"]
    end = (datetime.fromisoformat(start) + timedelta(seconds=4)).isoformat().replace("+00:00", "Z")
    status, clip, kind = analyst.raw("GET", f"/api/v1/cameras/gate/clip.mp4?from={start}&to={end}")
    assert (status, kind, clip[4:8]) == (200, "video/mp4", b"ftyp")
