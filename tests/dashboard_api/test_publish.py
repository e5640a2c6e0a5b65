"""Publishers (WHIP): a token bound to one camera, no cookie, any page; what is told and what is not."""

from typing import Any

import pytest

from models.store import cameras
from tests.dashboard_api.client import PlainClient, TestClient
from tests.dashboard_api.fake_worker import BUSY, SESSION, FakeWorker
from tests.dashboard_api.world import ORIGIN, OTHER, OWN, World

PUSHED = {"scheme": "whip", "host": "", "port": 0, "path": "/"}
OFFER = b"v=0\r\nH264 offer"
SDP = {"Content-Type": "application/sdp"}
FRAGMENT = {"Content-Type": "application/trickle-ice-sdpfrag"}
ELSEWHERE = "https://studio.example"


@pytest.fixture
def held(world: World, fake_worker: FakeWorker) -> World:
    """The world with a worker."""
    world.worker(fake_worker.url)
    return world


def register(world: World, id: str = "phone") -> None:
    body = {"id": id, "name": id.title(), "area": OWN, "source": PUSHED}
    assert world.as_("engineer").post("/api/v1/cameras", json=body).status_code == 201


def token_of(world: World, id: str = "phone") -> str:
    answer = world.as_("engineer").post(f"/api/v1/cameras/{id}/publish-token", json={})
    assert answer.status_code == 200, answer.text
    assert answer.json()["url"] == f"{ORIGIN}/api/v1/cameras/{id}/whip"
    return str(answer.json()["token"])


def bearer(world: World, token: str, *, origin: str | None = ELSEWHERE, **headers: str) -> TestClient:
    """Return a publisher: no cookie, a page of another site."""
    client = world.client(headers={"Authorization": f"Bearer {token}", **headers})
    del client.headers["Origin"]
    if origin is not None:
        client.headers["Origin"] = origin
    return client


def test_from_offer_to_farewell(held: World) -> None:
    """201 with Location and ETag, candidates by PATCH, DELETE; of a page elsewhere and of a program."""
    register(held)
    token = token_of(held)
    for origin in (ELSEWHERE, None, ORIGIN):
        client = bearer(held, token, origin=origin)
        answer = client.post("/api/v1/cameras/phone/whip", content=OFFER, headers=SDP)
        assert (answer.status_code, answer.content) == (201, b"v=0 answer")
        assert answer.headers["content-type"].startswith("application/sdp")
        session = answer.headers["location"]
        assert session == f"/api/v1/cameras/phone/whip/{SESSION}"
        etag = answer.headers["etag"]
        assert etag.startswith('"')
        candidates = b"a=end-of-candidates\r\n"
        for if_match, status in ((None, 428), ('"another"', 412), (etag, 204), ("*", 204)):
            said = FRAGMENT | ({"If-Match": if_match} if if_match else {})
            assert client.patch(session, content=candidates, headers=said).status_code == status
        assert client.patch(session, content=candidates, headers=SDP | {"If-Match": etag}).status_code == 415
        assert client.delete(session).status_code == 204
        assert client.delete("/api/v1/cameras/phone/whip/another-session").status_code == 404
    assert ("publisher", "camera.publish", "camera:phone") in held.audit()
    assert ("engineer", "camera.publish_token", "camera:phone") in held.audit()


def test_a_token_is_of_one_camera_alone(held: World) -> None:
    """Another camera's, an older one, a script's, nonsense, none: 401 in the same words, whether the camera exists."""
    register(held)
    register(held, "door")
    plain = held.camera(id="gate")
    first = token_of(held)
    token, other = token_of(held), token_of(held, "door")
    assert first != token
    script = held.token("engineer", "cameras:write")
    said = set()
    for wrong, camera_id in (
        (first, "phone"), (other, "phone"), (token, "door"), (script, "phone"), ("x", "phone"), ("x" * 5000, "phone"),
        (token, "nowhere"), (token, plain.id), ("internal-test-token", "phone"), (token, "%00"), (token, "PHONE"),
    ):  # fmt: skip
        for method, path, content in (
            ("POST", "whip", OFFER),
            ("PATCH", f"whip/{SESSION}", b"a=end-of-candidates"),
            ("DELETE", f"whip/{SESSION}", None),
        ):
            headers = {"If-Match": "*", **({"POST": SDP, "PATCH": FRAGMENT}.get(method, {}))}
            answer = bearer(held, wrong).request(
                method, f"/api/v1/cameras/{camera_id}/{path}", content=content, headers=headers
            )
            if camera_id == "%00":
                assert answer.status_code == 422
                continue
            assert answer.status_code == 401, (wrong, camera_id, method)
            assert answer.headers["www-authenticate"].startswith("Bearer")
            said.add(answer.json()["detail"])
    assert len(said) == 1
    assert bearer(held, token).post("/api/v1/cameras/phone/whip", content=OFFER, headers=SDP).status_code == 201
    held.as_("engineer").delete("/api/v1/cameras/phone", headers={"If-Match": '"1"'})
    assert bearer(held, token).post("/api/v1/cameras/phone/whip", content=OFFER, headers=SDP).status_code == 401


def test_no_cookie_counts(held: World) -> None:
    """Signed in or not: without the token 401, from a foreign page 403; a cookie beside a token changes nothing."""
    register(held)
    token = token_of(held)
    path = "/api/v1/cameras/phone/whip"
    for who in ("admin", "engineer", "operator"):
        assert held.as_(who).post(path, content=OFFER, headers=SDP).status_code == 401
        foreign = held.as_(who).post(path, content=OFFER, headers=SDP | {"Origin": ELSEWHERE})
        assert foreign.status_code == 403
        both = held.as_(who).post(path, content=OFFER, headers=SDP | {"Authorization": "Bearer wrong"})
        assert both.status_code == 401
    # a token opens the door of the publishers alone: elsewhere a foreign page with it is what it was
    client = held.as_("admin")
    for foreign_path in ("/api/v1/cameras", "/api/v1/cameras/phone/publish-token", "/api/v1/cameras/phone/whep"):
        answer = client.post(foreign_path, json={}, headers={"Origin": ELSEWHERE, "Authorization": f"Bearer {token}"})
        assert answer.status_code == 403, foreign_path
    for read in ("/api/v1/cameras/phone", "/api/v1/cameras", "/api/v1/cameras/phone/snapshot.jpg"):
        assert bearer(held, token).get(read).status_code == 401


def test_pages_of_other_sites_may_ask_and_never_with_credentials(held: World) -> None:
    """The preflight is answered on the publishers' routes; its permission excludes cookies."""
    register(held)
    token = token_of(held)
    asked = {"Origin": ELSEWHERE, "Access-Control-Request-Method": "POST"}
    plain = PlainClient(held.app, base_url=ORIGIN)
    for path, method in (("whip", "POST"), (f"whip/{SESSION}", "PATCH")):
        answer = plain.options(f"/api/v1/cameras/phone/{path}", headers=asked)
        assert answer.status_code == 204
        assert answer.headers["access-control-allow-origin"] == "*"
        assert method in answer.headers["access-control-allow-methods"]
        assert "authorization" in answer.headers["access-control-allow-headers"].lower()
        assert "access-control-allow-credentials" not in answer.headers
    assert plain.options("/api/v1/cameras/phone/whip").headers["accept-post"] == "application/sdp"
    answer = bearer(held, token).post("/api/v1/cameras/phone/whip", content=OFFER, headers=SDP)
    assert answer.headers["access-control-allow-origin"] == "*"
    assert {"Location", "ETag"} <= set(answer.headers["access-control-expose-headers"].split(", "))
    refused = bearer(held, "wrong").post("/api/v1/cameras/phone/whip", content=OFFER, headers=SDP)
    assert refused.headers["access-control-allow-origin"] == "*"
    for path in ("/api/v1/cameras/phone", "/api/v1/cameras/phone/whep", "/api/v1/cameras/phone/whipx", "/healthz"):
        elsewhere = plain.options(path, headers=asked)
        assert elsewhere.status_code in (404, 405), path
        assert "access-control-allow-origin" not in elsewhere.headers


def test_methods_and_bodies_that_are_refused(held: World) -> None:
    """Problem documents all of them: 405 for what WHIP does not have, types, sizes, an offer without H.264."""
    register(held)
    register(held, BUSY)
    token, busy = token_of(held), token_of(held, BUSY)
    client = bearer(held, token)
    path = "/api/v1/cameras/phone/whip"
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        answer = client.request(method, path)
        assert answer.status_code == 405, method
        assert "POST" in answer.headers["allow"]
    for method in ("GET", "PUT", "POST"):
        said = SDP if method != "GET" else {}
        assert client.request(method, f"{path}/{SESSION}", headers=said).status_code == 405, method
    for content, headers, status in (
        (OFFER, {"Content-Type": "application/json"}, 415),
        (OFFER, {"Content-Type": "text/plain"}, 415),
        (b"not sdp", SDP, 422),
        (b"", SDP, 422),
        (b"v=0" + b"x" * 70_000, SDP, 413),
        (b"v=0" + b"x" * 300_000, SDP, 413),
        (b"v=0\r\nVP8 alone", SDP, 422),
    ):
        answer = client.post(path, content=content, headers=headers)
        assert answer.status_code == status, content[:20]
        assert answer.headers["content-type"] == "application/problem+json"
    assert "H.264" in client.post(path, content=b"v=0 VP8", headers=SDP).json()["detail"]
    answer = bearer(held, busy).post(f"/api/v1/cameras/{BUSY}/whip", content=OFFER, headers=SDP)
    assert (answer.status_code, "another publisher" in answer.json()["detail"]) == (409, True)
    long = client.patch(f"{path}/{SESSION}", content=b"a" * 20_000, headers=FRAGMENT | {"If-Match": "*"})
    assert long.status_code == 413


def test_renewing_a_token_ends_whoever_publishes(held: World, fake_worker: FakeWorker) -> None:
    """And goes on without a worker, since then nobody publishes."""
    register(held)
    fake_worker.asked.clear()
    token_of(held)
    assert ("DELETE", "/cameras/phone/whip") in fake_worker.asked
    held.camera(id="gate")
    answer = held.as_("engineer").post("/api/v1/cameras/gate/publish-token", json={})
    assert answer.status_code == 409


def test_without_a_worker(world: World) -> None:
    """A token can be made; an offer is to be tried again."""
    register(world)
    answer = bearer(world, token_of(world)).post("/api/v1/cameras/phone/whip", content=OFFER, headers=SDP)
    assert answer.status_code == 503
    assert answer.headers["retry-after"]


def test_the_token_is_kept_as_a_hash(held: World) -> None:
    """Nowhere else: not in the camera, the audit trail, the feed."""
    register(held)
    token = token_of(held)
    with held.store.transaction() as conn:
        row = conn.execute("SELECT octet_length(publish_hash), publish_since FROM camera WHERE id = 'phone'").fetchone()
        assert row == (32, held.clock.utc_now())
        for table in ("camera", "audit", "feed"):
            rows = conn.execute(f"SELECT t::text FROM {table} AS t").fetchall()
            assert not any(token in text for (text,) in rows)
        assert cameras.get(conn, "phone") is not None
    assert token not in held.as_("engineer").get("/api/v1/cameras/phone").text


def test_a_camera_that_pushes_has_no_address(held: World) -> None:
    """Nothing to dial, and nothing that looks like it; one with an address needs it as ever."""
    engineer = held.as_("engineer")
    hostile: list[dict[str, Any]] = [
        {"host": "10.1.2.3"}, {"port": 80}, {"path": "/x"}, {"username": "me"},
        {"scheme": "rtsp"}, {"scheme": "rtsp", "host": "10.1.2.3"}, {"scheme": "whep", "host": "", "port": 80},
    ]  # fmt: skip
    for change in hostile:
        body = {"id": "phone", "name": "N", "area": OWN, "source": PUSHED | change}
        assert engineer.post("/api/v1/cameras", json=body).status_code == 422, change
    body = {"id": "phone", "name": "N", "area": OWN, "source": PUSHED, "sub_path": "/sub"}
    assert engineer.post("/api/v1/cameras", json=body).status_code == 422
    pulled = {"scheme": "whep", "host": "10.1.2.3", "port": 8889, "path": "/cam/whep"}
    body = {"id": "pulled", "name": "N", "area": OWN, "source": pulled, "password": "token"}
    assert engineer.post("/api/v1/cameras", json=body).status_code == 201


def test_areas_hold_for_tokens_too(held: World) -> None:
    """An engineer of one area makes none for a camera of another."""
    hidden = held.camera(OTHER)
    assert held.as_("engineer").post(f"/api/v1/cameras/{hidden.id}/publish-token", json={}).status_code == 404
