"""What both ends of the MQTT line need: which version the broker speaks, and how long to wait before trying again."""

import random
import socket
import ssl
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from models.errors import LinkDown

Version = Literal[4, 5]
MQTT_311: Version = 4
MQTT_5: Version = 5
PROBE_TIMEOUT_S = 3.0

_CONNACK = 0x20
_UNSUPPORTED_VERSION = 0x84


@dataclass(frozen=True, slots=True)
class Address:
    """Where the broker is and how to sign in."""

    host: str
    port: int
    username: str
    password: str
    tls: bool = False
    tls_ca: Path | None = None


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before the next attempt: doubling up to a limit, spread out so that no fleet marches in step."""

    first_s: float = 1.0
    limit_s: float = 60.0

    def delay_s(self, attempt: int, dice: random.Random) -> float:
        """Return the pause before the attempt after ``attempt`` failures."""
        return dice.uniform(0.1, 1.0) * min(self.limit_s, self.first_s * float(1 << min(attempt, 16)))


def detect_version(address: Address) -> Version:
    """Ask the broker whether it speaks MQTT 5; `LinkDown` when it does not answer at all.

    The question is a connect without a name: a broker that knows MQTT 5 answers (mostly with a refusal) in its form,
    one that does not hangs up or says so.
    """
    variable = b"\x00\x04MQTT\x05\x02\x00\x0a" + b"\x00"
    client_id = b"\x00\x00"
    connect = bytes([0x10, len(variable) + len(client_id)]) + variable + client_id
    try:
        with closing(_dial(address)) as line:
            line.sendall(connect)
            answer = line.recv(64)
    except TimeoutError:
        raise LinkDown("broker", "does not answer") from None
    except ConnectionRefusedError:
        raise LinkDown("broker", "refuses connections") from None
    except ConnectionError:
        return MQTT_311
    except OSError as down:
        raise LinkDown("broker", str(down)) from down
    if len(answer) >= 5 and answer[0] == _CONNACK and answer[3] != _UNSUPPORTED_VERSION:
        return MQTT_5
    return MQTT_311


def make_client(
    address: Address, version: Version, *, client_id: str, clean: bool, manual_ack: bool = False
) -> paho.Client:
    """Return a client of ours, not yet connected."""
    client = paho.Client(
        CallbackAPIVersion.VERSION2,
        client_id=client_id,
        protocol=paho.MQTTv5 if version == MQTT_5 else paho.MQTTv311,
        clean_session=None if version == MQTT_5 else clean,
        manual_ack=manual_ack,
    )
    client.username_pw_set(address.username, address.password)
    if address.tls:
        client.tls_set_context(_tls(address))
    return client


def session_properties(expiry_s: int) -> Properties:
    """Return the connect properties that make the broker keep our session while we are away."""
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = expiry_s
    return properties


def _dial(address: Address) -> socket.socket:
    line = socket.create_connection((address.host, address.port), timeout=PROBE_TIMEOUT_S)
    if address.tls:
        return _tls(address).wrap_socket(line, server_hostname=address.host)
    return line


def _tls(address: Address) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(address.tls_ca) if address.tls_ca else None)
