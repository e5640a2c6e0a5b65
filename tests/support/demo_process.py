"""The demo as a user starts it: a process of its own in a state folder of its own, and a small API client."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

from tests.support.postgres import dies_with_us

ROOT = Path(__file__).resolve().parents[2]
READY_WITHIN_S = 240.0
"""Downloads of the first start included."""
STOP_WITHIN_S = 10.0


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class DemoProcess:
    """`alertwall demo` under test; `start` waits for its ready line."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = free_port()
        self.output: list[str] = []
        self._log_path = home.parent / f"{home.name}.out"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Start it and return the seconds until it said that it is ready."""
        begun_s = time.monotonic()
        with self._log_path.open("wb") as out:
            self.process = subprocess.Popen(
                dies_with_us([sys.executable, "-m", "alertwall", "demo", "--port", str(self.port)], "TERM"),
                cwd=ROOT,
                env={**os.environ, "ALERTWALL_HOME": str(self.home)},
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        while time.monotonic() - begun_s < READY_WITHIN_S:
            if "alertwall is ready:" in self.said():
                return time.monotonic() - begun_s
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise AssertionError(f"the demo did not get ready:\n{self.said()[-4000:]}")

    def said(self) -> str:
        return self._log_path.read_text("utf-8", "replace") if self._log_path.exists() else ""

    def told(self) -> dict[str, Any]:
        """Return what demo.json says."""
        said: dict[str, Any] = json.loads((self.home / "demo.json").read_text("utf-8"))
        return said

    def stop(self, how: int = signal.SIGTERM) -> float:
        """Send ``how`` and return the seconds until the process was gone."""
        assert self.process is not None
        begun_s = time.monotonic()
        self.process.send_signal(how)
        self.process.wait(STOP_WITHIN_S + 20)
        return time.monotonic() - begun_s

    def processes(self) -> dict[int, str]:
        """Return pid and command line of everything that carries this demo's state folder in its environment."""
        mark = f"ALERTWALL_HOME={self.home}".encode()
        found = {}
        for folder in Path("/proc").iterdir():
            if not folder.name.isdigit() or int(folder.name) == os.getpid():
                continue
            with contextlib.suppress(OSError):
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        return {pid: line for pid, line in found.items() if line}

    def client(self, role: str) -> "Client":
        """Return a client that is signed in as the account of ``role``."""
        account = next(user for user in self.told()["users"] if user["role"] == role)
        client = Client(self.told()["url"])
        status, body = client.post("/api/v1/login", {"username": account["username"], "password": account["password"]})
        assert status == 200, body
        return client


class Client:
    """JSON over HTTP with cookies, nothing else."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))

    def get(self, path: str) -> Any:
        """Return the JSON body of a GET that must succeed."""
        status, body = self.send("GET", path)
        assert status == 200, (path, status, body)
        return body

    def post(self, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        return self.send("POST", path, {} if body is None else body, **headers)

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        status, raw, kind = self.raw(method, path, body, **headers)
        return status, json.loads(raw) if "json" in kind and raw else raw

    def raw(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, bytes, str]:
        """Return status, bytes and content type."""
        request = urllib.request.Request(self.url + path, method=method)  # a loopback address
        request.add_header("Origin", self.url)
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        data = None
        if body is not None:
            request.add_header("Content-Type", "application/json")
            data = json.dumps(body).encode()
        try:
            with self._opener.open(request, data, timeout=20) as answer:
                return answer.status, answer.read(), answer.headers.get("Content-Type", "")
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read(), refused.headers.get("Content-Type", "")


def wait_for(question: Any, within_s: float, what: str) -> Any:
    """Ask until the answer is true and return it."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if answer := question():
            return answer
        time.sleep(0.2)
    raise AssertionError(f"not within {within_s:g} s: {what}")
