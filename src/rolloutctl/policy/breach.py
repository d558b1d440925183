"""From a latched guardrail breach to a rollback: at once, after a countdown, or a hold (`states.md`, "Breach → rollback")."""

from __future__ import annotations

from datetime import timedelta

from rolloutctl.model.events import Action, BreachLatched, HoldKind, HoldRequested
from rolloutctl.model.state import RolloutState
from rolloutctl.model.verdict import Verdict
from rolloutctl.plan.model import OnBreach, Plan, Role
from rolloutctl.policy import decision as do
from rolloutctl.policy.facts import Facts

JUDGE_WITHIN = timedelta(seconds=60)
"""A driver that took over and has no verdict by then cannot judge."""


def worst_breach(state: RolloutState) -> BreachLatched | None:
    """The first guardrail breach of the present phase attempt."""
    breaches = state.run.breaches if state.run is not None else ()
    return next((breach for breach in breaches if breach.role == Role.GUARDRAIL), None)


def latched(state: RolloutState) -> BreachLatched | None:
    """What keeps the present phase attempt from ever being READY: its guardrail breach, else that of a signal."""
    breaches = state.run.breaches if state.run is not None else ()
    return worst_breach(state) or next((breach for breach in breaches if breach.role == Role.SIGNAL), None)


def on_breach(plan: Plan, state: RolloutState, facts: Facts) -> do.Decision | None:
    breach = worst_breach(state)
    if breach is None or plan.rollback.irreversible is not None:
        return None
    shown = breach.shown
    match plan.rollback.on_breach:
        case OnBreach.HOLD:
            return None
        case OnBreach.AUTO:
            return do.Decide(Action.ROLLBACK, accepted=True, reasons=(f"BREACH of {shown}: {breach.why}",))
        case OnBreach.ASK:
            return _ask(plan, state, facts, breach, shown)


def _ask(plan: Plan, state: RolloutState, facts: Facts, breach: BreachLatched, shown: str) -> do.Decision | None:
    countdown = state.countdown
    if countdown is None:
        person, automatic = state.hold_by(HoldKind.PERSON), state.hold_by(HoldKind.AUTOMATIC)
        held_after = person is not None and state.run is not None and person.seq > state.run.breach_seq
        asked_already = automatic is not None and automatic.code == "recovered"
        if held_after or asked_already or _asks_otherwise(state):
            return None
        return do.StartCountdown(breach.criterion, breach.segment, f"{shown}: {breach.why}", facts.now + plan.rollback.countdown)
    if facts.now < countdown.fires_at or _asks_otherwise(state):
        return None
    if countdown.fires_at <= facts.driving_since:
        return _unattended(state, facts, shown, breach)
    return do.Decide(Action.ROLLBACK, accepted=True, reasons=(f"BREACH of {shown}: {breach.why}", "the countdown ran out"))


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


def _unattended(state: RolloutState, facts: Facts, shown: str, breach: BreachLatched) -> do.Decision | None:
    """The countdown ran out while nobody drove: judge again. Still a breach, or cannot judge: roll back; recovered: ask."""
    if facts.phase_verdict is None and facts.now < facts.driving_since + JUDGE_WITHIN:
        return None
    latched = [b for b in (state.run.breaches if state.run is not None else ()) if b.role == Role.GUARDRAIL]
    now = {(verdict.criterion, verdict.segment): verdict for verdict in facts.verdicts}
    verdicts = [now.get((b.criterion, b.segment)) for b in latched]
    if all(verdict is not None and recovered(verdict) for verdict in verdicts):
        return do.SetHold(
            HoldKind.AUTOMATIC,
            "recovered",
            f"{shown} was in BREACH and its countdown ran out while nobody drove; it looks recovered now, a person decides",
        )
    return do.Decide(
        Action.ROLLBACK,
        accepted=True,
        reasons=(f"BREACH of {shown}: {breach.why}", "the countdown ran out while nobody drove, and it has not recovered"),
    )


def recovered(verdict: Verdict) -> bool:
    """The newest closed cell has a value, and it is inside the bound."""
    cells = verdict.evidence.cells
    return bool(cells) and not verdict.state.missing_evidence and cells[-1].canary is not None and not cells[-1].beyond
