"""Freed memory goes back to the system, also what other threads freed."""

import os
import threading
from pathlib import Path

import pytest

from alertwall.memory import trimmer

BLOCKS, BLOCK_BYTES = 4000, 20_000
"""Below the size from which the C library maps each block by itself."""


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif("glibc" not in (os.confstr("CS_GNU_LIBC_VERSION") or ""), reason="another C library")
def test_what_a_thread_freed_is_given_back() -> None:
    """All but the last block of a burst: the heap's top stays in use, which alone would keep the rest."""
    kept: list[bytearray] = []

    def burst() -> None:
        blocks = [bytearray(BLOCK_BYTES) for _ in range(BLOCKS)]
        kept.append(blocks[-1])

    thread = threading.Thread(target=burst)
    thread.start()
    thread.join()
    before = resident_bytes()
    trimmer()()
    assert before - resident_bytes() > BLOCKS * BLOCK_BYTES // 2
    assert kept
