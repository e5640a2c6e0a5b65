"""Rehearsals of a worker as a whole: asked over its port, over what it has recorded itself."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ingest.camera_server import CameraServer, ServerOptions
from models.clock import SystemClock
from models.rule import Rule, RuleKind
from models.store import segments
from models.store.pool import Store
from tests.alertwall.worker_bench import PASSWORD, Bench, until
from tests.support.rtsp import clip


@pytest.fixture
def bench(tmp_path: Path, store: Store) -> Iterator[Bench]:
    made = Bench(tmp_path, store)
    made.said["analytics"] = {"detector": "moving-object"}
    made.site = type(made.site).model_validate({**made.site.model_dump(), "analytics": {"detector": "moving-object"}})
    yield made
    made.stop()


def test_a_worker_rehearses_what_it_recorded(bench: Bench) -> None:
    """From the camera to the outcome; what it does not hold is not found."""
    options = ServerOptions(username="viewer", password=PASSWORD)
    with CameraServer({"gate": clip("large")}, options) as server:
        bench.register(server, "gate")
        bench.start()
        began = SystemClock().utc_now()

        def recorded() -> bool:
            with bench.store.transaction() as conn:
                found = segments.listing(conn, ["gate"], began, SystemClock().utc_now())
            return len(found) >= 3

        until(recorded, within_s=30)
        rule = Rule(
            id=0, version=1, camera_id="gate", name="line", kind=RuleKind.LINE_CROSSING, points=((0.5, 1), (0.5, 0))
        )
        asked = {"since": began, "until": SystemClock().utc_now(), "draft": rule, "live": None}
        status, body, headers = bench.ask("POST", "/cameras/gate/rehearsals", body=msgspec.json.encode(asked))
        assert status == 202, body

        def done() -> dict[str, Any] | None:
            said: dict[str, Any] = json.loads(bench.ask("GET", headers["Location"])[1])
            return said if said["state"] in ("done", "failed") else None

        said = until(done, within_s=60)
        assert said["state"] == "done", said
        assert said["outcome"]["footage_s"] >= 2
        assert bench.ask("DELETE", headers["Location"])[0] == 204
        assert bench.ask("GET", headers["Location"])[0] == 404
        assert bench.ask("POST", "/cameras/yard/rehearsals", body=msgspec.json.encode(asked))[0] == 404
        assert bench.ask("POST", "/cameras/gate/rehearsals", body=b"{}")[0] == 422
