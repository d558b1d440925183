"""One writer thread owns the journal connection; the engine's loop awaits it and never blocks on it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from rolloutctl.errors import JournalUnreachable
from rolloutctl.ports import Journal

T = TypeVar("T")


class JournalThread:
    """Calls run one after the other, in the order they were made; errors come back to who asked."""

    def __init__(self, opener: Callable[[], Journal]) -> None:
        self._opener = opener
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._journal: Journal | None = None
        self._closed = False

    def submit(self, call: Callable[[Journal], T]) -> Future[T]:
        if self._closed:
            raise JournalUnreachable("the journal is closed: this process is leaving.")
        return self._pool.submit(self._run, call)

    async def call(self, call: Callable[[Journal], T]) -> T:
        """Shielded: a cancelled waiter does not undo what is being committed."""
        return await asyncio.shield(asyncio.wrap_future(self.submit(call)))

    def _run(self, call: Callable[[Journal], T]) -> T:
        if self._journal is None:
            self._journal = self._opener()
        return call(self._journal)

    def close(self) -> None:
        def end() -> None:
            if self._journal is not None:
                self._journal.close()
                self._journal = None

        self._closed = True
        self._pool.submit(end).result()
        self._pool.shutdown()
