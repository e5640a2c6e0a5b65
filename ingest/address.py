"""From a typed camera record to an address that may be dialled: the guard against requests to foreign hosts.

The record is checked field by field, its host is resolved once, every answer must lie inside the site's
networks, and it is the checked address that is dialled, so a second answer of a resolver changes nothing.
"""

import re
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from ingest.failures import LinkFailure
from models.camera import CameraSource, Scheme
from models.errors import BadInput, ConfigError

Network = IPv4Network | IPv6Network
Resolver = Callable[[str, int], Sequence[str]]

HOST_MAX_CHARS = 253
PATH_MAX_CHARS = 1024
NAME_MAX_CHARS = 128
SCHEMES = tuple(Scheme)
FILE_HOST = "localhost"
"""Of ``file``, as in RFC 8089; nothing is dialled."""

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE)
_NUMBER_LIKE = re.compile(r"(0x[0-9a-f]*|[0-9]+)", re.IGNORECASE)
_PATH = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@%/?\[\]|-]*")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})|%0[0-9A-Fa-f]|%1[0-9A-Fa-f]|%7[fF]")


def networks(texts: Iterable[str], *, key: str = "ingest.allowed_networks") -> tuple[Network, ...]:
    """Read a site's list of camera networks."""
    found = []
    for index, text in enumerate(texts):
        try:
            found.append(ip_network(text))
        except ValueError:
            raise ConfigError(f"{key}[{index}]", f"a network such as 10.1.0.0/16, not {text!r}") from None
    return tuple(found)


def check_path(path: str, *, field: str = "path") -> None:
    """Raise `BadInput` unless ``path`` is a plain absolute URL path, perhaps with a query."""
    if len(path) > PATH_MAX_CHARS or not _PATH.fullmatch(path) or _BAD_ESCAPE.search(path):
        raise BadInput(field, "a path such as /stream1, without spaces or control characters")


def check_host(host: str) -> None:
    """Raise `BadInput` unless ``host`` is an IP address in its usual form or a host name."""
    expected = "an IP address or a host name"
    if not host or len(host) > HOST_MAX_CHARS or not host.isascii():
        raise BadInput("host", expected)
    if _literal(host) is not None:
        return
    labels = host.split(".")
    if not all(_LABEL.fullmatch(label) for label in labels):
        raise BadInput("host", expected)
    # 2130706433, 0x7f.1 and 127.1 are loopback to a resolver: what ends like a number must be an address
    if _NUMBER_LIKE.fullmatch(labels[-1]):
        raise BadInput("host", expected)


def check_source(source: CameraSource, *, sub_path: str | None = None) -> None:
    """Raise `BadInput` naming the first field that cannot be; asks no resolver."""
    for problem in source_problems(source, sub_path=sub_path):
        raise problem


def source_problems(source: CameraSource, *, sub_path: str | None = None) -> Iterator[BadInput]:
    """Yield what is wrong with each field; of an unknown scheme only that."""
    if source.scheme not in SCHEMES:
        yield BadInput("scheme", ", ".join(SCHEMES))
        return
    if source.scheme == Scheme.WHIP:
        yield from _pushed_problems(source, sub_path)
        return
    checks: list[Callable[[], None]] = [
        lambda: _check_host_of(source),
        lambda: _check_port(source.port),
        lambda: check_path(source.path),
        lambda: check_path(sub_path, field="sub_path") if sub_path is not None else None,
        lambda: check_credential(source.username, field="username"),
    ]
    for check in checks:
        try:
            check()
        except BadInput as problem:
            yield problem


def _check_host_of(source: CameraSource) -> None:
    check_host(source.host)
    if source.scheme == Scheme.FILE and source.host != FILE_HOST:
        raise BadInput("host", f"{FILE_HOST}, since a file is on the worker's own disk")


def _check_port(port: int) -> None:
    if not isinstance(port, int) or not 1 <= port <= 65_535:
        raise BadInput("port", "a number from 1 to 65535")


def _pushed_problems(source: CameraSource, sub_path: str | None) -> Iterator[BadInput]:
    """Yield the parts of an address that a camera that pushes has: nobody dials it."""
    for field, said, wanted in (
        ("host", source.host, ""),
        ("port", source.port, 0),
        ("path", source.path, "/"),
        ("username", source.username, ""),
        ("sub_path", sub_path, None),
    ):
        if said != wanted:
            yield BadInput(field, f"{wanted or 'nothing'!r}, since a camera that pushes is not dialled")


def check_credential(text: str, *, field: str) -> None:
    """Raise `BadInput` when a user name or password could not stand in a header line."""
    if len(text) > NAME_MAX_CHARS or not text.isprintable() or (field == "username" and set(text) & set('":\\')):
        raise BadInput(field, f"at most {NAME_MAX_CHARS} printable characters")


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    if "%" in host:  # a zone index picks an interface of ours
        return None
    try:
        address = ip_address(host)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def resolve(host: str, port: int) -> list[str]:
    """Ask the system's resolver."""
    return [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def check(
    source: CameraSource, allowed_networks: Sequence[Network], *, resolver: Resolver = resolve
) -> tuple[str, int]:
    """Return the (ip, port) to dial; `BadInput` when it must not be, `LinkFailure` when the name is unknown."""
    check_source(source)
    if source.scheme in (Scheme.FILE, Scheme.WHIP):
        raise BadInput("scheme", "one that is dialled")
    literal = _literal(source.host)
    if literal is not None:
        found = [literal]
    else:
        try:
            answers = resolver(source.host, source.port)
        except OSError:
            raise LinkFailure(source.host, "host name not found") from None
        found = [address for address in map(_literal, answers) if address is not None]
        if not found or len(found) != len(answers):
            raise LinkFailure(source.host, "host name not found")
    for address in found:
        if not any(address in network for network in allowed_networks):
            raise BadInput("host", f"an address inside the site's camera networks ({address} is not)")
    return str(found[0]), source.port


def request_url(source: CameraSource) -> str:
    """Return the URL that stands in requests: the host as registered, never a user name or password."""
    host = f"[{source.host}]" if ":" in source.host else source.host
    scheme = {Scheme.WHEP: "http", Scheme.WHEPS: "https"}.get(source.scheme, Scheme(source.scheme).value)
    return f"{scheme}://{host}:{source.port}{source.path}"
