"""Signals that end the program, as exceptions in the main thread: what was begun is finished and journalled first.

The first signal ends politely; the second one does not wait. A signal that was ignored when we started (nohup) stays so.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_HEARD: list[int] = []
"""Signals since `raising` began; the main thread's alone."""
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Ended(BaseException):
    """A signal asks this program to end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    @property
    def name(self) -> str:
        return signal.Signals(self.number).name


@contextmanager
def raising() -> Iterator[None]:
    """In this block a signal raises Ended where the main thread is."""
    _HEARD.clear()

    def end(number: int, _frame: FrameType | None) -> None:
        _HEARD.append(number)
        raise Ended(number)

    with _handled(end):
        yield


def heed() -> None:
    """Raise Ended if a signal was heard in this block: its exception may have been lost on its way.

    Python drops what is raised inside a finalizer or a weak reference's callback, and the main thread may be in one.
    """
    if _HEARD:
        raise Ended(_HEARD[-1])


@contextmanager
def deferred() -> Iterator[None]:
    """The first signal is heard when the block is over; the second one raises Ended at once."""
    heard: list[int] = []

    def hear(number: int, _frame: FrameType | None) -> None:
        heard.append(number)
        if len(heard) > 1:
            raise Ended(number)

    with _handled(hear):
        yield
    if heard:
        raise Ended(heard[0])


@contextmanager
def _handled(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in _ENDING}
    changed = [number for number, was in before.items() if was is not signal.SIG_IGN]
    for number in changed:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number in changed:
            signal.signal(number, before[number])
