"""The embedded broker: mosquitto when it is on the PATH, else iotcore as a demo broker.

Identity with mosquitto is the unit's secret (user name = client id = unit id) and a static ACL pattern, so that a unit
can only speak as itself. iotcore checks no identities and keeps nothing over a restart; its label says so.
"""

import base64
import hashlib
import hmac
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["mosquitto", "iotcore"]

CORE_USERNAME = "alertwall-core"
FOLDER = "broker"
PASSWORDS, ACL, CONF, TOML, PID, ABOUT = (
    "passwords",
    "acl",
    "mosquitto.conf",
    "iotcore.toml",
    "broker.pid",
    "about.json",
)
HASH_ITERATIONS = 101
"""mosquitto's own default; the secrets are random, so that stretching them adds nothing but connect time."""
SALT_BYTES = 12
PACKET_MAX_BYTES = 65536
QUEUED_MAX = 100_000
"""Messages that the broker keeps for a core that is away; units keep their own outbox besides."""
INFLIGHT_MAX = 1000
DROPPED_USER = "mosquitto"

_UNIT_WRITES = ("evt", "state", "conn", "info", "tel", "res")
_UNIT_READS = ("cmd", "ack", "cfg")


@dataclass(frozen=True, slots=True)
class BrokerSpec:
    """How to start the broker, and what may be said of it. ``durable``: it keeps its queue over a restart."""

    argv: list[str]
    env: dict[str, str]
    kind: Kind
    durable: bool
    port: int
    host: str = "127.0.0.1"


def hash_secret(secret: str) -> str:
    """Return what the broker keeps of a unit's secret: mosquitto's PBKDF2-SHA512 form."""
    return _hash(secret, secrets.token_bytes(SALT_BYTES), HASH_ITERATIONS)


def secret_matches(secret: str, hashed: str) -> bool:
    """Tell whether ``hashed`` was made of ``secret``."""
    try:
        _, form, iterations, salt, _ = hashed.split("$")
        again = _hash(secret, base64.b64decode(salt, validate=True), int(iterations))
    except ValueError:
        return False
    return form == "7" and hmac.compare_digest(again, hashed)


def choose() -> Kind:
    """Return which broker this machine can run."""
    return "mosquitto" if _mosquitto() else "iotcore"


def prepare(
    state_dir: Path,
    port: int,
    units: Iterable[tuple[str, str]],
    core_password: str,
    *,
    host: str = "127.0.0.1",
    kind: Kind | None = None,
) -> BrokerSpec:
    """Write the broker's files below ``state_dir`` and return how to start it; port 0 takes any free one."""
    folder = state_dir / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    port = port or _free_port(host)
    kind = kind or choose()
    if kind == "mosquitto":
        argv = [_mosquitto() or "mosquitto", "-c", str(folder / CONF)]
        user = _user_for(folder)
        _write(folder / PASSWORDS, _password_lines(f"{CORE_USERNAME}:{hash_secret(core_password)}", units), user)
        _write(folder / ACL, _acl(), user)
        _write(folder / CONF, _conf(folder, host, port, user), user)
        _give(folder, user)
    else:
        argv = [sys.executable, "-m", "alarms.demo_broker", str(folder / TOML)]
        _write(folder / TOML, _toml(host, port), None)
    spec = BrokerSpec(argv=argv, env={}, kind=kind, durable=kind == "mosquitto", port=port, host=host)
    about = {"kind": spec.kind, "durable": spec.durable, "checks_identity": kind == "mosquitto"}
    _write(folder / ABOUT, json.dumps(about), None)
    return spec


def about(state_dir: Path) -> dict[str, object] | None:
    """Return what the embedded broker of ``state_dir`` is; None when there is none."""
    try:
        said = json.loads((state_dir / FOLDER / ABOUT).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return said if isinstance(said, dict) else None


def admit(state_dir: Path, units: Iterable[tuple[str, str]]) -> bool:
    """Let exactly ``units`` (id, hash) sign in from now on; whoever is connected but no longer among them is cut.

    Returns whether a running broker was told. Only mosquitto has such a list.
    """
    folder = state_dir / FOLDER
    passwords = folder / PASSWORDS
    try:
        before = passwords.read_text("ascii")
    except OSError:
        return False
    core = next((line for line in before.splitlines() if line.startswith(f"{CORE_USERNAME}:")), None)
    if core is None:
        return False
    after = _password_lines(core, units)
    if after == before:
        return True
    _write(passwords, after, _user_for(folder))
    return _hang_up(folder / PID)


def _password_lines(core: str, units: Iterable[tuple[str, str]]) -> str:
    return "\n".join([core, *(f"{unit_id}:{hashed}" for unit_id, hashed in units if hashed.startswith("$7$"))]) + "\n"


def _acl() -> str:
    unit = [f"pattern write aw/1/u/%u/{leaf}" for leaf in _UNIT_WRITES]
    unit += [f"pattern read aw/1/u/%u/{leaf}" for leaf in _UNIT_READS]
    return "\n".join(["user " + CORE_USERNAME, "topic readwrite aw/#", "topic read $SYS/#", "", *unit]) + "\n"


def _conf(folder: Path, host: str, port: int, user: str | None) -> str:
    lines = [
        f"listener {port} {host}",
        "allow_anonymous false",
        "use_username_as_clientid true",
        f"password_file {folder / PASSWORDS}",
        f"acl_file {folder / ACL}",
        f"pid_file {folder / PID}",
        "persistence true",
        f"persistence_location {folder}/",
        "autosave_interval 5",
        f"max_packet_size {PACKET_MAX_BYTES}",
        f"max_queued_messages {QUEUED_MAX}",
        f"max_inflight_messages {INFLIGHT_MAX}",
        "persistent_client_expiration 30d",
        "log_dest stderr",
        "log_type error",
        "log_type warning",
    ]
    if user is not None:
        lines.append(f"user {user}")
    return "\n".join(lines) + "\n"


def _toml(host: str, port: int) -> str:
    return f"""\
id = 0

[router]
id = 0
max_connections = 10010
max_outgoing_packet_count = 200
max_segment_size = 104857600
max_segment_count = 10

[v4.1]
name = "units"
listen = "{host}:{port}"
next_connection_delay_ms = 1

[v4.1.connections]
connection_timeout_ms = 60000
max_payload_size = {PACKET_MAX_BYTES}
max_inflight_count = {INFLIGHT_MAX}
dynamic_filters = true
"""


def _hash(secret: str, salt: bytes, iterations: int) -> str:
    digest = hashlib.pbkdf2_hmac("sha512", secret.encode(), salt, iterations)
    return f"$7${iterations}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def _mosquitto() -> str | None:
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _user_for(folder: Path) -> str | None:
    """Return the user that mosquitto must become when root starts it; None: it stays who we are.

    It drops root by itself, and would then neither read its files nor reach a folder below a closed home.
    """
    if os.geteuid() != 0:
        return None
    reachable = all(parent.stat().st_mode & 0o001 for parent in folder.resolve().parents)
    return DROPPED_USER if reachable and _uid(DROPPED_USER) is not None else "root"


def _uid(user: str) -> tuple[int, int] | None:
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        return None
    return entry.pw_uid, entry.pw_gid


def _give(path: Path, user: str | None) -> None:
    if user is not None and (owner := _uid(user)) is not None:
        os.chown(path, *owner)


def _write(path: Path, text: str, user: str | None) -> None:
    """Replace a file at once: the broker never reads half of it."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    with fresh.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    _give(fresh, user)
    fresh.replace(path)


def _hang_up(pid_file: Path) -> bool:
    """Let mosquitto read its files again; only a process that is mosquitto gets the signal."""
    try:
        pid = int(pid_file.read_text("ascii").strip())
        name = Path(f"/proc/{pid}/comm").read_text("ascii").strip()
    except (OSError, ValueError):
        return False
    if name != "mosquitto":
        return False
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGHUP)
        return True
    return False
