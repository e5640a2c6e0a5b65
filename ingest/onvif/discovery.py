"""Cameras that answer a WS-Discovery probe: to everybody on the networks we touch, or to one address.

Nothing is believed but the sender's address, which must lie in the site's camera networks; answers are bounded in
size and number, and those that are not to our question are dropped and counted.
"""

import select
import socket
import struct
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit
from uuid import uuid4

from ingest.address import Network, check
from ingest.onvif.xml import BadXml, Node, parse, plain
from models.camera import CameraSource, Scheme

GROUP, PORT = "239.255.255.250", 3702
WITHIN_S = 3.0
ANSWERS_MAX = 256
ANSWER_MAX_BYTES = 16 << 10
DATAGRAMS_MAX = 4096
SCOPES_MAX = 32
NAME_SCOPE = "onvif://www.onvif.org/name/"
ADDRESSING = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
DISCOVERY = "http://schemas.xmlsoap.org/ws/2005/04/discovery"


@dataclass(frozen=True, slots=True)
class Discovered:
    """``host`` is the address that answered, ``port`` that of its device service."""

    name: str
    host: str
    port: int
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Discovery:
    found: tuple[Discovered, ...]
    outside: int
    """Answers from outside the site's camera networks."""
    ignored: int
    """Answers that were malformed, too large, too many, or to somebody else's question."""


def discover(
    allowed_networks: Sequence[Network],
    *,
    hosts: Sequence[str] = (),
    within_s: float = WITHIN_S,
    group: tuple[str, int] | None = (GROUP, PORT),
    port: int = PORT,
) -> Discovery:
    """Ask the ``group`` on every interface, or only ``hosts``; `BadInput` or `LinkFailure` for one that may not be."""
    asked = [
        (check(CameraSource(scheme=Scheme.RTSP, host=host, port=port, path="/"), allowed_networks)[0], port)
        for host in hosts
    ]
    question = f"urn:uuid:{uuid4()}"
    message = _probe(question)
    with ExitStack() as stack:
        sockets = []
        if hosts:
            for family in {socket.AF_INET6 if ":" in ip else socket.AF_INET for ip, _ in asked}:
                opened = stack.enter_context(socket.socket(family, socket.SOCK_DGRAM))
                sockets.append(opened)
                for address in asked:
                    if (":" in address[0]) == (family is socket.AF_INET6):
                        _send(opened, message, address)
        elif group is not None:
            for index in _interfaces():
                opened = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                if _joins(opened, index) and _send(opened, message, group):
                    sockets.append(opened)
        return _collect(sockets, question, allowed_networks, time.monotonic() + within_s)


def _interfaces() -> list[int]:
    try:
        return [index for index, _ in socket.if_nameindex()]
    except OSError:
        return [0]


def _joins(opened: socket.socket, index: int) -> bool:
    try:
        opened.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
        opened.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, struct.pack("=4s4si", b"", b"", index))
    except OSError:
        return False
    return True


def _send(opened: socket.socket, message: bytes, address: tuple[str, int]) -> bool:
    opened.setblocking(False)
    try:
        opened.sendto(message, address)
    except OSError:  # an interface without multicast, or without an address
        return False
    return True


def _collect(
    sockets: Sequence[socket.socket], question: str, allowed_networks: Sequence[Network], deadline_s: float
) -> Discovery:
    found: dict[tuple[str, int], Discovered] = {}
    outside = ignored = 0
    for _ in range(DATAGRAMS_MAX):
        left_s = deadline_s - time.monotonic()
        if left_s <= 0 or not sockets:
            break
        ready = select.select(sockets, (), (), left_s)[0]
        if not ready:
            break
        try:
            answer, sender = ready[0].recvfrom(ANSWER_MAX_BYTES + 1)
        except OSError:  # an ICMP refusal of what was sent
            continue
        if not any(ip_address(sender[0].partition("%")[0]) in network for network in allowed_networks):
            outside += 1
            continue
        device = read(answer, question, sender[0])
        if device is None or len(found) >= ANSWERS_MAX:
            ignored += 1
        else:
            found.setdefault((device.host, device.port), device)
    return Discovery(tuple(sorted(found.values(), key=lambda one: (one.host, one.port))), outside, ignored)


def read(answer: bytes, question: str, sender: str) -> Discovered | None:
    """Return the camera behind one answer to ``question``; None for anything else."""
    if len(answer) > ANSWER_MAX_BYTES:
        return None
    try:
        envelope = parse(answer)
    except BadXml:
        return None
    header, match = envelope.find("Header") or Node(""), envelope.find("Body", "ProbeMatches", "ProbeMatch")
    if match is None or header.text_of("RelatesTo") != question:
        return None
    port = _port(match.text_of("XAddrs").split(), sender)
    if port is None:
        return None
    scopes = tuple(plain(scope, most=200) for scope in match.text_of("Scopes").split()[:SCOPES_MAX])
    names = [plain(unquote(scope[len(NAME_SCOPE) :])) for scope in scopes if scope.startswith(NAME_SCOPE)]
    return Discovered(next(filter(None, names), sender), sender, port, scopes)


def _port(addresses: Sequence[str], sender: str) -> int | None:
    """Return the port of the address that is the sender's own, else of the first: a host in it is never used."""
    found = []
    for address in addresses[:8]:
        try:
            parts = urlsplit(address)
            if parts.scheme == "http" and parts.port != 0:
                found.append((parts.hostname != sender, parts.port or 80))
        except ValueError:
            continue
    return min(found, key=lambda one: one[0])[1] if found else None


def _probe(question: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="{ADDRESSING}">'
        f'<s:Header><a:Action s:mustUnderstand="1">{DISCOVERY}/Probe</a:Action><a:MessageID>{question}</a:MessageID>'
        f"<a:ReplyTo><a:Address>{ADDRESSING}/role/anonymous</a:Address></a:ReplyTo>"
        '<a:To s:mustUnderstand="1">urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To></s:Header>'
        f'<s:Body><d:Probe xmlns:d="{DISCOVERY}" xmlns:dn="http://www.onvif.org/ver10/network/wsdl">'
        "<d:Types>dn:NetworkVideoTransmitter</d:Types></d:Probe></s:Body></s:Envelope>"
    ).encode()
