"""How this process uses memory: when Python looks for unreachable cycles, and when the C library gives back what is free.

Loading makes some hundred thousand objects that all stay; going through them again and again takes a tenth of the start. And
the C library keeps what one thread has freed from all others, which with a dozen threads comes to more than all our data.
"""

from __future__ import annotations

import gc
from contextlib import suppress

_WHILE_LOADING = 50_000
"""New objects before the youngest are looked through; Python's own figure is 700."""
_USUAL = gc.get_threshold()
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
"""Numbers of glibc's malloc.h; other C libraries have no `mallopt`, or do without such settings."""
_LARGE = 64 * 1024
"""Bytes from which a block is given back to the system as soon as it is free."""


def begin_loading() -> None:
    gc.set_threshold(_WHILE_LOADING)


def stay_small() -> None:
    """For programs that go on for long: before most of their threads have begun."""
    import ctypes  # noqa: PLC0415 - only they need it

    with suppress(AttributeError, OSError):
        libc = ctypes.CDLL(None)
        for setting, value in ((_ARENA_MAX, 1), (_MMAP_THRESHOLD, _LARGE), (_TRIM_THRESHOLD, _LARGE)):
            libc.mallopt(setting, value)


def loaded() -> None:
    """For the same programs: what is here now stays and is never looked through again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_USUAL)
