"""Answers to what people ask: the oldest first, except that a rollback overtakes everything."""

from __future__ import annotations

from rolloutctl.model import events as ev
from rolloutctl.model.events import Event
from rolloutctl.model.kinds import Action, HoldCode, HoldKind
from rolloutctl.model.signed import signed_of
from rolloutctl.model.state import RolloutState
from rolloutctl.plan.model import Plan
from rolloutctl.policy import decision as do
from rolloutctl.policy.amending import amend_missing
from rolloutctl.policy.conditions import FINISH, against, conditions, next_phase
from rolloutctl.policy.facts import Facts
from rolloutctl.policy.permission import may_sign, refusal
from rolloutctl.policy.signing import unsigned


def rollback_first(state: RolloutState, facts: Facts) -> do.Decision | None:
    return _overtaking(Action.ROLLBACK, ev.RollbackRequested, state, facts)


def hold_first(state: RolloutState, facts: Facts) -> do.Decision | None:
    """A hold is heard while a change is in flight: nothing else may be, until its outcome is known."""
    return _overtaking(Action.HOLD, ev.HoldRequested, state, facts)


def _overtaking(action: Action, kind: type[ev.Asked], state: RolloutState, facts: Facts) -> do.Decision | None:
    request = next((request for request in state.requests if isinstance(request.body, kind)), None)
    if request is None:
        return None
    why = refusal(facts.config, request.actor, state.target.environment, action)
    return do.Decide(action, accepted=not why, reasons=(why,) if why else _for(request), request=request.seq)


def answer(plan: Plan, state: RolloutState, facts: Facts) -> do.Decision | None:
    if not state.requests:
        return None
    request = state.requests[0]
    action, phase = asked(request)
    refused = refusal(facts.config, request.actor, state.target.environment, action)
    if not refused and signed_of(request.body) is not None and request.seq not in facts.checked:
        return None
    if not refused and isinstance(request.body, ev.AmendRequested) and request.seq not in facts.proposed:
        return None
    refused = refused or unsigned(plan, state, facts, request)
    missing = (refused,) if refused else _missing(plan, state, facts, request, phase)
    codes = _codes(plan, state, facts, request) if missing and not refused else ()
    return do.Decide(
        action, accepted=not missing, reasons=missing or _for(request), request=request.seq, phase=phase, codes=codes
    )


def _codes(plan: Plan, state: RolloutState, facts: Facts, request: Event) -> tuple[str, ...]:
    """Which kinds of condition are missing for a step forward: whether waiting is enough can be told from them."""
    if not isinstance(request.body, ev.AdvanceRequested):
        return ()
    reasons = conditions(plan, state, facts, request.actor, request.body.break_glass)
    return tuple(dict.fromkeys(reason.code for reason in reasons if not reason.ok))


def _for(request: Event) -> tuple[str, ...]:
    why = request.body.why if isinstance(request.body, ev.Asked) else ""
    glass = request.body.break_glass if isinstance(request.body, ev.AdvanceRequested) else ""
    broken = (f"{request.actor} broke the glass: {glass}",) if glass else ()
    return (f"{request.actor} asked" + (f": {why}" if why else ""), *broken)


def asked(request: Event) -> tuple[Action, str]:
    """What a request asks for, and the phase it names where it names one."""
    match request.body:
        case ev.AdvanceRequested(to=to):
            return (Action.FINISH if to == FINISH else Action.ADVANCE, to)
        case ev.BackRequested(to=to):
            return (Action.BACK, to)
        case ev.HoldRequested():
            return (Action.HOLD, "")
        case ev.ResumeRequested():
            return (Action.RESUME, "")
        case ev.AbortRequested():
            return (Action.ABORT, "")
        case ev.ApprovalGiven(phase=phase):
            return (Action.APPROVE, phase)
        case ev.GateSigned():
            return (Action.SIGN, "")
        case ev.AmendRequested():
            return (Action.AMEND, "")
        case _:
            return (Action.CHECKED, "")


def _missing(plan: Plan, state: RolloutState, facts: Facts, request: Event, phase: str) -> tuple[str, ...]:
    """Why not; empty: it is done."""
    match request.body:
        case ev.AdvanceRequested():
            return _advance(plan, state, facts, request, phase)
        case ev.BackRequested():
            return back_missing(plan, state, phase)
        case ev.ResumeRequested():
            return _resume(state)
        case ev.ApprovalGiven(amendment=digest) if digest:
            return _approve_amendment(state, request, digest)
        case ev.ApprovalGiven():
            return _approve(plan, state, request, phase)
        case ev.GateSigned(gate=gate_id):
            gate = next((gate for gate in plan.gates if gate.id == gate_id), None)
            if gate is None:
                return (f'the plan has no gate "{gate_id}".',)
            return tuple(filter(None, [may_sign(facts.config, request.actor, gate), _unchecked(gate.checks, request.body)]))
        case ev.AmendRequested():
            proposed = facts.proposed[request.seq]
            return (proposed,) if isinstance(proposed, str) else amend_missing(plan, proposed, state, request.actor, request.body)
        case ev.RollbackChecked():
            return ("the rollback is not unknown; nothing is to be checked by hand.",)
        case _:
            return ()


def _resume(state: RolloutState) -> tuple[str, ...]:
    automatic = state.hold_by(HoldKind.AUTOMATIC)
    if state.hold_by(HoldKind.PERSON) is not None or state.flag_failure:
        return ()
    if automatic is None:
        return ("nothing holds it.",)
    match automatic.code:
        case HoldCode.DEADLINE:
            return ()
        case HoldCode.BREACH | HoldCode.RECOVERED:
            return (f"a breach stays in its attempt: step back, roll back or abort. Held: {automatic.reason.rstrip('.')}.",)
        case _:
            return (f"no person holds it; it goes on when the reason ends: {automatic.reason.rstrip('.')}.",)


def _unchecked(checks: tuple[str, ...], body: ev.GateSigned) -> str:
    left = [check for check in checks if check not in body.checks]
    return f"a gate is go only when every check is confirmed; missing: {'; '.join(left)}." if body.go and left else ""


def _advance(plan: Plan, state: RolloutState, facts: Facts, request: Event, phase: str) -> tuple[str, ...]:
    index = next_phase(state)
    expected = FINISH if index == len(plan.phases) else plan.phases[index].name if index is not None else ""
    if phase != expected:
        return (f'the next step is "{expected}", not "{phase}"; look again before you advance.',)
    glass = request.body.break_glass if isinstance(request.body, ev.AdvanceRequested) else ""
    return against(conditions(plan, state, facts, request.actor, glass))


def back_missing(plan: Plan, state: RolloutState, phase: str) -> tuple[str, ...]:
    """Why a step back to `phase` is not possible; empty: it is. The phase itself may be chosen: it begins anew."""
    served = [p.name for p in plan.phases[: state.phase + 1]]
    if state.phase < 0:
        return ("nobody has the canary yet; there is nothing to step back from.",)
    if phase not in served:
        return (f'a step back leads to {" or ".join(served)}, not to "{phase}".',)
    if state.open_intent is not None:
        return ("a change of the flag is under way.",)
    return ()


def _approve_amendment(state: RolloutState, request: Event, digest: str) -> tuple[str, ...]:
    if digest == state.plan_digest:
        return ("this plan is in force already.",)
    if request.actor in state.amendment_approvals.get(digest, ()):
        return (f"{request.actor} has approved it already; approvals are by different people.",)
    return ()


def _approve(plan: Plan, state: RolloutState, request: Event, phase: str) -> tuple[str, ...]:
    if phase not in [p.name for p in plan.phases]:
        return (f'the plan has no phase "{phase}".',)
    if plan.index(phase) <= state.phase:
        return (f'phase "{phase}" has been entered already.',)
    if plan.phase(phase).approvals == 0:
        return (f'phase "{phase}" needs no approval.',)
    if request.actor in state.approvals.get(phase, ()):
        return (f"{request.actor} has approved it already; approvals are by different people.",)
    return ()
