"""Signals for a run: the first finishes the request in flight and pauses the run, the second leaves at once."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from rolloutctl.runner.tools import Stopping

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Heard:
    """Which signal came first; 0: none."""

    def __init__(self) -> None:
        self.number = 0


@contextmanager
def heard(stopping: Stopping, say: Callable[[str], None]) -> Iterator[Heard]:
    """From a coroutine. A signal that was ignored when we started (nohup) stays so."""
    loop, task, first = asyncio.get_running_loop(), asyncio.current_task(), Heard()
    assert task is not None

    def hear(number: int) -> None:
        if first.number:
            task.cancel()
            return
        first.number = number
        name = signal.Signals(number).name
        stopping.ask(f"it was ended by {name}")
        with suppress(OSError, ValueError):
            say(f"{name}: what is under way is finished and journalled; once more leaves at once.")

    before = {number: signal.getsignal(number) for number in _ENDING}
    taken = [number for number, was in before.items() if was is not signal.SIG_IGN]
    for number in taken:
        loop.add_signal_handler(number, hear, number)
    try:
        yield first
    finally:
        for number in taken:
            loop.remove_signal_handler(number)
            signal.signal(number, before[number])
