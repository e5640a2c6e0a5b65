"""Which version runs."""

import tomllib
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from pathlib import Path

PROJECT_FILE = Path(__file__).resolve().parents[1] / "pyproject.toml"


def version() -> str:
    """Return alertwall's version: of the installed package, or of the source tree it runs from."""
    try:
        return installed("alertwall")
    except PackageNotFoundError:
        pass
    try:
        return str(tomllib.loads(PROJECT_FILE.read_text("utf-8"))["project"]["version"])
    except (OSError, tomllib.TOMLDecodeError, KeyError):
        return "0+unknown"
