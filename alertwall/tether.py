"""Run a program so that it ends with its parent: `python tether.py PARENT_PID SIGNAL program arguments...`.

A script of its own that becomes the program: a supervisor with threads must not run Python between fork and exec.
The kernel keeps the wish over exec, and forgets it when the program changes its user.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(parent_pid: int, signal_number: int, argv: list[str]) -> None:
    """Ask the kernel for ``signal_number`` at the parent's death, then become ``argv``."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent_pid:  # it died before we asked
        sys.exit(1)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    os.execvp(argv[0], argv)  # noqa: S606  (a list, never a shell's line)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
