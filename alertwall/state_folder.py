"""The state folder: whose it is right now, and the small files that alertwall's own processes share."""

import contextlib
import fcntl
import json
import os
import secrets
from pathlib import Path
from typing import Any, Self

from configs.site import RUNTIME_FILE, TOKEN_FILE
from models.errors import AlertwallError

LOCK_FILE = "run.lock"
TOKEN_BYTES = 32


class Refused(AlertwallError):
    """alertwall cannot start here; reads as what the user should do. Exit code 2."""


class InUse(Refused):
    """Another supervisor holds this state folder."""


class StateFolder:
    """Held by one supervisor at a time; the lock ends with the process however it ends."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None

    def __enter__(self) -> Self:
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self.path / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as failed:
            raise Refused(f"state_dir: {self.path} cannot be used: {failed.strerror}") from failed
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(lock, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(lock)
            raise InUse(
                f"another alertwall runs on {self.path} (process {holder}); one state folder is for one of them"
            ) from None
        os.ftruncate(lock, 0)
        os.write(lock, str(os.getpid()).encode())
        self._lock = lock
        return self

    def __exit__(self, *_: object) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def runtime(self) -> dict[str, Any]:
        """Return where the embedded parts were started last time."""
        try:
            said = json.loads((self.path / RUNTIME_FILE).read_text("utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        return said if isinstance(said, dict) else {}

    def set_runtime(self, **changed: Any) -> None:
        """Tell alertwall's own processes where an embedded part listens."""
        write_private(self.path / RUNTIME_FILE, json.dumps({**self.runtime(), **changed}, indent=2))


def make_internal_token(state_dir: Path) -> None:
    """Make what alertwall's own processes show each other, once; whoever is first decides."""
    path = state_dir / TOKEN_FILE
    if path.exists():
        return
    mine = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    write_private(mine, secrets.token_urlsafe(TOKEN_BYTES))
    with contextlib.suppress(FileExistsError):
        path.hardlink_to(mine)
    mine.unlink()


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, all of it or nothing."""
    part = path.with_name(f".{path.name}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
