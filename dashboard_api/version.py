"""Which version runs."""

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed


def version() -> str:
    """Return alertwall's version."""
    try:
        return installed("alertwall")
    except PackageNotFoundError:
        return "0+unknown"
