"""Decoding without the garbage collector looking at it again and again.

An answer of a few thousand series is tens of thousands of small lists and tuples, none of which is in a cycle. Making them
makes Python look through everything the program holds, several times for each answer: half of what a poll costs. So the
collector waits while they are made, for milliseconds, and what it finds afterwards is gone already.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_inside = 0
_was_on = False


@contextmanager
def uncollected() -> Iterator[None]:
    """May be entered by several threads; the last one to leave turns on again what the first one found on."""
    global _inside, _was_on  # noqa: PLW0603  the collector is the process's
    with _lock:
        if _inside == 0:
            _was_on = gc.isenabled()
            gc.disable()
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0 and _was_on:
                gc.enable()
