"""Where things go when no site file says so."""

import os
from pathlib import Path


def data_home() -> Path:
    """Return $ALERTWALL_HOME, else alertwall's folder in the user's data directory."""
    if named := os.environ.get("ALERTWALL_HOME"):
        return Path(named).expanduser().absolute()
    xdg = os.environ.get("XDG_DATA_HOME")
    return (Path(xdg) if xdg else Path.home() / ".local" / "share") / "alertwall"


def demo_home() -> Path:
    """Return the demo's state folder: $ALERTWALL_HOME itself, or demo in the data folder."""
    return data_home() if os.environ.get("ALERTWALL_HOME") else data_home() / "demo"


def weights_home() -> Path:
    """Return where `alertwall models get` puts weights."""
    return data_home() / "weights"
