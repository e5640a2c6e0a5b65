"""What alertwall says of itself: readiness by part, metrics, the trail, quarantine, the timeline."""

import re
from datetime import timedelta

from models.camera import LinkState
from models.event import EventKind, Priority, SourceKind
from models.store import gaps, segments
from models.timeline import GapCause, Segment
from models.wire import instant
from tests.dashboard_api.world import OTHER, World

LINE = re.compile(r'^[a-z_]+(\{[a-z]+="[^"\n]*"(,[a-z]+="[^"\n]*")*\})? -?[0-9.e+-]+$')


def _all_up(world: World) -> None:
    for id, kind in (("core", "core"), ("worker-1", "worker"), ("api-1", "api")):
        world.beat(id, kind)
    world.beat("broker", "broker", detail={"kind": "mosquitto", "durable": True})


def test_ready_when_every_kind_of_part_beats(world: World) -> None:
    """And not a moment longer: a part that is late is down, and the status says which."""
    client = world.client()
    assert client.get("/healthz").json() == {"ok": True}
    assert client.get("/readyz").status_code == 503
    _all_up(world)
    ready = client.get("/readyz")
    assert ready.status_code == 200
    body = ready.json()
    assert body["ready"] is True
    assert body["broker"] == {"kind": "mosquitto", "durable": True}
    assert body["database"] == {"up": True, "engine": world.store.engine.name}
    world.clock.advance(6)
    world.beat("core", "core")
    world.beat("api-1", "api")
    late = client.get("/readyz")
    assert late.status_code == 503
    assert {part["id"]: part["state"] for part in late.json()["parts"]} == {
        "core": "up",
        "worker-1": "down",
        "api-1": "up",
        "broker": "down",
    }
    told = world.as_("operator").get("/api/v1/status").json()
    assert (told["name"], told["timezone"]) == ("test site", "UTC")


def test_strangers_are_not_told_details(world: World) -> None:
    """From behind a proxy and not signed in: states, no insides, no metrics."""
    world.beat("core", "core", detail={"error": "password of db wrong"})
    far = {"X-Forwarded-For": "203.0.113.9"}
    assert world.client().get("/readyz", headers=far).json()["parts"][0]["detail"] == {}
    assert world.as_("operator").get("/readyz", headers=far).json()["parts"][0]["detail"] != {}
    assert world.client().get("/metrics", headers=far).status_code == 401
    script = {**far, "Authorization": f"Bearer {world.token('engineer', 'metrics:read')}"}
    assert world.client().get("/metrics", headers=script).status_code == 200


def test_metrics_are_true_and_well_formed(world: World) -> None:
    """Each line is Prometheus' text form; the numbers are what the database says."""
    up, down = world.camera(), world.camera()
    world.camera_state(up.id)
    world.camera_state(down.id, LinkState.BACKOFF, "connection refused")
    world.incident()
    world.unit()
    _all_up(world)
    world.beat("core", "core", detail={"canaries": {"worker-1": {"latency_s": 0.25}, "worker-2": {"latency_s": None}}})
    text = world.client(headers={}).get("/metrics").text
    lines = text.splitlines()
    assert all(line.startswith("# ") or LINE.fullmatch(line) for line in lines)
    assert f'alertwall_camera_up{{camera="{up.id}"}} 1' in lines
    assert f'alertwall_camera_up{{camera="{down.id}"}} 0' in lines
    assert 'alertwall_alarms_active{priority="1"} 1' in lines
    assert 'alertwall_units{conn="unknown"} 1' in lines
    assert 'alertwall_part_up{part="core"} 1' in lines
    canaries = [line for line in lines if line.startswith("alertwall_canary_latency_seconds{")]
    assert canaries == ['alertwall_canary_latency_seconds{worker="worker-1"} 0.25']
    families = {line.split()[2] for line in lines if line.startswith("# TYPE")}
    assert all(name.startswith("alertwall_") for name in families)


def test_the_trail_is_read_by_areas_page_by_page(world: World) -> None:
    """An admin sees what happened in their areas and what their people did; denials are there."""
    mine, other = world.incident(), world.incident(OTHER)
    world.as_("analyst").post("/api/v1/cameras", json={})
    world.as_("operator").get(f"/api/v1/incidents/{other.id}")
    admin = world.as_("admin")
    seen: list[dict[str, object]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = admin.get(f"/api/v1/audit?limit=2&cursor={cursor}").json()
        seen += page["items"]
        cursor = page["next_cursor"]
    objects = [row["object"] for row in seen]
    assert f"incident:{mine.id}" in objects
    assert f"incident:{other.id}" not in objects
    denied = [(row["actor"], row["object"]) for row in seen if row["action"] == "denied"]
    assert denied == [("operator", f"GET /api/v1/incidents/{other.id}"), ("analyst", "POST /api/v1/cameras")]
    ids = [int(str(row["id"])) for row in seen]
    assert ids == sorted(ids, reverse=True)


def test_quarantine_shows_what_came_as_it_came(world: World) -> None:
    """Bytes that are no text are escaped; senders nobody knows are shown, others' units are not."""
    mine, other = world.unit(), world.unit(OTHER)
    with world.store.transaction() as conn:
        for unit_id in (mine.id, other.id, None, "GHOST"):
            conn.execute(
                "INSERT INTO quarantine (received_at, topic, payload, reason, unit_id)"
                " VALUES (now(), 't', %s, 'r', %s)",
                (b"\xff{", unit_id),
            )
    items = world.as_("engineer").get("/api/v1/quarantine").json()["items"]
    assert {item["unit_id"] for item in items} == {mine.id, None, "GHOST"}
    assert items[0]["payload"] == "\\xff{"


def test_the_timeline_has_recordings_gaps_events_and_counts(world: World) -> None:
    """Cut to the range; a standing gap lasts to its end; retired sources keep their past."""
    end = world.clock.utc_now()
    start = end - timedelta(minutes=10)
    camera = world.camera()
    unit = world.unit()
    event = world.event(source_id=camera.id, time=start + timedelta(seconds=61), label="person")
    world.event(source_id=camera.id, time=start - timedelta(seconds=1))
    world.event(
        kind=EventKind.ARMED, source_kind=SourceKind.UNIT, source_id=unit.id, time=end - timedelta(seconds=1),
        priority=Priority.FACT,
    )  # fmt: skip
    with world.store.transaction() as conn:
        for minute in (-1, 0, 1, 2, 5):
            at = start + timedelta(minutes=minute)
            segment = Segment(
                camera_id=camera.id,
                started_at=at,
                ended_at=at + timedelta(seconds=60),
                path=f"{minute}.mp4",
                size_bytes=1,
                codec="h264",
            )
            segments.add(conn, [segment])
        gaps.open_gap(
            conn,
            source_kind=SourceKind.CAMERA,
            source_id=camera.id,
            area=camera.area,
            started_at=start + timedelta(minutes=6),
            cause=GapCause.SOURCE_OFFLINE,
            detail="connection refused",
        )
    analyst = world.as_("analyst")
    query = f"from={instant(start)}&to={instant(end)}&bucket_s=60"
    body = analyst.get(f"/api/v1/timeline?{query}&camera={camera.id}&unit={unit.id}").json()
    first, second = body["tracks"]
    marks = [instant(start + timedelta(minutes=number)) for number in range(11)]
    assert first["recordings"] == [{"from": marks[0], "to": marks[3]}, {"from": marks[5], "to": marks[6]}]
    assert first["gaps"] == [
        {"from": marks[6], "to": marks[10], "cause": "source_offline", "detail": "connection refused"}
    ]
    assert [item["event_id"] for item in first["items"]] == [str(event.id)]
    assert first["counts"] == [0, 1, 0, 0, 0, 0, 0, 0, 0, 0]
    assert (second["kind"], second["counts"]) == ("unit", [0] * 9 + [1])
    world.as_("engineer").delete(f"/api/v1/cameras/{camera.id}")
    assert analyst.get(f"/api/v1/timeline?{query}&camera={camera.id}").status_code == 200
    for wrong in (f"from={marks[1]}&to={marks[0]}", f"from=2020-01-01T00:00:00Z&to={marks[0]}", "from=x&to=y"):
        assert analyst.get(f"/api/v1/timeline?{wrong}").status_code == 422
    assert analyst.get(f"/api/v1/timeline?{query}&camera={world.camera(OTHER).id}").status_code == 404
