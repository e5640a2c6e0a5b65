"""The town of simulated units, as the demo runs it."""

import itertools
import json
import os
import random
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from alarms import wire
from alarms.mqtt import Address
from alarms.parse import Parsed, parse
from alarms.simulated_units import town as towns
from alarms.simulated_units.fleet import read_units
from alarms.simulated_units.panel import Panel
from alarms.simulated_units.unit import SimulatedUnit
from models.clock import SystemClock
from models.errors import BadInput
from models.store import incidents
from models.unit import ArmState
from tests.alarms.conftest import SECRET, Town
from tests.alarms.people import AREA
from tests.support.clock import FakeClock
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


HOUR_S = 3600.0
RESTORES = {"BA": "BR", "PA": "PR", "FA": "FR", "MA": "MR", "TA": "TR", "YT": "YR", "AT": "AR"}


def test_town_lives_so_that_a_person_can_follow(clock: FakeClock) -> None:
    """An hour of twenty units: at most one story in twenty seconds, each restored, and each burglary disarmed."""
    address = Address("127.0.0.1", 1, "", "")
    units = [SimulatedUnit(f"U{number}", address, clock, random.Random(number), heartbeat_s=10) for number in range(20)]
    for unit in units:
        unit.online = True
    town, started_s = towns.Town(units, random.Random(7), clock.monotonic_s()), clock.monotonic_s()
    said: list[tuple[float, dict[str, Any]]] = []
    while clock.monotonic_s() < started_s + HOUR_S:
        clock.advance(0.5)
        town.run_due(clock.monotonic_s())
        for unit in units:
            for body in unit.outbox.due(clock.monotonic_s()):
                said.append((clock.monotonic_s(), body))
                unit.outbox.receipt(body["boot"], [body["seq"]])
    begun: dict[str, float] = {}
    waking = [(at_s, body) for at_s, body in said if body["kind"] in {"alarm", "tamper", "trouble"}]
    stories: list[float] = []
    for at_s, body in waking:
        if at_s - begun.get(body["unit"], 0.0) > towns.STORY_S - 1:
            begun[body["unit"]] = at_s
            stories.append(at_s)
    assert 80 < len(stories) < 180
    assert min(after - before for before, after in itertools.pairwise(stories)) >= 20
    for at_s, body in waking:
        if at_s > started_s + HOUR_S - towns.STORY_S:
            continue
        later = [
            other
            for after_s, other in said
            if other["unit"] == body["unit"] and at_s < after_s <= at_s + towns.STORY_S and other["seq"] > body["seq"]
        ]
        assert any((other["code"], other.get("zone")) == (RESTORES[body["code"]], body.get("zone")) for other in later)
        assert body["code"] != "BA" or any(other["code"] == "OP" for other in later)


@pytest.mark.alone
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
