"""The adapters of one process, built by `wiring.py` and looked up by name; and its notion of time and author."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from rolloutctl.config import Config
from rolloutctl.engine.view.snapshot import CommandLogLine
from rolloutctl.engine.world.journal_thread import JournalThread
from rolloutctl.engine.world.late import made
from rolloutctl.errors import InvalidInput
from rolloutctl.model.events import Body, Event
from rolloutctl.ports import Adapter, Author, Channel, Clock, Provider, Signer, Source

if TYPE_CHECKING:  # turning a flag off needs a world, and no plan
    from rolloutctl.plan.model import Plan

_COMMANDS_KEPT = 200


@dataclass(slots=True)
class SourceTime:
    """The time that counts is the source's: this machine's clock plus the offset seen at its newest answer."""

    clock: Clock
    offset: timedelta = timedelta()
    asked: bool = False

    def now(self) -> datetime:
        return self.clock.now() + self.offset

    def saw(self, source_now: datetime) -> None:
        self.offset, self.asked = source_now - self.clock.now(), True


@dataclass(slots=True)
class SourceTimes:
    """Every source has a clock of its own; a rollout goes by the one that its plan is judged from."""

    clock: Clock
    _known: dict[str, SourceTime] = field(default_factory=dict)

    def named(self, source: str) -> SourceTime:
        return self._known.setdefault(source, SourceTime(self.clock))

    def of(self, plan: Plan) -> SourceTime:
        return self.named(plan.metrics.source)

    def furthest(self) -> timedelta:
        """The offset of the source whose clock is furthest from this machine's."""
        return max((known.offset for known in self._known.values()), key=abs, default=timedelta())


@dataclass(slots=True)
class World:
    config: Config
    journal: JournalThread
    sources: Mapping[str, Source]
    providers: Mapping[str, Provider]
    clock: Clock
    time: SourceTimes
    author: Author
    fallback: Callable[[Body], Path]
    """Writes an event to the fallback file; for rollbacks while there is no journal. Raises JournalUnreachable."""
    scrub: Callable[[str], str]
    adapters: Mapping[str, Adapter] = field(default_factory=dict)
    channels: Mapping[str, Channel] = field(default_factory=dict)
    alertmanagers: Mapping[str, Adapter] = field(default_factory=dict)
    """By the name of the source whose alerts they are told of."""
    signer: Signer | None = None
    """None: this process neither signs nor checks signatures."""
    commands: deque[CommandLogLine] = field(default_factory=lambda: deque(maxlen=_COMMANDS_KEPT))

    def source(self, name: str) -> Source:
        if name not in self.sources:
            raise InvalidInput(f'there is no source "{name}" in the config.', remedy=f"Declare [sources.{name}].")
        return self.sources[name]

    def provider(self, name: str) -> Provider:
        if name not in self.providers:
            raise InvalidInput(f'there is no provider "{name}" in the config.', remedy=f"Declare [providers.{name}].")
        return self.providers[name]

    def adapter(self, name: str) -> Adapter:
        if name not in self.adapters:
            raise InvalidInput(f'there is no adapter "{name}" in the config.', remedy=f"Declare [adapters.{name}].")
        return self.adapters[name]

    def channel(self, name: str) -> Channel:
        if name not in self.channels:
            raise InvalidInput(f'there is no channel "{name}" in the config.', remedy=f"Declare [channels.{name}].")
        return self.channels[name]

    async def close(self) -> None:
        """Everything that was opened; the journal last."""
        for source in self.sources.values():
            await source.close()
        for provider in self.providers.values():
            await provider.close()
        for adapter in (*made(self.adapters), *made(self.alertmanagers)):
            await adapter.close()
        for channel in made(self.channels):
            await channel.close()
        await asyncio.to_thread(self.journal.close)

    async def append(self, stream: str, body: Body) -> Event:
        return await self.journal.call(lambda journal: journal.append(stream, body, self.author))

    def log(self, where: str, what: str, result: str, took_s: float) -> None:
        line = CommandLogLine(self.clock.now(), where, self.scrub(what), self.scrub(result), took_s)
        self.commands.append(line)
