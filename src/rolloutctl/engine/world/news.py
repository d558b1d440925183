"""A thread that waits for the journal to hold something new, and tells the engine's loop."""

from __future__ import annotations

import asyncio
import threading

from rolloutctl.engine.world.journal_thread import JournalThread
from rolloutctl.engine.world.waiting import wait_a_while
from rolloutctl.ports import News

_WAIT_S = 60.0


class NewsThread:
    """Made on the engine's loop; ends with `stop`, also when nobody ever waited."""

    def __init__(self, journal: JournalThread) -> None:
        self._journal = journal
        self._loop = asyncio.get_running_loop()
        self._told = asyncio.Event()
        self._news: News | None = None
        self._leaving = threading.Event()

    async def start(self) -> None:
        """Raises JournalUnreachable or JournalCorrupt where the journal cannot be opened."""
        self._news = news = await self._journal.call(lambda journal: journal.news())
        threading.Thread(target=self._listen, args=(news,), name="news", daemon=True).start()

    async def wait(self, at_most_s: float) -> bool:
        """Until something may be new; False: nobody said so."""
        told = await wait_a_while(self._told, at_most_s)
        self._told.clear()
        return told

    def stop(self) -> None:
        """Does not wait for the thread: it may be connecting to a server that does not answer."""
        self._leaving.set()
        if self._news is not None:
            self._news.wake()

    def _listen(self, news: News) -> None:
        try:
            while not self._leaving.is_set():
                if news.wait(_WAIT_S) and not self._leaving.is_set():
                    self._tell()
        finally:
            news.close()

    def _tell(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._told.set)
        except RuntimeError:
            # The loop has closed: nobody is left to be told.
            self._leaving.set()
