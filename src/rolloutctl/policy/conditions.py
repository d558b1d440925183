"""The conditions for entering a phase, for and against, in the order a person asks them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from rolloutctl.model.kinds import Action, HoldCode, HoldKind
from rolloutctl.model.rehearsal import RehearsalState
from rolloutctl.model.state import RolloutState, Status, Step
from rolloutctl.model.verdict import PhaseState
from rolloutctl.plan.model import Plan
from rolloutctl.policy.facts import Facts
from rolloutctl.policy.permission import refusal
from rolloutctl.policy.signing import approvers, gate_signer
from rolloutctl.runbook.model import Policy
from rolloutctl.units import show_clock, show_duration

FINISH = "done"
"""Where an advance from the last phase leads."""
REHEARSAL = "rehearsal"
"""Code of the reason that tells whether the way back is proved."""
MOST_EDITS = 3
"""So many edits of a runbook are named; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One line of a go/no-go: for (`ok`) or against."""

    ok: bool
    text: str
    code: str = ""
    """Word: role, status, busy, verdict, bake, hold (a person's), held (by itself), gate, approval, rehearsal, freeze, drift,
    flag."""


def next_phase(state: RolloutState) -> int | None:
    """Index of the phase an advance would enter; len(phases) means finishing; None: nothing to advance."""
    if state.status.final or state.status in {Status.ROLLING_BACK, Status.ROLLBACK_UNKNOWN}:
        return None
    return state.phase + 1


def approvals_missing(plan: Plan, state: RolloutState, index: int, asking: str) -> int:
    """How many more people must approve; whoever asks for the step does not count."""
    phase = plan.phases[index]
    given = {name for name in state.approvals.get(phase.name, ()) if name != asking}
    return max(0, phase.approvals - len(given))


def conditions(plan: Plan, state: RolloutState, facts: Facts, asking: str, break_glass: str = "") -> tuple[Reason, ...]:
    """Everything that speaks for or against entering the next phase now, when `asking` asks (empty: the plan does).

    `break_glass`: why a way back that is not proved does not matter; it lifts that alone.
    """
    index = next_phase(state)
    if index is None:
        return (Reason(ok=False, code="status", text=f"The rollout is {state.status.words}; there is nothing to advance."),)
    reasons: list[Reason] = []
    if asking and (why := refusal(facts.config, asking, state.target.environment, Action.ADVANCE)):
        reasons.append(Reason(ok=False, code="role", text=why))
    reasons += _progress(plan, state, facts)
    if (person := state.hold_by(HoldKind.PERSON)) is not None:
        reasons.append(
            Reason(ok=False, code="hold", text=f"{person.actor} holds it: {person.reason.rstrip('.') or 'no reason given'}.")
        )
    if (automatic := state.hold_by(HoldKind.AUTOMATIC)) is not None and automatic.code not in {HoldCode.EVIDENCE, HoldCode.FLAG}:
        reasons.append(Reason(ok=False, code="held", text=f"Held: {automatic.reason.rstrip('.')}."))
    if index < len(plan.phases):
        reasons += _signatures(plan, state, index, asking)
        reasons += _rehearsed(facts, break_glass)
        reasons += _freeze(plan, facts)
        reasons += _flag(state, facts)
    return tuple(reasons)


def against(reasons: tuple[Reason, ...]) -> tuple[str, ...]:
    return tuple(reason.text for reason in reasons if not reason.ok)


def _progress(plan: Plan, state: RolloutState, facts: Facts) -> list[Reason]:
    match state.step:
        case Step.APPLYING:
            return [Reason(ok=False, code="busy", text="A change of the flag is under way.")]
        case Step.SETTLING:
            return [Reason(ok=False, code="busy", text="The last change is settling; clients have to follow first.")]
        case Step.WAITING if state.phase < 0:
            return [Reason(ok=True, code="verdict", text="Nobody has the canary yet; nothing is judged before the first phase.")]
        case _:
            return _evidence(plan, state, facts)


def _evidence(plan: Plan, state: RolloutState, facts: Facts) -> list[Reason]:
    phase = plan.phases[state.phase]
    baked, verdict = state.baked(facts.now), facts.phase_verdict
    reasons = []
    if (breach := state.counted_breach) is not None:
        is_ = PhaseState.BREACH if breach.of_guardrail else PhaseState.HOLD
        reasons.append(
            Reason(
                ok=False, code="verdict", text=f"Phase {phase.name} is {is_}: BREACH of {breach.shown}: {breach.why.rstrip('.')}."
            )
        )
    elif verdict is None:
        reasons.append(Reason(ok=False, code="verdict", text=f"Phase {phase.name} has not been judged yet."))
    else:
        ready = verdict.state is PhaseState.READY
        reasons.append(
            Reason(ok=ready, code="verdict", text=f"Phase {phase.name} is {verdict.state}: {verdict.why.rstrip('.')}.")
        )
    if baked >= phase.bake:
        reasons.append(Reason(ok=True, code="bake", text=f"Baked {show_duration(phase.bake)} as declared."))
    else:
        left = show_clock((phase.bake - baked).total_seconds())
        still = " (the clock stands still while held)" if state.held else ""
        reasons.append(Reason(ok=False, code="bake", text=f"Bakes {left} more of {show_duration(phase.bake)}{still}."))
    return reasons


def _signatures(plan: Plan, state: RolloutState, index: int, asking: str) -> list[Reason]:
    phase, reasons = plan.phases[index], []
    for gate in plan.gates:
        if gate.before != phase.name:
            continue
        signed = state.gates.get(gate.id)
        if signed is None:
            reasons.append(Reason(ok=False, code="gate", text=f'Gate "{gate.id}" is not signed; {gate.owner} signs it.'))
        elif not signed:
            reasons.append(Reason(ok=False, code="gate", text=f'Gate "{gate.id}" is no-go, says {gate_signer(state, gate.id)}.'))
        else:
            reasons.append(Reason(ok=True, code="gate", text=f'Gate "{gate.id}" is go, says {gate_signer(state, gate.id)}.'))
    if phase.approvals:
        missing = approvals_missing(plan, state, index, asking)
        names = ", ".join(approvers(state, phase.name)) or "nobody yet"
        text = f"Phase {phase.name} needs {phase.approvals} approvals of others than who asks; given by {names}."
        reasons.append(Reason(ok=missing == 0, code="approval", text=text))
    return reasons


def _rehearsed(facts: Facts, break_glass: str) -> list[Reason]:
    """Nobody advances on a way back that is not proved."""
    proof = facts.proof
    if proof is None:
        return []
    standing = proof.standing
    if standing is not None and standing.state is RehearsalState.REHEARSED:
        return [Reason(ok=True, code=REHEARSAL, text=f"Runbook {proof.runbook}: {standing}.")]
    told = f"Runbook {proof.runbook}: {standing if standing is not None else proof.trouble.rstrip('.')}."
    told = " ".join([told, *(f"{edit[:1].upper()}{edit[1:]}." for edit in proof.edits[:MOST_EDITS])])
    if len(proof.edits) > MOST_EDITS:
        told += f" {len(proof.edits) - MOST_EDITS} more edits."
    if break_glass:
        return [Reason(ok=True, code=REHEARSAL, text=f"{told} Broken glass: {break_glass.rstrip('.')}.")]
    match proof.policy:
        case Policy.OFF:
            return [Reason(ok=True, code=REHEARSAL, text=f"{told} The runbook does not ask for a rehearsal.")]
        case Policy.WARN:
            return [Reason(ok=True, code=REHEARSAL, text=f"{told} The runbook only warns: the way back is not proved.")]
        case Policy.BLOCK:
            return [Reason(ok=False, code=REHEARSAL, text=told)]
        case never:
            assert_never(never)


def _freeze(plan: Plan, facts: Facts) -> list[Reason]:
    for window in plan.freeze.parsed:
        if window.covers(facts.now):
            left = show_clock(window.ends_in(facts.now).total_seconds())
            return [Reason(ok=False, code="freeze", text=f"Frozen for {left} more: {window.text}.")]
    return []


def drift_of(state: RolloutState, facts: Facts) -> str:
    """What somebody else made of the flag, as it is read now; empty: it is as we set it, or was not read."""
    if facts.flag is None or state.expected is None or facts.flag.native == state.expected.native:
        return ""
    return str(facts.flag) if str(facts.flag) != str(state.expected) else f"{facts.flag}, changed in detail"


def _flag(state: RolloutState, facts: Facts) -> list[Reason]:
    if facts.flag_error:
        return [Reason(ok=False, code="flag", text=f"The flag cannot be read: {facts.flag_error}")]
    drifted = drift_of(state, facts) or (state.drifted if facts.flag is None else "")
    if drifted:
        return [Reason(ok=False, code="drift", text=f"Somebody else changed the flag: it is {drifted}.")]
    if facts.next_problem:
        return [Reason(ok=False, code="flag", text=facts.next_problem)]
    if facts.flag is not None:
        return [Reason(ok=True, code="flag", text=f"The flag reads {facts.flag}, as it should.")]
    return []
