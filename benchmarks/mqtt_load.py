"""Thousands of alarm units on one thread: MQTT 3.1.1 packets made by hand over non-blocking sockets."""

import json
import select
import socket
import struct
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

CONNACK, PUBLISH, PUBACK, SUBACK = 0x20, 0x30, 0x40, 0x90
KEEPALIVE_S = 600
READ_BYTES = 65536


def text(value: str) -> bytes:
    """Return a length-prefixed string."""
    raw = value.encode()
    return struct.pack("!H", len(raw)) + raw


def packet(first: int, body: bytes) -> bytes:
    """Return a packet with its length."""
    length, size = len(body), bytearray()
    while True:
        length, digit = divmod(length, 128)
        size.append(digit | 0x80 if length else digit)
        if not length:
            return bytes([first]) + bytes(size) + body


def connect(client_id: str, password: str, will: tuple[str, bytes] | None) -> bytes:
    """Return a CONNECT with user name and password, and a retained will at QoS 1."""
    flags = 0x02 | 0xC0 | (0x04 | 0x08 | 0x20 if will else 0)
    body = text("MQTT") + bytes([4, flags]) + struct.pack("!H", KEEPALIVE_S) + text(client_id)
    if will:
        body += text(will[0]) + struct.pack("!H", len(will[1])) + will[1]
    return packet(0x10, body + text(client_id) + text(password))


def publish(topic: str, payload: bytes, mid: int, *, retain: bool = False) -> bytes:
    """Return a PUBLISH at QoS 1."""
    return packet(PUBLISH | 0x02 | retain, text(topic) + struct.pack("!H", mid) + payload)


def event(unit_id: str, boot: str, seq: int, *, kind: str = "alarm", code: str = "BA") -> bytes:
    """Return an event of some 270 bytes, as real units send them."""
    body = {
        "v": 1,
        "unit": unit_id,
        "boot": boot,
        "seq": seq,
        "ts": int(time.time() * 1000),
        "tq": "ntp",
        "kind": kind,
        "code": code,
        "cid": "1130",
        "part": 1,
        "zone": 3,
        "dev": {"id": "pir-07", "type": "motion", "battery_low": False},
        "user": None,
        "state": "triggered",
        "cam": ["c12"],
    }
    return json.dumps(body, separators=(",", ":")).encode()


@dataclass(slots=True, eq=False)
class LoadUnit:
    """One connected unit."""

    id: str
    line: socket.socket | None = None
    connects: int = 0
    seq: int = 0
    ready: bool = False
    inbound: bytearray = field(default_factory=bytearray)
    outbound: bytearray = field(default_factory=bytearray)
    sent_s: dict[int, float] = field(default_factory=dict)


class LoadFleet:
    """Connects units, sends their alarms, and measures until the receipt."""

    def __init__(self, host: str, port: int, unit_ids: Iterable[str], secret: Callable[[str], str], boot: str) -> None:
        self._address, self._secret, self._boot = (host, port), secret, boot
        self.units = [LoadUnit(unit_id) for unit_id in unit_ids]
        self.latencies_s: list[float] = []
        self._epoll = select.epoll()
        self._by_descriptor: dict[int, LoadUnit] = {}

    @property
    def ready(self) -> int:
        """How many units are connected and subscribed."""
        return sum(unit.ready for unit in self.units)

    @property
    def waiting(self) -> int:
        """How many events have no receipt yet."""
        return sum(len(unit.sent_s) for unit in self.units)

    def connect(self, unit: LoadUnit) -> None:
        """Begin to connect; the answers come through `turn`."""
        line = socket.socket()
        line.setblocking(False)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line.connect_ex(self._address)
        unit.line, unit.ready, unit.connects = line, False, unit.connects + 1
        unit.inbound.clear()
        will = json.dumps({"v": 1, "s": "offline", "boot": self._boot, "n": unit.connects}).encode()
        unit.outbound[:] = connect(unit.id, self._secret(unit.id), (f"aw/1/u/{unit.id}/conn", will))
        self._by_descriptor[line.fileno()] = unit
        self._epoll.register(line, select.EPOLLIN | select.EPOLLOUT)

    def drop(self, unit: LoadUnit) -> None:
        """Close without a goodbye."""
        line, unit.line, unit.ready = unit.line, None, False
        if line is not None:
            self._by_descriptor.pop(line.fileno(), None)
            self._epoll.unregister(line)
            line.close()

    def alarm(self, unit: LoadUnit) -> None:
        """Send the next event."""
        unit.seq += 1
        unit.sent_s[unit.seq] = time.perf_counter()
        payload = event(unit.id, self._boot, unit.seq)
        self.send(unit, publish(f"aw/1/u/{unit.id}/evt", payload, unit.seq % 65535 + 1))

    def send(self, unit: LoadUnit, data: bytes) -> None:
        """Send a packet, now or as soon as there is room."""
        unit.outbound += data
        self._flush(unit)

    def turn(self, timeout_s: float = 0.0) -> None:
        """Read and write what is possible."""
        for descriptor, happened in self._epoll.poll(timeout_s):
            unit = self._by_descriptor.get(descriptor)
            if unit is None:
                continue
            if happened & select.EPOLLIN:
                self._read(unit)
            elif happened & (select.EPOLLERR | select.EPOLLHUP):
                self.drop(unit)
            if happened & select.EPOLLOUT and unit.line is not None:
                self._flush(unit)

    def turn_until(self, condition: Callable[[], bool], *, within_s: float) -> bool:
        """Turn until ``condition`` holds."""
        deadline = time.perf_counter() + within_s
        while not condition():
            if time.perf_counter() > deadline:
                return False
            self.turn(0.005)
        return True

    def close(self) -> None:
        """Drop everybody."""
        for unit in self.units:
            self.drop(unit)
        self._epoll.close()

    def _flush(self, unit: LoadUnit) -> None:
        if unit.line is None:
            return
        try:
            while unit.outbound:
                del unit.outbound[: unit.line.send(unit.outbound)]
        except BlockingIOError:
            self._epoll.modify(unit.line, select.EPOLLIN | select.EPOLLOUT)
            return
        except OSError:
            self.drop(unit)
            return
        self._epoll.modify(unit.line, select.EPOLLIN)

    def _read(self, unit: LoadUnit) -> None:
        assert unit.line is not None
        try:
            data = unit.line.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.drop(unit)
            return
        unit.inbound += data
        while (found := _next_packet(unit.inbound)) is not None:
            self._take(unit, *found)

    def _take(self, unit: LoadUnit, first: int, body: bytes) -> None:
        if first & 0xF0 == CONNACK:
            unit.outbound += packet(0x82, b"\0\1" + text(f"aw/1/u/{unit.id}/ack") + b"\0")
            hello = json.dumps({"v": 1, "s": "online", "boot": self._boot, "n": unit.connects}).encode()
            unit.outbound += publish(f"aw/1/u/{unit.id}/conn", hello, 65535, retain=True)
            self._flush(unit)
        elif first & 0xF0 == SUBACK:
            unit.ready = True
        elif first & 0xF0 == PUBLISH:
            length = struct.unpack_from("!H", body)[0]
            now_s = time.perf_counter()
            for seq in json.loads(body[2 + length :])["seqs"]:
                if (sent_s := unit.sent_s.pop(seq, None)) is not None:
                    self.latencies_s.append(now_s - sent_s)


def _next_packet(buffer: bytearray) -> tuple[int, bytes] | None:
    """Take one whole packet off the front of ``buffer``."""
    length, shift, at = 0, 0, 1
    while True:
        if at >= len(buffer):
            return None
        digit = buffer[at]
        length |= (digit & 0x7F) << shift
        shift += 7
        at += 1
        if not digit & 0x80:
            break
    if len(buffer) < at + length:
        return None
    first, body = buffer[0], bytes(buffer[at : at + length])
    del buffer[: at + length]
    return first, body
