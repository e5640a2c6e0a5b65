"""What a worker reads of others in the database: alarms of units that its cameras look at, workers that are gone."""

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from alarms import triage
from alertwall import worker as workers
from alertwall.recording_watch import RECORDINGS_OF
from configs.parts import AlarmsConfig
from ingest.camera_server import CameraServer, ServerOptions
from models.camera import CameraState, LinkState, RecordMode
from models.clock import SystemClock
from models.event import Event, EventKind, SourceKind
from models.store import cameras as camera_store
from models.store import events, incidents, parts, segments, units
from models.store.pool import Store
from models.unit import Unit
from tests.alarms.people import event
from tests.alertwall.worker_bench import PASSWORD, Bench, streaming, until
from tests.support.rtsp import clip

RECORDED_WITHIN_S = 2.0
PRE_S = 2
GONE = RECORDINGS_OF + "worker-9"


@pytest.fixture
def bench(tmp_path: Path, store: Store) -> Iterator[Bench]:
    made = Bench(tmp_path, store)
    yield made
    made.stop()


@pytest.fixture
def server() -> Iterator[CameraServer]:
    with CameraServer({"gate": clip(), "yard": clip()}, ServerOptions(username="viewer", password=PASSWORD)) as made:
        yield made


def happens(store: Store, *found: Event) -> None:
    """Store events with what triage makes of them, in one transaction, as core does."""
    with store.transaction() as conn:
        events.write(conn, found, triage=False)
        triage.take(conn, SystemClock(), list(found), AlarmsConfig())


def test_an_alarm_of_a_unit_records_the_cameras_that_look_at_it(bench: Bench, server: CameraServer) -> None:
    """Within two seconds, with the seconds before it; each further alarm again, and no other camera."""
    waiting: dict[str, Any] = {"record_mode": RecordMode.EVENT, "record_pre_s": PRE_S, "record_post_s": 1}
    for name in ("gate", "yard"):
        bench.register(server, name, **waiting)
    with bench.store.transaction() as conn:
        units.create(conn, Unit(id="U1", name="House 1", area="city", cameras=("gate",)), broker_hash="-")
    worker = bench.start()
    until(streaming(bench, "gate"))
    held = worker.cameras.get("gate")
    assert held is not None
    link, began = held.link, SystemClock().utc_now()
    assert link is not None
    until(lambda: (SystemClock().utc_now() - began).total_seconds() > PRE_S)

    def recording() -> bool:
        return link.triggered is not None and link.triggered.wanted

    alarms = []
    for _ in range(2):
        assert not recording()
        alarms.append(SystemClock().utc_now())
        happens(bench.store, event(EventKind.PANIC, SourceKind.UNIT, "U1", alarms[-1]))
        until(recording, within_s=RECORDED_WITHIN_S)
        until(lambda: not recording())

    def recorded(name: str) -> list[Any]:
        with bench.store.transaction() as conn:
            return segments.listing(conn, [name], began - timedelta(minutes=1), SystemClock().utc_now())

    until(lambda: (found := recorded("gate")) and found[-1].ended_at > alarms[1])
    assert recorded("gate")[0].started_at <= alarms[0] - timedelta(seconds=PRE_S - 1)
    assert not recorded("yard")


def test_recordings_of_a_vanished_worker_are_over_when_others_hold_its_cameras(
    bench: Bench, server: CameraServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not while it lives, nor while a camera is still its own; told once."""
    monkeypatch.setattr(workers, "VANISHED_AFTER_S", 1.0)
    bench.register(server, "gate")
    camera = bench.register(server, "yard", enabled=False)
    now = SystemClock().utc_now()
    happens(bench.store, event(EventKind.RECORDING_LOST, SourceKind.SYSTEM, GONE, now))
    with bench.store.transaction() as conn:
        parts.beat(conn, id="worker-9", kind="worker", now=now + timedelta(seconds=2), started_at=now)
        its = CameraState(
            camera_id="yard", worker_id="worker-9", state=LinkState.STREAMING, reason="", since=now, updated_at=now
        )
        camera_store.write_states(conn, [its])
    began_s = time.monotonic()
    bench.start()
    [told] = until(lambda: restored(bench))
    assert time.monotonic() - began_s > 2
    assert (told.source_id, told.area) == (GONE, "city")
    assert (state := bench.state(camera.id)) is not None
    assert state.worker_id == "worker-1"
    until(lambda: bench.worker and not bench.worker._left)  # nothing is left to speak for once triage has taken it


def restored(bench: Bench) -> list[Event]:
    """Return what was told, and let triage take it."""
    found = bench.events(EventKind.RECORDING_RESTORED)
    if found:
        with bench.store.transaction() as conn:
            triage.take(conn, SystemClock(), found, AlarmsConfig())
            (incident,) = incidents.listing(conn, ["city"])[0]
            assert not incident.active
    return found
