"""Pictures through the worker that holds the camera: live, snapshots, clips, WebRTC."""

import asyncio
import json
import threading
import time
from datetime import timedelta

import pytest
from starlette.websockets import WebSocketDisconnect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from dashboard_api import peers as peers_module
from dashboard_api.peers import Peer
from dashboard_api.policy import Access
from models.event import EventKind, SourceKind
from models.user import Role
from models.wire import instant
from tests.dashboard_api.fake_worker import CLIP, FRAGMENTS, HELLO, PEER, PICTURE, FakeWorker
from tests.dashboard_api.served import Served
from tests.dashboard_api.world import OTHER, OWN, World

RANGE = "from=2025-12-31T23:00:00Z&to=2025-12-31T23:10:00%2B00:00"


@pytest.fixture
def held(world: World, fake_worker: FakeWorker) -> World:
    """A world whose worker beats."""
    world.worker(fake_worker.url)
    return world


def _open_live(served: Served, camera_id: str, secret: str | None, origin: str | None = None) -> ClientConnection:
    headers = {"Cookie": f"alertwall_login={secret}"} if secret else {}
    return connect(
        f"ws://127.0.0.1:{served.port}/api/v1/cameras/{camera_id}/live",
        additional_headers=headers,
        origin=origin,  # type: ignore[arg-type]
        proxy=None,
    )


def test_a_snapshot_is_the_workers_and_is_noted(held: World) -> None:
    """What it shows now; who looked is on the trail."""
    camera = held.camera()
    answer = held.as_("operator").get(f"/api/v1/cameras/{camera.id}/snapshot.jpg")
    assert (answer.status_code, answer.content) == (200, PICTURE)
    assert "no-store" in answer.headers["cache-control"]
    assert held.audit("view.snapshot") == [("operator", "view.snapshot", f"camera:{camera.id}")]


def test_without_a_worker_the_answer_says_try_again(world: World) -> None:
    """503, quickly, and none of a worker's inside."""
    camera = world.camera()
    for path in ("snapshot.jpg", f"clip.mp4?{RANGE}"):
        answer = world.as_("operator").get(f"/api/v1/cameras/{camera.id}/{path}")
        assert answer.status_code == 503
    world.worker("http://127.0.0.1:9")
    answer = world.as_("operator").get(f"/api/v1/cameras/{camera.id}/snapshot.jpg")
    assert answer.status_code == 503
    assert "127.0.0.1" not in answer.text


def test_a_worker_that_stopped_beating_is_not_asked(held: World) -> None:
    """Its address is of a process that is no more."""
    camera = held.camera()
    held.clock.advance(6)
    assert held.as_("operator").get(f"/api/v1/cameras/{camera.id}/snapshot.jpg").status_code == 503


def test_the_next_worker_is_asked_when_the_first_does_not_hold_the_camera(held: World, fake_worker: FakeWorker) -> None:
    """The holder first, then whoever lives."""
    held.camera(id="gone")
    answer = held.as_("operator").get("/api/v1/cameras/gone/snapshot.jpg")
    assert answer.status_code == 404
    assert ("GET", "/cameras/gone/snapshot.jpg") in fake_worker.asked


def test_a_clip_is_passed_on_as_it_is(held: World, fake_worker: FakeWorker) -> None:
    """In UTC, and never stored by a browser."""
    camera = held.camera()
    answer = held.as_("analyst").get(f"/api/v1/cameras/{camera.id}/clip.mp4?{RANGE}")
    assert (answer.status_code, answer.content) == (200, CLIP)
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["content-length"] == str(len(CLIP))
    assert answer.headers["content-type"] == "video/mp4"
    assert ("RANGE", "2025-12-31T23:00:00.000Z 2025-12-31T23:10:00.000Z") in fake_worker.asked


def test_a_player_may_ask_for_a_part_of_a_clip(held: World, fake_worker: FakeWorker) -> None:
    """One part; anything else that a header may hold gets the whole, and a clip that still grows has no parts."""
    path = f"/api/v1/cameras/{held.camera().id}/clip.mp4"
    analyst = held.as_("analyst")
    part = analyst.get(f"{path}?{RANGE}", headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, CLIP[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(CLIP)}"
    beyond = analyst.get(f"{path}?{RANGE}", headers={"Range": f"bytes={len(CLIP)}-"})
    assert beyond.status_code == 416
    assert beyond.headers["content-range"] == f"bytes */{len(CLIP)}"
    assert beyond.headers["content-type"] == "application/problem+json"
    for odd in ("bytes=0-1," * 5000 + "5-", "bytes=-5", "bytes=a-b", "bytes=" + "9" * 400, "lines=1-2"):
        assert analyst.get(f"{path}?{RANGE}", headers={"Range": odd}).content == CLIP, odd[:40]
    now = held.clock.utc_now()
    growing = f"from={instant(now - timedelta(seconds=5))}&to={instant(now + timedelta(seconds=5))}"
    answer = analyst.get(f"{path}?{growing}", headers={"Range": "bytes=10-19"})
    assert (answer.status_code, answer.content, answer.headers["accept-ranges"]) == (200, CLIP, "none")


@pytest.mark.parametrize(
    "query",
    [
        "from=2026-01-01T00:00:00Z&to=2026-01-01T00:00:00Z",
        "from=2026-01-01T01:00:00Z&to=2026-01-01T00:00:00Z",
        "from=2026-01-01T00:00:00Z&to=2026-01-01T01:00:01Z",
        "from=2026-01-01T00:00:00&to=2026-01-01T00:10:00Z",
        "from=yesterday&to=now",
        "from=2026-01-01T00:00:00Z",
        "from=-i&to=%0d%0a",
    ],
)
def test_ranges_that_cannot_be_are_refused(held: World, query: str) -> None:
    """Empty, backwards, over an hour, without an offset."""
    camera = held.camera()
    answer = held.as_("operator").get(f"/api/v1/cameras/{camera.id}/clip.mp4?{query}")
    assert answer.status_code == 422


def test_an_events_clip_is_ten_seconds_around_it(held: World, fake_worker: FakeWorker) -> None:
    """Of its camera, or of one linked to its unit that the asker sees."""
    seen, hidden = held.camera(), held.camera(OTHER)
    unit = held.unit(cameras_=(seen.id,))
    with held.store.transaction() as conn:
        conn.execute("INSERT INTO unit_camera VALUES (%s, %s)", (unit.id, hidden.id))
    of_unit = held.event(kind=EventKind.BURGLARY, source_kind=SourceKind.UNIT, source_id=unit.id)
    client = held.as_("operator")
    assert client.get(f"/api/v1/events/{of_unit.id}/clip.mp4").content == CLIP
    assert fake_worker.asked[-1] == ("GET", f"/cameras/{seen.id}/clip.mp4")
    assert ("RANGE", "2025-12-31T23:59:55.000Z 2026-01-01T00:00:05.000Z") in fake_worker.asked
    alone = held.event(kind=EventKind.BURGLARY, source_kind=SourceKind.UNIT, source_id=held.unit().id)
    assert client.get(f"/api/v1/events/{alone.id}/clip.mp4").status_code == 404
    others = held.event(OWN, source_id=hidden.id)
    assert client.get(f"/api/v1/events/{others.id}/clip.mp4").status_code == 404


def test_webrtc_is_signalled_through_us(held: World) -> None:
    """201 with our own Location, which ends it; anything but SDP is refused."""
    camera = held.camera()
    client = held.as_("operator")
    path = f"/api/v1/cameras/{camera.id}/whep"
    sdp = {"Content-Type": "application/sdp"}
    answer = client.post(path, content=b"v=0\r\noffer", headers=sdp)
    assert (answer.status_code, answer.content) == (201, b"v=0 answer")
    assert answer.headers["content-type"].startswith("application/sdp")
    assert answer.headers["location"] == f"{path}/{PEER}"
    assert client.delete(answer.headers["location"]).status_code == 204
    assert client.delete(f"{path}/another-peer-id").status_code == 404
    assert client.delete(f"{path}/..%2f..%2fprobe").status_code in (404, 405)
    assert client.post(path, content=b"not sdp", headers=sdp).status_code == 422
    assert client.post(path, json={}).status_code == 415


def test_a_users_oldest_webrtc_viewer_ends_before_anybody_is_forgotten(
    held: World, fake_worker: FakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is not watched any more could look on after the login ended."""
    monkeypatch.setattr(peers_module, "PER_USER_MAX", 2)
    peers, ended = held.app.state.context.peers, len(fake_worker.ended)

    def access(username: str) -> Access:
        return Access(login=held.caller(OWN, username), id_hash=username.encode())

    async def watch() -> None:
        peers.remember(Peer("others", "gate", fake_worker.url, access("other")))
        for number in range(4):
            peers.remember(Peer(f"peer-{number}", "gate", fake_worker.url, access("one")))
        while peers._ending:
            await asyncio.wait(peers._ending)

    asyncio.run(watch())
    assert sorted(fake_worker.ended[ended:]) == ["peer-0", "peer-1"]
    assert [bool(peers.get(id)) for id in ("peer-0", "peer-1", "peer-2", "peer-3", "others")] == [
        *(False, False, True, True, True)
    ]


def test_live_fragments_come_unchanged(held: World, served: Served) -> None:
    """The worker's hello, then each fragment as one message; looking is noted."""
    camera = held.camera()
    with _open_live(served, camera.id, held.login("operator"), served.url) as live:
        assert json.loads(live.recv()) == HELLO
        assert [live.recv() for _ in FRAGMENTS] == FRAGMENTS
    assert held.audit("view.live") == [("operator", "view.live", f"camera:{camera.id}")]


def test_live_pictures_are_not_shown_to_other_sites(held: World, served: Served) -> None:
    """A missing or foreign Origin never gets through the handshake, whoever is signed in."""
    camera = held.camera()
    secret = held.login("operator")
    for origin in (None, "https://evil.example", "http://127.0.0.1:1", "null"):
        with pytest.raises(InvalidStatus) as refused:
            _open_live(served, camera.id, secret, origin)
        assert refused.value.response.status_code == 403


def test_live_pictures_end_when_the_browser_goes(held: World, served: Served, fake_worker: FakeWorker) -> None:
    """The worker's side is closed too: nobody pays for a picture that nobody sees."""
    camera = held.camera()
    before = fake_worker.live_open
    with _open_live(served, camera.id, held.login("operator"), served.url) as live:
        live.recv()
        assert fake_worker.live_open == before + 1
    gone = threading.Event()
    for _ in range(200):
        if fake_worker.live_open == before:
            break
        gone.wait(0.02)
    assert fake_worker.live_open == before


def test_a_problem_is_said_before_the_end(held: World, served: Served) -> None:
    """The tile can show why it is dark."""
    held.camera(id="gone")
    with _open_live(served, "gone", held.login("operator"), served.url) as live:
        assert "problem" in json.loads(live.recv())
        with pytest.raises(ConnectionClosed) as closed:
            live.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1013


@pytest.mark.alone
def test_a_disabled_users_live_picture_is_cut_within_two_seconds(held: World, served: Served) -> None:
    """By the process that shows it, without the browser's doing."""
    held.person("guest", Role.OPERATOR)
    camera = held.camera()
    with _open_live(served, camera.id, held.login("guest"), served.url) as live:
        live.recv()
        assert held.as_("admin").patch("/api/v1/users/guest", json={"disabled": True}).status_code == 200
        began_s = time.monotonic()
        for _ in FRAGMENTS:
            live.recv(timeout=5)
        with pytest.raises(ConnectionClosed):
            live.recv(timeout=5)
        assert time.monotonic() - began_s < 2


def test_an_unknown_websocket_is_refused(world: World) -> None:
    """There is one live route and no other."""
    with (
        pytest.raises(WebSocketDisconnect),
        world.as_("operator").websocket_connect("/api/v1/anything", headers={"Host": "127.0.0.1"}),
    ):
        pass
