"""All simulated units of one process on one thread."""

import json
import random
import select
import threading
from collections.abc import Sequence
from pathlib import Path

from alarms.mqtt import Address, Backoff, Version, detect_version
from alarms.simulated_units.town import Town
from alarms.simulated_units.unit import SimulatedUnit
from models.clock import Clock
from models.errors import BadInput, LinkDown

POLL_MS = 100
_BACKOFF = Backoff(first_s=0.5, limit_s=5.0)


def read_units(path: Path) -> list[tuple[str, str]]:
    """Read the list of {"id", "secret"} that a units file holds."""
    try:
        said = json.loads(path.read_text("utf-8"))
        return [(str(unit["id"]), str(unit["secret"])) for unit in said]
    except (OSError, ValueError, TypeError, KeyError) as bad:
        raise BadInput(str(path), 'a list of {"id": ..., "secret": ...}') from bad


class Fleet:
    """Runs units until `stop`."""

    def __init__(
        self, host: str, port: int, units: Sequence[tuple[str, str]], clock: Clock, *, heartbeat_s: float, seed: int
    ) -> None:
        self._clock = clock
        self._dice = random.Random(seed)
        self._probe_address = Address(host, port, "", "")
        self.units = [
            SimulatedUnit(
                unit_id,
                Address(host, port, unit_id, secret),
                clock,
                random.Random(f"{seed}/{unit_id}"),
                heartbeat_s=heartbeat_s,
            )
            for unit_id, secret in units
        ]
        self._stopping = threading.Event()

    def stop(self) -> None:
        """End `run` at the next turn."""
        self._stopping.set()

    def run(self) -> None:
        """Keep all units on the line and let the town live."""
        town: Town | None = None
        while not self._stopping.is_set():
            if town is None and any(unit.online for unit in self.units):
                town = Town(self.units, self._dice, self._clock.monotonic_s())
            if town is not None:
                town.run_due(self._clock.monotonic_s())
            version = self._version() if any(unit.wants_line for unit in self.units) else None
            for unit in self.units:
                unit.pump(version)
            self._wait()
        for unit in self.units:
            unit.drop_line()

    def _version(self) -> Version | None:
        try:
            return detect_version(self._probe_address)
        except LinkDown:
            self._stopping.wait(_BACKOFF.delay_s(0, self._dice))
            return None

    def _wait(self) -> None:
        poll = select.poll()
        for unit in self.units:
            line = unit.client.socket() if unit.client else None
            if line is not None:
                poll.register(line, select.POLLIN)
        poll.poll(POLL_MS)
