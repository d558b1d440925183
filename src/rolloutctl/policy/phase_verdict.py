"""How the verdicts of a phase's criteria combine (`states.md`, "Phase verdict"): first that applies."""

from __future__ import annotations

from typing import assert_never

from rolloutctl.model.kinds import Role
from rolloutctl.model.state import PhaseRun
from rolloutctl.model.verdict import WORST_FIRST, PhaseState, PhaseVerdict, State, Verdict
from rolloutctl.plan.model import AnyCriterion, OnMissing, Plan

_NOTHING_TO_A_TRIGGER = frozenset({State.PASS, State.PENDING, State.LOW_TRAFFIC})
"""What only a trigger watches is no exit criterion: it makes no phase READY and keeps none waiting for a pass."""


def worst_first(verdicts: tuple[Verdict, ...]) -> tuple[Verdict, ...]:
    return tuple(sorted(verdicts, key=lambda verdict: (WORST_FIRST.index(verdict.state), verdict.key)))


def effective(verdict: Verdict, criterion: AnyCriterion) -> State | None:
    """The state that counts: past its grace, missing evidence becomes what the plan declares; None: ignored."""
    if not verdict.state.missing_evidence or not verdict.grace_over:
        return verdict.state
    match verdict.state:
        case State.NO_DATA:
            declared = criterion.on_no_data
        case State.STALE:
            declared = criterion.on_stale
        case State.LOW_TRAFFIC:
            declared = criterion.on_low_traffic
        case _:
            declared = OnMissing.HOLD
    match declared:
        case OnMissing.HOLD:
            return verdict.state
        case OnMissing.BREACH:
            return State.BREACH
        case OnMissing.IGNORE:
            return None
        case _:
            assert_never(declared)


def breaching(plan: Plan, verdicts: tuple[Verdict, ...]) -> tuple[Verdict, ...]:
    """Verdicts that are a breach now, missing evidence that the plan calls a breach included."""
    criteria = {criterion.id: criterion for criterion in plan.every_criterion}
    return tuple(v for v in verdicts if v.breach_at is not None or effective(v, criteria[v.criterion]) is State.BREACH)


def phase_verdict(plan: Plan, verdicts: tuple[Verdict, ...], run: PhaseRun) -> PhaseVerdict:
    """`run` carries the breaches latched in this attempt: they count whatever the data say now."""
    criteria = {criterion.id: criterion for criterion in plan.every_criterion}
    exits = {criterion.id for criterion in plan.criteria_of(run.index)}
    counted = [
        (verdict, criteria[verdict.criterion].role, state)
        for verdict in worst_first(verdicts)
        if criteria[verdict.criterion].role is not Role.INFO
        and (state := effective(verdict, criteria[verdict.criterion])) is not None
        and (verdict.criterion in exits or state not in _NOTHING_TO_A_TRIGGER)
    ]
    return _breach(counted, run) or _hold(counted, run) or _pending(counted)


_Counted = list[tuple[Verdict, Role, State]]


def _breach(counted: _Counted, run: PhaseRun) -> PhaseVerdict | None:
    for breach in run.breaches:
        if breach.role == Role.GUARDRAIL:
            worst = next((v for v, _, _ in counted if (v.criterion, v.segment) == (breach.criterion, breach.segment)), None)
            return PhaseVerdict(PhaseState.BREACH, f"BREACH of {breach.shown}: {breach.why}", worst)
    for verdict, role, state in counted:
        if role is Role.GUARDRAIL and state is State.BREACH:
            return PhaseVerdict(PhaseState.BREACH, f"BREACH of {verdict.shown}: {verdict.why}", verdict)
    return None


def _hold(counted: _Counted, run: PhaseRun) -> PhaseVerdict | None:
    for breach in run.breaches:
        if breach.role == Role.SIGNAL:
            return PhaseVerdict(PhaseState.HOLD, f"signal {breach.shown} is in BREACH: {breach.why}")
    for verdict, _, state in counted:
        if state in {State.BREACH, State.ONE_HOST} or (state.missing_evidence and verdict.grace_over):
            return PhaseVerdict(PhaseState.HOLD, f"{verdict.shown}: {state.words}", verdict)
    return None


def _pending(counted: _Counted) -> PhaseVerdict:
    for verdict, _, state in counted:
        if state is State.PENDING or state.missing_evidence:
            return PhaseVerdict(PhaseState.PENDING, f"{verdict.shown}: {verdict.why}", verdict)
    if not any(state is State.PASS for _, _, state in counted):
        return PhaseVerdict(PhaseState.HOLD, "no criterion passes: nothing says that this phase is good")
    return PhaseVerdict(PhaseState.READY, "every criterion passes")
