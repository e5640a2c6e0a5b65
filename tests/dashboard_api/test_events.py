"""Events over HTTP: pages without loss or duplicate, why they fired, pictures that stay below their folder."""

from datetime import timedelta
from urllib.parse import quote

import pytest

from analytics.schedule import Calendar
from models.event import EventKind, Priority, SourceKind
from models.store import cameras
from models.wire import instant
from tests.analytics.scenes import Scene, line, person
from tests.dashboard_api.world import OTHER, OWN, OWN_INNER, World

TRAVERSALS = [
    *("../secret.key", "snapshots/../../secret.key", "/etc/passwd", "snapshots/x/../../../../etc/passwd"),
    *("snapshots/cam/..%2f..%2fsecret.key", "snapshots\\..\\secret.jpg", "snapshots/cam/\0.jpg", "", "snapshots"),
    *(
        "snapshots/link.jpg",
        "snapshots//x.jpg",
        "./x.jpg",
        "snapshots/cam/a.png",
        "~/x.jpg",
        "snapshots/" + "a" * 5000 + ".jpg",
    ),
]


def test_events_are_paged_and_filtered(world: World) -> None:
    """Newest first, each once, also where times are equal; only one's own areas."""
    now = world.clock.utc_now()
    ids = [
        str(world.event(OWN_INNER if number % 2 else OWN, time=now - timedelta(seconds=number // 3)).id)
        for number in range(20)
    ]
    world.event(OTHER)
    client = world.as_("analyst")
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = client.get(f"/api/v1/events?limit=6&cursor={cursor}").json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert sorted(seen) == sorted(ids)
    assert len(seen) == len(set(seen)) == 20
    fire = world.event(kind=EventKind.FIRE, source_id="U1", source_kind=SourceKind.UNIT)

    def found(query: str) -> list[str]:
        return [item["id"] for item in client.get(f"/api/v1/events?{query}").json()["items"]]

    assert found("kind=fire") == [str(fire.id)]
    assert found("kind=fire,panic&source_id=U1") == [str(fire.id)]
    since = quote(instant(now - timedelta(seconds=1)) or "")
    assert len(found(f"since={since}")) == 7
    assert len(found(f"until={since}")) == 14


def test_an_event_says_why(world: World) -> None:
    """The rule as it stood when it fired, what was measured, by which detector."""
    camera = world.camera()
    rule = world.rule(camera.id, "yard")
    event = world.event(
        source_id=camera.id,
        label="person",
        score=0.87,
        rule_id=rule.id,
        rule_version=1,
        box_px=(1, 2, 3, 4),
        attrs={"detector": "nanodet", "digest": "abc", "threshold": 0.4},
    )
    world.as_("engineer").put(
        f"/api/v1/cameras/{camera.id}/rules/{rule.id}",
        json={"name": "garden", "kind": "intrusion", "points": [[0, 0], [1, 0], [1, 1]]},
    )
    why = world.as_("operator").get(f"/api/v1/events/{event.id}/why").json()
    assert why["because"] == "person was inside 'yard' (version 1) for 3 pictures, score 0.87"
    assert (why["rule"]["name"], why["rule"]["version"]) == ("yard", 1)
    assert why["detector"] == {"detector": "nanodet", "digest": "abc", "threshold": 0.4}
    assert why["event"]["source_name"] == camera.name
    assert why["event"]["box_px"] == [1, 2, 3, 4]


def test_an_event_is_judged_again(world: World) -> None:
    """Evidence that went through the database gives the same verdict to the last bit; lists do not carry it."""
    camera = world.camera()
    wide = {"name": "square", "kind": "loitering", "points": [[0.2, 0.2], [0.8, 0.2], [0.8, 0.8], [0.2, 0.8]]}
    made = world.as_("engineer").post(
        f"/api/v1/cameras/{camera.id}/rules", json=wide | {"params": {"dwell_s": 3.3}, "confirm_frames": 1}
    )
    number = made.json()["id"]
    with world.store.transaction() as conn:
        rule = cameras.rule(conn, number, 1)
    assert rule is not None
    scene = Scene(rule, calendar=Calendar("Asia/Shanghai"))
    scene.walk(line((105, 500), (480, 503.7), 14))
    scene.wait(5, person(480.3, 503.7))
    ((_time, _verdict, attrs),) = scene.told
    common = {"source_id": camera.id, "kind": EventKind.LOITERING, "label": "person", "rule_id": number}
    event = world.event(rule_version=1, attrs=attrs, **common)
    operator = world.as_("operator")
    why = operator.get(f"/api/v1/events/{event.id}/why").json()
    assert why["rerun"]["same"], why["rerun"]["text"]
    assert why["rerun"]["steps"][-1]["raised"]
    assert why["because"].startswith("person stayed in 'square' (version 1) for 3.3 s (3.")
    assert (why["thresholds"]["dwell_s"], why["measured"]) == (3.3, attrs["measured"])
    assert why["schedule"] == {"windows": [], "calendar": attrs["evidence"]["calendar"]}
    assert why["geometry"] == wide["points"]
    assert "evidence" not in why["event"]["attrs"]
    assert "evidence" not in operator.get("/api/v1/events").json()["items"][0]["attrs"]
    bare = operator.get(f"/api/v1/events/{world.event(rule_version=1, **common).id}/why").json()
    assert not bare["rerun"]["same"]


def test_a_units_event_shows_its_message(world: World) -> None:
    """The message as it came, with its own times."""
    unit = world.unit()
    event = world.event(
        source_id=unit.id, source_kind=SourceKind.UNIT, kind=EventKind.BURGLARY, priority=Priority.ALARM
    )
    with world.store.transaction() as conn:
        conn.execute(
            "INSERT INTO alarm_message (unit_id, boot_id, seq, kind, code, point, received_at, corrected_time, payload,"
            " event_id) VALUES (%s, 'b', 7, 'alarm', 'BA', 3, now(), now(), '{}', %s)",
            (unit.id, event.id),
        )
    why = world.as_("operator").get(f"/api/v1/events/{event.id}/why").json()
    assert why["because"] == f"{unit.id} sent alarm BA, point 3 as message 7"
    assert why["message"]["seq"] == 7
    assert why["rule"] is None


@pytest.mark.parametrize("path", TRAVERSALS)
def test_a_stored_path_cannot_leave_the_media_folder(world: World, path: str) -> None:
    """Whatever stands in the database: only pictures truly below the folder are sent."""
    media = world.site.media_dir
    (media / "snapshots").mkdir(parents=True)
    (world.site.state_dir / "secret.jpg").write_bytes(b"secret")
    (media / "snapshots" / "link.jpg").symlink_to(world.site.state_dir / "secret.jpg")
    event = world.event()
    with world.store.transaction() as conn:
        if "\0" not in path:
            conn.execute("UPDATE event SET snapshot = %s WHERE id = %s", (path, event.id))
    answer = world.as_("operator").get(f"/api/v1/events/{event.id}/snapshot.jpg")
    assert answer.status_code == 404
    assert b"secret" not in answer.content


def test_a_kept_picture_is_sent_and_noted(world: World) -> None:
    """Who looked is on the trail, once a minute."""
    relative = "snapshots/cam/20260101/x.jpg"
    picture = world.site.media_dir / relative
    picture.parent.mkdir(parents=True)
    picture.write_bytes(b"\xff\xd8picture")
    event = world.event(snapshot=relative)
    client = world.as_("operator")
    for _ in range(3):
        answer = client.get(f"/api/v1/events/{event.id}/snapshot.jpg")
        assert (answer.status_code, answer.content) == (200, b"\xff\xd8picture")
        assert answer.headers["content-type"] == "image/jpeg"
    assert world.audit("view.event_snapshot") == [("operator", "view.event_snapshot", f"event:{event.id}")]
    world.clock.advance(61)
    client.get(f"/api/v1/events/{event.id}/snapshot.jpg")
    assert len(world.audit("view.event_snapshot")) == 2
