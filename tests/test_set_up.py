"""Set-up: done once, done again when what it was made from changed, and refusals that say what to do."""

import importlib
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the scripts of tools/ importable, as they are for each other."""
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    return ROOT / "tools"


@pytest.fixture
def set_up(tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return tools/set_up.py, at work in an empty clone."""
    assert tools.is_dir()
    module = importlib.import_module("set_up")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    (tmp_path / "venv").mkdir()
    monkeypatch.setattr(module, "STAMPS", tmp_path / "venv" / "stamps")
    return module


@pytest.mark.parametrize(
    ("said", "words", "shown"),
    [
        (["Installing", "ERROR: [Errno 28] No space left on device", "bye"], "the disk is full. ", 1),
        (["npm error code ENOSPC"], "the disk is full. ", 1),
        (["connect ECONNREFUSED 127.0.0.1:9", "at node:9"], "is there a network? ", 1),
        (["Temporary failure in name resolution"], "is there a network? ", 1),
        (["ERROR: No matching distribution found for openvino"], "not offered for this Python and this system. ", 1),
        (["SyntaxError", "in line 3"], "", 2),
    ],
)
@pytest.mark.usefixtures("tools")
def test_a_known_cause_is_said_in_words(said: list[str], words: str, shown: int) -> None:
    """With the line that shows it; all that is known when the cause is not."""
    why, lines = importlib.import_module("progress").explain(said)
    assert why.endswith(words)
    assert len(lines) == shown


@pytest.mark.usefixtures("tools")
def test_the_line_shown_is_the_one_that_tells_most() -> None:
    """One program repeats its error word by word, another warns before it gives up."""
    explain = importlib.import_module("progress").explain
    fetch = "npm error FetchError: request to http://127.0.0.1:9/x failed, reason: connect ECONNREFUSED 127.0.0.1:9"
    assert explain(["npm error code ECONNREFUSED", fetch, "  errno: 'ECONNREFUSED'"])[1] == [fetch]
    assert explain(["WARNING: Retrying ... NewConnectionError(" + "x" * 400, "bye"])[1][0].startswith("WARNING")


@pytest.mark.usefixtures("tools")
def test_a_failed_command_reads_as_what_the_user_should_know() -> None:
    """No traceback of ours, the command itself, what it said."""
    progress = importlib.import_module("progress")
    script = "import sys; print('ENOTFOUND registry'); sys.exit(1)"
    with pytest.raises(progress.Failed, match=r"(?s)is there a network\? `.*-c.*` failed:\n    ENOTFOUND registry"):
        progress.run([sys.executable, "-c", script])


def test_a_step_is_done_once_for_the_same_things(set_up: ModuleType, tmp_path: Path) -> None:
    """And again when they changed, or when it failed half-way."""
    source = tmp_path / "a.txt"
    source.write_text("1")
    done: list[str] = []
    set_up.once("a", set_up.digest([source]), lambda: done.append("first"))
    set_up.once("a", set_up.digest([source]), lambda: done.append("never"))
    source.write_text("2")

    def fail() -> None:
        done.append("failed")
        raise OSError("full")

    with pytest.raises(OSError, match="full"):
        set_up.once("a", set_up.digest([source]), fail)
    set_up.once("a", set_up.digest([source]), lambda: done.append("again"))
    assert done == ["first", "failed", "again"]


@pytest.mark.parametrize(
    ("version", "usable"), [("v20.1.0", True), ("v24.0.0", True), ("v18.19.0", False), ("", False)]
)
def test_an_old_node_is_not_used(
    set_up: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, *, usable: bool
) -> None:
    """Then it comes from the wheel."""
    for name, text in (("node", f"#!/bin/sh\necho {version}\n"), ("npm", "#!/bin/sh\n")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path) + os.pathsep + "/bin")
    assert (set_up.node_bin() is not None) is usable


def test_the_command_works_from_any_folder(set_up: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It finds the rooms of its own clone, whatever the folder it is called in holds under their names."""
    clone, elsewhere = tmp_path / "a clone", tmp_path / "elsewhere"
    (clone / "bin").mkdir(parents=True)
    (elsewhere / "models").mkdir(parents=True)
    (elsewhere / "models" / "__init__.py").write_text("raise ImportError")
    monkeypatch.setattr(set_up, "ROOT", ROOT)
    python = clone / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    monkeypatch.setattr(set_up, "PYTHON", python)
    set_up.command()
    made = clone / "bin" / "alertwall"
    assert os.access(made, os.X_OK)
    said = subprocess.run([made, "models", "list"], cwd=elsewhere, capture_output=True, text=True, check=True)
    assert "nanodet" in said.stdout


def test_a_full_disk_is_said_before_anything_is_half_installed(
    set_up: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 2 and a plain message."""
    monkeypatch.setitem(set_up.FREE_AT_LEAST_MB, "demo", 10**9)
    assert set_up.main("demo") == 2
    assert "is too full" in capsys.readouterr().err


def test_a_python_is_found_by_any_shell() -> None:
    """The Makefile asks for it with nothing but sh; none at all is a plain message."""
    script = str(ROOT / "tools" / "find_python.sh")
    found = subprocess.run(["/bin/sh", script], capture_output=True, text=True, check=True)
    assert Path(found.stdout.strip()).exists()
    none = subprocess.run(
        ["/bin/sh", script], env={"PATH": "/nonexistent"}, capture_output=True, text=True, check=False
    )
    assert none.returncode == 2
    assert "alertwall needs Python 3.11 or newer" in none.stderr
