"""Registering cameras and rules: hostile addresses, lost updates, passwords that never come out."""

from typing import Any

import pytest

from models.store import cameras
from models.store.secrets import SecretBox
from models.user import Role
from tests.dashboard_api.fake_worker import FakeWorker
from tests.dashboard_api.world import CANARY, OTHER, OWN, OWN_INNER, World

SOURCE = {"scheme": "rtsp", "host": "10.1.2.3", "port": 554, "path": "/main", "username": "viewer"}
SHOWN = ("cameras", "cameras/gate", "cameras/gate/rules", "events", "audit", "status", "users", "quarantine")
BODY = {"id": "gate", "name": "Gate", "area": OWN, "source": SOURCE}

HOSTILE_SCHEMES = [
    *("exec", "concat", "pipe", "data", "subfile", "gopher", "ffmpeg", "echo", "expr", "tcp", "udp"),
    *("rtmp", "crypto", "RTSP", " rtsp", "rtsp:", "rtsp\n", "", "rtsp\0", "\u0072\u0074\u0073\u0440"),
]
HOSTILE_HOSTS = [
    *(
        "",
        " ",
        "-i",
        "--help",
        "a b",
        "host\r\nX: y",
        "host\n",
        "host\0",
        "h\u00f6st.example",
        "\u2488\u2488",
        "user@10.1.2.3",
    ),
    *("user:pw@10.1.2.3", "10.1.2.3:80", "10.1.2.3/x", "http://10.1.2.3", "file:///etc/passwd", "exec:ls"),
    *("2130706433", "0x7f000001", "017700000001", "127.1", "0x7f.1", "10.1", "1.2.3.4.5", "999.1.1.1", "::1%eth0"),
    *(
        "[::1]",
        "..",
        ".",
        "a..b",
        "-a.example",
        "a-.example",
        "a" * 64 + ".example",
        "a." * 130,
        "$(ls)",
        "`ls`",
        "a;b",
    ),
    *("a|b", "a&b", "a'b", 'a"b', "a\\b", "a#b", "a?b", "a%2eb", "*", "\u202e10.1.2.3", "%00", "${HOME}", "\t"),
]
HOSTILE_PATHS = [
    *("", "main", "-i", "//\n", "/a b", "/a\r\nX: y", "/a\n", "/a\0", "/a%00", "/a%0d%0a", "/a%0A", "/a%1f", "/a%7f"),
    *(
        "/a%",
        "/a%zz",
        "/\u00e4",
        "/a\\b",
        '/a"b',
        "/a<b",
        "/a>b",
        "/a`b",
        "/a{b",
        "/a^b",
        "/a#b",
        "\\\\host\\x",
        "/" + "a" * 1100,
    ),
    *("file:///etc/passwd", "exec:/bin/sh", "http://evil.example/", "@evil.example/", " /a", "/a\t", "/\u2028"),
]
HOSTILE_USERNAMES = ["a:b", 'a"b', "a\\b", "a\r\nb", "a\0", "a" * 300, "\u2028", "a\x7f"]
HOSTILE_PORTS: list[Any] = [0, -1, 65536, 10**9, "554; ls", None, 1.5, "\n", [], {}]
HOSTILE: list[tuple[str, Any]] = [
    *(("scheme", value) for value in HOSTILE_SCHEMES),
    *(("host", value) for value in HOSTILE_HOSTS),
    *(("path", value) for value in HOSTILE_PATHS),
    *(("username", value) for value in HOSTILE_USERNAMES),
    *(("port", value) for value in HOSTILE_PORTS),
    *(("transport", value) for value in ("sctp", "", "tcp ", "udp_multicast;ls", 1)),
]


def test_hostile_addresses_are_refused_by_the_field_that_is_wrong(world: World, fake_worker: FakeWorker) -> None:
    """Neither registered nor probed nor changed to; nothing is dialled, nothing is asked of a worker."""
    world.worker(fake_worker.url)
    engineer = world.as_("engineer")
    camera = world.camera()
    probed = len(fake_worker.probed)
    for field, value in HOSTILE:
        source = {**SOURCE, field: value}
        answers = {
            "/source": engineer.post("/api/v1/cameras", json={**BODY, "source": source}),
            "": engineer.post("/api/v1/cameras/probe", json=source),
            "/source ": engineer.patch(
                f"/api/v1/cameras/{camera.id}", json={"source": source}, headers={"If-Match": "1"}
            ),
        }
        for prefix, answer in answers.items():
            assert answer.status_code == 422, (field, value, answer.text)
            assert answer.json()["errors"][0]["pointer"] == f"{prefix.strip()}/{field}", (field, value, answer.text)
    with world.store.transaction() as conn:
        assert [one.id for one in cameras.listing(conn)] == [camera.id]
    assert len(fake_worker.probed) == probed


@pytest.mark.parametrize("sub_path", ["sub", "/a b", "/a\r\nb", "-i", "/a%00", "exec:ls"])
def test_hostile_sub_paths_are_refused(world: World, sub_path: str) -> None:
    """The second address of a camera is checked as the first."""
    answer = world.as_("engineer").post("/api/v1/cameras", json={**BODY, "sub_path": sub_path})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/sub_path"


@pytest.mark.parametrize("scheme", ["rtsps", "http", "https"])
def test_sources_over_other_schemes_are_registered(world: World, scheme: str) -> None:
    """MJPEG, snapshot and HLS cameras have an address as any other."""
    answer = world.as_("engineer").post("/api/v1/cameras", json={**BODY, "source": {**SOURCE, "scheme": scheme}})
    assert answer.status_code == 201
    assert answer.json()["source"]["scheme"] == scheme


def test_files_are_on_the_workers_own_disk(world: World) -> None:
    """A file has no other host; which folders may be played is the worker's matter."""
    engineer = world.as_("engineer")
    said = {**SOURCE, "scheme": "file", "path": "/srv/footage/gate.mp4"}
    refused = engineer.post("/api/v1/cameras", json={**BODY, "source": said})
    assert refused.json()["errors"][0]["pointer"] == "/source/host"
    assert engineer.post("/api/v1/cameras", json={**BODY, "source": {**said, "host": "localhost"}}).status_code == 201


def test_a_camera_is_registered_shown_changed_and_retired(world: World) -> None:
    """201 with Location and ETag; then its whole life, each step on the trail and in the feed."""
    engineer = world.as_("engineer")
    made = engineer.post("/api/v1/cameras", json={**BODY, "password": CANARY, "sub_path": "/sub", "lat": 20.0})
    assert made.status_code == 201
    assert made.headers["location"] == "/api/v1/cameras/gate"
    assert made.headers["etag"] == '"1"'
    assert made.json()["has_password"] is True
    assert made.json()["source"]["username"] == "viewer"
    assert engineer.post("/api/v1/cameras", json=BODY).status_code == 409
    changed = engineer.patch(
        "/api/v1/cameras/gate", json={"name": "East gate", "lat": None}, headers={"If-Match": made.headers["etag"]}
    )
    assert changed.status_code == 200
    assert (changed.json()["name"], changed.json()["lat"], changed.json()["sub_path"]) == ("East gate", None, "/sub")
    assert changed.headers["etag"] == '"2"'
    assert engineer.delete("/api/v1/cameras/gate").status_code == 204
    assert engineer.get("/api/v1/cameras/gate").status_code == 404
    assert engineer.post("/api/v1/cameras", json=BODY).status_code == 409
    assert [action for _, action, object in world.audit() if object == "camera:gate"] == [
        "camera.create",
        "camera.change",
        "camera.retire",
    ]


def test_two_engineers_cannot_overwrite_each_other(world: World) -> None:
    """The second to save is told to look again."""
    camera = world.camera()
    path, headers = f"/api/v1/cameras/{camera.id}", {"If-Match": '"1"'}
    assert world.as_("engineer").patch(path, json={"name": "A"}, headers=headers).status_code == 200
    assert world.as_("admin").patch(path, json={"name": "B"}, headers=headers).status_code == 412
    assert world.as_("admin").get(path).json()["name"] == "A"


def test_only_engineers_see_how_a_camera_is_reached(world: World) -> None:
    """The others see where it is and what it does."""
    camera = world.camera()
    for name, seen in {
        "operator": False,
        "dispatcher": False,
        "analyst": False,
        "engineer": True,
        "admin": True,
    }.items():
        item = world.as_(name).get(f"/api/v1/cameras/{camera.id}").json()
        assert (item["source"] is not None) == seen, name
        assert (item["sub_path"] is not None) == seen, name


def test_a_password_never_comes_out(world: World, fake_worker: FakeWorker) -> None:
    """In no answer to anybody, not on the trail, not in the feed, not as plain text in the database."""
    world.worker(fake_worker.url)
    engineer = world.as_("engineer")
    assert engineer.post("/api/v1/cameras", json={**BODY, "password": CANARY}).status_code == 201
    engineer.patch("/api/v1/cameras/gate", json={"password": CANARY + "2"}, headers={"If-Match": "1"})
    engineer.post("/api/v1/cameras/probe", json={**SOURCE, "password": CANARY})
    texts = []
    for name in Role:
        client = world.as_(name.value)
        texts += [client.get(f"/api/v1/{path}").text for path in SHOWN]
    texts += [world.client().get(path).text for path in ("/readyz", "/metrics", "/openapi.json")]
    assert not [text for text in texts if CANARY in text]
    with world.store.transaction() as conn:
        for table in ("camera", "audit", "feed", "idempotency"):
            for (row,) in conn.execute(f"SELECT t::text FROM {table} t").fetchall():
                assert CANARY not in row, table
        assert cameras.password(conn, "gate", SecretBox(world.site.secret_key_file)) == CANARY + "2"


def test_a_stored_password_is_not_lent_to_another_address(world: World, fake_worker: FakeWorker) -> None:
    """Neither by a probe nor by moving the camera to a host that somebody listens on."""
    world.worker(fake_worker.url)
    camera = world.camera(password=CANARY)
    engineer = world.as_("engineer")
    there = {**SOURCE, "host": "10.66.6.6", "camera_id": camera.id}
    assert engineer.post("/api/v1/cameras/probe", json=there).status_code == 200
    assert fake_worker.probed[-1]["password"] == ""
    here = {**SOURCE, "camera_id": camera.id}
    assert engineer.post("/api/v1/cameras/probe", json=here).status_code == 200
    assert fake_worker.probed[-1]["password"] == CANARY
    moved = {"source": {**SOURCE, "host": "10.66.6.6"}}
    path = f"/api/v1/cameras/{camera.id}"
    answer = engineer.patch(path, json=moved, headers={"If-Match": "1"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/password"
    assert engineer.patch(path, json={**moved, "password": "new"}, headers={"If-Match": "1"}).status_code == 200
    assert engineer.patch(path, json={"password": ""}, headers={"If-Match": "2"}).json()["has_password"] is False


def test_a_camera_is_not_moved_out_of_ones_areas(world: World) -> None:
    """Into an inner area yes, into others' no."""
    camera = world.camera()
    path = f"/api/v1/cameras/{camera.id}"
    engineer = world.as_("engineer")
    assert engineer.patch(path, json={"area": OTHER}, headers={"If-Match": "1"}).status_code == 404
    assert engineer.patch(path, json={"area": "city"}, headers={"If-Match": "1"}).status_code == 404
    assert engineer.patch(path, json={"area": OWN_INNER}, headers={"If-Match": "1"}).status_code == 200


def test_cameras_are_listed_page_by_page_and_by_area(world: World) -> None:
    """Each once, in order; a cursor that is not ours is refused."""
    ids = [world.camera(OWN if number % 2 else OWN_INNER, f"c{number:02}").id for number in range(7)]
    client = world.as_("operator")
    seen: list[str] = []
    cursor = ""
    for _ in range(9):
        page = client.get(f"/api/v1/cameras?limit=3{cursor}").json()
        seen += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == sorted(ids)
    inner = client.get(f"/api/v1/cameras?area={OWN_INNER}").json()["items"]
    assert [item["id"] for item in inner] == ["c00", "c02", "c04", "c06"]
    assert client.get(f"/api/v1/cameras?area={OTHER}").json()["items"] == []
    assert len(client.get("/api/v1/cameras?area=city").json()["items"]) == 7
    assert client.get("/api/v1/cameras?cursor=%21").status_code == 422


def test_rules_come_in_versions(world: World) -> None:
    """A change is a new version; the old one stays readable for the events it raised."""
    camera = world.camera()
    engineer = world.as_("engineer")
    path = f"/api/v1/cameras/{camera.id}/rules"
    zone = {"name": "yard", "kind": "intrusion", "points": [[0.1, 0.1], [0.9, 0.1], [0.5, 0.9]], "labels": ["person"]}
    made = engineer.post(path, json=zone).json()
    assert made["version"] == 1
    changed = engineer.put(f"{path}/{made['id']}", json={**zone, "confirm_frames": 5}).json()
    assert (changed["id"], changed["version"], changed["confirm_frames"]) == (made["id"], 2, 5)
    assert [rule["version"] for rule in engineer.get(path).json()["items"]] == [2]
    with world.store.transaction() as conn:
        first = cameras.rule(conn, made["id"], 1)
    assert first is not None
    assert first.confirm_frames == 3
    assert engineer.delete(f"{path}/{made['id']}").status_code == 204
    assert engineer.get(path).json()["items"] == []
    assert engineer.put(f"{path}/{made['id']}", json=zone).status_code == 404
    other = world.camera()
    assert engineer.delete(f"/api/v1/cameras/{other.id}/rules/{made['id']}").status_code == 404


@pytest.mark.parametrize(
    ("kind", "points", "pointer"),
    [
        ("intrusion", [[0, 0], [1, 1]], "/points"),
        ("intrusion", [[0, 0], [0.5, 0.5], [1, 1]], "/points"),
        ("intrusion", [[0, 0], [1, 0], [1, 1.2]], "/points/2/1"),
        ("line_crossing", [[0, 0], [1, 1], [0, 1]], "/points"),
        ("line_crossing", [[0.5, 0.5], [0.5, 0.5]], "/points"),
        ("line_crossing", [[0.5, 0.5]], "/points"),
    ],
)
def test_shapes_that_are_none_are_refused(world: World, kind: str, points: list[list[float]], pointer: str) -> None:
    """A polygon encloses something, a tripwire has two ends, and both lie in the picture."""
    camera = world.camera()
    body = {"name": "x", "kind": kind, "points": points}
    answer = world.as_("engineer").post(f"/api/v1/cameras/{camera.id}/rules", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer


def test_a_list_says_no_more_of_a_link_than_one_camera_does(world: World) -> None:
    """What the worker keeps for itself (its id, its counters of bits) stays out of both."""
    camera = world.camera()
    world.camera_state(camera.id)
    client = world.as_("operator")
    (listed,) = client.get("/api/v1/cameras").json()["items"]
    assert listed == client.get(f"/api/v1/cameras/{camera.id}").json()
    assert listed["state"].keys().isdisjoint({"worker_id", "bitrate_kbps", "updated_at"})


def test_when_and_how_long_a_camera_is_recorded(world: World) -> None:
    """Always unless said otherwise; what cannot be is refused by its name, also when only its half changes."""
    engineer = world.as_("engineer")
    made = engineer.post("/api/v1/cameras", json=BODY)
    assert made.status_code == 201, made.text
    shown = {name: made.json()[name] for name in ("record_mode", "record_pre_s", "record_post_s", "min_retention_days")}
    assert shown == {"record_mode": "continuous", "record_pre_s": 5, "record_post_s": 10, "min_retention_days": 1}
    version = {"If-Match": made.headers["ETag"]}
    refusals: tuple[dict[str, Any], ...] = (
        {"record_pre_s": 61},
        {"record_post_s": -1},
        {"record_mode": "never"},
        {"min_retention_days": 31},
    )
    for wrong in refusals:
        refused = engineer.patch("/api/v1/cameras/gate", json=wrong, headers=version)
        assert refused.status_code == 422, wrong
        assert next(iter(wrong)) in refused.text
    said = {
        "record_mode": "event",
        "record_pre_s": 0,
        "record_post_s": 60,
        "min_retention_days": 7,
        "retention_days": 7,
    }
    changed = engineer.patch("/api/v1/cameras/gate", json=said, headers=version)
    assert changed.status_code == 200
    assert {name: changed.json()[name] for name in said} == said
    version = {"If-Match": changed.headers["ETag"]}
    assert engineer.patch("/api/v1/cameras/gate", json={"retention_days": 6}, headers=version).status_code == 422


def test_masks_are_drawn_changed_and_refused_by_name(world: World) -> None:
    """An engineer draws them; everybody in the area can see that they are there; the audit names the change."""
    engineer = world.as_("engineer")
    corner = [[0, 0], [0.3, 0], [0.3, 0.2]]
    made = engineer.post("/api/v1/cameras", json={**BODY, "masks": [corner]})
    assert (made.status_code, made.json()["masks"]) == (201, [corner])
    changed = engineer.patch("/api/v1/cameras/gate", json={"masks": [corner, corner]}, headers={"If-Match": "1"})
    assert changed.json()["masks"] == [corner, corner]
    assert engineer.patch("/api/v1/cameras/gate", json={"name": "G"}, headers={"If-Match": "2"}).json()["masks"]
    bad = engineer.patch("/api/v1/cameras/gate", json={"masks": [corner, corner[:2]]}, headers={"If-Match": "3"})
    assert bad.status_code == 422
    assert bad.json()["errors"][0]["pointer"] == "/masks/1"
    none = engineer.patch("/api/v1/cameras/gate", json={"masks": []}, headers={"If-Match": "3"})
    assert none.json()["masks"] == []
