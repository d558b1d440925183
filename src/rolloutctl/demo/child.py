"""Become another program that dies with its parent: `python -m rolloutctl.demo.child PARENT_PID PROGRAM ARG…`.

On Linux the kernel is asked to kill it when the parent ends, however the parent ends. Elsewhere the parent's own
clean-up must do.
"""

import ctypes
import os
import signal
import sys
from typing import Final

_PR_SET_PDEATHSIG: Final = 1


def main() -> None:
    parent, program = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it ended before the kernel knew
            sys.exit(1)
    os.execvp(program[0], program)  # noqa: S606 - the world names the program


if __name__ == "__main__":
    main()
