"""The automatic hold: its reason, or none. It ends when the reason ends; a person's hold is not its business."""

from __future__ import annotations

from datetime import UTC, datetime

from rolloutctl.model.kinds import HoldCode, HoldKind
from rolloutctl.model.state import RolloutState, Step
from rolloutctl.model.verdict import PhaseState, PhaseVerdict
from rolloutctl.plan.model import Advance, OnBreach, Plan
from rolloutctl.policy.facts import Facts
from rolloutctl.units import show_duration

HoldReason = tuple[str, str]
"""(a `HoldCode`, sentence without numbers that change by the second)."""


def automatic_hold(plan: Plan, state: RolloutState, facts: Facts) -> HoldReason | None:
    """Worst first. What cannot be observed just now has not ended: a restart or a silent flag server lifts no hold."""
    present = state.hold_by(HoldKind.AUTOMATIC)
    breach = state.guardrail_breach
    kept = (present.code, present.reason) if present is not None else ("", "")
    if kept[0] == HoldCode.RECOVERED and breach is not None:
        return kept
    if breach is not None and plan.rollback.irreversible is not None:
        return (
            HoldCode.BREACH,
            f"BREACH of {breach.criterion}; rolling back is declared irreversible: {plan.rollback.irreversible}",
        )
    if breach is not None and plan.rollback.on_breach is OnBreach.HOLD:
        return (HoldCode.BREACH, f"BREACH of {breach.criterion}; the plan holds on a breach, a person decides")
    if state.drifted and not _as_expected(state, facts):
        by = f" ({'; '.join(state.drifted_by)})" if state.drifted_by else ""
        return (HoldCode.DRIFT, f"somebody else changed the flag{by}: it is {state.drifted}, it should be {state.expected}")
    if state.step is Step.SETTLING and facts.verification is not None and not facts.verification.seen:
        return (HoldCode.UNSEEN, f"the change is not seen by clients: {facts.verification.how}")
    if state.step is Step.SETTLING and facts.verification is None and kept[0] == HoldCode.UNSEEN:
        return kept
    if state.step not in {Step.BAKING, Step.READY, Step.WAITING} or state.run is None:
        return None
    if facts.phase_verdict is None and kept[0] in {HoldCode.EVIDENCE, HoldCode.EXPOSURE}:
        return kept
    if (missing := _missing(facts)) is not None:
        return (HoldCode.EVIDENCE, missing.why)
    if facts.exposure_off:
        return (HoldCode.EXPOSURE, facts.exposure_off)
    if facts.phase_verdict is not None and facts.phase_verdict.state is PhaseState.HOLD:
        return (HoldCode.EVIDENCE, facts.phase_verdict.why)
    return _deadline(plan, state, facts) or _failure(plan, state)


def _missing(facts: Facts) -> PhaseVerdict | None:
    """A hold for missing evidence; it comes before exposure, which without evidence cannot be told either."""
    verdict = facts.phase_verdict
    if verdict is None or verdict.state is not PhaseState.HOLD or verdict.worst is None:
        return None
    return verdict if verdict.worst.state.missing_evidence else None


def missing_since(facts: Facts) -> datetime | None:
    """When the evidence that is missing now went missing, by the source's time."""
    verdict = _missing(facts)
    since = verdict.worst.missing_since if verdict is not None and verdict.worst is not None else None
    return datetime.fromtimestamp(since, UTC) if since is not None else None


def _as_expected(state: RolloutState, facts: Facts) -> bool:
    return facts.flag is not None and state.expected is not None and facts.flag.native == state.expected.native


def _deadline(plan: Plan, state: RolloutState, facts: Facts) -> HoldReason | None:
    run, phase, present = state.run, plan.phases[state.phase], state.hold_by(HoldKind.AUTOMATIC)
    if (
        run is None
        or run.deadline_waived
        or state.step is not Step.BAKING
        or facts.now < run.started_at + phase.deadline_or_default
    ):
        return None
    if present is not None and present.code == HoldCode.DEADLINE:
        return (present.code, present.reason)
    if facts.phase_verdict is not None and facts.phase_verdict.state is PhaseState.READY and state.baked(facts.now) >= phase.bake:
        return None
    missing = (
        facts.phase_verdict.why
        if facts.phase_verdict is not None and facts.phase_verdict.state is not PhaseState.READY
        else "bake time"
    )
    return (HoldCode.DEADLINE, f"not READY within {show_duration(phase.deadline_or_default)}; missing: {_steady(missing)}")


def _failure(plan: Plan, state: RolloutState) -> HoldReason | None:
    if state.flag_failure and plan.phases[state.phase].advance is Advance.AUTO:
        return (HoldCode.FLAG, f"the flag could not be changed: {state.flag_failure}")
    return None


def _steady(text: str) -> str:
    """Up to the first colon: which criterion, not its running numbers."""
    return text.split(":", 1)[0]
