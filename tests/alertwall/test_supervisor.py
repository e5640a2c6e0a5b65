"""The supervisor over real processes: killed ones come back, and nothing stays behind."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from alertwall.sweep import left, sweep
from tests.alertwall.supervised import PARTS

REPAIRED_WITHIN_S = 2.0
STOPPED_WITHIN_S = 10.0
GONE_WITHIN_S = 3.0
T = TypeVar("T")


def eventually(question: Callable[[], T], within_s: float) -> T:
    """Ask until the answer is true; fail after ``within_s``."""
    deadline_s = time.monotonic() + within_s
    while not (answer := question()):
        if time.monotonic() > deadline_s:
            pytest.fail(f"not within {within_s:g} s")
        time.sleep(0.01)
    return answer


def pids(folder: Path) -> dict[str, int]:
    """Return the parts' process ids once all are known."""
    with contextlib.suppress(FileNotFoundError):
        said: dict[str, int | None] = json.loads((folder / "pids.json").read_text())
        if None not in said.values() and set(said) == {*PARTS, "warden"}:
            return {name: pid for name, pid in said.items() if pid}
    return {}


def said_by(part: str, folder: Path) -> str:
    path = folder / "logs" / f"{part}.log"
    return path.read_text() if path.exists() else ""


@pytest.fixture
def running(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "tests.alertwall.supervised", str(tmp_path)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: pids(tmp_path), 20)
        eventually(lambda: len(left(str(tmp_path))) == 5, 20)
        eventually(lambda: "deaf" in said_by("stubborn", tmp_path), 20)
        yield process
    finally:
        process.kill()
        process.wait()
        sweep(str(tmp_path))


@pytest.mark.parametrize("name", [*sorted(PARTS), "warden"])
def test_a_killed_part_is_back_within_two_seconds(running: subprocess.Popen[bytes], tmp_path: Path, name: str) -> None:
    """`kill -9` of a part is repaired, and the others keep their processes."""
    before = pids(tmp_path)
    os.kill(before[name], signal.SIGKILL)
    after = eventually(
        lambda: now if (now := pids(tmp_path)).get(name, before[name]) != before[name] else {}, REPAIRED_WITHIN_S
    )
    assert {part: pid for part, pid in after.items() if part != name} == {
        part: pid for part, pid in before.items() if part != name
    }


def test_a_killed_part_leaves_no_children(running: subprocess.Popen[bytes], tmp_path: Path) -> None:
    """What a part had started is swept away before the part starts again."""
    before = set(left(str(tmp_path)))
    os.kill(pids(tmp_path)["parent"], signal.SIGKILL)
    eventually(lambda: len(now := set(left(str(tmp_path)))) == 5 and len(now - before) == 2, REPAIRED_WITHIN_S)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_everything(running: subprocess.Popen[bytes], tmp_path: Path, number: signal.Signals) -> None:
    """Also a part that ignores the polite signal, and what a part started."""
    running.send_signal(number)
    assert running.wait(STOPPED_WITHIN_S) == 0
    assert left(str(tmp_path)) == []


def test_a_killed_supervisor_takes_everything_along(running: subprocess.Popen[bytes], tmp_path: Path) -> None:
    """Also a part that ignores the polite signal, what a part started itself, and a part with another environment."""
    running.kill()
    running.wait()
    eventually(lambda: left(str(tmp_path)) == [], GONE_WITHIN_S)


def test_what_outlived_supervisor_and_warden_is_found_by_the_next_start(
    running: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    """Nobody is left to see it, so the kernel ends what is tethered, and the next start the rest."""
    mine = pids(tmp_path)
    running.send_signal(signal.SIGSTOP)  # or it would start another warden
    os.kill(mine["warden"], signal.SIGKILL)
    running.kill()
    running.wait()
    eventually(lambda: not {mine["sleeper"], mine["parent"]} & set(left(str(tmp_path))), REPAIRED_WITHIN_S)
    assert mine["stubborn"] in left(str(tmp_path))
    assert sweep(str(tmp_path)) == 2  # the stubborn one, and the parent's child
    assert left(str(tmp_path)) == []


def test_what_a_part_says_is_kept_with_time_and_name(running: subprocess.Popen[bytes], tmp_path: Path) -> None:
    """Each part has its file; a bare line is given the time and the part's name."""
    line = eventually(lambda: said_by("sleeper", tmp_path), REPAIRED_WITHIN_S)
    assert line.endswith("Z sleeper INFO asleep\n")
