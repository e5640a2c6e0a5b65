"""Finding and ending what a run left: by mark, by list, and never a stranger."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from alertwall import sweep

SLEEPER = [sys.executable, "-IS", "-c", "import time; print('x', flush=True); time.sleep(600)"]


@pytest.fixture
def unmarked() -> Iterator[subprocess.Popen[bytes]]:
    """A process whose environment says nothing, as that of another user."""
    with subprocess.Popen(SLEEPER, env={}, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def test_the_list_finds_what_carries_no_mark(tmp_path: Path, unmarked: subprocess.Popen[bytes]) -> None:
    """Of the wanted run only, or of any."""
    sweep.write_list(str(tmp_path), "run-1", [unmarked.pid])
    assert sweep.left(str(tmp_path)) == [unmarked.pid]
    assert sweep.left(str(tmp_path), "run-1") == [unmarked.pid]
    assert sweep.left(str(tmp_path), "run-2") == []
    assert sweep.sweep(str(tmp_path), "run-2") == 0
    assert unmarked.poll() is None
    assert sweep.sweep(str(tmp_path)) == 1
    assert unmarked.wait(5) < 0


@pytest.mark.parametrize("start", ["+1", "0"])
def test_a_number_given_to_another_process_is_left_alone(
    tmp_path: Path, unmarked: subprocess.Popen[bytes], start: str
) -> None:
    """The list says when its process started; another start is another process."""
    ticks = sweep.started_at(unmarked.pid) + 1 if start == "+1" else 0
    (tmp_path / sweep.LIST_FILE).write_text(f"{sweep.boot()} run {unmarked.pid} {ticks}\n")
    assert sweep.sweep(str(tmp_path)) == 0
    assert unmarked.poll() is None


def test_a_list_from_before_the_machine_started_says_nothing(tmp_path: Path, unmarked: subprocess.Popen[bytes]) -> None:
    """Numbers and times begin anew then."""
    (tmp_path / sweep.LIST_FILE).write_text(f"before run {unmarked.pid} {sweep.started_at(unmarked.pid)}\n")
    assert sweep.left(str(tmp_path)) == []


@pytest.mark.parametrize("text", ["", "nonsense\n", "a b c d\n", "\0"])
def test_a_broken_list_is_no_obstacle(tmp_path: Path, text: str) -> None:
    """As after a full disk."""
    (tmp_path / sweep.LIST_FILE).write_text(text)
    assert sweep.left(str(tmp_path)) == []


def test_a_process_that_ended_has_no_start(unmarked: subprocess.Popen[bytes]) -> None:
    """Also while nobody has asked for its exit code."""
    assert sweep.started_at(unmarked.pid) > 0
    assert sweep.name_of(unmarked.pid).startswith("python")
    unmarked.kill()
    os.waitid(os.P_PID, unmarked.pid, os.WEXITED | os.WNOWAIT)
    assert sweep.started_at(unmarked.pid) == 0
