"""From a latched guardrail breach to a rollback: at once, after a countdown, or a hold (`states.md`, "Breach → rollback")."""

from __future__ import annotations

from datetime import timedelta

from rolloutctl.model.events import BreachLatched, HoldRequested
from rolloutctl.model.kinds import Action, HoldCode, HoldKind
from rolloutctl.model.state import RolloutState
from rolloutctl.model.verdict import Verdict
from rolloutctl.plan.model import OnBreach, Plan
from rolloutctl.policy import decision as do
from rolloutctl.policy.facts import Facts

JUDGE_WITHIN = timedelta(seconds=60)
"""A driver that took over and has no verdict by then cannot judge."""


def on_breach(plan: Plan, state: RolloutState, facts: Facts) -> do.Decision | None:
    breach = state.guardrail_breach
    if breach is None or plan.rollback.irreversible is not None:
        return None
    match plan.rollback.on_breach:
        case OnBreach.HOLD:
            return None
        case OnBreach.AUTO:
            return do.Decide(Action.ROLLBACK, accepted=True, reasons=(_because(breach),))
        case OnBreach.ASK:
            return _ask(plan, state, facts, breach)


def _because(breach: BreachLatched) -> str:
    return f"BREACH of {breach.shown}: {breach.why}"


def _ask(plan: Plan, state: RolloutState, facts: Facts, breach: BreachLatched) -> do.Decision | None:
    countdown = state.countdown
    if countdown is None:
        person, automatic = state.hold_by(HoldKind.PERSON), state.hold_by(HoldKind.AUTOMATIC)
        held_after = person is not None and state.run is not None and person.seq > state.run.breach_seq
        asked_already = automatic is not None and automatic.code == HoldCode.RECOVERED
        if held_after or asked_already or _asks_otherwise(state):
            return None
        why = f"{breach.shown}: {breach.why}"
        return do.StartCountdown(breach.criterion, breach.segment, why, facts.now + plan.rollback.countdown)
    if facts.now < countdown.fires_at or _asks_otherwise(state):
        return None
    if countdown.fires_at <= facts.driving_since:
        return _unattended(state, facts, breach)
    return do.Decide(Action.ROLLBACK, accepted=True, reasons=(_because(breach), "the countdown ran out"))


def _asks_otherwise(state: RolloutState) -> bool:
    """A request or a decision that is still to be carried out comes first: a hold at the last second counts.

    While a change is in flight only a hold is heard, so nothing else may keep the countdown from running out.
    """
    if state.accepted is not None:
        return True
    in_flight = state.open_intent is not None
    return any(
        isinstance(event.body, HoldRequested) if in_flight else event.kind.endswith(".requested") for event in state.requests
    )


def _unattended(state: RolloutState, facts: Facts, breach: BreachLatched) -> do.Decision | None:
    """The countdown ran out while nobody drove: judge again. Still a breach, or cannot judge: roll back; recovered: ask."""
    if facts.phase_verdict is None and facts.now < facts.driving_since + JUDGE_WITHIN:
        return None
    latched = state.run.guardrail_breaches if state.run is not None else ()
    now = {(verdict.criterion, verdict.segment): verdict for verdict in facts.verdicts}
    verdicts = [now.get((each.criterion, each.segment)) for each in latched]
    if all(verdict is not None and recovered(verdict) for verdict in verdicts):
        return do.SetHold(
            HoldKind.AUTOMATIC,
            HoldCode.RECOVERED,
            f"{breach.shown} was in BREACH and its countdown ran out while nobody drove;"
            " it looks recovered now, a person decides",
        )
    return do.Decide(
        Action.ROLLBACK,
        accepted=True,
        reasons=(_because(breach), "the countdown ran out while nobody drove, and it has not recovered"),
    )


def recovered(verdict: Verdict) -> bool:
    """The newest closed cell has a value, and it is inside the bound."""
    cells = verdict.evidence.cells
    return bool(cells) and not verdict.state.missing_evidence and cells[-1].canary is not None and not cells[-1].beyond
