"""An engine for the duration of one command: started, waited on from the main thread, stopped whatever happens.

Invariants: what is in flight is finished and journalled before the program ends; on the way out it is said who drives now.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import contextmanager
from threading import Event as Signal
from typing import TypeVar

from rolloutctl.cli import signals
from rolloutctl.cli.out import complain, say
from rolloutctl.cli.receipts import show_receipt
from rolloutctl.engine.thread import EngineThread
from rolloutctl.engine.view.commands import Command, Reply
from rolloutctl.engine.view.handle import Leaving
from rolloutctl.engine.view.snapshot import FleetSnapshot, RolloutSnapshot
from rolloutctl.engine.wiring import Options, engine_thread
from rolloutctl.errors import JournalUnreachable, RolloutctlError
from rolloutctl.model.events import Event

T = TypeVar("T")
_STOP_S = 25.0
_REPLY_S = 60.0
_READ_S = 10.0
_TICK_S = 0.25


class Session:
    """What a command does with the running engine."""

    def __init__(self, thread: EngineThread) -> None:
        self.thread = thread
        self._changed = Signal()
        self._told: dict[str | None, int] = {}
        thread.subscribe(lambda _: self._changed.set())

    def fleet(self) -> FleetSnapshot:
        return self.thread.snapshot()

    def rollout(self, rollout: str) -> RolloutSnapshot | None:
        return next((each for each in self.fleet().rollouts if each.id == rollout), None)

    def send(self, command: Command) -> Reply:
        return self.thread.send(command).result(_REPLY_S)

    def until(self, look: Callable[[], T | None], within_s: float) -> T | None:
        """Call `look` after every change until it says something; None when the time is over."""
        deadline = time.monotonic() + within_s
        while True:
            signals.heed()
            self._changed.clear()
            found = look()
            left = deadline - time.monotonic()
            if found is not None or left <= 0:
                return found
            self._changed.wait(min(left, _TICK_S))

    def receipt(self) -> str:
        """Number and hash of the newest event; empty: there is none, or the journal cannot be read."""
        try:
            page = self.thread.events(None, 0, 0).result(_READ_S)
        except (RolloutctlError, FutureTimeoutError):
            return ""
        return f"{page.head_seq} {page.head_hash}" if page.head_seq else ""

    def begin_telling(self, rollout: str | None) -> None:
        """`news` gives what is journalled from now on."""
        self._told[rollout] = self.thread.events(rollout, 0, 0).result(_READ_S).head_seq

    def news(self, rollout: str | None) -> tuple[Event, ...]:
        """Events of a rollout (None: of all) since the last call; none while the journal cannot be read: the fleet says why."""
        try:
            page = self.thread.events(rollout, self._told.get(rollout, 0)).result(_READ_S)
        except (RolloutctlError, FutureTimeoutError):
            return ()
        if page.events:
            self._told[rollout] = page.events[-1].seq
        return page.events


@contextmanager
def session(options: Options) -> Iterator[Session]:
    """Raises what keeps the engine from starting; Ended for a signal."""
    thread = engine_thread(options)
    with signals.raising():
        thread.start()
        try:
            yield Session(thread)
        finally:
            _leave(thread)
            show_receipt(thread.receipt, options.settings)


def _leave(thread: EngineThread) -> None:
    leaving = thread.stop(Leaving.RELEASE)
    try:
        said = leaving.result(_STOP_S)
    except signals.Ended:
        thread.hurry()
        with_time = leaving.exception(_STOP_S)
        if with_time is not None:
            complain(str(with_time))
        raise
    except FutureTimeoutError:
        raise JournalUnreachable(
            "what is in flight could not be journalled in time.", remedy="It is read back when somebody drives again."
        ) from None
    if said:
        say(said)
