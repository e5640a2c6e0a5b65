# ruff: noqa: PTH105, PTH118, PTH123, PTH208  (pathlib costs this small process a quarter of its memory)
"""End every process of one run: `python sweep.py STATE_DIR RUN` waits until its standard input closes, then does so.

The kernel ends tethered parts with their supervisor, but forgets that wish when a program changes its user, and never
knew what the parts started themselves. So one small process waits for the supervisor's end, however it comes. It
finds processes in two ways: by a mark in their environment, and by the list that the supervisor keeps, since another
user's environment cannot be read without more rights than root has in many containers.

A script of its own: its memory counts. Nothing but the standard library, and little of that.
"""

import os
import signal
import sys
import time

STATE_MARK = "ALERTWALL_OF"
"""In the environment of every process of one state folder; its value is that folder."""
RUN_MARK = "ALERTWALL_RUN"
"""Likewise, of one run on it."""
LIST_FILE = "processes"
ASKED_FOR_S = 1.0
ENDED_WITHIN_S = 4.0
LOOK_EVERY_S = 0.02


def marked(name: str, value: str) -> list[int]:
    """Return the running processes whose environment says so."""
    mark = os.fsencode(f"{name}={value}")
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) != os.getpid() and started_at(int(entry)):
            try:
                with open(f"/proc/{entry}/environ", "rb") as file:
                    if mark in file.read().split(b"\0"):
                        found.append(int(entry))
            except OSError:  # it ended meanwhile, or belongs to another user
                continue
    return found


def started_at(pid: int) -> int:
    """Return when a running process started, in clock ticks since the machine did; 0 when there is none."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return 0
    return 0 if fields[0] in (b"Z", b"X") else int(fields[19])


def name_of(pid: int) -> str:
    """Return the program's name as the kernel has it."""
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""


def boot() -> str:
    """Return what names the time since the machine started."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return "unknown"


def write_list(state_dir: str, run: str, pids: list[int]) -> None:
    """Keep which processes ``run`` has started."""
    path = os.path.join(state_dir, LIST_FILE)
    with open(f"{path}.part", "w", encoding="ascii") as file:
        file.writelines(f"{boot()} {run} {pid} {started_at(pid)}\n" for pid in pids)
    os.replace(f"{path}.part", path)


def listed(state_dir: str, run: str | None = None) -> list[int]:
    """Return those of the list that still run: the same process, not one that was given its number later."""
    found = []
    try:
        with open(os.path.join(state_dir, LIST_FILE), encoding="ascii") as file:
            for line in file:
                of_boot, of_run, pid, started = line.split()
                same = of_boot == boot() and 0 < int(started) == started_at(int(pid))
                if same and run in (None, of_run):
                    found.append(int(pid))
    except (OSError, ValueError):
        pass
    return [pid for pid in found if pid != os.getpid()]


def left(state_dir: str, run: str | None = None) -> list[int]:
    """Return what runs of ``run``, or of any run on ``state_dir``."""
    mark = marked(STATE_MARK, state_dir) if run is None else marked(RUN_MARK, run)
    return sorted({*mark, *listed(state_dir, run)})


def sweep(state_dir: str, run: str | None = None) -> int:
    """End them all, first politely; return how many there were.

    A database server is asked for its immediate stop, so that its own children end with it.
    """
    there = left(state_dir, run)
    seen = set(there)
    for pid in there:
        _send(pid, signal.SIGQUIT if name_of(pid) == "postgres" else signal.SIGTERM)
    started_s = time.monotonic()
    while there and time.monotonic() - started_s < ENDED_WITHIN_S:
        time.sleep(LOOK_EVERY_S)
        there = left(state_dir, run)
        seen.update(there)
        if time.monotonic() - started_s > ASKED_FOR_S:
            for pid in there:
                _send(pid, signal.SIGKILL)
    return len(seen)


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except OSError:  # gone already
        return


def main(state_dir: str, run: str) -> None:
    """Wait for the end of whoever holds the other end of standard input."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    while os.read(0, 64):
        pass
    sweep(state_dir, run)


if __name__ == "__main__":
    main(*sys.argv[1:])
