"""`alertwall run` over the real database and broker: what is killed comes back, what stops leaves nothing."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import psycopg
import pytest

from alertwall import guard
from alertwall.ready import readiness
from alertwall.sweep import left, listed, started_at, sweep

STARTED_WITHIN_S = 60.0
REPAIRED_WITHIN_S = 2.0
STOPPED_WITHIN_S = 10.0
GONE_WITHIN_S = 3.0
T = TypeVar("T")

pytestmark = pytest.mark.slow


def eventually(question: Callable[[], T], within_s: float) -> T:
    """Ask until the answer is true; fail after ``within_s``."""
    deadline_s = time.monotonic() + within_s
    while not (answer := question()):
        if time.monotonic() > deadline_s:
            pytest.fail(f"not within {within_s:g} s")
        time.sleep(0.02)
    return answer


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Site:
    """One `alertwall run` and what can be seen of it from outside."""

    folder: Path
    port: int
    process: subprocess.Popen[str]

    @property
    def state_dir(self) -> Path:
        return self.folder / "state"

    @property
    def ready(self) -> bool:
        return bool(readiness(f"http://127.0.0.1:{self.port}").get("ready"))

    def running(self) -> dict[str, int]:
        """Return the process of each part, by what stands in its command line."""
        found = {}
        for pid in left(str(self.state_dir)):
            words = command_of(pid).split("\0")
            if "alertwall" in words:
                found[words[words.index("alertwall") + 1]] = pid
            elif words[0].endswith("bin/postgres"):
                found["postgres"] = pid
            elif "mosquitto" in words[0] or "alarms.demo_broker" in words:
                found["broker"] = pid
        return found


def command_of(pid: int) -> str:
    """Return a process's words, each ended by a zero; nothing when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace").rstrip("\0")
    except OSError:
        return ""


def start(folder: Path, port: int) -> subprocess.Popen[str]:
    (folder / "site.toml").write_text(
        f'state_dir = "state"\n[api]\nport = {port}\n[broker]\nembedded_port = 0\n'
        '[analytics]\ndetector = "moving-object"\n[areas]\nhaikou = "Haikou"\n'
    )
    command = [sys.executable, "-m", "alertwall", "run", "-c", str(folder / "site.toml")]
    log = (folder / "out").open("w")
    with log:
        return subprocess.Popen(command, cwd=guard.TREE, stdout=log, stderr=subprocess.STDOUT, text=True)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder, port = tmp_path_factory.mktemp("site"), free_port()
    running = Site(folder, port, start(folder, port))
    try:
        eventually(lambda: running.ready, STARTED_WITHIN_S)
        yield running
    finally:
        running.process.kill()
        running.process.wait()
        sweep(str(running.state_dir))


@pytest.mark.parametrize("part", ["core", "worker", "api", "broker", "postgres"])
def test_a_killed_part_is_repaired(site: Site, part: str) -> None:
    """`kill -9`: another process within two seconds, the others keep theirs, and soon the wall is ready again."""
    before = eventually(lambda: now if len(now := site.running()) == 5 else {}, STARTED_WITHIN_S)
    os.kill(before[part], signal.SIGKILL)
    after = eventually(
        lambda: now if (now := site.running()).get(part, before[part]) != before[part] else {}, REPAIRED_WITHIN_S
    )
    assert {name: pid for name, pid in after.items() if name != part} == {
        name: pid for name, pid in before.items() if name != part
    }
    eventually(lambda: site.ready, STARTED_WITHIN_S)


def test_broker_and_database_are_shown_as_parts(site: Site) -> None:
    """Somebody beats for those who cannot."""
    parts = {part["id"]: part for part in readiness(f"http://127.0.0.1:{site.port}")["parts"]}
    assert {"broker", "postgres"} <= set(parts)
    assert set(parts["broker"]["detail"]) == {"kind", "durable"}


def test_a_second_run_on_the_same_state_folder_is_refused(site: Site) -> None:
    """Exit code 2, a plain message, and the first one is not disturbed."""
    command = [sys.executable, "-m", "alertwall", "run", "-c", str(site.folder / "site.toml")]
    done = subprocess.run(command, cwd=guard.TREE, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert f"another alertwall runs on {site.state_dir} (process {site.process.pid})" in done.stderr
    assert "Traceback" not in done.stderr
    assert site.ready


def test_a_taken_port_is_refused_before_anything_starts(site: Site, tmp_path: Path) -> None:
    """The key and the port stand in the message; no database was made."""
    refused = start(tmp_path, site.port)
    assert refused.wait(30) == 2
    assert f"api.port: port {site.port} of 127.0.0.1 is taken" in (tmp_path / "out").read_text()
    assert not (tmp_path / "state" / "postgres").exists()


def test_a_stop_leaves_nothing_and_a_start_finds_everything(site: Site) -> None:
    """SIGTERM: exit code 0 within ten seconds, no process; the next start has the rows and the same broker port."""
    runtime = json.loads((site.state_dir / "runtime.json").read_text())
    with psycopg.connect(runtime["dsn"], autocommit=True) as conn:
        conn.execute("INSERT INTO area (path, name) VALUES ('kept', 'Kept')")
    site.process.send_signal(signal.SIGTERM)
    assert site.process.wait(STOPPED_WITHIN_S) == 0
    assert left(str(site.state_dir)) == []
    site.process = start(site.folder, site.port)
    eventually(lambda: site.ready, STARTED_WITHIN_S)
    assert json.loads((site.state_dir / "runtime.json").read_text()) == runtime
    with psycopg.connect(runtime["dsn"]) as conn:
        assert conn.execute("SELECT name FROM area WHERE path = 'kept'").fetchone() == ("Kept",)


def test_a_killed_supervisor_takes_everything_along_and_is_no_obstacle(site: Site) -> None:
    """`kill -9` of the supervisor: nothing outlives it, and the next start works."""
    everything = left(str(site.state_dir))
    site.process.kill()
    site.process.wait()
    eventually(lambda: not any(map(started_at, everything)), GONE_WITHIN_S)
    assert left(str(site.state_dir)) == []
    site.process = start(site.folder, site.port)
    eventually(lambda: site.ready, STARTED_WITHIN_S)


def test_what_outlived_even_the_warden_is_ended_by_the_next_start(site: Site) -> None:
    """Both killed at once: a broker that changed its user is nobody's child, and holds its port and its folder."""
    listed_now = listed(str(site.state_dir))
    site.process.send_signal(signal.SIGSTOP)
    os.kill(next(pid for pid in listed_now if "sweep.py" in command_of(pid)), signal.SIGKILL)
    site.process.kill()
    site.process.wait()
    site.process = start(site.folder, site.port)
    eventually(lambda: site.ready, STARTED_WITHIN_S)
    assert not any(map(started_at, listed_now))
