"""`rolloutctl`, killed as by `kill -9` right before or right after its n-th write to the journal.

    python mortal.py N before|after ARGUMENT…

Renewing a lease does not count: how often that happens depends on the machine. With N = 0 it lives, and says at its end how
many writes there were.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from functools import wraps
from itertools import count
from typing import Any

from rolloutctl.__main__ import main
from rolloutctl.journal.postgres.store import PostgresJournal
from rolloutctl.journal.sqlite import SqliteJournal

WRITES = ("append", "append_held", "take_lease", "release_lease", "put_blob")


def mortal(method: Callable[..., Any], numbers: count[int], fatal: int, when: str) -> Callable[..., Any]:
    @wraps(method)
    def call(*arguments: Any, **named: Any) -> Any:
        number = next(numbers)
        if (number, when) == (fatal, "before"):
            os.kill(os.getpid(), signal.SIGKILL)
        result = method(*arguments, **named)
        if (number, when) == (fatal, "after"):
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return call


if __name__ == "__main__":
    fatal, when = int(sys.argv[1]), sys.argv[2]
    numbers = count(1)
    for store in (SqliteJournal, PostgresJournal):
        for name in WRITES:
            setattr(store, name, mortal(getattr(store, name), numbers, fatal, when))
    sys.argv = ["rolloutctl", *sys.argv[3:]]
    try:
        main()
    finally:
        print(f"writes: {next(numbers) - 1}", flush=True)  # noqa: T201
