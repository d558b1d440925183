"""Looking at a provider: whether it answers, and how every flag stands that a rollout steps or watches."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

from rolloutctl.engine.looking.health import Parts, well
from rolloutctl.engine.looking.unchanged import seen_again, unchanged
from rolloutctl.engine.view.snapshot import FlagReading, PartHealth
from rolloutctl.engine.world.record import RolloutRecord
from rolloutctl.engine.world.world import World
from rolloutctl.errors import RolloutctlError
from rolloutctl.model.cohort import CohortState
from rolloutctl.model.outcome import Health
from rolloutctl.ports import Provider, TellsChanges

_AT_ONCE = 4
"""Flags read at the same time: a step that is asked for meanwhile finds a free connection."""


class FlagLooks:
    """`interval_s` tells the time between looks."""

    def __init__(self, world: World, parts: Parts, interval_s: Callable[[], float]) -> None:
        self._world = world
        self._parts = parts
        self._interval_s = interval_s

    async def look(self, name: str, rollouts: Sequence[RolloutRecord], *, thorough: bool) -> None:
        """At the flags of those of `rollouts` that the provider has; `thorough`: whatever it says of changes."""
        world, provider = self._world, self._world.providers[name]
        mine = [rollout for rollout in rollouts if rollout.state.target.provider == name and _is_watched(world, rollout)]
        if not mine:
            health = await provider.probe()
            self._parts[name] = PartHealth(name, "provider", health, world.clock.now())
            return
        began = world.clock.monotonic()
        revision = await _revision(provider)
        took, now = world.clock.monotonic() - began, world.clock.now()
        known = [] if thorough else unchanged(mine, revision, now, self._interval_s())
        for rollout in known:
            seen_again(rollout, now)
            rollout.wake.set()
        if known:
            self._parts[name] = PartHealth(name, "provider", well(took), now)
        names = {rollout.id for rollout in known}
        unsure = [rollout for rollout in mine if rollout.id not in names]
        few = asyncio.Semaphore(_AT_ONCE)

        async def read(rollout: RolloutRecord) -> None:
            async with few:
                await self._read_flag(rollout, revision)

        await asyncio.gather(*(read(rollout) for rollout in unsure))

    async def _read_flag(self, rollout: RolloutRecord, revision: str) -> None:
        world, target = self._world, rollout.state.target
        change, began = rollout.state.settled_seq, world.clock.monotonic()
        settled = rollout.state.open_intent is None
        try:
            state = await world.providers[target.provider].read(target)
        except RolloutctlError as error:
            rollout.observed = replace(rollout.observed, flag=replace(rollout.observed.flag, error=str(error)))
            health = Health(ok=False, latency_s=world.clock.monotonic() - began, text=str(error))
        else:
            reading = FlagReading(state=state, read_at=world.clock.now(), drift=rollout.state.drifted)
            requests, problem = await self._next_change(rollout, state)
            rollout.observed = replace(
                rollout.observed,
                flag=reading,
                flag_change=change,
                flag_revision=revision if settled else "",
                flag_read_whole=reading.read_at,
                next_requests=requests,
                next_problem=problem,
            )
            health = well(world.clock.monotonic() - began)
        self._parts[target.provider] = PartHealth(target.provider, "provider", health, world.clock.now())
        rollout.wake.set()

    async def _next_change(self, rollout: RolloutRecord, state: CohortState) -> tuple[tuple[str, ...], str]:
        """What the next step would send, or why it cannot: found before a person presses the key."""
        index, target = rollout.state.phase + 1, rollout.state.target
        if index >= len(rollout.plan.phases) or rollout.state.open_intent is not None:
            return (), ""
        try:
            change = await self._world.providers[target.provider].plan(state, rollout.plan.cohort(index), target)
        except RolloutctlError as error:
            return (), str(error)
        return tuple(self._world.scrub(str(request)) for request in change.requests), ""


async def _revision(provider: Provider) -> str:
    """Empty where the provider cannot tell now; reading the flags then says why."""
    if not isinstance(provider, TellsChanges):
        return ""
    try:
        return await provider.newest_change()
    except RolloutctlError:
        return ""


def _is_watched(world: World, rollout: RolloutRecord) -> bool:
    """A minute longer than a rollback is watched, so that the last look is not missed."""
    return not rollout.state.status.final or rollout.watched(world.time.of(rollout.plan).now() - timedelta(minutes=1))
