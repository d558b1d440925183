"""Looking at the world: one loop per source and one per provider, so that a slow one delays nobody else.

Polls only replace observations and journal changes of verdicts; they never decide and never act.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from rolloutctl.engine.looking.judging import again, journal_judgement, look_at_all
from rolloutctl.engine.looking.late_judge import needs
from rolloutctl.engine.looking.unchanged import seen_again, unchanged
from rolloutctl.engine.view.snapshot import Exposure, FlagReading, PartHealth
from rolloutctl.engine.world.observations import Judgement
from rolloutctl.engine.world.record import RolloutRecord
from rolloutctl.engine.world.waiting import heed_cancellation, wait_a_while
from rolloutctl.engine.world.world import World
from rolloutctl.errors import JournalUnreachable, LeaseLost, RolloutctlError, SourceUnreachable
from rolloutctl.model.cohort import CohortState
from rolloutctl.model.outcome import Health
from rolloutctl.model.samples import Answer, FailureKind, Query, SourceFailure
from rolloutctl.ports import Provider, TellsChanges

if TYPE_CHECKING:  # it loads numpy
    from rolloutctl.judge.exposure import ExposureReading

_log = logging.getLogger(__name__)
_AT_ONCE = 4
"""Flags read at the same time: a step that is asked for meanwhile finds a free connection."""
_TOGETHER = 10
"""Rollouts judged one after the other before anything is made of it: no verdict waits for all the others."""


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
        """A person wants to see what is there now."""
        self._asked_for = set(self._world.providers)
        self.look_soon()

    def look_soon(self) -> None:
        """Something was asked for that will change what is seen."""
        for event in self._soon.values():
            event.set()

    async def _loop(self, title: str, look: Callable[[], object]) -> None:
        while True:
            self._soon[title].clear()
            try:
                await look()  # type: ignore[misc]
            except Exception as error:  # noqa: BLE001 - one look that fails must not end all later ones
                _log.exception("looking at %s failed", title)
                self._failed(title, error)
            heed_cancellation()
            self._changed()
            await wait_a_while(self._soon[title], self.interval_s)

    def _failed(self, title: str, error: Exception) -> None:
        """A look that ended in the middle has shown nothing, and what was seen before it counts no longer."""
        kind, _, name = title.partition(" ")
        said = f"looking failed unexpectedly ({type(error).__name__})"
        self.parts[name] = PartHealth(name, kind, Health(ok=False, latency_s=0.0, text=said), self._world.clock.now())
        for rollout in self._rollouts():
            if kind == "source" and rollout.plan.metrics.source == name:
                _blind(rollout, said)
            elif kind == "provider" and rollout.state.target.provider == name:
                rollout.observed = replace(rollout.observed, flag=replace(rollout.observed.flag, error=said))
                rollout.wake.set()

    def _looked_at(self) -> Sequence[RolloutRecord]:
        """While paused only what this process drives is looked at: driving never pauses."""
        return [rollout for rollout in self._rollouts() if rollout.held is not None or not self.paused]

    async def metrics(self, name: str) -> None:
        world, source, began = self._world, self._world.sources[name], self._world.clock.monotonic()
        live = [rollout for rollout in self._looked_at() if rollout.plan.metrics.source == name and rollout.state.judged]
        time, down = world.time.named(name), ""
        try:
            now = await source.now()
            time.saw(now)
        except SourceUnreachable as error:
            now, down = time.now(), str(error)
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
        for first in range(0, len(live), _TOGETHER):
            await self._judge(live[first : first + _TOGETHER], now, answers, down)

    async def _judge(self, live: Sequence[RolloutRecord], now: datetime, answers: Mapping[Query, Answer], down: str) -> None:
        """Several on one thread: to wake it costs as much as to judge one that has hardly anything new."""
        begun = [
            (rollout, rollout.plan, rollout.state.run, rollout.observed.judgement)
            for rollout in live
            if rollout.state.run is not None and rollout.state.judged
        ]
        asked = [(plan, run, before) for _, plan, run, before in begun if run is not None]
        looks = await asyncio.to_thread(look_at_all, asked, now, answers)
        for (rollout, *_), look in zip(begun, looks, strict=True):
            try:
                if isinstance(look, Exception):
                    raise look
                await self._keep(rollout, now, *look, down)
            except Exception as error:  # noqa: BLE001
                # One that cannot be judged must not keep the others from being judged.
                _log.exception("judging %s failed", rollout.id)
                _blind(rollout, f"judging failed unexpectedly ({type(error).__name__})")

    async def _keep(self, rollout: RolloutRecord, now: datetime, judgement: Judgement, seen: ExposureReading, down: str) -> None:
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
        began = world.clock.monotonic()
        thorough = name in self._asked_for
        self._asked_for.discard(name)
        revision = await _revision(provider)
        took, now = world.clock.monotonic() - began, world.clock.now()
        known = [] if thorough else unchanged(mine, revision, now, self.interval_s)
        for rollout in known:
            seen_again(rollout, now)
            rollout.wake.set()
        if known:
            self.parts[name] = PartHealth(name, "provider", _answers(took), now)
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
            health = _answers(world.clock.monotonic() - began)
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


async def _revision(provider: Provider) -> str:
    """Empty where the provider cannot tell now; reading the flags then says why."""
    if not isinstance(provider, TellsChanges):
        return ""
    try:
        return await provider.newest_change()
    except RolloutctlError:
        return ""


def _answers(took_s: float) -> Health:
    return Health(ok=True, latency_s=took_s, text=f"answers in {took_s * 1000:.0f} ms")


def _blind(rollout: RolloutRecord, why: str) -> None:
    """No verdict is better than an old one: it would pass for evidence."""
    rollout.observed = replace(rollout.observed, judgement=None, source_error=why)
    rollout.wake.set()


def _needs(rollout: RolloutRecord, now: datetime) -> tuple[Query, ...]:
    run = rollout.state.run
    return needs(rollout.plan, run.index, run.started_at.timestamp(), now.timestamp()) if run is not None else ()


def _is_watched(world: World, rollout: RolloutRecord) -> bool:
    """A minute longer than a rollback is watched, so that the last look is not missed."""
    return not rollout.state.status.final or rollout.watched(world.time.of(rollout.plan).now() - timedelta(minutes=1))


def _direction(share: float | None, expected: float | None) -> str:
    if share is None or expected is None:
        return "it cannot be told"
    return "the flag step is not seen in traffic" if share < expected else "more traffic than declared"
