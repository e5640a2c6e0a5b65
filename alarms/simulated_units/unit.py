"""One simulated unit: a panel, its outbox, and its line to the broker. Driven from outside, it has no thread."""

import json
import random
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import msgspec
import paho.mqtt.client as paho

from alarms import wire
from alarms.mqtt import MQTT_5, Address, Backoff, Version, make_client
from alarms.simulated_units.outbox import Outbox
from alarms.simulated_units.panel import Panel
from models.clock import Clock
from models.unit import ArmState

KEEPALIVE_S = 30
CONNECT_TIMEOUT_S = 3.0
READ_AT_ONCE = 50
_BACKOFF = Backoff(first_s=1.0, limit_s=15.0)


class SimulatedUnit:
    """Call `pump` often: it connects, sends what is due and reads what has come."""

    def __init__(
        self,
        unit_id: str,
        address: Address,
        clock: Clock,
        dice: random.Random,
        *,
        heartbeat_s: float,
        on_receipt: Callable[[str, int], None] = lambda _boot, _seq: None,
    ) -> None:
        # settings
        self.id = unit_id
        self._address = address
        self._clock = clock
        self._dice = dice
        self._heartbeat_s = heartbeat_s
        self._on_receipt = on_receipt
        # state
        self.panel = Panel(unit_id)
        self.outbox = Outbox(self.panel.boot)
        self.client: paho.Client | None = None
        self.online = False
        self._connects = 0
        self._failures = 0
        self._read_total = 0
        self._connect_due_s = 0.0
        self._beat_due_s = 0.0
        self._mute_until_s = 0.0

    # ── what happens in the home ────────────────────────────────────────────────────────────────────────────────────

    def now_ms(self) -> int:
        """Return the unit's own time."""
        return int(self._clock.utc_now().timestamp() * 1000)

    def report(self, body: dict[str, Any]) -> None:
        """Put an event of the panel into the outbox, and its new state on the line."""
        self.outbox.add(body["seq"], body, self._clock.monotonic_s())
        self._publish("state", self.panel.state(), qos=1, retain=True)

    def vanish(self, seconds: float) -> None:
        """Lose power for a while: no goodbye, so the broker speaks the will."""
        self._mute_until_s = self._clock.monotonic_s() + seconds
        self.drop_line()

    def drop_line(self) -> None:
        """Cut the connection."""
        client, self.client, self.online = self.client, None, False
        if client is None:
            return
        client.on_message = client.on_connect = client.on_disconnect = None
        line = client.socket()
        if line is not None:
            line.close()

    # ── the line ────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def wants_line(self) -> bool:
        """Whether the unit would connect now if there were a broker."""
        now_s = self._clock.monotonic_s()
        return self.client is None and now_s >= max(self._mute_until_s, self._connect_due_s)

    def pump(self, version: Version | None) -> None:
        """Do what is due; without ``version`` there is no broker to speak to now."""
        now_s = self._clock.monotonic_s()
        if now_s < self._mute_until_s:
            return
        if self.client is None:
            if version is None or not self.wants_line:
                return
            self._connect(version, now_s)
        if self.client is None:
            return
        if self.online:
            self._say(now_s)
        self._exchange(self.client)

    def _connect(self, version: Version, now_s: float) -> None:
        client = make_client(self._address, version, client_id=self.id, clean=True)
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.on_connect, client.on_message, client.on_disconnect = self._on_connect, self._on_message, self._on_gone
        client.on_socket_register_write = lambda *_: None
        self._connects += 1
        will = {"v": 1, "s": "offline", "boot": self.panel.boot, "n": self._connects}
        client.will_set(self._topic("conn"), json.dumps(will), qos=1, retain=True)
        try:
            if version == MQTT_5:
                client.connect(self._address.host, self._address.port, keepalive=KEEPALIVE_S, clean_start=True)
            else:
                client.connect(self._address.host, self._address.port, keepalive=KEEPALIVE_S)
        except (OSError, ValueError):
            self._plan_reconnect(now_s)
            return
        self.client = client

    def _plan_reconnect(self, now_s: float) -> None:
        self._failures += 1
        self._connect_due_s = now_s + _BACKOFF.delay_s(self._failures, self._dice)

    def _say(self, now_s: float) -> None:
        for body in self.outbox.due(now_s):
            self._publish("evt", body, qos=1)
        if now_s >= self._beat_due_s:
            self._beat_due_s = now_s + self._heartbeat_s * self._dice.uniform(0.9, 1.0)
            self._publish("tel", self.panel.heartbeat(self.now_ms(), outbox=len(self.outbox)), qos=0)

    def _exchange(self, client: paho.Client) -> None:
        for _ in range(READ_AT_ONCE):
            before = self._read_total
            client.loop_read()
            if self._read_total == before:
                break
        if client.want_write():
            client.loop_write()
        client.loop_misc()
        if client.socket() is None and self.client is client:
            self.drop_line()
            self._plan_reconnect(self._clock.monotonic_s())

    def _publish(self, leaf: str, body: dict[str, Any], *, qos: int, retain: bool = False) -> None:
        if self.client is not None and self.online:
            self.client.publish(self._topic(leaf), json.dumps(body, separators=(",", ":")), qos=qos, retain=retain)

    def _topic(self, leaf: str) -> str:
        return f"{wire.ROOT}{self.id}/{leaf}"

    # ── what the broker says ────────────────────────────────────────────────────────────────────────────────────────

    def _on_connect(self, client: paho.Client, _data: object, _flags: object, reason: object, _more: object) -> None:
        if getattr(reason, "is_failure", False):
            return
        self.online, self._failures = True, 0
        client.subscribe([(self._topic("ack"), 0), (self._topic("cmd"), 1)])
        self._publish(
            "conn",
            {"v": 1, "s": "online", "boot": self.panel.boot, "n": self._connects},
            qos=1,
            retain=True,
        )
        self._publish("info", self.panel.info(), qos=1, retain=True)
        self._publish("state", self.panel.state(), qos=1, retain=True)
        now_s = self._clock.monotonic_s()
        self._beat_due_s = now_s
        self.outbox.hurry(now_s)

    def _on_gone(self, *_: object) -> None:
        self.online = False

    def _on_message(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        self._read_total += 1
        leaf = message.topic.rsplit("/", 1)[-1]
        with suppress(msgspec.DecodeError, msgspec.ValidationError):
            if leaf == "ack":
                receipt = msgspec.json.decode(message.payload, type=wire.Receipt)
                for seq in self.outbox.receipt(receipt.boot, receipt.seqs):
                    self._on_receipt(receipt.boot, seq)
            elif leaf == "cmd":
                command = msgspec.json.decode(message.payload, type=wire.Command)
                ok, text = self._obey(command, retained=bool(message.retain))
                self._publish("res", {"v": 1, "cid": command.cid, "ok": ok, "text": text}, qos=1)

    def _obey(self, command: wire.Command, *, retained: bool) -> tuple[bool, str]:
        """Do what the centre asks, unless it may be an order of yesterday."""
        if retained:
            return False, "a retained command is never obeyed"
        if datetime.fromtimestamp(command.exp / 1000, UTC) < self._clock.utc_now():
            return False, "too late"
        switches = {
            "arm_away": ArmState.ARMED_AWAY,
            "arm_home": ArmState.ARMED_HOME,
            "disarm": ArmState.DISARMED,
        }
        if command.op in switches:
            self.report(self.panel.switch(switches[command.op], self.now_ms(), user=command.by or "centre"))
            return True, ""
        if command.op == "test":
            self.report(self.panel.event("test", "RX", "1601", self.now_ms()))
            return True, ""
        return False, "unknown order"
