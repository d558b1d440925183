"""A run from its creation to its end, or to where this process leaves it: journal, lease and the world put together."""

from __future__ import annotations

import hashlib
import os
import secrets
import signal
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from rolloutctl.config import Config, PagerDutyChannel
from rolloutctl.engine.runs.asked import Wanted, check, injected
from rolloutctl.engine.runs.holding import Held, held
from rolloutctl.engine.runs.records import runbook_of, runs
from rolloutctl.engine.world.world import World
from rolloutctl.errors import Refused
from rolloutctl.model.cohort import CohortState, Target
from rolloutctl.model.events import Body, Event
from rolloutctl.model.run import RunState, fold_run
from rolloutctl.model.run_events import ListedStep, RunCreated
from rolloutctl.model.run_words import RunMode, run_stream
from rolloutctl.ports import Journal
from rolloutctl.runbook.digest import Relied, changed, exec_digest
from rolloutctl.runbook.model import Runbook
from rolloutctl.runbook.relies import relies_on
from rolloutctl.runner.contracts import contracts_digest
from rolloutctl.runner.deeds import Workshop
from rolloutctl.runner.facts import Crew
from rolloutctl.runner.inject import Faults
from rolloutctl.runner.runner import Left, Runner
from rolloutctl.runner.tools import People, Stopping, Tools, Watcher

T = TypeVar("T")
_LETTERS = "bcdfghjkmnpqrstvwxz23456789"


@dataclass(frozen=True, slots=True)
class Hands:
    """Who takes part in a run, and how this process is asked to leave it."""

    people: People
    watcher: Watcher
    stopping: Stopping
    crew: Crew
    assume_yes: bool = False


def new_id(runbook: str, at: datetime) -> str:
    """`checkout-flag-kill-20261121-093005-k7q2`: read aloud, sorted by time, and nobody else's."""
    return f"{runbook}-{at:%Y%m%d-%H%M%S}-{''.join(secrets.choice(_LETTERS) for _ in range(4))}"


async def begin_run(world: World, base: Config, wanted: Wanted, hands: Hands, run: str = "") -> Left:
    """Check, create, carry. `base`: the config before the environment's overrides, which the world's has.

    Raises InvalidInput, Refused, LeaseLost, JournalUnreachable.
    """
    values = check(wanted, base, world.author.actor)
    now = world.clock.now()
    name = run or new_id(wanted.runbook.id, now)
    if wanted.mode is RunMode.LIVE and wanted.target is not None:
        await _refuse_second(world, wanted.target)
    async with held(world, name) as ours:
        event = await ours.commit(_created(world, wanted, name, values, now), (wanted.text.encode(),))
        state = fold_run([event])
        assert state is not None
        hands.watcher.saw(event, state)
        return await _carry(world, ours, wanted.runbook, state, values, hands, wanted)


async def resume_run(
    world: World, state: RunState, runbook: Runbook, hands: Hands, *, take_over: bool = False, giving_up: str = ""
) -> Left:
    """`runbook`: as its file has it now. Raises Refused where it is another version, or the run is over."""
    if state.ended:
        raise Refused(f"the run {state.id} is over: {state.result}.", remedy="Start another with `rolloutctl runbook run`.")
    if exec_digest(runbook) != state.exec_digest:
        await _refuse_edited(world, state, runbook)
    source, _ = await _of_rollout(world, state, None)
    digest = contracts_digest(runbook, world.config, state.target.provider if state.target is not None else "", source)
    if digest != state.adapter_digest:
        raise Refused(
            f"what the run {state.id} relies on in the config is another than when it began.",
            remedy="Put the config back, or end the run with --end and begin anew.",
        )
    return await _go_on(world, state.id, runbook, hands, take_over=take_over, giving_up=giving_up)


async def undo_run(world: World, state: RunState, hands: Hands, *, take_over: bool = False) -> Left:
    """Undo what a run did, newest first, with the runbook it ran with; each is proved by a read-back."""
    runbook = await world.journal.call(lambda journal: runbook_of(journal, state))
    return await _go_on(world, state.id, runbook, hands, take_over=take_over, undoing=True)


async def _go_on(
    world: World,
    run: str,
    runbook: Runbook,
    hands: Hands,
    *,
    take_over: bool,
    undoing: bool = False,
    giving_up: str = "",
) -> Left:
    async with held(world, run, take_over=take_over) as ours:
        state = fold_run(await world.journal.call(lambda journal: journal.read(run_stream(run))))
        assert state is not None, "it was read before the lease was taken"
        return await _carry(world, ours, runbook, state, dict(state.params), hands, undoing=undoing, giving_up=giving_up)


async def _carry(
    world: World,
    ours: Held,
    runbook: Runbook,
    state: RunState,
    values: Mapping[str, str],
    hands: Hands,
    wanted: Wanted | None = None,
    *,
    undoing: bool = False,
    giving_up: str = "",
) -> Left:
    source, snapshot = await _of_rollout(world, state, wanted)
    tools = toolbox(world, ours.commit, runbook, hands, source)
    runner = Runner(
        Workshop(runbook, tools, snapshot),
        state,
        dict(values),
        hands.crew,
        assume_yes=hands.assume_yes,
        undoing=undoing,
        giving_up=giving_up,
    )
    if wanted is not None and wanted.inject:
        faults = Faults(injected(wanted), runner.under_way, world.clock, _crash)
        runner.workshop = replace(runner.workshop, tools=_faulty(runner.workshop.tools, faults))
    return await runner.run()


async def _of_rollout(world: World, state: RunState, wanted: Wanted | None) -> tuple[str, CohortState | None]:
    """Source and snapshot of the rollout that is rolled back; after a restart, as its stream has them."""
    if wanted is not None:
        return wanted.source, wanted.snapshot
    if not state.rollout:
        return "", None
    from rolloutctl.model.fold import fold  # noqa: PLC0415 - a run by hand folds no rollout
    from rolloutctl.model.kinds import ROLLOUT_STREAM  # noqa: PLC0415

    rollout = fold(await world.journal.call(lambda journal: journal.read(f"{ROLLOUT_STREAM}{state.rollout}")))
    return (rollout.source, rollout.snapshot) if rollout is not None else ("", None)


def _created(world: World, wanted: Wanted, run: str, values: Mapping[str, str], now: datetime) -> RunCreated:
    runbook = wanted.runbook
    provider = wanted.target.provider if wanted.target is not None else ""
    return RunCreated(
        run=run,
        mode=wanted.mode,
        runbook=runbook.id,
        exec_digest=exec_digest(runbook),
        adapter_digest=contracts_digest(runbook, world.config, provider, wanted.source),
        blob=hashlib.sha256(wanted.text.encode()).hexdigest(),
        environment=wanted.environment,
        target=wanted.target,
        rollout=wanted.rollout,
        params={name: world.scrub(value) for name, value in values.items()},
        incident=world.scrub(wanted.incident),
        inject=wanted.inject,
        steps=tuple(
            ListedStep(id=s.id, section=where, type=s.type, critical=s.critical, effect=s.has_effect)
            for _, where, s in runbook.placed()
        ),
        objective=runbook.objective.time_to_rollback,
        start=runbook.objective.start,
        stop=runbook.objective.stop,
        confirmed=wanted.confirmed,
        decided_at=wanted.decided_at or now,
        at=now,
    )


def _listed(runbook: Runbook) -> tuple[ListedStep, ...]:
    return tuple(
        ListedStep(id=step.id, section=section, type=step.type, critical=step.critical, effect=step.has_effect)
        for _, section, step in runbook.placed()
    )


def toolbox(world: World, commit: Callable[[Body], Awaitable[Event]], runbook: Runbook, hands: Hands, source: str) -> Tools:
    async def head() -> tuple[int, str]:
        return await world.journal.call(lambda journal: journal.head())

    return Tools(
        adapters=world.adapters,
        alertmanagers=world.alertmanagers,
        sources=world.sources,
        source=source,
        providers=world.providers,
        channels=world.channels,
        pagers=_pagers(world, runbook),
        clock=world.clock,
        commit=commit,
        head=head,
        scrub=world.scrub,
        random=lambda: secrets.randbelow(1 << 30) / (1 << 30),
        people=hands.people,
        watcher=hands.watcher,
        stopping=hands.stopping,
    )


def _pagers(world: World, runbook: Runbook) -> tuple[str, ...]:
    """Channels that the runbook itself tells; without any, whatever of the config pages people."""
    named = dict.fromkeys(name for _, kind, name in relies_on(runbook) if kind is Relied.CHANNEL)
    paging = [name for name, channel in world.config.channels.items() if isinstance(channel, PagerDutyChannel)]
    return tuple(named) or tuple(paging)


async def _refuse_second(world: World, target: Target) -> None:
    """Two live runs on one flag would work against each other. One that nobody carries any more stands in nobody's way."""

    def carried(journal: Journal) -> tuple[str, str] | None:
        for state in runs(journal):
            lease = journal.lease(run_stream(state.id)) if _same_flag(state, target) else None
            if lease is not None and lease.expires_in_s > 0:
                return state.id, lease.holder
        return None

    found = await world.journal.call(carried)
    if found is not None:
        run, holder = found
        raise Refused(
            f"{target} is being rolled back by {holder}, in the run {run}.",
            remedy=f"Look with `rolloutctl runbook runs`; go on with it here: `rolloutctl runbook resume {run} --take-over`.",
        )


def _same_flag(state: RunState, target: Target) -> bool:
    return state.mode is RunMode.LIVE and not state.ended and state.target == target


async def _refuse_edited(world: World, state: RunState, runbook: Runbook) -> None:
    old = await world.journal.call(lambda journal: runbook_of(journal, state))
    edits = "; ".join(str(edit) for edit in changed(old, runbook)[:3])
    raise Refused(
        f"the runbook {state.runbook} is another version than the one the run {state.id} began with: {edits}.",
        remedy="Put the file back to resume it, or end the run with --end and begin anew.",
    )


def _faulty(tools: Tools, faults: Faults) -> Tools:
    return replace(
        tools,
        adapters=_Wrapped(tools.adapters, faults.adapter),
        alertmanagers=_Wrapped(tools.alertmanagers, faults.adapter),
        sources=_Wrapped(tools.sources, faults.source),
        providers=_Wrapped(tools.providers, faults.provider),
        channels=_Wrapped(tools.channels, faults.channel),
    )


class _Wrapped(Mapping[str, T]):
    """Wraps what is asked for when it is."""

    def __init__(self, inner: Mapping[str, T], wrap: Callable[[T], T]) -> None:
        self._inner = inner
        self._wrap = wrap

    def __getitem__(self, name: str) -> T:
        return self._wrap(self._inner[name])

    def __contains__(self, name: object) -> bool:
        return name in self._inner

    def __iter__(self) -> Iterator[str]:
        return iter(self._inner)

    def __len__(self) -> int:
        return len(self._inner)


def _crash() -> None:
    """As a machine that loses its power: nothing is finished, nothing is flushed."""
    os.kill(os.getpid(), signal.SIGKILL)
