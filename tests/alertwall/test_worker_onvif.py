"""ONVIF through a whole worker: described, accepted, turned, and its events in the database."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ingest.camera_server import CameraServer, ServerOptions
from models.event import EventKind, Priority, SourceKind
from models.store.pool import Store
from tests.alertwall.worker_bench import PASSWORD, Bench, live_parts, streaming, until
from tests.support.onvif_device import OnvifDevice, Options
from tests.support.rtsp import clip


@pytest.fixture
def bench(tmp_path: Path, store: Store) -> Iterator[Bench]:
    made = Bench(tmp_path, store)
    yield made
    made.stop()


@pytest.fixture
def server() -> Iterator[CameraServer]:
    with CameraServer({"gate": clip()}, ServerOptions(username="viewer", password=PASSWORD)) as made:
        yield made


def asked(bench: Bench, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
    status, said, _ = bench.ask(method, path, body=json.dumps(body).encode() if body is not None else None)
    return status, json.loads(said)


def detail(bench: Bench) -> dict[str, int]:
    found: dict[str, int] = asked(bench, "GET", "/health")[1]["camera_events"]
    return found


def test_what_a_camera_says_becomes_events(bench: Bench, server: CameraServer) -> None:
    """Motion, tamper and its end, an input; switched off it is heard no more, and what was private was only counted."""
    with OnvifDevice() as device:
        camera = bench.register(server, "gate", onvif_port=device.port, onvif_events=True)
        bench.start()
        until(lambda: device.subscriptions)
        device.say("RuleEngine/CellMotionDetector/Motion", {"IsMotion": "true"}, Rule="yard")
        device.say("RuleEngine/Recognition/Face", {"Name": "somebody"})
        device.say("VideoSource/SignalLoss", {"State": "true"}, Source="1")
        device.say("VideoSource/SignalLoss", {"State": "false"}, Source="1")
        device.say("Device/Trigger/DigitalInput", {"LogicalState": "true"}, InputToken="door")
        [event] = until(lambda: bench.events(EventKind.MOTION))
        assert (event.source_kind, event.source_id, event.area) == (SourceKind.CAMERA, "gate", "city")
        assert (event.priority, event.rule_id) == (Priority.FACT, None)
        assert event.attrs["reason"] == "said by the camera itself"
        assert event.attrs["source"] == {"Rule": "yard"}
        [tamper] = until(lambda: bench.events(EventKind.CAMERA_TAMPER))
        assert tamper.priority is Priority.TROUBLE
        [restored] = until(lambda: bench.events(EventKind.RESTORE))
        assert restored.attrs["restores"] == "camera_tamper"
        [opened] = until(lambda: bench.events(EventKind.DIGITAL_INPUT))
        assert opened.attrs["source"] == {"InputToken": "door"}
        assert detail(bench) == {
            "links": 1,
            "subscribed": 1,
            "events_total": 4,
            "private_total": 1,
            "ignored_total": 0,
            "flooded_total": 0,
        }
        bench.change(camera, onvif_events=False)
        until(lambda: not device.subscriptions)
        until(lambda: detail(bench)["links"] == 0)
        assert detail(bench)["events_total"] == 4
        assert bench.stop() < 5


def test_only_cameras_that_want_it_are_listened_to(bench: Bench, server: CameraServer) -> None:
    with OnvifDevice() as device:
        bench.register(server, "gate", onvif_port=device.port)
        bench.register(server, "gate", camera_id="no-port", onvif_events=True)
        bench.register(server, "gate", camera_id="off", onvif_port=device.port, onvif_events=True, enabled=False)
        bench.start()
        until(streaming(bench, "gate"))
        assert detail(bench)["links"] == 0
        assert device.asked == []


def test_a_card_of_a_camera(bench: Bench, server: CameraServer) -> None:
    """What it sends and what it says; a clock an hour wrong fails it, and without ONVIF nothing of it is asked."""
    with OnvifDevice() as device:
        camera = bench.register(server, "gate", onvif_port=device.port)
        bench.start()
        until(streaming(bench, "gate"))
        status, card = asked(bench, "GET", "/cameras/gate/acceptance")
        checks = {check["name"]: check for check in card["checks"]}
        assert status == 200
        assert checks["codec"] == {"name": "codec", "ok": True, "found": "h264", "expected": "h264 or h265"}
        assert (checks["resolution"]["ok"], checks["resolution"]["found"]) == (False, "320x240")
        names = ("reachable", "fps", "keyframe_interval_s", "picture", "onvif", "clock_skew_s", "snapshot")
        assert all(checks[name]["ok"] for name in names), checks
        device.options = Options(ahead=timedelta(hours=1))
        checks = {one["name"]: one for one in asked(bench, "GET", "/cameras/gate/acceptance")[1]["checks"]}
        assert checks["onvif"]["ok"]
        assert not checks["clock_skew_s"]["ok"]
        bench.change(camera, onvif_port=None)
        until(lambda: len(asked(bench, "GET", "/cameras/gate/acceptance")[1]["checks"]) == 6)
        assert asked(bench, "GET", "/cameras/nowhere/acceptance")[0] == 404


def test_a_camera_is_described_and_turned_over_the_port(bench: Bench, server: CameraServer) -> None:
    with OnvifDevice() as device:
        camera = bench.register(server, "gate", onvif_port=device.port)
        bench.start()
        until(lambda: live_parts(bench))
        until(lambda: asked(bench, "GET", "/cameras/gate/presets")[0] == 200)
        assert asked(bench, "GET", "/cameras/gate/presets")[1]["items"][0] == {"token": "1", "name": "Gate"}
        assert asked(bench, "POST", "/cameras/gate/presets", {"token": "1"})[0] == 200
        assert device.turned_to == ["1"]
        login = {"username": "viewer", "password": PASSWORD}
        status, said = asked(bench, "POST", "/onvif/describe", {"host": "127.0.0.1", "port": device.port, **login})
        assert (status, said["problem"], said["profiles"][0]["source"]["host"]) == (200, None, "127.0.0.1")
        assert said["profiles"][0]["keyframe_interval_s"] == 2
        said = asked(bench, "POST", "/onvif/describe", {"host": "169.254.169.254", "port": 80})[1]
        assert "camera networks" in said["problem"]
        assert asked(bench, "POST", "/onvif/discover", {"hosts": ["169.254.169.254"]})[0] == 422
        assert asked(bench, "POST", "/onvif/discover", {"hosts": ["127.0.0.1"]}) == (
            200,
            {"found": [], "outside": 0, "ignored": 0},
        )
        assert bench.ask("POST", "/onvif/describe", body=b"[" * 15_000)[0] == 422
        assert bench.ask("POST", "/onvif/discover", body=b"{}", token="wrong")[0] == 401
        bench.change(replace(camera, onvif_port=None))
        until(lambda: asked(bench, "GET", "/cameras/gate/presets")[0] == 422)
