"""The line to the broker: reads what units send into the inbox, and sends pubacks, receipts and commands.

One thread owns the line. While the inbox is full it does not read, so that TCP, the broker and the units hold the rest.
A message gets its puback when the committer says that it is stored, never before.
"""

import logging
import random
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

import paho.mqtt.client as paho
from paho.mqtt.subscribeoptions import SubscribeOptions

from alarms import wire
from alarms.inbox import Delivery, Inbox, Puback
from alarms.mqtt import MQTT_5, Address, Backoff, Version, detect_version, make_client, session_properties
from alarms.parse import split_topic
from alarms.rates import STRANGERS, UnitRates, Verdict
from models.clock import Clock
from models.errors import LinkDown, NotReady

CLIENT_ID = "alertwall-core"
"""Stable: the broker keeps our session and what arrives while we are away."""
KEEPALIVE_S = 60
SESSION_EXPIRY_S = 7 * 24 * 3600
HOLD_BACK_MAX_S = 45.0
"""The inbox may be full so long; then we hang up on purpose, before the broker takes us for dead."""
CONNECT_TIMEOUT_S = 5.0
POLL_MS = 250
FULL_POLL_MS = 20
READ_AT_ONCE = 200
_AT_LEAST_ONCE = ("evt", "conn", "state", "info", "res")
_RETAINED_LEAVES = frozenset({"conn", "state", "info"})
_BACKOFF = Backoff(first_s=0.5, limit_s=10.0)

log = logging.getLogger(__name__)


@dataclass(slots=True)
class LineState:
    """How the line is, for supervision and the status page."""

    up: bool = False
    held_back: bool = False
    version: Version | None = None
    detail: str = "not connected yet"
    received_total: int = 0
    connects_total: int = 0


class Receiver:
    """Runs on a thread of its own: `run` until `stop`."""

    def __init__(
        self,
        clock: Clock,
        address: Callable[[], Address],
        inbox: Inbox,
        rates: UnitRates,
        *,
        is_known: Callable[[str], bool],
        on_flood: Callable[[str], None],
        client_id: str = CLIENT_ID,
    ) -> None:
        # settings
        self._clock = clock
        self._address = address
        self._client_id = client_id
        self._is_known = is_known
        self._on_flood = on_flood
        # state
        self.line = LineState()
        self._inbox = inbox
        self._rates = rates
        self._client: paho.Client | None = None
        self._full_since_s: float | None = None
        self._cleared: set[str] = set()
        self._unacked: deque[Puback] = deque()
        self._refused = ""
        self._dice = random.Random()  # noqa: S311  (spreads reconnects, keeps no secret)
        # in
        self._stopping = threading.Event()
        self._outgoing: deque[tuple[str, bytes, int, bool]] = deque()
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)

    # ── for other threads ───────────────────────────────────────────────────────────────────────────────────────────

    def stop(self) -> None:
        """End `run` soon; what has no puback yet comes again."""
        self._stopping.set()
        self._wake()

    def stored(self, deliveries: Iterable[Delivery], receipts: Iterable[tuple[str, bytes]]) -> None:
        """Send the pubacks of what is stored, and the receipts (topic, payload) to the units."""
        for delivery in deliveries:
            if delivery.puback is not None:
                delivery.puback.done = True
        self._outgoing.extend((topic, payload, 0, False) for topic, payload in receipts)
        self._wake()

    def publish(self, topic: str, payload: bytes, *, qos: int = 1) -> None:
        """Send one message; it is lost when the line is down (commands expire, they are not kept)."""
        self._outgoing.append((topic, payload, qos, False))
        self._wake()

    # ── the thread ──────────────────────────────────────────────────────────────────────────────────────────────────

    def run(self) -> None:
        """Keep the line up until `stop`."""
        failures = 0
        while not self._stopping.is_set():
            connected_before = self.line.connects_total
            try:
                self._run_once()
            except NotReady as down:
                if self.line.up or failures == 0:
                    log.warning("line to the broker: %s", down)
                self.line.detail = str(down)
            finally:
                self._hang_up()
            failures = 0 if self.line.connects_total > connected_before else failures + 1
            self._stopping.wait(_BACKOFF.delay_s(failures, self._dice))
        self._wake_in.close()
        self._wake_out.close()

    def _run_once(self) -> None:
        self._connect()
        client = self._client
        assert client is not None
        while not self._stopping.is_set():
            if not self._wait(client):
                return
            self._read(client)
            self._send(client)
            client.loop_misc()
            if self._refused:
                raise LinkDown("broker", self._refused)
            if client.socket() is None:
                raise LinkDown("broker", self.line.detail or "connection lost")

    def _connect(self) -> None:
        address = self._address()
        version = detect_version(address)
        client = make_client(address, version, client_id=self._client_id, clean=False, manual_ack=True)
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.on_message = self._on_message
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_socket_register_write = lambda *_: None  # we look at want_write ourselves
        client.max_inflight_messages_set(1000)
        client.on_subscribe = self._on_subscribe
        self._unacked.clear()  # the broker hands out again what it has no puback for
        self._refused = ""
        self.line.version = version
        self.line.detail = ""
        try:
            if version == MQTT_5:
                client.connect(
                    address.host,
                    address.port,
                    keepalive=KEEPALIVE_S,
                    clean_start=False,
                    properties=session_properties(SESSION_EXPIRY_S),
                )
            else:
                client.connect(address.host, address.port, keepalive=KEEPALIVE_S)
        except (OSError, ValueError) as down:
            raise LinkDown("broker", str(down)) from down
        self._client = client

    def _hang_up(self) -> None:
        client, self._client = self._client, None
        self.line.up = False
        if client is None:
            return
        with suppress(OSError, ValueError):
            client.disconnect()
            client.loop_write()
        client.on_message = client.on_connect = client.on_subscribe = client.on_disconnect = None
        line = client.socket()
        if line is not None:
            line.close()

    def _wait(self, client: paho.Client) -> bool:
        """Wait for something to do; False when the inbox has been full for too long and we hang up."""
        line = client.socket()
        if line is None:
            return True
        room = self._inbox.has_room
        if not self._within_patience(room=room):
            return False
        poll = select.poll()
        poll.register(self._wake_in, select.POLLIN)
        poll.register(line, (select.POLLIN if room else 0) | (select.POLLOUT if client.want_write() else 0))
        ready = poll.poll(POLL_MS if room else FULL_POLL_MS)
        if any(descriptor == self._wake_in.fileno() for descriptor, _ in ready):
            with suppress(BlockingIOError):
                while self._wake_in.recv(4096):
                    pass
        return True

    def _within_patience(self, *, room: bool) -> bool:
        if room:
            self._full_since_s = None
            return True
        now_s = self._clock.monotonic_s()
        self._full_since_s = self._full_since_s or now_s
        if now_s - self._full_since_s < HOLD_BACK_MAX_S:
            return True
        log.warning("the inbox is full: the broker and the units keep their messages until there is room")
        self.line.held_back = True
        self._hang_up()
        while not self._inbox.half_empty and not self._stopping.is_set():
            time.sleep(0.1)
        self.line.held_back = False
        self._full_since_s = None
        return False

    def _read(self, client: paho.Client) -> None:
        for _ in range(READ_AT_ONCE):
            before = self.line.received_total
            if not self._inbox.has_room:
                return
            client.loop_read()
            if self.line.received_total == before:
                return

    def _send(self, client: paho.Client) -> None:
        while self._unacked and self._unacked[0].done:
            puback = self._unacked.popleft()
            client.ack(puback.mid, puback.qos)
        while self._outgoing and self.line.up:
            topic, payload, qos, retain = self._outgoing.popleft()
            client.publish(topic, payload, qos=qos, retain=retain)
        if client.want_write():
            client.loop_write()

    # ── paho's callbacks, on the same thread ────────────────────────────────────────────────────────────────────────

    def _on_connect(self, client: paho.Client, _data: object, _flags: object, reason: object, _more: object) -> None:
        if getattr(reason, "is_failure", False):
            self.line.detail = f"sign-in refused: {reason}"
            return
        v5 = self.line.version == MQTT_5
        topics = [(f"{wire.ROOT}+/{leaf}", 1) for leaf in _AT_LEAST_ONCE] + [(f"{wire.ROOT}+/tel", 0)]
        if v5:
            client.subscribe([(topic, SubscribeOptions(qos=qos, noLocal=True)) for topic, qos in topics])
        else:
            client.subscribe(topics)
        self._outgoing.clear()

    def _on_subscribe(self, _client: paho.Client, _data: object, _mid: int, reasons: object, _more: object) -> None:
        """Only now can units be heard: a line on which nothing may be read is no line."""
        assert isinstance(reasons, list)
        if any(reason.is_failure for reason in reasons):
            self._refused = "refuses the subscription to what units send"
            return
        self.line.up = True
        self.line.connects_total += 1
        self.line.detail = ""
        log.info("connected to the broker, MQTT %s", "5" if self.line.version == MQTT_5 else "3.1.1")

    def _on_disconnect(
        self, _client: paho.Client, _data: object, _flags: object, reason: object, _more: object
    ) -> None:
        self.line.up = False
        self.line.detail = self.line.detail or f"connection lost: {reason}"

    def _on_message(self, client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        self.line.received_total += 1
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = repr(message._topic)  # noqa: SLF001  (its property raises on bytes that are no text)
        unit_id, leaf = split_topic(topic) or ("", "")
        payload = bytes(message.payload[: wire.PAYLOAD_MAX_BYTES + 1])  # more of it is neither understood nor kept
        puback = Puback(message.mid, message.qos) if message.qos else None
        if puback is not None:
            self._unacked.append(puback)
        if self._is_leftover(client, topic, leaf, payload, retain=bool(message.retain)):
            _drop(puback)
            return
        now_s = self._clock.monotonic_s()
        known = bool(unit_id) and self._is_known(unit_id)
        if not message.retain or not known:
            verdict = self._rates.judge(unit_id if known else STRANGERS, now_s)
            if verdict is not Verdict.PASS:
                _drop(puback)
                if verdict is Verdict.FLOOD and known:
                    self._on_flood(unit_id)
                return
        self._inbox.put(
            Delivery(
                topic=topic,
                payload=payload,
                unit_id=unit_id,
                leaf=leaf,
                retain=bool(message.retain),
                puback=puback,
                received_at=self._clock.utc_now(),
                received_s=now_s,
            )
        )

    def _is_leftover(self, client: paho.Client, topic: str, leaf: str, payload: bytes, *, retain: bool) -> bool:
        """Tell whether this is no message of now: a retained event, which is wiped, or the wiping of something."""
        if leaf == "evt" and retain:
            log.warning("%s: a retained event is not an event; wiped", topic)
            self._cleared.add(topic)
            client.publish(topic, b"", qos=1, retain=True)
            return True
        if payload:
            return False
        if leaf == "evt" and topic in self._cleared:
            self._cleared.discard(topic)
            return True
        return leaf in _RETAINED_LEAVES

    def _wake(self) -> None:
        with suppress(BlockingIOError, OSError):
            self._wake_out.send(b"\0")


def _drop(puback: Puback | None) -> None:
    """Let the broker forget a message that is not stored: the unit keeps what it has no receipt for."""
    if puback is not None:
        puback.done = True
