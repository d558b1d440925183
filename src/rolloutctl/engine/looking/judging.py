"""From answers to a judgement, and what of it goes into the journal: changes of verdicts and first breaches only."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from rolloutctl.engine.looking.late_judge import judge_phase, read_exposure
from rolloutctl.engine.world.commit import commit
from rolloutctl.engine.world.observations import Judgement
from rolloutctl.engine.world.record import RolloutRecord
from rolloutctl.engine.world.world import World
from rolloutctl.model import events as ev
from rolloutctl.model.samples import Answer, Query
from rolloutctl.model.state import PhaseRun, RolloutState
from rolloutctl.model.verdict import State, Verdict
from rolloutctl.plan.model import Plan
from rolloutctl.policy.phase_verdict import breaching, phase_verdict, worst_first
from rolloutctl.ports import Lease

if TYPE_CHECKING:  # it loads numpy
    from rolloutctl.judge.exposure import ExposureReading

_NOT_IN_THE_DATA = frozenset({State.SOURCE_DOWN, State.INVALID, State.PARTIAL})
"""States whose beginning the samples cannot tell, because there are none."""


def judge(
    plan: Plan,
    run: PhaseRun,
    now: datetime,
    answers: Mapping[Query, Answer],
    before: Judgement | None,
) -> Judgement:
    """Pure but for `before`, the previous look: it dates the states that samples cannot date."""
    verdicts = judge_phase(plan, run.index, run.started_at.timestamp(), now.timestamp(), answers)
    known = {v.key: v for v in before.verdicts} if before is not None and before.phase_attempt == run.attempt else {}
    dated = worst_first(tuple(_dated(plan, verdict, known.get(verdict.key), now) for verdict in verdicts))
    return Judgement(run.attempt, dated, phase_verdict(plan, dated, run), now)


def look_at_all(
    asked: Sequence[tuple[Plan, PhaseRun, Judgement | None]], now: datetime, answers: Mapping[Query, Answer]
) -> list[tuple[Judgement, ExposureReading] | Exception]:
    """The judgement and the exposure of each, or what went wrong with it. Pure, as `judge` is."""
    return [_look(plan, run, before, now, answers) for plan, run, before in asked]


def _look(
    plan: Plan, run: PhaseRun, before: Judgement | None, now: datetime, answers: Mapping[Query, Answer]
) -> tuple[Judgement, ExposureReading] | Exception:
    try:
        exposure = read_exposure(plan, run.index, run.started_at.timestamp(), now.timestamp(), answers)
        return judge(plan, run, now, answers, before), exposure
    except Exception as error:  # noqa: BLE001 - a fault with one must not keep the others from being judged
        return error


def again(plan: Plan, run: PhaseRun, judgement: Judgement) -> Judgement:
    """The same look with the breaches that were latched since."""
    return replace(judgement, phase=phase_verdict(plan, judgement.verdicts, run))


def _dated(plan: Plan, verdict: Verdict, known: Verdict | None, now: datetime) -> Verdict:
    if verdict.state not in _NOT_IN_THE_DATA or verdict.missing_since is not None:
        return verdict
    # Evidence that is missing in another way is still missing: the grace does not begin anew.
    missing = known is not None and known.state.missing_evidence
    since = known.missing_since if missing and known is not None and known.missing_since is not None else now.timestamp()
    grace: timedelta = plan.judge.grace * plan.metrics.step
    over = now.timestamp() - since >= grace.total_seconds() or (missing and known is not None and known.grace_over)
    return replace(verdict, missing_since=since, since=since, grace_over=over)


async def journal_judgement(world: World, rollout: RolloutRecord, lease: Lease, judgement: Judgement) -> None:
    """Append `verdict.changed` and `breach.latched` where something is new. Raises LeaseLost."""
    if rollout.state.run is None or rollout.state.run.attempt != judgement.phase_attempt:
        return
    phase = rollout.plan.phases[rollout.state.run.index].name
    for verdict in judgement.verdicts:
        was = rollout.state.verdicts.get(verdict.key, "")
        if verdict.state != was:
            await commit(world, rollout, lease, _changed(world, phase, judgement.phase_attempt, verdict, was, judgement.at))
    for verdict in breaching(rollout.plan, judgement.verdicts):
        if not _latched(rollout.state, verdict):
            blob = await world.journal.call(lambda journal, v=verdict: journal.put_blob(_cells(v)))  # type: ignore[misc]
            await commit(world, rollout, lease, _breach(world, rollout.plan, phase, verdict, judgement, blob))


def _latched(state: RolloutState, verdict: Verdict) -> bool:
    breaches = state.run.breaches if state.run is not None else ()
    return any((breach.criterion, breach.segment) == (verdict.criterion, verdict.segment) for breach in breaches)


def _changed(world: World, phase: str, attempt: int, verdict: Verdict, was: str, at: datetime) -> ev.VerdictChanged:
    return ev.VerdictChanged(
        phase=phase,
        attempt=attempt,
        criterion=verdict.criterion,
        segment=verdict.segment,
        state=verdict.state,
        was=was,
        why=world.scrub(verdict.why),
        at=at,
        evidence=_evidence(verdict),
    )


def _breach(world: World, plan: Plan, phase: str, verdict: Verdict, look: Judgement, blob: str) -> ev.BreachLatched:
    role = next(criterion.role for criterion in plan.criteria if criterion.id == verdict.criterion)
    first = datetime.fromtimestamp(verdict.breach_at, UTC) if verdict.breach_at is not None else look.at
    return ev.BreachLatched(
        phase=phase,
        attempt=look.phase_attempt,
        criterion=verdict.criterion,
        segment=verdict.segment,
        role=role,
        at=first,
        why=world.scrub(verdict.why),
        evidence=_evidence(verdict),
        blob=blob,
    )


def _evidence(verdict: Verdict) -> dict[str, str]:
    """Decimals travel as strings: the journal's canonical form has no floats."""
    evidence = verdict.evidence
    numbers = {
        "canary": evidence.canary,
        "baseline": evidence.baseline,
        "bound": evidence.bound,
        "events_canary": evidence.events_canary,
        "events_baseline": evidence.events_baseline,
        "age_s": evidence.age_s,
    }
    return {name: repr(value) for name, value in numbers.items() if value is not None}


def _cells(verdict: Verdict) -> bytes:
    """What the breach rests on: the queries as sent and every closed cell."""
    cells = [[cell.end, cell.canary, cell.baseline, cell.bound, cell.beyond] for cell in verdict.evidence.cells]
    return json.dumps({"queries": verdict.evidence.queries, "cells": cells}).encode()
