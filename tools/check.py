"""`make check`: lint, format, types and laws over Python and the wall. Runs all, then says which failed."""

import os
import subprocess
import sys
from pathlib import Path

from set_up import WALL, npm_command

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable


def main() -> int:
    """Run every check; return 1 when one fails."""
    checks: list[tuple[str, list[str], Path, dict[str, str]]] = [
        ("ruff check", [PYTHON, "-m", "ruff", "check", "."], ROOT, dict(os.environ)),
        ("ruff format", [PYTHON, "-m", "ruff", "format", "--check", "."], ROOT, dict(os.environ)),
        ("mypy", [PYTHON, "-m", "mypy"], ROOT, dict(os.environ)),
        ("laws", [PYTHON, "tools/check_laws.py"], ROOT, dict(os.environ)),
    ]
    if (WALL / "package.json").is_file():
        npm, env = npm_command()
        checks.append(("tsc", [*npm, "run", "--silent", "check"], WALL, env))
    failed = []
    for title, command, folder, env in checks:
        print(f"== {title}", flush=True)
        if subprocess.run(command, cwd=folder, env=env, check=False).returncode:
            failed.append(title)
    print(f"check: {'failed: ' + ', '.join(failed) if failed else 'all in order'}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
