"""Footage and weights that lie beside a checkout on some machines only: mark a test that needs one `beside`."""

from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2].parent / "shared" / "data"


def shared(name: str) -> Path | None:
    """Return the file called ``name``, or None when this machine does not have it."""
    path = FOLDER / name
    return path if path.is_file() else None
