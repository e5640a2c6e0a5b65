"""Footage and weights that lie beside a checkout on some machines only; what needs them says so and is skipped."""

from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2].parent / "shared" / "data"


def shared(name: str) -> Path | None:
    """Return the file called ``name``, or None, saying so, when this machine does not have it."""
    path = FOLDER / name
    if path.is_file():
        return path
    print(f"{name} is not beside this checkout: skipped")  # noqa: T201 - seen with -rs
    return None
