"""The town of simulated units, as the demo runs it."""

import json
import os
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from alarms import wire
from alarms.parse import Parsed, parse
from alarms.simulated_units.fleet import read_units
from alarms.simulated_units.panel import Panel
from models.clock import SystemClock
from models.errors import BadInput
from models.store import incidents
from models.unit import ArmState
from tests.alarms.conftest import SECRET, Town
from tests.alarms.people import AREA
from tests.support.unit import eventually


def test_panel_speaks_the_scheme() -> None:
    """Everything a panel says passes the strict parser."""
    panel = Panel("U1")
    bodies = [
        panel.switch(ArmState.ARMED_AWAY, 1),
        panel.trip("BA", "1130", 2, point=3),
        panel.restore("BR", "3130", 3, point=3),
        panel.switch(ArmState.DISARMED, 4),
    ]
    assert [body["seq"] for body in bodies] == [1, 2, 3, 4]
    for leaf, body in (
        *(("evt", body) for body in bodies),
        ("state", panel.state()),
        ("info", panel.info()),
        ("tel", panel.heartbeat(5, outbox=0)),
    ):
        assert isinstance(parse(f"aw/1/u/U1/{leaf}", json.dumps(body).encode()), Parsed)


def test_town_raises_incidents_soon_and_ends_quickly(town: Town, tmp_path: Path) -> None:
    """A process of five units over real MQTT: an incident within seconds of its start, gone at once on SIGTERM."""
    ids = [f"U{number:06}" for number in range(1, 6)]
    town.register(*ids)
    town.start()
    units_file = tmp_path / "units.json"
    units_file.write_text(json.dumps([{"id": id, "secret": SECRET} for id in ids]))
    process = subprocess.Popen(
        [sys.executable, "-m", "alarms.simulated_units", "--port", str(town.broker.port), "--units", str(units_file)]
    )
    try:

        def burglaries() -> list[str]:
            with town.store.transaction() as conn:
                found = incidents.listing(conn, [AREA])[0]
            return [incident.source_id for incident in found if incident.kind == "burglary"]

        eventually(burglaries, within_s=20, what="a burglary")
        assert set(burglaries()) <= set(ids)
        assert town.count("quarantine") == 0
    finally:
        started = time.monotonic()
        process.terminate()
        assert process.wait(5) == 0
        assert time.monotonic() - started < 2


@pytest.mark.parametrize("text", ["", "{}", "[1]", '[{"id": "U1"}]', "nonsense"])
def test_units_file_that_is_none(tmp_path: Path, text: str) -> None:
    """A wrong file is named, not a traceback."""
    path = tmp_path / "units.json"
    path.write_text(text)
    if text == "{}":
        assert read_units(path) == []
    else:
        with pytest.raises(BadInput):
            read_units(path)


def test_commands(town: Town) -> None:
    """A unit obeys a fresh order, answers it, and refuses yesterday's and retained ones."""
    town.register("U1")
    unit = town.unit("U1")
    centre = town.speaker()
    results: list[dict[str, object]] = []
    centre.client.on_message = lambda *args: results.append(json.loads(args[2].payload))
    centre.client.subscribe("aw/1/u/U1/res", 1)
    soon_ms = int((SystemClock().utc_now() + timedelta(seconds=30)).timestamp() * 1000)

    def order(cid: str, op: str, exp: int) -> bool:
        command = wire.Command(cid=cid, op=op, exp=exp)
        centre.say("aw/1/u/U1/cmd", msgspec.json.encode(command))
        return bool(results)

    eventually(lambda: order("1", "arm_away", soon_ms), what="answer")
    order("2", "disarm", soon_ms - 60_000)
    order("3", "dance", soon_ms)
    centre.say("aw/1/u/U1/cmd", b"nonsense")
    eventually(lambda: {"1", "2", "3"} <= {str(result["cid"]) for result in results}, what="all answers")
    answers = {result["cid"]: (result["ok"], result["text"]) for result in results}
    assert answers == {"1": (True, ""), "2": (False, "too late"), "3": (False, "unknown order")}
    assert unit.unit.panel.arm is ArmState.ARMED_AWAY


def test_import_is_light() -> None:
    """The core and the units load no decoder, no detector and no web server."""
    code = (
        "import sys, alertwall.core, alarms.simulated_units.fleet;"
        "print([name for name in ('cv2', 'av', 'openvino', 'numpy', 'fastapi', 'onnx') if name in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ})
    assert out.stdout.strip() == "[]"
