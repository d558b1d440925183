"""When to look: one loop per source and one per provider, so that a slow one delays nobody else.

Looks only replace observations and journal changes of verdicts; they never decide and never act. What they do is in `sources`
and `flags`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from rolloutctl.engine.looking.flags import FlagLooks
from rolloutctl.engine.looking.health import Parts, blind, unread
from rolloutctl.engine.looking.sampling import Sampler
from rolloutctl.engine.looking.sources import SourceLooks
from rolloutctl.engine.view.snapshot import PartHealth
from rolloutctl.engine.world.record import RolloutRecord
from rolloutctl.engine.world.waiting import left_at_once, wait_a_while
from rolloutctl.engine.world.world import World
from rolloutctl.model.outcome import Health

_log = logging.getLogger(__name__)


class Poller:
    """`rollouts` gives the live records; `changed` is called after every look; `parts` is the health it keeps."""

    def __init__(self, world: World, rollouts: Callable[[], Sequence[RolloutRecord]], changed: Callable[[], None]) -> None:
        self._world = world
        self._rollouts = rollouts
        self._changed = changed
        self._soon: dict[str, asyncio.Event] = {}
        self._asked_for = set(world.providers)
        """Providers somebody wants a look at: every flag is read then, whatever the provider says of changes."""
        self.interval_s = world.config.ui.interval.total_seconds()
        self.paused = False
        self.parts: Parts = {}
        self._sources = SourceLooks(world, self.parts, changed)
        self._flags = FlagLooks(world, self.parts, lambda: self.interval_s)
        self._sampler = Sampler(world, rollouts, lambda: self.interval_s)

    def loops(self) -> tuple[Callable[[], asyncio.Task[None]], ...]:
        """One starter per source and provider, and one for all adapters."""
        jobs: list[tuple[str, Callable[[], Awaitable[None]]]] = []
        jobs += [(f"source {name}", partial(self.metrics, name)) for name in self._world.sources]
        jobs += [(f"provider {name}", partial(self.flags, name)) for name in self._world.providers]
        if self._world.adapters:
            jobs.append(("adapters all", self._sampler.look))
        for title, _ in jobs:
            self._soon[title] = asyncio.Event()
        return tuple(
            (lambda title=title, look=look: asyncio.create_task(self._loop(title, look), name=title)) for title, look in jobs
        )

    def refresh(self) -> None:
        """A person wants to see what is there now."""
        self._asked_for = set(self._world.providers)
        self.look_soon()

    def look_soon(self) -> None:
        """Something was asked for that will change what is seen."""
        for event in self._soon.values():
            event.set()

    async def _loop(self, title: str, look: Callable[[], Awaitable[None]]) -> None:
        while True:
            self._soon[title].clear()
            try:
                await left_at_once(look())
            except Exception as error:  # noqa: BLE001 - one look that fails must not end all later ones
                _log.exception("looking at %s failed", title)
                self._failed(title, error)
            self._changed()
            await wait_a_while(self._soon[title], self.interval_s)

    def _failed(self, title: str, error: Exception) -> None:
        """A look that ended in the middle has shown nothing, and what was seen before it counts no longer."""
        kind, _, name = title.partition(" ")
        said = f"looking failed unexpectedly ({type(error).__name__})"
        self.parts[name] = PartHealth(name, kind, Health(ok=False, latency_s=0.0, text=said), self._world.clock.now())
        for rollout in self._rollouts():
            if kind == "source" and rollout.plan.metrics.source == name:
                blind(rollout, said)
            elif kind == "provider" and rollout.state.target.provider == name:
                unread(rollout, said)

    def _looked_at(self) -> Sequence[RolloutRecord]:
        """While paused only what this process drives is looked at: driving never pauses."""
        return [rollout for rollout in self._rollouts() if rollout.held is not None or not self.paused]

    async def metrics(self, name: str) -> None:
        await self._sources.look(name, self._looked_at())

    async def flags(self, name: str) -> None:
        thorough = name in self._asked_for
        self._asked_for.discard(name)
        await self._flags.look(name, self._looked_at(), thorough=thorough)
