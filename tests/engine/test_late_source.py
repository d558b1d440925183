"""A source that is built when it is first asked."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from rolloutctl.engine.looking.late_source import LateSource
from rolloutctl.model.outcome import Health
from rolloutctl.model.samples import Answer, Query

NOW = datetime(2026, 3, 12, 13, 22, tzinfo=UTC)


class Asked:
    def __init__(self) -> None:
        self.closed = 0

    async def probe(self) -> Health:
        return Health(ok=True, latency_s=0.0, text="answers")

    async def now(self) -> datetime:
        return NOW

    async def fetch(self, queries: Sequence[Query]) -> Mapping[Query, Answer]:
        return dict.fromkeys(queries, ())

    async def close(self) -> None:
        self.closed += 1


class Workshop:
    def __init__(self) -> None:
        self.loaded: list[str] = []
        self.built: list[Asked] = []

    def load(self) -> None:
        self.loaded.append(threading.current_thread().name)

    def build(self) -> Asked:
        self.built.append(Asked())
        return self.built[-1]


async def test_one_that_is_never_asked_loads_nothing_and_has_nothing_to_close():
    workshop = Workshop()
    source = LateSource(workshop.load, workshop.build)
    await source.close()
    assert workshop.loaded == workshop.built == []


async def test_many_that_ask_at_once_build_one_and_load_off_the_loop():
    workshop = Workshop()
    source = LateSource(workshop.load, workshop.build)
    probed, now, fetched = await asyncio.gather(source.probe(), source.now(), source.fetch([]))
    assert (probed.text, now, fetched) == ("answers", NOW, {})
    assert len(workshop.loaded) == len(workshop.built) == 1
    assert workshop.loaded != [threading.current_thread().name]
    await source.close()
    assert workshop.built[0].closed == 1
