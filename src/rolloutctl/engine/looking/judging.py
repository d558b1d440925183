"""From answers to a judgement, and what of it goes into the journal: changes of verdicts and first breaches only."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from rolloutctl.engine.evidence.numbers import numbers_of
from rolloutctl.engine.looking.keeping import Keeping
from rolloutctl.engine.looking.late_judge import asked_for, judge_phase, look, read_exposure
from rolloutctl.engine.world.observations import Judgement
from rolloutctl.engine.world.record import RolloutRecord
from rolloutctl.engine.world.world import World
from rolloutctl.model import events as ev
from rolloutctl.model.samples import Answer, Query
from rolloutctl.model.state import PhaseRun, RolloutState
from rolloutctl.model.verdict import Verdict
from rolloutctl.plan.model import Plan
from rolloutctl.policy.phase_verdict import breaching, phase_verdict, worst_first
from rolloutctl.ports import Lease

if TYPE_CHECKING:  # it loads numpy
    from rolloutctl.judge.exposure import ExposureReading
    from rolloutctl.judge.live.memory import Memory

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ToJudge:
    """A phase that is looked at; `before` is the look before this one."""

    rollout: str
    plan: Plan
    run: PhaseRun
    before: Judgement | None


def judge(
    plan: Plan,
    run: PhaseRun,
    now: datetime,
    answers: Mapping[Query, Answer],
    before: Judgement | None,
) -> Judgement:
    """Pure but for `before`, the previous look: it dates the states that samples cannot date."""
    return _judgement(ToJudge("", plan, run, before), _anew(plan, run, now, answers), now, answers)


def _anew(plan: Plan, run: PhaseRun, now: datetime, answers: Mapping[Query, Answer]) -> tuple[Verdict, ...]:
    return judge_phase(plan, run.index, run.started_at.timestamp(), now.timestamp(), answers)


def _judgement(one: ToJudge, verdicts: Sequence[Verdict], now: datetime, answers: Mapping[Query, Answer]) -> Judgement:
    plan, run, before = one.plan, one.run, one.before
    known = {v.key: v for v in before.verdicts} if before is not None and before.phase_attempt == run.attempt else {}
    dated = worst_first(tuple(_dated(plan, verdict, known.get(verdict.key), now) for verdict in verdicts))
    return Judgement(run.attempt, dated, phase_verdict(plan, dated, run), now, answers)


def look_at_all(
    asked: Sequence[ToJudge], now: datetime, answers: Mapping[Query, Answer], memory: Memory
) -> list[tuple[Judgement, ExposureReading] | Exception]:
    """The judgement and the exposure of each, or what went wrong with it. Equal to `judge` whatever `memory` holds."""
    phases = [asked_for(one.rollout, one.run.attempt, one.plan, one.run.index, one.run.started_at.timestamp()) for one in asked]
    found: Sequence[tuple[Verdict, ...] | Exception | None]
    try:
        found = look(memory, phases, now.timestamp(), answers)
    except Exception:  # noqa: BLE001 - without what is remembered each is judged by itself
        _log.exception("looking at %d phases at a time failed", len(asked))
        memory.phases.clear()
        found = [None] * len(asked)
    return [_look(one, verdicts, now, answers) for one, verdicts in zip(asked, found, strict=True)]


def _look(
    one: ToJudge, verdicts: Sequence[Verdict] | Exception | None, now: datetime, answers: Mapping[Query, Answer]
) -> tuple[Judgement, ExposureReading] | Exception:
    if isinstance(verdicts, Exception):
        return verdicts
    try:
        known = verdicts if verdicts is not None else _anew(one.plan, one.run, now, answers)
        exposure = read_exposure(one.plan, one.run.index, one.run.started_at.timestamp(), now.timestamp(), answers)
        return _judgement(one, known, now, answers), exposure
    except Exception as error:  # noqa: BLE001 - a fault with one must not keep the others from being judged
        return error


def again(plan: Plan, run: PhaseRun, judgement: Judgement) -> Judgement:
    """The same look with the breaches that were latched since."""
    return replace(judgement, phase=phase_verdict(plan, judgement.verdicts, run))


def _dated(plan: Plan, verdict: Verdict, known: Verdict | None, now: datetime) -> Verdict:
    if not verdict.state.missing_evidence or verdict.missing_since is not None:
        return verdict
    # Evidence that is missing in another way is still missing: the grace does not begin anew.
    missing = known is not None and known.state.missing_evidence
    since = known.missing_since if missing and known is not None and known.missing_since is not None else now.timestamp()
    grace: timedelta = plan.judge.grace * plan.metrics.step
    over = now.timestamp() - since >= grace.total_seconds() or (missing and known is not None and known.grace_over)
    return replace(verdict, missing_since=since, since=since, grace_over=over)


async def journal_judgement(world: World, rollout: RolloutRecord, lease: Lease, judgement: Judgement) -> None:
    """Append `verdict.changed` and `breach.latched` where something is new, with evidence; now and then a checkpoint.

    Raises LeaseLost.
    """
    if rollout.state.run is None or rollout.state.run.attempt != judgement.phase_attempt:
        return
    plan = rollout.plan
    phase = plan.phases[rollout.state.run.index].name
    keeping = Keeping(world, rollout, judgement)
    for verdict in judgement.verdicts:
        if rollout.plan is not plan:
            return
        was = rollout.state.verdicts.get(verdict.key, "")
        if verdict.state != was:
            await keeping.commit(lease, _changed(world, phase, judgement.phase_attempt, verdict, was, judgement.at))
    for verdict in breaching(plan, judgement.verdicts):
        if rollout.plan is not plan:
            return
        if not _latched(rollout.state, verdict):
            await keeping.commit(lease, _breach(world, plan, phase, verdict, judgement))
    await keeping.checkpoint(lease)


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
        evidence=numbers_of(verdict),
    )


def _breach(world: World, plan: Plan, phase: str, verdict: Verdict, look: Judgement) -> ev.BreachLatched:
    role = next(criterion.role for criterion in plan.every_criterion if criterion.id == verdict.criterion)
    first = datetime.fromtimestamp(verdict.breach_at, UTC) if verdict.breach_at is not None else look.at
    return ev.BreachLatched(
        phase=phase,
        attempt=look.phase_attempt,
        criterion=verdict.criterion,
        segment=verdict.segment,
        role=role,
        at=first,
        why=world.scrub(verdict.why),
        evidence=numbers_of(verdict),
    )
