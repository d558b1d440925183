"""`states.md` in code: the one next thing to do for a rollout, from its plan, its state and what was observed.

The order of the rules is the order of the page: rollback wins, then what is in flight, then breaches, then what people ask,
then holds, then progress. Pure: the same arguments always give the same decision.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from rolloutctl.model.kinds import Action, HoldCode, HoldKind, Purpose
from rolloutctl.model.state import Accepted, RolloutState, Status, Step
from rolloutctl.model.verdict import PhaseState
from rolloutctl.plan.model import Advance, Plan
from rolloutctl.policy import decision as do
from rolloutctl.policy.breach import on_breach
from rolloutctl.policy.conditions import FINISH, against, conditions, drift_of
from rolloutctl.policy.facts import Facts
from rolloutctl.policy.holds import automatic_hold, missing_since
from rolloutctl.policy.requests import answer, hold_first, rollback_first
from rolloutctl.policy.rollback import rolling_back, watch_after

MOST_TRIES = 3
"""An intent that a read found not applied this often is given up."""
LOOK_AGAIN = timedelta(seconds=2)
"""Between looks at an unknown outcome, and at clients that have not followed yet."""


def decide(plan: Plan, state: RolloutState, facts: Facts) -> do.Decision:
    if state.status in {Status.ROLLING_BACK, Status.ROLLBACK_UNKNOWN}:
        return rolling_back(state, facts)
    if state.status is Status.ROLLED_BACK:
        return watch_after(plan, state, facts)
    if state.status.final:
        return rollback_first(state, facts) or do.Wait()
    return (
        rollback_first(state, facts)
        or on_breach(plan, state, facts)
        or _in_flight(state, facts)
        or _carry_out(plan, state, facts)
        or _ready(plan, state, facts)
        or answer(plan, state, facts)
        or _drift(state, facts)
        or _hold(plan, state, facts)
        or _settle(plan, state, facts)
        or _progress(plan, state, facts)
        or do.Wait(until=_next_moment(plan, state, facts))
    )


def _in_flight(state: RolloutState, facts: Facts) -> do.Decision | None:
    """An intent without outcome comes before anything but a rollback and a hold: read the real state, then act."""
    intent = state.open_intent
    if intent is None:
        return None
    if state.accepted is not None and state.accepted.action is Action.HOLD:
        return do.SetHold(HoldKind.PERSON, HoldCode.PERSON, state.accepted.why)
    if (hold := hold_first(state, facts)) is not None:
        return hold
    if intent.not_applied and intent.intent.purpose is Purpose.ADVANCE and (why := _stops(state)):
        return do.GiveUpIntent(why)
    if intent.not_applied and intent.tries >= MOST_TRIES:
        return do.GiveUpIntent(f"it was sent {intent.tries} times and the flag server still does not show it")
    if intent.not_applied:
        return do.SendAgain()
    if intent.look_at is not None and facts.now < intent.look_at:
        return do.Wait(until=intent.look_at)
    return do.Reconcile()


def _stops(state: RolloutState) -> str:
    """Why a step forward that has not happened is not sent again."""
    breach, person = state.guardrail_breach, state.hold_by(HoldKind.PERSON)
    if breach is not None:
        return f"it has not happened and is not sent again: BREACH of {breach.shown}"
    return f"it has not happened and is not sent again: {person.actor} holds it" if person is not None else ""


def _carry_out(plan: Plan, state: RolloutState, facts: Facts) -> do.Decision | None:
    """What was decided and journalled is done, also by a driver that took over in between."""
    todo = state.accepted
    if todo is None:
        return None
    match todo.action:
        case Action.ADVANCE | Action.FINISH:
            return _forward(plan, state, facts, todo)
        case Action.BACK:
            return do.ChangeFlag(Purpose.BACK, todo.phase, plan.index(todo.phase), todo.why)
        case Action.AMEND if todo.request is not None:
            return do.Amend(todo.request)
        case Action.ABORT:
            return do.End("ABORTED", todo.why or "a person stopped it at the present exposure")
        case Action.HOLD:
            return do.SetHold(HoldKind.PERSON, HoldCode.PERSON, todo.why)
        case Action.RESUME:
            return do.ClearHold(HoldKind.PERSON, todo.why or "resumed")
        case _:
            return None


def _forward(plan: Plan, state: RolloutState, facts: Facts, todo: Accepted) -> do.Decision | None:
    """A step forward is withdrawn when a breach was latched since, or when a driver that took over finds it is not safe now."""
    breach = state.guardrail_breach
    why: tuple[str, ...] = (f"BREACH of {breach.shown} came before it was carried out",) if breach is not None else ()
    if not why and todo.at < facts.driving_since:
        if state.requests:
            why = ("another request came before it was carried out",)
        elif state.phase >= 0 and facts.phase_verdict is None:
            return None
        else:
            asking = "" if todo.actor == "policy" else todo.actor
            why = against(conditions(plan, state, facts, asking, todo.break_glass))
    if why:
        return do.Decide(todo.action, accepted=False, reasons=why, phase=todo.phase)
    if todo.action is Action.FINISH:
        return do.End("DONE", "every phase is done")
    return do.ChangeFlag(Purpose.ADVANCE, todo.phase, plan.index(todo.phase), todo.why)


def _drift(state: RolloutState, facts: Facts) -> do.Decision | None:
    """Somebody else's change is journalled once for what it made of the flag; the hold follows from it."""
    actual = drift_of(state, facts)
    return do.NoteDrift(expected=str(state.expected), actual=actual) if actual and state.drifted != actual else None


def _hold(plan: Plan, state: RolloutState, facts: Facts) -> do.Decision | None:
    wanted, present = automatic_hold(plan, state, facts), state.hold_by(HoldKind.AUTOMATIC)
    if wanted is None:
        return do.ClearHold(HoldKind.AUTOMATIC, f"over: {present.reason}") if present is not None else None
    if present is None or (present.code, present.reason) != wanted:
        since = missing_since(facts) if wanted[0] == HoldCode.EVIDENCE else None
        return do.SetHold(HoldKind.AUTOMATIC, *wanted, since=since)
    return None


def _settle(plan: Plan, state: RolloutState, facts: Facts) -> do.Decision | None:
    if state.step is not Step.SETTLING or state.settle_until is None:
        return None
    if facts.now < state.settle_until:
        return do.Wait(until=state.settle_until)
    if facts.verification is None or facts.verify_due:
        return do.Verify()
    if not facts.verification.seen or state.hold_by(HoldKind.AUTOMATIC) is not None or state.guardrail_breach is not None:
        return None
    phase = plan.phases[state.phase]
    return do.StartBaking(phase.name, facts.verification.how, phase.stabilise)


def _ready(plan: Plan, state: RolloutState, facts: Facts) -> do.Decision | None:
    """Before requests are answered: an advance that is accepted leaves a phase that the journal calls READY."""
    if state.step is not Step.BAKING or state.held or state.counted_breach is not None:
        return None
    phase, verdict = plan.phases[state.phase], facts.phase_verdict
    over = state.baked(facts.now) >= phase.bake and verdict is not None and verdict.state is PhaseState.READY
    stopped = drift_of(state, facts) or automatic_hold(plan, state, facts) is not None
    return do.MarkReady(phase.name) if over and not stopped else None


def _progress(plan: Plan, state: RolloutState, facts: Facts) -> do.Decision | None:
    ready_or_waiting = state.step is Step.READY or (state.step is Step.WAITING and state.phase >= 0)
    if ready_or_waiting and plan.phases[state.phase].advance is Advance.AUTO:
        return _advance_by_itself(plan, state, facts)
    return None


def _advance_by_itself(plan: Plan, state: RolloutState, facts: Facts) -> do.Decision | None:
    if state.held:
        return None
    index = state.phase + 1
    missing = against(conditions(plan, state, facts, asking=""))
    if index == len(plan.phases):
        return None if missing else do.Decide(Action.FINISH, accepted=True, reasons=("the last phase is READY",), phase=FINISH)
    name = plan.phases[index].name
    if not missing:
        return do.Decide(Action.ADVANCE, accepted=True, reasons=("READY, and nothing is missing",), phase=name)
    if state.step is Step.READY or _codes(state.waiting_for) != _codes(missing):
        return do.ShowWaiting(name, index, missing)
    return None


def _codes(missing: tuple[str, ...]) -> tuple[str, ...]:
    """Reasons without their numbers: a clock that ticks is not another reason."""
    return tuple("".join(c for c in text if not c.isdigit()) for text in missing)


def _next_moment(plan: Plan, state: RolloutState, facts: Facts) -> datetime | None:
    """The next time at which a rule could say something else without any new evidence."""
    moments = []
    if state.countdown is not None:
        moments.append(state.countdown.fires_at)
    if state.step is Step.SETTLING and state.settle_until is not None:
        moments.append(max(state.settle_until, facts.now + LOOK_AGAIN))
    if state.run is not None and state.step is Step.BAKING:
        phase = plan.phases[state.phase]
        moments.append(state.run.started_at + phase.deadline_or_default)
        if not state.held:
            moments.append(facts.now + (phase.bake - state.baked(facts.now)))
    return min((moment for moment in moments if moment > facts.now), default=None)
