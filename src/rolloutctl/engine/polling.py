"""Looking at the world: one loop per source and one per provider, so that a slow one delays nobody else.

Polls only replace observations and journal changes of verdicts; they never decide and never act.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from rolloutctl.engine.judging import again, journal_judgement, judge
from rolloutctl.engine.observations import Judgement
from rolloutctl.engine.record import RolloutRecord
from rolloutctl.engine.snapshot import Exposure, FlagReading, PartHealth
from rolloutctl.engine.waiting import wait_a_while
from rolloutctl.engine.world import World
from rolloutctl.errors import JournalUnreachable, LeaseLost, RolloutctlError, SourceUnreachable
from rolloutctl.judge.exposure import read_exposure
from rolloutctl.judge.needs import needs
from rolloutctl.model.cohort import CohortState
from rolloutctl.model.outcome import Health
from rolloutctl.model.samples import Answer, FailureKind, Query, SourceFailure
from rolloutctl.model.state import Status


class Poller:
    """`rollouts` gives the live records; `changed` is called after every look; `parts` is the health it keeps."""

    def __init__(self, world: World, rollouts: Callable[[], Sequence[RolloutRecord]], changed: Callable[[], None]) -> None:
        self._world = world
        self._rollouts = rollouts
        self._changed = changed
        self._soon: dict[str, asyncio.Event] = {}
        self.interval_s = world.config.ui.interval.total_seconds()
        self.paused = False
        self.parts: dict[str, PartHealth] = {}

    def loops(self) -> tuple[Callable[[], asyncio.Task[None]], ...]:
        """One starter per source and provider."""
        jobs = [(f"source {name}", lambda name=name: self.metrics(name)) for name in self._world.sources]
        jobs += [(f"provider {name}", lambda name=name: self.flags(name)) for name in self._world.providers]
        for title, _ in jobs:
            self._soon[title] = asyncio.Event()
        return tuple(
            (lambda title=title, look=look: asyncio.create_task(self._loop(title, look), name=title)) for title, look in jobs
        )

    def refresh(self) -> None:
        for event in self._soon.values():
            event.set()

    async def _loop(self, title: str, look: Callable[[], object]) -> None:
        while True:
            self._soon[title].clear()
            await look()  # type: ignore[misc]
            self._changed()
            await wait_a_while(self._soon[title], self.interval_s)

    def _looked_at(self) -> Sequence[RolloutRecord]:
        """While paused only what this process drives is looked at: driving never pauses."""
        return [rollout for rollout in self._rollouts() if rollout.held is not None or not self.paused]

    async def metrics(self, name: str) -> None:
        world, source, began = self._world, self._world.sources[name], self._world.clock.monotonic()
        live = [rollout for rollout in self._looked_at() if rollout.plan.metrics.source == name and _is_judged(rollout)]
        down = ""
        try:
            now = await source.now()
            world.time.saw(now)
        except SourceUnreachable as error:
            now, down = world.time.now(), str(error)
        took = world.clock.monotonic() - began
        text = down or f"answers in {took * 1000:.0f} ms"
        known = self.parts.get(name)
        facts = known.health.facts if known is not None and known.health is not None else {}
        if not down and not facts:
            facts = (await source.probe()).facts
        self.parts[name] = PartHealth(
            name, "source", Health(ok=not down, latency_s=took, text=text, facts=facts), world.clock.now()
        )
        self._changed()
        asked = {rollout.id: _needs(rollout, now) for rollout in live}
        queries = tuple(dict.fromkeys(query for wanted in asked.values() for query in wanted))
        answers: Mapping[Query, Answer]
        if down:
            answers = {query: SourceFailure(FailureKind.DOWN, down) for query in queries}
        else:
            answers = await source.fetch(queries) if queries else {}
        for rollout in live:
            await self._judge(rollout, now, answers, down)

    async def _judge(self, rollout: RolloutRecord, now: datetime, answers: Mapping[Query, Answer], down: str) -> None:
        run = rollout.state.run
        if run is None or not _is_judged(rollout):
            return
        before = rollout.observed.judgement
        judgement = await asyncio.to_thread(judge, rollout.plan, run, now, answers, before)
        seen = await asyncio.to_thread(
            read_exposure, rollout.plan, run.index, run.started_at.timestamp(), now.timestamp(), answers
        )
        off = f"exposure is off the declared cohort: {_direction(seen.share, seen.expected)}" if seen.grace_over else ""
        shown = Exposure(seen.share, seen.requests_per_s, seen.expected, seen.off_by_more, seen.why, now)
        rollout.observed = replace(rollout.observed, judgement=judgement, exposure=shown, exposure_off=off, source_error=down)
        await self._journal(rollout, judgement)
        if rollout.state.run is not None and rollout.state.run.attempt == judgement.phase_attempt:
            rollout.observed = replace(rollout.observed, judgement=again(rollout.plan, rollout.state.run, judgement))
        rollout.wake.set()

    async def _journal(self, rollout: RolloutRecord, judgement: Judgement) -> None:
        if rollout.held is None:
            return
        try:
            await journal_judgement(self._world, rollout, rollout.held, judgement)
        except LeaseLost:
            rollout.held = None
        except JournalUnreachable as error:
            rollout.trouble = str(error)

    async def flags(self, name: str) -> None:
        world, provider = self._world, self._world.providers[name]
        mine = [rollout for rollout in self._looked_at() if rollout.state.target.provider == name and _is_watched(world, rollout)]
        if not mine:
            health = await provider.probe()
            self.parts[name] = PartHealth(name, "provider", health, world.clock.now())
            return
        await asyncio.gather(*(self._read_flag(rollout) for rollout in mine))

    async def _read_flag(self, rollout: RolloutRecord) -> None:
        world, target = self._world, rollout.state.target
        change, began = rollout.state.settled_seq, world.clock.monotonic()
        try:
            state = await world.providers[target.provider].read(target)
        except RolloutctlError as error:
            rollout.observed = replace(rollout.observed, flag=replace(rollout.observed.flag, error=str(error)))
            health = Health(ok=False, latency_s=world.clock.monotonic() - began, text=str(error))
        else:
            reading = FlagReading(state=state, read_at=world.clock.now(), drift=rollout.state.drifted)
            requests, problem = await self._next_change(rollout, state)
            rollout.observed = replace(
                rollout.observed, flag=reading, flag_change=change, next_requests=requests, next_problem=problem
            )
            took = world.clock.monotonic() - began
            health = Health(ok=True, latency_s=took, text=f"answers in {took * 1000:.0f} ms")
        self.parts[target.provider] = PartHealth(target.provider, "provider", health, world.clock.now())
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


def _needs(rollout: RolloutRecord, now: datetime) -> tuple[Query, ...]:
    run = rollout.state.run
    return needs(rollout.plan, run.index, run.started_at.timestamp(), now.timestamp()) if run is not None else ()


def _is_judged(rollout: RolloutRecord) -> bool:
    return rollout.state.run is not None and rollout.state.status in {Status.ACTIVE, Status.STABILISING}


def _is_watched(world: World, rollout: RolloutRecord) -> bool:
    """A minute longer than a rollback is watched, so that the last look is not missed."""
    return not rollout.state.status.final or rollout.watched(world.time.now() - timedelta(minutes=1))


def _direction(share: float | None, expected: float | None) -> str:
    if share is None or expected is None:
        return "it cannot be told"
    return "the flag step is not seen in traffic" if share < expected else "more traffic than declared"
