"""Progress of long steps, and commands whose output only matters when they fail. Python's own library alone."""

import collections
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

BAR_WIDTH = 24
REDRAW_S = 0.5
LINES_SHOWN_ON_FAILURE = 25
LINE_SHOWN = 300
NO_NETWORK = (
    "Temporary failure in name resolution",
    "Name or service not known",
    "Network is unreachable",
    "EAI_AGAIN",
    "ENOTFOUND",
    "ECONNREFUSED",
    "ETIMEDOUT",
    "Connection refused",
    "NewConnectionError",
)
KNOWN_CAUSES = {
    "the disk is full. ": ("No space left on device", "ENOSPC"),
    "the package index could not be reached: is there a network? ": NO_NETWORK,
    "a package is not offered for this Python and this system. ": ("No matching distribution found",),
}


class Failed(Exception):
    """A step that cannot be done; reads as what the user should know."""


class Progress:
    """A line for one step: a bar where the number of steps is known, and always the seconds."""

    def __init__(self, title: str, *, steps: int = 0) -> None:
        self._title, self._steps, self._done, self._note = title, steps, 0, ""
        self._started_s = time.monotonic()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._redraw, daemon=True)
        self._terminal = sys.stderr.isatty()

    def __enter__(self) -> Self:
        if self._terminal:
            self._thread.start()
        else:
            print(f"{self._title} ...", file=sys.stderr, flush=True)
        return self

    def step(self, note: str) -> None:
        """Count one step; ``note`` says which."""
        words = note.split()
        self._done, self._note = min(self._done + 1, self._steps), words[1][:30] if len(words) > 1 else ""
        if not self._terminal and self._steps and self._done % max(1, self._steps // 5) == 0:
            print(f"{self._title}: {self._done} of {self._steps}", file=sys.stderr, flush=True)

    def _line(self) -> str:
        seconds = f"{time.monotonic() - self._started_s:.0f} s"
        if not self._steps:
            return f"{self._title} ... {seconds}"
        filled = BAR_WIDTH * self._done // self._steps
        bar = "#" * filled + "." * (BAR_WIDTH - filled)
        return f"{self._title} [{bar}] {self._done}/{self._steps} {seconds} {self._note}"

    def _redraw(self) -> None:
        while not self._over.wait(REDRAW_S):
            width = os.get_terminal_size(sys.stderr.fileno()).columns if self._terminal else 80
            print(f"\r\x1b[K{self._line()[: width - 1]}", end="", file=sys.stderr, flush=True)

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._over.set()
        seconds = time.monotonic() - self._started_s
        word = "done" if kind is None else "failed"
        start = "\r\x1b[K" if self._terminal else ""
        print(f"{start}{self._title}: {word} ({seconds:.0f} s)", file=sys.stderr, flush=True)


def run(
    command: Sequence[str],
    *,
    cwd: Path | None = None,
    env: dict[str, str] | None = None,
    on_line: Callable[[str], None] = lambda _line: None,
) -> None:
    """Run ``command``; when it fails, raise `Failed` with the likely cause and the end of what it said."""
    kept: collections.deque[str] = collections.deque(maxlen=LINES_SHOWN_ON_FAILURE)
    with subprocess.Popen(
        command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                kept.append(line.rstrip())
                on_line(line)
        except BaseException:  # told to stop: the command is not left to itself
            process.terminate()
            raise
    if process.returncode:
        why, shown = explain(list(kept))
        raise Failed(f"{why}`{' '.join(command)}` failed:\n    " + "\n    ".join(shown))


def explain(said: list[str]) -> tuple[str, list[str]]:
    """Return the likely cause in words, and the lines that are worth reading: one when the cause is known, else all."""
    for words, signs in KNOWN_CAUSES.items():
        if telling := [line for line in said if any(sign in line for sign in signs)]:
            best = max(telling, key=lambda line: (line.lower().startswith(("error", "npm error")), len(line)))
            return words, [best[:LINE_SHOWN]]
    return "", said
