"""Memory that was freed goes back to the system."""

import ctypes
from collections.abc import Callable


def trimmer() -> Callable[[], None]:
    """Return what gives freed memory back; it does nothing where the C library cannot (musl, macOS).

    glibc keeps what each thread once freed, and a worker has a thread for each stream: after one busy minute it would
    hold for ever what that minute needed.
    """
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return lambda: None
    trim.argtypes, trim.restype = [ctypes.c_size_t], ctypes.c_int
    return lambda: trim(0)
