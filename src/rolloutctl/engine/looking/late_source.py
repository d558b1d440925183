"""A source that is built when it is first asked: its client libraries take longer to load than a rollback takes altogether."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from rolloutctl.model.outcome import Health
from rolloutctl.model.samples import Answer, Query
from rolloutctl.ports import Source


class LateSource:
    """Implements `ports.Source`. `load` imports what `build` needs, off the loop; `build` runs on the loop that asks."""

    def __init__(self, load: Callable[[], object], build: Callable[[], Source]) -> None:
        self._load = load
        self._build = build
        self._source: Source | None = None
        self._building = asyncio.Lock()

    async def _ready(self) -> Source:
        async with self._building:
            if self._source is None:
                await asyncio.to_thread(self._load)
                self._source = self._build()
            return self._source

    async def probe(self) -> Health:
        return await (await self._ready()).probe()

    async def now(self) -> datetime:
        return await (await self._ready()).now()

    async def fetch(self, queries: Sequence[Query]) -> Mapping[Query, Answer]:
        return await (await self._ready()).fetch(queries)

    async def close(self) -> None:
        """One that was never asked has nothing to close."""
        if self._source is not None:
            await self._source.close()
