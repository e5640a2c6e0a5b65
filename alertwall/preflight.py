"""What would stop a start half-way is found before anything starts, and said in the user's own keys."""

import contextlib
import errno
import shutil
import socket
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import configs
from alertwall.state_folder import Refused
from configs import refusals
from configs.site import Site
from models.errors import ConfigError

DETECTORS = Path(configs.__file__).parent / "detectors"
PLUGINS = "alertwall.detectors"
"""Entry points of other packages' detectors."""
NEEDS_NO_WEIGHTS = "moving-object"
START_FREE_AT_LEAST_MB = 300
"""The embedded database alone writes about 100 MB at its first start."""


def check(site: Site) -> None:
    """Raise `Refused` when a port is taken or the disk is full, `ConfigError` when there is no such detector."""
    check_detector(site)
    check_disk("state_dir", site.state_dir)
    check_disk("media_dir", site.media_dir)
    check_port("api.port", site.api.host, site.api.port)
    if site.broker.url is None:
        check_port("broker.embedded_port", site.broker.embedded_host, site.broker.embedded_port)
    check_restream(site)


def check_restream(site: Site) -> None:
    """Raise `Refused` when the port at which a worker streams its cameras again is taken."""
    if site.ingest.restream_port:
        for number in range(site.workers):
            check_port("ingest.restream_port", site.ingest.restream_host, site.ingest.restream_port + number)


def check_detector(site: Site) -> str:
    """Return what must be said about the detector's weights, or nothing; `ConfigError` when there is no such detector.

    Reads no more of the sidecars than it needs: analytics itself would cost the supervisor's memory.
    """
    name = site.analytics.detector
    if name == NEEDS_NO_WEIGHTS:
        return ""
    files: dict[str, str] = {}
    for path in (*DETECTORS.glob("*.toml"), *site.weights_dir.glob("*.toml")):
        with contextlib.suppress(OSError, ValueError):  # a broken sidecar of another detector is no obstacle
            said = tomllib.loads(path.read_text("utf-8"))
            files[str(said.get("name"))] = str(said.get("file"))
    if name not in files:
        if entry_points(group=PLUGINS, name=name):
            return ""  # it knows itself whether it has what it needs
        expected = f"needs one of {', '.join(sorted([*files, NEEDS_NO_WEIGHTS]))}, has '{name}'"
        raise ConfigError("analytics.detector", expected + refusals.nearest(name, files))
    if (site.weights_dir / files[name]).is_file():
        return ""
    return (
        f"the weights of {name} are not in {site.weights_dir}: until they are there, only moving objects are detected."
        f" `alertwall models get {name} -c ...` fetches them, or says where to put them; start again afterwards."
    )


def check_disk(key: str, folder: Path) -> None:
    """Raise `Refused` when ``folder``, or where it will be, has no room."""
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free_mb = shutil.disk_usage(there).free // 1_000_000
    if free_mb < START_FREE_AT_LEAST_MB:
        raise Refused(f"{key}: the disk of {folder} is full: {free_mb} MB free, {START_FREE_AT_LEAST_MB} MB needed")


def check_port(key: str, host: str, port: int) -> None:
    """Raise `Refused` when ``host``:``port`` cannot be listened on; 0 is any free port."""
    if port == 0:
        return
    try:
        probe(host, port)
    except OverflowError:
        raise Refused(f"{key}: there is no port {port}: choose a lower one") from None
    except OSError as failed:
        if failed.errno == errno.EADDRINUSE:
            raise Refused(f"{key}: port {port} of {host} is taken by another program") from failed
        if failed.errno == errno.EACCES:
            raise Refused(f"{key}: port {port} needs more rights than this user has") from failed
        raise Refused(f"{key}: {host} port {port} cannot be listened on: {failed.strerror or failed}") from failed


def probe(host: str, port: int) -> int:
    """Listen for a moment and return the port that was got."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        tried.bind((host, port))
        tried.listen(1)
        return int(tried.getsockname()[1])


def free_port(host: str, wanted: int | None = None) -> int:
    """Return ``wanted`` when it is free, else any free port."""
    if wanted:
        try:
            return probe(host, wanted)
        except OSError:
            pass  # taken meanwhile: any other will do
    return probe(host, 0)
