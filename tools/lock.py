"""`make lock`: pin requirements/*.in with hashes, for every platform and Python that we support."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OPTIONS = ("--universal", "--python-version", "3.11", "--generate-hashes", "--no-header", "--quiet")


def main() -> int:
    """Compile each file; stop at the first that cannot be resolved."""
    for name in ("base", "demo", "dev", "node"):
        said, pinned = f"requirements/{name}.in", f"requirements/{name}.txt"
        no_dependencies = ["--no-deps"] if name == "demo" else []
        command = [sys.executable, "-m", "uv", "pip", "compile", *OPTIONS, *no_dependencies, "-o", pinned, said]
        status = subprocess.run(command, cwd=ROOT, check=False).returncode
        if status:
            return status
        print(pinned)
    return 0


if __name__ == "__main__":
    sys.exit(main())
