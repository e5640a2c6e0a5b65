"""`make test`: the wall's tests, then all others. Further arguments go to pytest."""

import subprocess
import sys
from pathlib import Path

from set_up import WALL, npm_command

ROOT = Path(__file__).resolve().parent.parent


def main(arguments: list[str]) -> int:
    """Run both suites, whatever the first one says."""
    wall_status = 0
    if (WALL / "package.json").is_file():
        npm, env = npm_command()
        wall_status = subprocess.run([*npm, "run", "--silent", "test"], cwd=WALL, env=env, check=False).returncode
    status = subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=ROOT, check=False).returncode
    return status or wall_status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
