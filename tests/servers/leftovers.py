"""Clears away what an earlier run left behind that was killed without a chance to clean up.

A run marks a work folder as its own by a lock that the kernel drops when the run dies, however it dies. A folder whose
lock is free is nobody's: the processes that work inside it are ended, and it is removed. (Servers die with their run,
but processes that were frozen at that moment do not notice.)
"""

import contextlib
import fcntl
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

OWNER = ".owner"


@contextlib.contextmanager
def owned(folder: Path) -> Iterator[None]:
    """Hold `folder` for this process. The lock is taken before its name appears, so nobody sees it free meanwhile."""
    unnamed = folder / f"{OWNER}-new"
    with unnamed.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        unnamed.rename(folder / OWNER)
        yield


def clear_leftovers(parent: Path, prefix: str) -> None:
    """End and remove what belongs to nobody in the folders `parent`/`prefix`*, as far as we may."""
    for folder in parent.glob(f"{prefix}*"):
        with contextlib.suppress(OSError), (folder / OWNER).open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _end_processes_in(folder)
            shutil.rmtree(folder)


def _end_processes_in(folder: Path) -> None:
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "cwd").readlink().is_relative_to(folder):
                os.kill(int(process.name), signal.SIGKILL)
