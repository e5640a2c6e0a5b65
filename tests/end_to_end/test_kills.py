"""`kill -9` of any process is repaired, and a second demo on the same folder is refused."""

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.support.demo_process import ROOT, Client, DemoProcess, wait_for

pytestmark = [pytest.mark.alone, pytest.mark.slow, pytest.mark.timeout(300)]
BACK_WITHIN_S = 2.0
READY_WITHIN_S = 15.0
PARTS = {
    "core": " core ",
    "worker": " worker ",
    "api": " api ",
    "database": "bin/postgres",
    "broker": ("mosquitto", "iotcore", "broker"),
    "units": "alarms.simulated_units",
    "cameras": "ingest.camera_server",
    "community": "ingest.whip_publisher",
}


def pids(demo: DemoProcess, part: str) -> set[int]:
    words = PARTS[part]
    words = (words,) if isinstance(words, str) else words
    lines = demo.processes()
    own = demo.process.pid if demo.process else 0
    found = {pid for pid, line in lines.items() if pid != own and any(word in f"{line} " for word in words)}
    if part == "database":  # the postmaster is the parent of the others
        found = {pid for pid in found if "-D" in lines[pid]}
    return found


@pytest.mark.parametrize("part", PARTS)
def test_a_killed_process_is_back(demo: DemoProcess, part: str) -> None:
    """Another process takes its place within two seconds, and the whole is ready again soon."""
    before = wait_for(lambda: pids(demo, part), 10, f"{part} running")
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    begun_s = time.monotonic()
    wait_for(lambda: pids(demo, part) - before, 10, f"{part} is back")
    assert time.monotonic() - begun_s <= BACK_WITHIN_S
    client = Client(demo.told()["url"])

    def ready() -> bool:
        try:
            status, body = client.send("GET", "/readyz")
        except OSError:
            return False
        return status == 200 and bool(body["ready"])

    wait_for(ready, READY_WITHIN_S, "ready again")


def test_incidents_survived(demo: DemoProcess) -> None:
    """After all that, new alarms still become incidents."""
    client = demo.client("operator")
    newest = client.get("/api/v1/incidents?limit=1")["items"]
    last = newest[0]["last_event_at"] if newest else ""
    wait_for(
        lambda: any(item["last_event_at"] > last for item in client.get("/api/v1/incidents?limit=50")["items"]),
        90,
        "something new on an incident",
    )


def test_second_demo_is_refused(demo: DemoProcess) -> None:
    """A second start on one state folder says where the first one is, and ends."""
    second = subprocess.run(
        [sys.executable, "-m", "alertwall", "demo", "--port", str(demo.port)],
        cwd=ROOT,
        env={**os.environ, "ALERTWALL_HOME": str(demo.home)},
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert second.returncode == 2
    assert str(demo.port).encode() in second.stderr + second.stdout
