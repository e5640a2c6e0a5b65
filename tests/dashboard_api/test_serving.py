"""The server under people who are slow, many, silent or hostile: the others notice nothing."""

import collections
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import timedelta
from functools import partial

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Origin

from alertwall.api import server
from dashboard_api import connections, gatekeeper
from dashboard_api.connections import listen
from models.store import audit
from models.user import Role
from models.wire import instant
from tests.dashboard_api.fake_worker import LONG, PEER, SHORT, FakeWorker
from tests.dashboard_api.served import Served
from tests.dashboard_api.sse import Sse
from tests.dashboard_api.world import OWN, PASSWORD, World

SLOW_ONES = 100
PIECE_BYTES = 1 << 20
MORE_BYTES = 200_000
CUT_WITHIN_S = 2.5
"""Two seconds, and what a busy machine needs to notice."""
QUICK_S = 1.5
"""Of an answer while others hang, on a machine that does much else."""
RANGE = "from=2025-12-31T23:00:00Z&to=2025-12-31T23:10:00Z"


@pytest.fixture
def api(world: World, fake_worker: FakeWorker) -> Iterator[Served]:
    """The server as `alertwall api` runs it, with a worker that beats."""
    world.worker(fake_worker.url)
    with Served(world.app, server=server(world.app, world.site), listening=listen("127.0.0.1", 0)) as running:
        yield running


@pytest.fixture
def stuck_worker(fake_worker: FakeWorker) -> Iterator[FakeWorker]:
    """A worker that answers neither clips nor snapshots."""
    fake_worker.free.clear()
    yield fake_worker
    fake_worker.free.set()


def _ask(served: Served, method: str, path: str, secret: str = "", body: object = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    try:
        headers = {"Cookie": f"alertwall_login={secret}"} | ({"Content-Type": "application/json"} if body else {})
        connection.request(method, path, json.dumps(body) if body else None, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _eventually(true: Callable[[], bool], within_s: float = 5) -> bool:
    pause = threading.Event()
    deadline_s = time.monotonic() + within_s
    while not true():
        if time.monotonic() > deadline_s:
            return False
        pause.wait(0.02)
    return True


def _claim_quickly(world: World, served: Served, secret: str) -> None:
    incident = world.incident()
    began_s = time.monotonic()
    status, _ = _ask(served, "POST", f"/api/v1/incidents/{incident.id}/claim", secret)
    assert status == 200
    assert time.monotonic() - began_s < QUICK_S


def _idle_transactions(world: World) -> int:
    with world.store.transaction() as conn:
        row = conn.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'"
        ).fetchone()
    return int(row[0]) if row is not None else 0


@pytest.mark.alone
@pytest.mark.parametrize("what", ["snapshot.jpg", f"clip.mp4?{RANGE}"])
def test_a_worker_that_hangs_holds_up_its_own_pictures_alone(
    world: World, api: Served, stuck_worker: FakeWorker, what: str
) -> None:
    """A hundred wait for it; an incident is claimed all the same, and the database is not held meanwhile."""
    camera = world.camera()
    secret, operator = world.login("dispatcher"), world.login("operator")
    asked = len(stuck_worker.asked)
    with ThreadPoolExecutor(SLOW_ONES) as pool:
        waiting = [pool.submit(_ask, api, "GET", f"/api/v1/cameras/{camera.id}/{what}", secret) for _ in range(50)]
        assert _eventually(lambda: len(stuck_worker.asked) > asked)
        for _ in range(3):
            _claim_quickly(world, api, operator)
        assert _eventually(lambda: _idle_transactions(world) == 0)  # others come and go between two statements
        stuck_worker.free.set()
        assert {status for status, _ in (one.result() for one in waiting)} == {200}


@pytest.mark.alone
def test_a_flood_of_guesses_holds_up_nobody(world: World, api: Served) -> None:
    """They queue for their own threads; past a limit they are told to come later."""
    operator = world.login("operator")
    body = {"username": "analyst", "password": "wrong"}
    with ThreadPoolExecutor(SLOW_ONES) as pool:
        guesses = [
            pool.submit(_ask, api, "POST", "/api/v1/login", "", {**body, "username": f"name-{number}"})
            for number in range(SLOW_ONES)
        ]
        for _ in range(3):
            _claim_quickly(world, api, operator)
        assert {status for status, _ in (one.result() for one in guesses)} <= {401, 503}


@pytest.mark.alone
def test_a_viewer_that_takes_nothing_of_a_clip_costs_no_thread(
    world: World, api: Served, fake_worker: FakeWorker
) -> None:
    """Clips longer than any buffer, opened by more viewers than there are threads for them; all go on being served."""
    world.camera(id=LONG)
    secret = world.login("analyst")
    request = f"GET /api/v1/cameras/{LONG}/clip.mp4?{RANGE} HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: alertwall_login="
    with ExitStack() as slow:
        for _ in range(30):
            slow.enter_context(_connect(api)).sendall(f"{request}{secret}\r\n\r\n".encode())
        assert _eventually(lambda: fake_worker.clips_open == 30, within_s=20)
        camera = world.camera()
        began_s = time.monotonic()
        status, _ = _ask(api, "GET", f"/api/v1/cameras/{camera.id}/clip.mp4?{RANGE}", secret)
        assert status == 200
        assert time.monotonic() - began_s < QUICK_S
    assert _eventually(lambda: fake_worker.clips_open == 0, within_s=20)


def _answer(one: socket.socket) -> bytes:
    """Return an answer to /healthz, whole."""
    answer = b""
    while not answer.endswith(b"}"):
        answer += one.recv(4000)
    return answer


def _is_closed(one: socket.socket) -> bool:
    try:
        return one.recv(100) == b""
    except ConnectionResetError:
        return True


def _connect(served: Served) -> socket.socket:
    made = socket.socket()
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        made.settimeout(10)
        made.connect(("127.0.0.1", served.port))
    except BaseException:
        made.close()
        raise
    return made


@pytest.mark.alone
def test_a_disabled_users_clip_and_webrtc_are_cut_within_two_seconds(
    world: World, api: Served, fake_worker: FakeWorker
) -> None:
    """The clip breaks off, and looks broken off; the worker is told to end the viewer that it sends to past us."""
    world.camera(id=LONG)
    world.person("guest", Role.OPERATOR)
    cookie = {"Cookie": f"alertwall_login={world.login('guest')}"}
    with closing(http.client.HTTPConnection("127.0.0.1", api.port, timeout=10)) as connection:
        connection.request(
            "POST", f"/api/v1/cameras/{LONG}/whep", b"v=0\r\n", {**cookie, "Content-Type": "application/sdp"}
        )
        answer = connection.getresponse()
        assert answer.status == 201
        answer.read()
        connection.request("GET", f"/api/v1/cameras/{LONG}/clip.mp4?{RANGE}", headers=cookie)
        with connection.getresponse() as clip:
            clip.read(1000)
            ended = len(fake_worker.ended)
            status, _ = _ask(api, "PATCH", "/api/v1/users/guest", world.login("admin"), {"disabled": True})
            assert status == 200
            began_s = time.monotonic()
            with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
                collections.deque(iter(partial(clip.read, PIECE_BYTES), b""), maxlen=0)
            assert _eventually(lambda: fake_worker.ended[ended:] == [PEER], within_s=2)
            assert time.monotonic() - began_s < CUT_WITHIN_S


def test_a_clip_whose_worker_dies_looks_broken_off(
    world: World, api: Served, fake_worker: FakeWorker, caplog: pytest.LogCaptureFixture
) -> None:
    """Never like a shorter recording: evidence that ends early must say so."""
    world.camera(id=SHORT)
    cookie = {"Cookie": f"alertwall_login={world.login('analyst')}"}
    with closing(http.client.HTTPConnection("127.0.0.1", api.port, timeout=10)) as connection:
        connection.request("GET", f"/api/v1/cameras/{SHORT}/clip.mp4?{RANGE}", headers=cookie)
        with connection.getresponse() as clip, pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
            clip.read()
    assert _eventually(lambda: "a clip broke off" in caplog.text)


def test_a_webrtc_viewer_is_ended_by_who_opened_it(world: World, api: Served) -> None:
    """Not by another user, nor through another camera."""
    camera, other = world.camera(), world.camera()
    sdp = {"Content-Type": "application/sdp"}
    made = world.as_("operator").post(f"/api/v1/cameras/{camera.id}/whep", content=b"v=0\r\n", headers=sdp)
    path = made.headers["location"]
    assert world.as_("dispatcher").delete(path).status_code == 404
    assert world.as_("operator").delete(f"/api/v1/cameras/{other.id}/whep/{PEER}").status_code == 404
    assert world.as_("operator").delete(path).status_code == 204


def test_requests_that_never_begin_are_let_go(world: World, api: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also those that send a byte now and then, and second requests; one that only rests between two is kept."""
    monkeypatch.setattr(connections, "HEAD_WITHIN_S", 0.3)
    with ExitStack() as opened:
        silent, dripping, second, resting = (opened.enter_context(_connect(api)) for _ in range(4))
        _let_go(silent, dripping, second, resting)


def _let_go(silent: socket.socket, dripping: socket.socket, second: socket.socket, resting: socket.socket) -> None:
    whole = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    for one in (second, resting):
        one.sendall(whole)
        assert _answer(one).startswith(b"HTTP/1.1 200")
    second.sendall(b"GET /heal")
    closed = threading.Event()

    def drip() -> None:
        for byte in (whole * 20)[:200]:
            try:
                dripping.sendall(bytes([byte]) if byte not in b"\r\n" else b"x")
            except OSError:
                closed.set()
                return
            time.sleep(0.02)

    dripper = threading.Thread(target=drip)
    dripper.start()
    assert _is_closed(silent)
    assert _is_closed(second)
    dripper.join(timeout=5)
    assert closed.is_set()
    resting.sendall(whole)
    assert _answer(resting).startswith(b"HTTP/1.1 200")


@pytest.mark.alone
def test_a_body_that_never_ends_is_given_up(world: World, api: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole of it has so long, however often a byte comes."""
    monkeypatch.setattr(gatekeeper, "BODY_TIMEOUT_S", 0.4)
    with _connect(api) as slow:
        slow.sendall(
            b"POST /api/v1/login HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
        )
        began_s = time.monotonic()
        stop = threading.Event()

        def drip() -> None:
            while not stop.wait(0.05):
                try:
                    slow.sendall(b" ")
                except OSError:
                    return

        dripper = threading.Thread(target=drip)
        dripper.start()
        try:
            answer = slow.recv(4000)
        finally:
            stop.set()
            dripper.join()
        assert answer.startswith(b"HTTP/1.1 408")
        assert b"application/problem+json" in answer
        assert time.monotonic() - began_s < 5


@pytest.mark.parametrize(
    "raw",
    [
        b"\x16\x03\x01\x02\x00\x01",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: \x00\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: y\r\n z\r\n: \r\n\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_no_http_is_answered_with_a_problem(api: Served, raw: bytes) -> None:
    """And the connection is closed, after the answer was read: what came behind the mistake does not reset it."""
    with _connect(api) as odd:
        odd.sendall(raw + b"\r\n\r\n" + b"x" * MORE_BYTES)
        answer = b""
        while piece := odd.recv(4000):
            answer += piece
    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 403"))
    assert b"application/problem+json" in answer


def test_accepted_connections_have_the_limits(api: Served) -> None:
    """A reader that acknowledges nothing for half a minute is gone: the kernel sees to that."""
    with listen("127.0.0.1", 0) as listening, socket.create_connection(listening.getsockname()):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1


@pytest.mark.alone
def test_the_process_ends_soon_whatever_is_open(world: World, api: Served, fake_worker: FakeWorker) -> None:
    """Feeds, live pictures and clips are cut first."""
    world.camera(id=LONG)
    secret = world.login("operator")
    with (
        _connect(api) as clip,
        Sse(api, secret) as sse,
        connect(
            f"ws://127.0.0.1:{api.port}/api/v1/cameras/{LONG}/live",
            additional_headers={"Cookie": f"alertwall_login={secret}"},
            origin=Origin(api.url),
            proxy=None,
        ) as live,
    ):
        clip.sendall(
            f"GET /api/v1/cameras/{LONG}/clip.mp4?{RANGE} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Cookie: alertwall_login={secret}\r\n\r\n".encode()
        )
        sse.next()
        live.recv()
        began_s = time.monotonic()
        api.stop()
        assert time.monotonic() - began_s < 3
        while sse.next():
            pass
        with pytest.raises(ConnectionClosed):
            collections.deque((live.recv(timeout=5) for _ in range(1000)), maxlen=0)


def test_what_is_written_down_cannot_be_forged(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Names and paths with line breaks stay inside their field, in the trail and in the log."""
    forged = "x\r\n2026-01-01T00:00:00.000Z api CRITICAL alertwall: all is lost"
    world.client().post("/api/v1/login", json={"username": forged, "password": "x"})
    world.as_("operator").get("/api/v1/cameras/x%0d%0aSet-Cookie:%20a=b")
    (row,) = world.audit("login.failed")
    assert row[2] == f"user:{forged.lower()[:64]}"
    with world.store.transaction() as conn:
        assert audit.verify(conn) is None
    assert PASSWORD not in caplog.text


def test_nothing_of_a_request_becomes_a_header(world: World) -> None:
    """Neither by Host, by id, by request id nor by an area."""
    client = world.as_("engineer")
    nasty = "x%0d%0aSet-Cookie:%20evil=1"
    answers = [
        client.get(f"/api/v1/cameras/{nasty}"),
        client.get("/healthz", headers={"X-Request-ID": "a\tb"}),
        client.get(f"/{nasty}"),
        client.get(f"/api/v1/cameras?area={nasty}"),
        client.post("/api/v1/areas", json={"path": f"{OWN}.x\r\nSet-Cookie: evil=1", "name": "x"}),
    ]
    for answer in answers:
        assert "evil" not in str(answer.headers)
        assert "set-cookie" not in answer.headers


def test_a_clip_of_a_retired_camera_can_still_be_seen(world: World, api: Served) -> None:
    """What it recorded is evidence; what it shows now is nobody's."""
    camera = world.camera()
    assert world.as_("engineer").delete(f"/api/v1/cameras/{camera.id}").status_code == 204
    analyst, operator = world.as_("analyst"), world.as_("operator")
    now = world.clock.utc_now()
    query = f"from={instant(now - timedelta(minutes=5))}&to={instant(now)}"
    assert analyst.get(f"/api/v1/cameras/{camera.id}/clip.mp4?{query}").status_code == 200
    assert operator.get(f"/api/v1/cameras/{camera.id}/snapshot.jpg").status_code == 404
