"""A real broker on a free loopback port, of either kind, that a test may kill and start again."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from alarms import broker
from alarms.broker import Kind
from alarms.mqtt import Address
from tests.support.postgres import dies_with_us

CORE_PASSWORD = "core-password"
TESTER = "TESTER"
TESTER_SECRET = "tester-secret"
TESTER_ENTRY = (TESTER, broker.hash_secret(TESTER_SECRET))
"""Somebody who may say anything anywhere; the broker is told like of a unit."""
START_TIMEOUT_S = 10.0


def require_mosquitto() -> None:
    """Skip loudly where mosquitto is missing, fail where everything is required."""
    if broker.choose() == "mosquitto":
        return
    if os.environ.get("ALERTWALL_REQUIRE_ALL") == "1":
        pytest.fail("mosquitto is required but not on the PATH")
    pytest.skip("SKIPPED: mosquitto is not on the PATH (Debian: mosquitto)")


class RunningBroker:
    """Prepared by `alarms.broker`, started here."""

    def __init__(self, kind: Kind, units: Iterable[tuple[str, str]] = ()) -> None:
        if kind == "mosquitto":
            require_mosquitto()
        self.state_dir = Path(tempfile.mkdtemp(prefix="aw-broker-"))
        self.state_dir.chmod(0o755)
        hashed = [(unit_id, broker.hash_secret(secret)) for unit_id, secret in units]
        hashed.append(TESTER_ENTRY)
        self.spec = broker.prepare(self.state_dir, 0, hashed, CORE_PASSWORD, kind=kind)
        if kind == "mosquitto":
            with (self.state_dir / broker.FOLDER / broker.ACL).open("a") as rules:
                rules.write(f"user {TESTER}\ntopic readwrite #\n")
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def port(self) -> int:
        return self.spec.port

    def address(self, username: str = broker.CORE_USERNAME, password: str = CORE_PASSWORD) -> Address:
        """Return how to sign in; the core's own way when nobody is named."""
        return Address(self.spec.host, self.spec.port, username, password)

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.process = subprocess.Popen(
            dies_with_us(self.spec.argv, "TERM"), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            try:
                socket.create_connection((self.spec.host, self.spec.port), timeout=1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise AssertionError("the broker did not start")

    def end(self, number: int = signal.SIGTERM) -> None:
        """End it with a signal and wait."""
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(10)
            self.process = None

    def close(self) -> None:
        """End it and forget its folder."""
        self.end()
        shutil.rmtree(self.state_dir, ignore_errors=True)
