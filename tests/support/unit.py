"""An alarm unit for tests: says what a test wants it to say, and remembers which events were receipted."""

import json
import random
import threading
import time
from collections.abc import Callable
from typing import Any

from alarms.mqtt import Address, detect_version, make_client
from alarms.simulated_units.unit import SimulatedUnit
from models.clock import SystemClock
from models.errors import LinkDown

WAIT_S = 15.0


def eventually(condition: Callable[[], object], *, within_s: float = WAIT_S, what: str = "") -> None:
    """Return as soon as ``condition`` holds; fail when it does not within the time."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_s:g} s: {what or condition}")
        time.sleep(0.01)


class UnitThread:
    """A simulated unit on a thread of its own; ``receipted`` holds the sequence numbers the centre has confirmed."""

    def __init__(self, unit_id: str, address: Address, *, heartbeat_s: float = 60) -> None:
        self.receipted: set[int] = set()
        self.unit = SimulatedUnit(
            unit_id,
            address,
            SystemClock(),
            random.Random(unit_id),
            heartbeat_s=heartbeat_s,
            on_receipt=lambda _boot, seq: self.receipted.add(seq),
        )
        self._address = address
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"unit-{unit_id}", daemon=True)
        self._thread.start()

    @property
    def sent(self) -> int:
        """The last sequence number."""
        return self.unit.panel.seq

    def alarm(self, *, point: int = 1, code: str = "BA", cid: str = "1130") -> int:
        """Raise an alarm; returns its sequence number."""
        with self._lock:
            self.unit.report(self.unit.panel.trip(code, cid, self.unit.now_ms(), point=point))
            return self.unit.panel.seq

    def report(self, kind: str, code: str, cid: str = "", **more: Any) -> int:
        """Report anything else."""
        with self._lock:
            self.unit.report(self.unit.panel.event(kind, code, cid, self.unit.now_ms(), **more))
            return self.unit.panel.seq

    def vanish(self) -> None:
        """Be gone without a goodbye, for good."""
        with self._lock:
            self.unit.vanish(1e9)

    def wait_online(self) -> "UnitThread":
        """Wait for the line."""
        eventually(lambda: self.unit.online, what=f"{self.unit.id} online")
        return self

    def wait_receipted(self, *, within_s: float = WAIT_S) -> None:
        """Wait until everything sent is receipted."""
        eventually(lambda: len(self.receipted) == self.sent, within_s=within_s, what="all receipted")

    def stop(self) -> None:
        """End the thread and the line."""
        self._stopping.set()
        self._thread.join(5)
        self.unit.drop_line()

    def _run(self) -> None:
        while not self._stopping.is_set():
            version = None
            if self.unit.wants_line:
                try:
                    version = detect_version(self._address)
                except LinkDown:
                    self._stopping.wait(0.1)
            with self._lock:
                self.unit.pump(version)
            self._stopping.wait(0.005)


class Speaker:
    """A client that publishes raw bytes, good or bad."""

    def __init__(self, address: Address, client_id: str) -> None:
        version = detect_version(address)
        self.client = make_client(address, version, client_id=client_id, clean=True)
        self.client.connect(address.host, address.port)
        self.client.loop_start()
        eventually(self.client.is_connected, what="speaker connected")

    def say(self, topic: str, payload: bytes | dict[str, Any], *, qos: int = 1, retain: bool = False) -> None:
        """Publish and wait for the broker's puback."""
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self.client.publish(topic, body, qos=qos, retain=retain).wait_for_publish(WAIT_S)

    def close(self) -> None:
        """Hang up."""
        self.client.disconnect()
        self.client.loop_stop()
        self.client._reset_sockets()
