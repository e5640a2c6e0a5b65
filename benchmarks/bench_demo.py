"""D1, D2: how fast the demo is up the second time, and what all of it costs while one wall is open.

Memory is PSS (shared pages are divided among those who share them) summed over every process of the demo; RSS, which
counts shared pages once for each process, is reported beside it. The browser is not part of it.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from alertwall import homes
from alertwall.sweep import left
from benchmarks.harness import Report

ROOT = Path(__file__).resolve().parent.parent
READY_WITHIN_S = 300
STOPPED_WITHIN_S = 15
SETTLE_S = 20
MEASURE_S = 20
ADDED_CAMERAS = 4
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def main() -> int:
    """Start the demo twice, measure the second one."""
    report = Report("bench_demo")
    with tempfile.TemporaryDirectory(prefix="aw-bench-") as folder:
        home = Path(folder)
        if homes.weights_home().is_dir():
            (home / "weights").symlink_to(homes.weights_home())
        with running(home) as (first_s, _url):
            pass
        with running(home) as (second_s, url):
            report.add(
                "D1 second start to ready", second_s, "s", goal=15, note=f"first, all downloaded: {first_s:.1f} s"
            )
            with open_wall(home, url):
                time.sleep(SETTLE_S)
                costs(report, home)
                added_cameras(report, home, url)
            started_s = time.monotonic()
        report.add("stop to last process gone", time.monotonic() - started_s, "s", goal=10)
        report.add("processes left behind", len(left(str(home))), "", goal=0)
    return report.failed and 1


@contextlib.contextmanager
def running(home: Path) -> Iterator[tuple[float, str]]:
    """Run the demo; yield the seconds it took and its address."""
    port = free_port()
    env = {**os.environ, "ALERTWALL_HOME": str(home)}
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # users have none: the second start finds compiled files
    started_s = time.monotonic()
    command = [sys.executable, "-m", "alertwall", "demo", "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=sys.stderr, text=True)
    try:
        yield wait_ready(process, started_s), f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOPPED_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
        process.communicate()


def wait_ready(process: subprocess.Popen[str], started_s: float) -> float:
    """Return the seconds until the demo says that it is ready."""
    watchdog = threading.Timer(READY_WITHIN_S, process.kill)
    watchdog.start()
    assert process.stdout is not None
    try:
        for text in process.stdout:
            if text.startswith("alertwall is ready"):
                return time.monotonic() - started_s
    finally:
        watchdog.cancel()
    raise SystemExit("the demo did not become ready")


def signed_in(home: Path, url: str, role: str) -> urllib.request.OpenerDirector:
    """Return a browser that has signed in as ``role``."""
    user = next(user for user in json.loads((home / "demo.json").read_text())["users"] if user["role"] == role)
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    post(browser, f"{url}/api/v1/login", {key: user[key] for key in ("username", "password")})
    return browser


def post(browser: urllib.request.OpenerDirector, address: str, body: dict[str, Any]) -> None:
    """Send JSON as a page of the wall does."""
    origin = "/".join(address.split("/")[:3])
    headers = {"Content-Type": "application/json", "Origin": origin}
    browser.open(urllib.request.Request(address, json.dumps(body).encode(), headers), timeout=10).close()


@contextlib.contextmanager
def open_wall(home: Path, url: str) -> Iterator[None]:
    """Do what one open wall does: hold the live feed, and ask for the lists every few seconds."""
    browser = signed_in(home, url, "operator")
    feed = browser.open(f"{url}/api/v1/feed", timeout=60)
    over = threading.Event()

    def read() -> None:
        with contextlib.suppress(OSError, ValueError, AttributeError):
            while not over.is_set():
                feed.readline()

    def ask() -> None:
        while not over.wait(5):
            for path in ("incidents", "cameras", "units"):
                browser.open(f"{url}/api/v1/{path}", timeout=10).read()

    threads = [threading.Thread(target=target, daemon=True) for target in (read, ask)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        feed.close()


def costs(report: Report, home: Path) -> None:
    """Report memory and CPU of every process of the demo."""
    supervisor = supervisor_of(home)
    before, started_s = cpu_ticks(home, supervisor), time.monotonic()
    time.sleep(MEASURE_S)
    after, elapsed_s = cpu_ticks(home, supervisor), time.monotonic() - started_s
    share = sum(after[pid] - before.get(pid, 0) for pid in after) / TICKS_PER_S / elapsed_s
    memory = {pid: memory_mb(pid) for pid in pids(home, supervisor)}
    detail = by_part(
        memory, {pid: (after.get(pid, 0) - before.get(pid, 0)) / TICKS_PER_S / elapsed_s for pid in memory}
    )
    report.add("D2 memory of the whole demo, PSS", sum(pss for pss, _ in memory.values()), "MB", goal=1500, note=detail)
    report.add("D2 memory of the whole demo, RSS", sum(rss for _, rss in memory.values()), "MB")
    report.add(f"D2 CPU of the whole demo over {MEASURE_S} s", share, "cores", goal=1.0)


def added_cameras(report: Report, home: Path, url: str) -> None:
    """Report what each further camera costs its worker; each is recorded and analysed like the first two."""
    engineer = signed_in(home, url, "engineer")
    gate = json.load(engineer.open(f"{url}/api/v1/cameras/gate", timeout=10))
    known = json.loads((home / "demo.json").read_text())["cameras"]
    password = urlsplit(next(camera["url"] for camera in known if camera["id"] == "gate")).password
    worker = next(pid for pid in pids(home, supervisor_of(home)) if name_of(pid) == "worker")
    before_mb = memory_mb(worker)[0]
    for number in range(ADDED_CAMERAS):
        body = {"id": f"added-{number}", "name": f"Added {number}", "area": gate["area"], "source": gate["source"]}
        post(engineer, f"{url}/api/v1/cameras", {**body, "password": password})
    time.sleep(SETTLE_S)
    states = [json.load(engineer.open(f"{url}/api/v1/cameras/added-{n}", timeout=10)) for n in range(ADDED_CAMERAS)]
    streaming = sum((camera["state"] or {}).get("state") == "streaming" for camera in states)
    each_mb = (memory_mb(worker)[0] - before_mb) / ADDED_CAMERAS
    report.add(
        "D2 worker, each added camera, PSS",
        each_mb,
        "MB",
        goal=15,
        note=f"{streaming} of {ADDED_CAMERAS} streaming, 1280x544, ring of 10 s, recorded, analysed",
    )


def supervisor_of(home: Path) -> int:
    return int((home / "run.lock").read_text())


def pids(home: Path, supervisor: int) -> set[int]:
    """Return every process of the demo; a database server's own children hide their marks behind their titles."""
    found = {supervisor, *left(str(home))}
    parents = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def cpu_ticks(home: Path, supervisor: int) -> dict[int, int]:
    ticks = {}
    for pid in pids(home, supervisor):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks[pid] = int(fields[11]) + int(fields[12])
    return ticks


def memory_mb(pid: int) -> tuple[float, float]:
    """Return PSS and RSS."""
    found: dict[str, float] = {}
    with contextlib.suppress(OSError):
        for text in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            key, _, value = text.partition(":")
            if key in ("Pss", "Rss"):
                found[key] = int(value.split()[0]) / 1000
    return found.get("Pss", 0.0), found.get("Rss", 0.0)


def by_part(memory: dict[int, tuple[float, float]], cpu: dict[int, float]) -> str:
    """Return MB and cores by part, in words."""
    total: dict[str, list[float]] = {}
    for pid, (pss, _rss) in memory.items():
        part = total.setdefault(name_of(pid), [0.0, 0.0])
        part[0] += pss
        part[1] += cpu.get(pid, 0.0)
    return ", ".join(f"{name} {mb:.0f} MB {cores:.2f}" for name, (mb, cores) in sorted(total.items()))


def name_of(pid: int) -> str:
    """Return which part a process is."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return "gone"
    command = [word.decode("utf-8", "replace") for word in words]
    if "-m" not in command[:-1]:
        return Path(command[0].split(" ")[0].rstrip(":")).name
    module = command.index("-m") + 1
    return command[module + 1] if command[module] == "alertwall" else command[module].rpartition(".")[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
