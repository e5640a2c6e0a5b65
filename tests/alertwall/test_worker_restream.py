"""The worker's RTSP port: tokens of the API, roles, areas; cut when they end; only what this worker holds."""

import base64
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from alertwall.worker import Worker
from alertwall.worker_restream import SCOPE, port_of
from configs import site as sites
from dashboard_api.policy import policy_of
from dashboard_api.routes.media import LIVE_PATH, show_live
from ingest.camera_server import CameraServer, ServerOptions
from ingest.failures import LinkFailure
from ingest.rtsp import RtspClient
from models.camera import CameraSource, LinkState, Scheme
from models.clock import SystemClock
from models.store import areas, audit, logins, users
from models.store import cameras as camera_store
from models.store.pool import Store
from models.user import WATCHERS, Role, User
from tests.alertwall.worker_bench import PASSWORD, Bench, streaming, until
from tests.support.rtsp import clip

CUT_WITHIN_S = 2.0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


@pytest.fixture
def bench(tmp_path: Path, store: Store) -> Iterator[Bench]:
    made = Bench(tmp_path, store)
    made.said["ingest"]["restream_port"] = free_port()  # type: ignore[index]
    made.site = sites.parse(made.said, folder=tmp_path)
    yield made
    made.stop()


@pytest.fixture
def server() -> Iterator[CameraServer]:
    with CameraServer({"gate": clip()}, ServerOptions(username="viewer", password=PASSWORD)) as made:
        yield made


def token(bench: Bench, name: str, *scopes: str, role: Role = Role.OPERATOR, inside: str = "city") -> str:
    """Make an account and return a script's token of it."""
    user = User(username=name, display_name=name, role=role, areas=(inside,))
    with bench.store.transaction() as conn:
        users.create(conn, user, "no password")
        now = SystemClock().utc_now()
        return logins.start_token(conn, name, now, label="nvr", scopes=scopes, lives=timedelta(days=1))[0]


def client(bench: Bench, secret: str, camera_id: str = "gate") -> RtspClient:
    port = bench.site.ingest.restream_port
    source = CameraSource(scheme=Scheme.RTSP, host="127.0.0.1", port=port, path=f"/{camera_id}", username="token")
    return RtspClient(source, secret, ("127.0.0.1", port))


def refused(bench: Bench, secret: str, camera_id: str = "gate") -> LinkFailure:
    one = client(bench, secret, camera_id)
    with pytest.raises(LinkFailure) as failed:
        one.open(5)
    return failed.value


def running(bench: Bench, server: CameraServer) -> Worker:
    bench.register(server, "gate")
    worker = bench.start()
    until(streaming(bench, "gate"))
    return worker


def test_the_owner_of_a_token_watches_what_they_may(bench: Bench, server: CameraServer) -> None:
    """By area, role and scope; who looked and who was turned away is written down."""
    worker = running(bench, server)
    with closing(client(bench, token(bench, "nvr", SCOPE))) as watcher:
        watcher.open(5)
        assert next(unit for unit in watcher.units() if unit is not None).key
        port = worker._port
        assert port.restream is not None
        assert port.restream.detail()["playing"] == 1
    assert refused(bench, "nonsense").state is LinkState.AUTH_FAILED
    assert "403" in refused(bench, token(bench, "analyst", role=Role.ANALYST)).reason
    assert "403" in refused(bench, token(bench, "script", "units:read")).reason
    with bench.store.transaction() as conn:
        areas.create(conn, "town", "Town")
        browser = logins.start_browser(conn, "nvr", SystemClock().utc_now())
    stranger = token(bench, "stranger", inside="town")
    assert refused(bench, stranger).state is LinkState.NOT_FOUND
    assert refused(bench, stranger).reason == refused(bench, stranger, "none").reason, "the two look the same"
    assert refused(bench, browser).state is LinkState.AUTH_FAILED, "a browser's secret is no token"
    with bench.store.transaction() as conn:
        rows = [(row.actor, row.action) for row in audit.listing(conn)[0]]
    assert rows.count(("nvr", "view.rtsp")) == 1
    assert ("stranger", "denied") in rows


@pytest.mark.alone
@pytest.mark.parametrize("change", ["ended", "disabled", "other role", "other areas", "camera moved", "retired"])
def test_who_may_no_longer_is_cut(bench: Bench, server: CameraServer, change: str) -> None:
    """Within two seconds, as live pictures over HTTP are."""
    running(bench, server)
    secret = token(bench, "nvr")
    with closing(client(bench, secret)) as watcher:
        watcher.open(5)
        units = watcher.units()
        assert next(unit for unit in units if unit is not None).key
        alter(bench, secret, change)
        began_s = time.monotonic()
        with pytest.raises(LinkFailure):
            for _ in units:
                pass
    beyond_s = 1.0 if change in ("camera moved", "retired") else 0.0  # the worker reads registrations once a second
    assert time.monotonic() - began_s < CUT_WITHIN_S + beyond_s


def alter(bench: Bench, secret: str, change: str) -> None:
    with bench.store.transaction() as conn:
        user = users.get(conn, "nvr")
        camera = camera_store.get(conn, "gate")
        assert user is not None
        assert camera is not None
        areas.create(conn, "town", "Town")
        match change:
            case "ended":
                logins.end(conn, logins.digest(secret))
            case "disabled":
                users.update(conn, replace(user, disabled=True))
            case "other role":
                users.update(conn, replace(user, role=Role.ANALYST))
            case "other areas":
                users.update(conn, replace(user, areas=("town",)))
            case "camera moved":
                camera_store.update(conn, replace(camera, area="town"))
            case _:
                camera_store.retire(conn, "gate", SystemClock().utc_now())


def test_a_camera_of_another_worker_is_not_here(bench: Bench, server: CameraServer) -> None:
    """404, and the name of the worker that has it."""
    worker = running(bench, server)
    secret = token(bench, "nvr")
    held = worker.cameras.held["gate"]
    worker.cameras.held = {}
    try:
        proof = base64.b64encode(f"token:{secret}".encode()).decode()
        with socket.create_connection(("127.0.0.1", bench.site.ingest.restream_port), timeout=5) as asking:
            asking.sendall(
                f"DESCRIBE rtsp://x/gate RTSP/1.0\r\nCSeq: 1\r\nAuthorization: Basic {proof}\r\n\r\n".encode()
            )
            said = b""
            while not said.endswith(b"\n") or said.endswith(b"\r\n"):
                said += asking.recv(4096)
    finally:
        worker.cameras.held = {"gate": held}
    assert said.startswith(b"RTSP/1.0 404")
    assert said.endswith(b"another worker has this camera: worker-1\n")


def test_a_port_that_is_taken_stops_no_recording(bench: Bench, server: CameraServer) -> None:
    """It is said in the log; the cameras are held all the same, and the worker ends as fast as ever."""
    with socket.create_server(("127.0.0.1", bench.site.ingest.restream_port)):
        worker = running(bench, server)
        assert worker._port.restream is None
    assert bench.stop() < 5
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("restream")]


def test_each_worker_has_a_port_of_its_own(bench: Bench) -> None:
    """The site's for the first, the next ones for the others; none is none."""
    first = bench.site.ingest.restream_port
    assert [port_of(bench.site, f"worker-{number}") for number in (1, 2, 3)] == [first, first + 1, first + 2]
    assert port_of(bench.site, "north") == first
    without = sites.parse({**bench.said, "ingest": {}}, folder=bench.folder)
    assert port_of(without, "worker-2") == 0


def test_the_rules_are_those_of_live_pictures() -> None:
    """The roles and the scope of the API's own route."""
    said = policy_of(show_live, LIVE_PATH)
    assert said.roles == WATCHERS
    assert said.scope("WEBSOCKET") == SCOPE
    assert said.tokens
