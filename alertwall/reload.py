"""For those who change the code: notice it, once a second."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

from alertwall.guard import ROOMS

LOOKED_EVERY_S = 1.0


def newest(tree: Path) -> float:
    """Return when the newest Python file of the rooms was written."""
    folders = [tree / room for room in (*ROOMS, "alertwall")]
    return max((path.stat().st_mtime for folder in folders for path in folder.rglob("*.py")), default=0.0)


def watch(tree: Path, on_change: Callable[[], None]) -> None:
    """Call ``on_change`` after each change, from a thread of its own."""

    def look() -> None:
        known = newest(tree)
        while True:
            time.sleep(LOOKED_EVERY_S)
            if (now := newest(tree)) != known:
                known = now
                on_change()

    threading.Thread(target=look, name="reload", daemon=True).start()
