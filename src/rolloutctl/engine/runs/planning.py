"""`--mode plan`: every request as it would be sent, what it would change, preflight, and how long it takes. Sends only reads."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from rolloutctl.config import Config
from rolloutctl.engine.runs.asked import Wanted, check
from rolloutctl.engine.runs.carrying import Hands, toolbox
from rolloutctl.engine.world.world import World
from rolloutctl.errors import RolloutctlError
from rolloutctl.model.events import Body, Event
from rolloutctl.model.run import RunState, StepRun
from rolloutctl.model.run_words import Part, RunMode, Section
from rolloutctl.runbook.placeholders import RunFact
from rolloutctl.runbook.steps import AnyStep, HttpStep
from rolloutctl.runner.deed import Failed, Ok
from rolloutctl.runner.deeds import Workshop, title


@dataclass(frozen=True, slots=True)
class PlannedStep:
    id: str
    section: Section
    type: str
    title: str
    confirm: str
    requests: tuple[str, ...]
    difference: str
    """What it would change: `5 % → off`, or `already off`; empty where nothing tells."""
    trouble: str
    """Why it could not be done; of a preflight, why it does not pass."""
    passes: bool | None
    """Of a preflight."""


@dataclass(frozen=True, slots=True)
class Planned:
    runbook: str
    environment: str
    objective: timedelta
    estimate: timedelta | None
    """Median time to rollback of past runs that came to their end; None: there was none."""
    runs: int
    """How many."""
    steps: tuple[PlannedStep, ...]

    @property
    def ok(self) -> bool:
        return all(step.passes is not False and not step.trouble for step in self.steps)


async def plan_run(world: World, base: Config, wanted: Wanted, hands: Hands, past: Sequence[RunState]) -> Planned:
    """Raises InvalidInput. Journals nothing."""
    values = check(wanted, base, world.author.actor)
    hidden = {fact.value: f"«{fact.value}»" for fact in RunFact}
    shop = Workshop(wanted.runbook, toolbox(world, _refuse, wanted.runbook, hands, wanted.source), wanted.snapshot)
    state = _imagined(world, wanted, world.clock.now())
    placed = [(section, step) for _, section, step in wanted.runbook.placed()]
    steps = await asyncio.gather(*(_planned(world, shop, section, step, state, {**values, **hidden}) for section, step in placed))
    took = [run.took for run in past if run.runbook == wanted.runbook.id and not run.inject and run.took is not None]
    estimate = timedelta(seconds=median(each.total_seconds() for each in took)) if took else None
    objective = wanted.runbook.objective.time_to_rollback
    return Planned(wanted.runbook.id, wanted.environment, objective, estimate, len(took), tuple(steps))


async def _planned(
    world: World, shop: Workshop, section: Section, step: AnyStep, state: RunState, values: dict[str, str]
) -> PlannedStep:
    requests: tuple[str, ...] = ()
    difference, trouble, passes = "", "", None
    try:
        deed = shop.deed(step, Part.FORWARD, state, values)
        prepared = await deed.prepare()
        requests, difference, trouble = prepared.requests, prepared.difference, prepared.refusal
        if section is Section.PREFLIGHT:
            result = await deed.carry(prepared)
            passes = isinstance(result, Ok)
            trouble = result.why if isinstance(result, Failed) else ""
            difference = result.why if isinstance(result, Ok) else difference
    except (RolloutctlError, ValueError) as error:
        trouble, passes = str(error), False if section is Section.PREFLIGHT else None
    if (
        isinstance(step, HttpStep)
        and (adapter := world.config.adapters.get(step.adapter)) is not None
        and adapter.auth is not None
    ):
        requests = tuple(f"{line}  ({adapter.auth.type} «{step.adapter}»)" for line in requests)
    clean = world.scrub
    lines = tuple(clean(line) for line in requests)
    return PlannedStep(
        step.id, section, step.type, title(step, values), str(step.confirm), lines, clean(difference), clean(trouble), passes
    )


async def _refuse(body: Body) -> Event:
    raise AssertionError(f"a plan journals nothing, such as {type(body).__name__}")


def _imagined(world: World, wanted: Wanted, now: datetime) -> RunState:
    steps = tuple(StepRun(s.id, where, s.type, s.critical, s.has_effect) for _, where, s in wanted.runbook.placed())
    objective = wanted.runbook.objective
    return RunState(
        id="«run.id»",
        mode=RunMode.PLAN,
        runbook=wanted.runbook.id,
        exec_digest="",
        adapter_digest="",
        blob="",
        environment=wanted.environment,
        target=wanted.target,
        rollout=wanted.rollout,
        params=(),
        incident="",
        inject=(),
        confirmed=False,
        objective=objective.time_to_rollback,
        start=objective.start,
        stop=objective.stop,
        by=world.author.actor,
        decided_at=now,
        started_at=now,
        steps=steps,
        seq=0,
    )
