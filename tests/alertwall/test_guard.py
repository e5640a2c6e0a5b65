"""Rooms have common names; somebody else's must not be imported in their place."""

import os
import subprocess
import sys
from pathlib import Path

from alertwall import guard


def test_own_rooms_are_accepted() -> None:
    """The tree that the tests run in is in order."""
    assert guard.strangers() == []


def test_a_foreign_room_stops_the_start(tmp_path: Path) -> None:
    """A package named `models` earlier on the path is refused before it is imported."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "__init__.py").write_text("raise SystemExit('imported the wrong one')")
    script = "import sys; sys.path.insert(0, sys.argv.pop(1)); from alertwall.__main__ import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path), "check-config"],
        cwd=guard.TREE,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert f"models: would be taken from {tmp_path}" in done.stderr
    assert "imported the wrong one" not in done.stderr


def test_a_missing_room_is_named(tmp_path: Path) -> None:
    """An incomplete copy says what it lacks."""
    assert len(guard.strangers(search=[str(tmp_path)])) == len(guard.ROOMS)
