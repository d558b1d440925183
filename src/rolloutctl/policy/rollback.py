"""Rolling back until the flag server and the clients say so, and watching afterwards (`states.md`)."""

from __future__ import annotations

from datetime import datetime, timedelta

from rolloutctl.model.cohort import OFF, Cohort, CohortState
from rolloutctl.model.events import Event
from rolloutctl.model.kinds import Action, Kind, Purpose
from rolloutctl.model.state import RolloutState, Status
from rolloutctl.plan.model import Plan, RollbackTo
from rolloutctl.policy import decision as do
from rolloutctl.policy.facts import Facts
from rolloutctl.policy.permission import refusal
from rolloutctl.policy.requests import asked

UNKNOWN_AFTER_TRIES = 3
"""Tries that the flag server has not confirmed before it is said that a person must look."""
UNKNOWN_AFTER_UNSEEN = timedelta(seconds=60)
"""Clients that have not followed this long after the settle time: a person must look."""
_LONGEST_PAUSE_S = 30


def rollback_target(plan: Plan, state: RolloutState) -> Cohort:
    """Whom the flag serves after the rollback. A snapshot that cannot be told as a cohort counts by its document alone."""
    if plan.rollback.to is RollbackTo.OFF:
        return OFF
    return state.snapshot.effective or OFF


def rolling_back(state: RolloutState, facts: Facts) -> do.Decision:
    if state.requests:
        return _join(state, facts, state.requests[0])
    if state.accepted is not None and state.accepted.action is Action.CHECKED:
        return do.End("ROLLED_BACK", f"{state.accepted.actor} has checked: {state.accepted.why}")
    if state.open_intent is not None and state.open_intent.intent.purpose in {Purpose.ROLLBACK, Purpose.RESTORE_OFF}:
        waiting = _pause(state, facts)
        if state.open_intent.unknown and waiting is not None:
            return _give_up(state) or do.Wait(until=waiting)
        return do.SendAgain() if state.open_intent.not_applied else do.Reconcile()
    if state.rollback_settled:
        return _verified(state, facts)
    waiting = _pause(state, facts)
    if waiting is not None:
        return _give_up(state) or do.Wait(until=waiting)
    return do.TurnOff(Purpose.ROLLBACK, state.rollback_why)


def _join(state: RolloutState, facts: Facts, request: Event) -> do.Decision:
    seq = request.seq
    match request.kind:
        case Kind.ROLLBACK_REQUESTED:
            return do.Decide(Action.ROLLBACK, accepted=True, reasons=("joins the rollback that is running",), request=seq)
        case Kind.ROLLBACK_CHECKED:
            unknown = state.status is Status.ROLLBACK_UNKNOWN
            why = "" if unknown else "the rollback is not unknown; nothing is to be checked by hand."
            why = refusal(facts.config, request.actor, state.target.environment, Action.CHECKED) or why
            return do.Decide(Action.CHECKED, accepted=not why, reasons=(why,) if why else (), request=seq)
        case _:
            return do.Decide(asked(request)[0], accepted=False, reasons=("the rollout is being rolled back.",), request=seq)


def _pause(state: RolloutState, facts: Facts) -> datetime | None:
    """Until when to wait before the next try; None: now."""
    if state.rollback_tried_at is None or state.rollback_tries == 0:
        return None
    until = state.rollback_tried_at + timedelta(seconds=min(2 ** (state.rollback_tries - 1), _LONGEST_PAUSE_S))
    return until if facts.now < until else None


def _give_up(state: RolloutState) -> do.Decision | None:
    """Say that a person must look; the tries go on all the same."""
    if state.status is Status.ROLLING_BACK and state.rollback_tries >= UNKNOWN_AFTER_TRIES:
        why = state.flag_failure or (state.open_intent.unknown if state.open_intent else "")
        return do.End("ROLLBACK_UNKNOWN", f"{state.rollback_tries} tries, and the flag server has not confirmed: {why}")
    return None


def _verified(state: RolloutState, facts: Facts) -> do.Decision:
    seen, target = facts.verification, _expected(state)
    if facts.flag is not None and above(facts.flag, state, target):
        return do.NoteDrift(expected=str(target), actual=str(facts.flag))
    if seen is None or (facts.verify_due and not seen.seen):
        return do.Verify()
    if seen.seen:
        return do.End("ROLLED_BACK", f"{state.rollback_why or 'rolled back'}; {seen.how}")
    late = state.settle_until is not None and facts.now > state.settle_until + UNKNOWN_AFTER_UNSEEN
    if late and state.status is Status.ROLLING_BACK:
        return do.End("ROLLBACK_UNKNOWN", f"the flag server says off, and clients do not follow: {seen.how}")
    return do.Wait(until=facts.now + timedelta(seconds=1))


def _expected(state: RolloutState) -> Cohort:
    """Whom the flag served when the rollback was read back."""
    return (state.expected.effective if state.expected is not None else None) or OFF


def watched_until(plan: Plan, state: RolloutState) -> datetime | None:
    """Until when exposure is watched after a rollback; None: it was not rolled back."""
    if state.status is not Status.ROLLED_BACK or state.ended_at is None:
        return None
    return state.ended_at + plan.rollback.watch_after


def watch_after(plan: Plan, state: RolloutState, facts: Facts) -> do.Decision:
    """After a rollback, exposure above the target is turned off again and journalled as drift."""
    until = watched_until(plan, state)
    if until is None or (facts.now > until and state.open_intent is None):
        return do.Wait()
    if state.open_intent is not None:
        waiting = _pause(state, facts)
        if state.open_intent.unknown and waiting is not None:
            return do.Wait(until=waiting)
        return do.SendAgain() if state.open_intent.not_applied else do.Reconcile()
    if facts.flag is None or not above(facts.flag, state, rollback_target(plan, state)):
        return do.Wait(until=until)
    if state.drifted != str(facts.flag):
        return do.NoteDrift(expected=str(rollback_target(plan, state)), actual=str(facts.flag))
    waiting = _pause(state, facts)
    if waiting is not None:
        return do.Wait(until=waiting)
    return do.TurnOff(Purpose.RESTORE_OFF, f"exposure was found after the rollback: {facts.flag}")


def above(flag: CohortState, state: RolloutState, target: Cohort) -> bool:
    """Whether the flag serves anybody whom the rollback's target does not."""
    if not flag.enabled:
        return False
    if state.rollback_settled and state.expected is not None and flag.native == state.expected.native:
        return False
    if flag.cohort is None:
        return True
    return flag.cohort.percent > target.percent or bool(set(flag.cohort.audiences) - set(target.audiences))
