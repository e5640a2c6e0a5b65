"""`make test`: the wall's tests, then all others. Further arguments go to pytest.

Those that hold a measured time against a limit (marker `alone`) run one after the other, after the rest, which runs on
all cores: each worker has servers of its own, and the demo of the end-to-end tests is started once in each part.
"""

import os
import subprocess
import sys
from pathlib import Path

from set_up import WALL, npm_command

ROOT = Path(__file__).resolve().parent.parent
WORKERS_MAX = 8
"""Each has a database in memory, brokers and cameras; the demo is the longest part from four on."""
NOTHING_FOUND = 5
"""pytest's exit status when no test was chosen."""
INTERRUPTED = 2


def main(arguments: list[str]) -> int:
    """Run all suites, whatever the first ones say."""
    wall_status = 0
    if (WALL / "package.json").is_file():
        npm, env = npm_command()
        wall_status = subprocess.run([*npm, "run", "--silent", "test"], cwd=WALL, env=env, check=False).returncode
    return python_tests(arguments) or wall_status


def python_tests(arguments: list[str]) -> int:
    """Run what may run in parallel, then what may not; return the first status that is bad."""
    workers = min(
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, WORKERS_MAX
    )
    if workers < 2:
        return pytest(arguments)
    parallel = pytest(
        ["-n", str(workers), "--dist", "loadfile", "--no-loadscope-reorder", "-m", "not alone", *arguments]
    )
    if parallel == INTERRUPTED:
        return parallel
    alone = pytest(["-m", "alone", *arguments])
    if NOTHING_FOUND in (parallel, alone):
        return min(parallel, alone)
    return parallel or alone


def pytest(arguments: list[str]) -> int:
    return subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
