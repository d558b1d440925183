"""From a sealed plan and the fold of its events to the card that is shown of it. Pure."""

from __future__ import annotations

from datetime import timedelta

from rolloutctl.engine.cards.card import Card, Shape
from rolloutctl.engine.cards.plain import plain
from rolloutctl.model.cohort import Cohort
from rolloutctl.model.events import PlanAmended
from rolloutctl.model.state import RolloutState, Status, Step
from rolloutctl.plan.model import Plan, RollbackTo
from rolloutctl.policy.rollback import watched_until
from rolloutctl.telling import because, clauses, words


def card_of(plan: Plan, state: RolloutState) -> Card:
    glyph, ink = mark(state)
    return Card(
        rollout=state.id,
        seq=state.seq,
        status=state.status,
        glyph=glyph,
        ink=ink,
        title=plan.shown,
        owner=state.owner,
        where=where(plan, state),
        served=f"{state.target}: {_served(plan, state)}",
        criteria=_counts(state),
        verdicts=", ".join(f"{key} {words(verdict)}" for key, verdict in state.verdicts.items()),
        waits_for=clauses(state.waiting_for),
        sealed=_sealed(state),
        doing=_doing(state),
        clocked=not _over(state) and state.run is not None and state.step in {Step.BAKING, Step.READY},
        clock=state.bake_clock,
        bake=plan.phases[state.phase].bake if state.phase >= 0 else timedelta(),
        watched_until=watched_until(plan, state),
        shape=plain(_shape(plan, state)),
    )


def _sealed(state: RolloutState) -> str:
    """`3f9a2b… by ana`, and how the plan was amended since."""
    newest = state.amendments[-1].body if state.amendments else None
    if not isinstance(newest, PlanAmended):
        return f"{state.plan_digest[:12]} by {state.sealed_by}"
    times = len(state.amendments)
    said = f"{newest.was_digest[:12]} by {state.sealed_by}" if times == 1 else f"by {state.sealed_by}"
    how_often = "once" if times == 1 else f"{times} times"
    return because(f"{said}; amended {how_often}, now {state.plan_digest[:12]} by {newest.by}", newest.why)


def _decided(state: RolloutState) -> Shape:
    """Who approved and signed what is to come, and whether that is certain."""
    return {
        "approvals": [
            {"phase": phase, "by": name, "signed": (phase, name) in state.signed_approvals}
            for phase, names in state.approvals.items()
            for name in names
        ],
        "gates": [
            {"gate": gate, "go": go, "by": state.gate_signers[gate], "signed": gate in state.signed_gates}
            for gate, go in state.gates.items()
        ],
        "amendments": len(state.amendments),
    }


def mark(state: RolloutState) -> tuple[str, str]:
    """(glyph, ink); the words beside it say the same."""
    breach = state.guardrail_breach is not None
    if state.status is Status.ROLLBACK_UNKNOWN:
        return "?", "red"
    if state.status is Status.ROLLING_BACK or (breach and not state.status.final):
        return "✖", "red"
    if state.status.final:
        return "•", "dim"
    if state.held or state.drifted or state.flag_failure:
        return "⚠", "yellow"
    return ("✔", "green") if state.step is Step.READY else ("◷", "bold")


def where(plan: Plan, state: RolloutState) -> str:
    """`five (2/4), 5 %`; of one that has ended what it left behind, not the cohort of its last phase: `off, was five (2/4)`."""
    reached = (
        f"{plan.phases[state.phase].name} ({state.phase + 1}/{len(plan.phases)})"
        if state.phase >= 0
        else f"before {plan.phases[0].name} (0/{len(plan.phases)})"
    )
    match state.status:
        case Status.ROLLED_BACK:
            return f"{state.drifted or _rolled_back_to(plan, state)}, was {reached}"
        case Status.DONE | Status.ABORTED:
            return f"ended in {reached}" if state.phase >= 0 else f"ended {reached}"
        case _:
            return f"{reached}, {plan.cohort(state.phase)}" if state.phase >= 0 else reached


def _served(plan: Plan, state: RolloutState) -> str:
    """What the flag says as far as the journal knows; nobody looks at it once a rollout has ended, so that is said."""
    if not state.status.final:
        return str(state.drifted or state.expected or "unknown")
    back = _rolled_back_to(plan, state) if state.status is Status.ROLLED_BACK else ""
    return f"{state.drifted or back or state.expected or 'unknown'} when the rollout ended"


def _rolled_back_to(plan: Plan, state: RolloutState) -> str:
    return str(state.snapshot) if plan.rollback.to is RollbackTo.SNAPSHOT else "off"


def _counts(state: RolloutState) -> str:
    """`3 PASS, 1 PENDING`; empty before anything was judged."""
    counts: dict[str, int] = {}
    for verdict in state.verdicts.values():
        counts[verdict] = counts.get(verdict, 0) + 1
    return ", ".join(f"{count} {words(verdict)}" for verdict, count in counts.items())


def _over(state: RolloutState) -> bool:
    return state.status.final or state.status in {Status.ROLLING_BACK, Status.ROLLBACK_UNKNOWN}


def _doing(state: RolloutState) -> tuple[str, ...]:
    if _over(state):
        return (because(state.status.words, state.ended_why or state.rollback_why),)
    parts = [state.status.words if state.step is Step.WAITING and state.phase < 0 else state.step.value]
    if state.run is not None and state.run.breaches:
        parts.append(f"BREACH of {', '.join(dict.fromkeys(breach.shown for breach in state.run.breaches))}")
    if state.countdown is not None:
        parts.append(f"rolls back at {state.countdown.fires_at:%H:%M:%S} UTC")
    parts += [because("held", hold.reason) for hold in state.holds]
    if state.flag_failure:
        parts.append(because("the last change did not happen", state.flag_failure))
    return tuple(parts)


def _shape(plan: Plan, state: RolloutState) -> Shape:
    intent = state.open_intent
    return {
        "rollout": state.id,
        "plan": state.plan,
        "attempt": state.attempt,
        "title": state.title,
        "owner": state.owner,
        "status": state.status,
        "step": state.step if not state.status.final else None,
        "phase": _phase(plan, state),
        "entering": _entering(plan, state),
        "flag": {
            "provider": state.target.provider,
            "key": state.target.key,
            "environment": state.target.environment,
            "project": state.target.project,
            "expected": str(state.expected) if state.expected is not None else None,
            "drifted": state.drifted or None,
            "last_change": state.last_change,
            "failure": state.flag_failure or None,
            "unknown": (intent.unknown or "no outcome was written yet") if intent is not None else None,
        },
        "criteria": [
            {"criterion": criterion, "segment": segment or None, "state": verdict}
            for key, verdict in state.verdicts.items()
            for criterion, _, segment in [key.partition("/")]
        ],
        "breaches": [
            {"criterion": b.criterion, "segment": b.segment or None, "role": b.role, "at": b.at, "why": b.why}
            for b in (state.run.breaches if state.run is not None else ())
        ],
        "held": state.held,
        "holds": [
            {"by": hold.by, "code": hold.code, "reason": hold.reason, "since": hold.since, "actor": hold.actor}
            for hold in state.holds
        ],
        "countdown": _countdown(state),
        "waiting_for": list(state.waiting_for),
        "rollback": _rollback(state),
        "ended": {"at": state.ended_at, "why": state.ended_why} if state.ended_at is not None else None,
        **_decided(state),
        "plan_digest": state.plan_digest,
        "runbook": state.runbook or None,
        "broken_glass": [
            {"phase": glass.phase, "actor": glass.actor, "why": glass.why, "at": glass.at} for glass in state.broken_glass
        ],
        "sealed_at": state.sealed_at,
        "sealed_by": state.sealed_by,
        "seq": state.seq,
    }


def _phase(plan: Plan, state: RolloutState) -> Shape | None:
    if state.phase < 0:
        return None
    phase, run = plan.phases[state.phase], state.run
    return {
        "name": phase.name,
        "index": state.phase,
        "count": len(plan.phases),
        "attempt": run.of_phase if run is not None else None,
        "cohort": _cohort(plan.cohort(state.phase)),
        "started_at": run.started_at if run is not None else None,
        "bake_s": phase.bake,
        "baked_s": None,
        "deadline_at": run.started_at + phase.deadline_or_default if run is not None and not run.deadline_waived else None,
    }


def _cohort(cohort: Cohort) -> Shape:
    return {"audiences": list(cohort.audiences), "percent": cohort.percent}


def _entering(plan: Plan, state: RolloutState) -> str | None:
    on_the_way = state.step in {Step.WAITING, Step.APPLYING} and not state.status.final
    return plan.phases[state.entering].name if on_the_way and 0 <= state.entering < len(plan.phases) else None


def _countdown(state: RolloutState) -> Shape | None:
    running = state.countdown
    if running is None:
        return None
    return {
        "criterion": running.criterion,
        "segment": running.segment or None,
        "reason": running.reason,
        "fires_at": running.fires_at,
        "postponed": running.postponed,
    }


def _rollback(state: RolloutState) -> Shape | None:
    if state.rollback_at is None:
        return None
    return {
        "why": state.rollback_why,
        "by": state.rollback_by,
        "at": state.rollback_at,
        "tries": state.rollback_tries,
        "settled": state.rollback_settled,
    }
