"""Looking at a source: whether it answers, and what its samples say of every rollout that is judged by it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from rolloutctl.engine.looking.health import Parts, answers_in, blind
from rolloutctl.engine.looking.judging import ToJudge, again, journal_judgement, look_at_all
from rolloutctl.engine.looking.keeping import complete
from rolloutctl.engine.looking.late_judge import needs, new_memory, recorded_answers
from rolloutctl.engine.view.snapshot import Exposure, PartHealth
from rolloutctl.engine.world.observations import Judgement
from rolloutctl.engine.world.record import RolloutRecord
from rolloutctl.engine.world.world import World
from rolloutctl.errors import JournalUnreachable, LeaseLost, SourceUnreachable
from rolloutctl.model.outcome import Health
from rolloutctl.model.samples import Answer, FailureKind, Query, SourceFailure
from rolloutctl.plan.model import HttpCriterion

if TYPE_CHECKING:  # it loads numpy
    from rolloutctl.judge.exposure import ExposureReading
    from rolloutctl.judge.live.memory import Memory

_log = logging.getLogger(__name__)
_TOGETHER = 10
"""Rollouts judged one after the other before anything is made of it: no verdict waits for all the others."""


class SourceLooks:
    """`changed` is called when the source's health is known, before its samples are."""

    def __init__(self, world: World, parts: Parts, changed: Callable[[], None]) -> None:
        self._world = world
        self._parts = parts
        self._changed = changed
        self._memories: dict[str, Memory] = {}

    async def look(self, name: str, rollouts: Sequence[RolloutRecord]) -> None:
        """At the source and, by its answers, at those of `rollouts` that are judged by it."""
        world, source, began = self._world, self._world.sources[name], self._world.clock.monotonic()
        live = [rollout for rollout in rollouts if rollout.plan.metrics.source == name and rollout.state.judged]
        time, down = world.time.named(name), ""
        try:
            now = await source.now()
            time.saw(now)
        except SourceUnreachable as error:
            now, down = time.now(), str(error)
        took = world.clock.monotonic() - began
        text = down or answers_in(took)
        known = self._parts.get(name)
        facts = known.health.facts if known is not None and known.health is not None else {}
        if not down and not facts:
            facts = (await source.probe()).facts
        self._parts[name] = PartHealth(
            name, "source", Health(ok=not down, latency_s=took, text=text, facts=facts), world.clock.now()
        )
        self._changed()
        asked = {rollout.id: _needs(rollout, now) for rollout in live}
        queries = tuple(dict.fromkeys(query for wanted in asked.values() for query in wanted))
        by = {rollout.id: rollout.plan for rollout in live}
        answers: Mapping[Query, Answer]
        if down:
            answers = {query: SourceFailure(FailureKind.DOWN, down) for query in queries}
        else:
            answers = await source.fetch(queries) if queries else {}
            answers = await complete(world, [(rollout, asked[rollout.id]) for rollout in live], answers)
        # Whoever was amended meanwhile was asked for by another plan: the next look is its first.
        live = [rollout for rollout in live if rollout.plan is by[rollout.id]]
        answers = {**answers, **_recorded(live, now)}
        if not live:
            return
        memory = await self._memory(name, live)
        for first in range(0, len(live), _TOGETHER):
            await self._judge(memory, live[first : first + _TOGETHER], now, answers, down)

    async def _memory(self, name: str, live: Sequence[RolloutRecord]) -> Memory:
        """What its newest look knew; only speed."""
        if name not in self._memories:
            self._memories[name] = await asyncio.to_thread(new_memory)
        memory = self._memories[name]
        memory.forget_others(rollout.id for rollout in live)
        return memory

    async def _judge(
        self, memory: Memory, live: Sequence[RolloutRecord], now: datetime, answers: Mapping[Query, Answer], down: str
    ) -> None:
        """Several on one thread: to wake it costs as much as to judge one that has hardly anything new."""
        begun = [
            (rollout, rollout.plan, rollout.state.run, rollout.observed.judgement)
            for rollout in live
            if rollout.state.run is not None and rollout.state.judged
        ]
        asked = [ToJudge(rollout.id, plan, run, before) for rollout, plan, run, before in begun if run is not None]
        looks = await asyncio.to_thread(look_at_all, asked, now, answers, memory)
        for (rollout, plan, *_), look in zip(begun, looks, strict=True):
            if rollout.plan is not plan:
                continue
            try:
                if isinstance(look, Exception):
                    raise look
                await self._keep(rollout, now, *look, down)
            except Exception as error:  # noqa: BLE001
                # One that cannot be judged must not keep the others from being judged.
                _log.exception("judging %s failed", rollout.id)
                blind(rollout, f"judging failed unexpectedly ({type(error).__name__})")

    async def _keep(self, rollout: RolloutRecord, now: datetime, judgement: Judgement, seen: ExposureReading, down: str) -> None:
        off = f"exposure is off the declared cohort: {_direction(seen.share, seen.expected)}" if seen.grace_over else ""
        shown = Exposure(seen.share, seen.requests_per_s, seen.expected, seen.off_by_more, seen.why, now)
        rollout.observed = replace(rollout.observed, judgement=judgement, exposure=shown, exposure_off=off, source_error=down)
        await self._journal(rollout, judgement)
        ours = rollout.observed.judgement is judgement
        if ours and rollout.state.run is not None and rollout.state.run.attempt == judgement.phase_attempt:
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


def _needs(rollout: RolloutRecord, now: datetime) -> tuple[Query, ...]:
    run = rollout.state.run
    if run is None:
        return ()
    wanted = needs(rollout.plan, run.index, run.started_at.timestamp(), now.timestamp())
    return tuple(query for query in wanted if query.kind.of_source)


def _recorded(live: Sequence[RolloutRecord], now: datetime) -> dict[Query, Answer]:
    """What the journal holds of numbers that no source has; most plans have none of it."""
    found: dict[Query, Answer] = {}
    for rollout in live:
        run = rollout.state.run
        if run is not None and any(isinstance(each, HttpCriterion) for each in rollout.plan.criteria):
            found |= recorded_answers(rollout.plan, run.index, run.started_at.timestamp(), now.timestamp(), run.recorded)
    return found


def _direction(share: float | None, expected: float | None) -> str:
    if share is None or expected is None:
        return "it cannot be told"
    return "the flag step is not seen in traffic" if share < expected else "more traffic than declared"
