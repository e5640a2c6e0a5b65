"""Refuse to start when a room would be imported from somewhere else: `models` and `configs` are common names.

Imports nothing but the standard library, so that it can run before any room does.
"""

import sys
from collections.abc import Sequence
from importlib.machinery import PathFinder
from pathlib import Path

ROOMS = ("models", "configs", "ingest", "analytics", "alarms", "dashboard_api")
TREE = Path(__file__).resolve().parent.parent


def strangers(tree: Path = TREE, search: Sequence[str] | None = None) -> list[str]:
    """Return one line for each room that would not come from ``tree``."""
    lines = []
    for room in ROOMS:
        loaded = getattr(sys.modules.get(room), "__file__", None) if search is None else None
        spec = None if loaded else PathFinder.find_spec(room, search)
        origin = loaded or (spec.origin if spec else None)
        if origin is None:
            lines.append(f"{room}: not found; it belongs in {tree}")
        elif Path(origin).resolve() != tree / room / "__init__.py":
            lines.append(f"{room}: would be taken from {origin}, not from {tree}")
    return lines


def insist() -> None:
    """End the process with a plain message unless every room is alertwall's own."""
    if lines := strangers():
        sys.exit("alertwall: refuses to start, another package stands in the way of its own:\n  " + "\n  ".join(lines))
