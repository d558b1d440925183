"""`fold(events)`: the state of a rollout is nothing but its events, in order.

One function per kind, in a table; an event whose kind changes nothing (a note) is listed too, so that a new kind cannot be
forgotten. The fold never refuses: what was journalled happened. Of two seals in one stream (two people started the same
plan at once) the first counts. It never looks at a clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from rolloutctl.errors import JournalCorrupt
from rolloutctl.model import events as ev
from rolloutctl.model.events import Event
from rolloutctl.model.kinds import Action, HoldCode, HoldKind, Kind, Purpose, Reality
from rolloutctl.model.recorded import Recorded, Taken
from rolloutctl.model.signed import signed_of
from rolloutctl.model.state import Accepted, BrokenGlass, Countdown, Hold, OpenIntent, PhaseRun, RolloutState, Status, Step
from rolloutctl.model.verdict import key_of

MOST_POSTPONEMENTS = 2
B = TypeVar("B", bound=ev.Body)


def fold(events: Iterable[Event], state: RolloutState | None = None) -> RolloutState | None:
    """Fold a rollout's stream, from the beginning or on top of an earlier fold; None for an empty stream.

    Raises JournalCorrupt when the stream does not begin with `rollout.sealed`.
    """
    for event in events:
        state = apply(state, event)
    return state


def apply(state: RolloutState | None, event: Event) -> RolloutState | None:
    if isinstance(event.body, ev.RolloutSealed):
        return state if state is not None else _sealed(event, event.body)
    if state is None:
        if event.kind in _BEFORE_SEAL:
            return None
        raise JournalCorrupt(
            f"event {event.seq} ({event.kind}) of {event.stream} comes before the rollout was sealed.",
            remedy="Run `rolloutctl journal verify`.",
        )
    return replace(_APPLY[event.kind](state, event), seq=event.seq)


def _sealed(event: Event, body: ev.RolloutSealed) -> RolloutState:
    return RolloutState(
        plan=body.plan,
        attempt=body.attempt,
        title=body.title,
        owner=body.owner,
        target=body.target,
        plan_digest=body.plan_digest,
        plan_blob=body.plan_blob,
        snapshot=body.snapshot,
        source=body.source,
        runbook=body.runbook,
        runbook_digest=body.runbook_digest,
        runbook_blob=body.runbook_blob,
        sealed_at=event.at,
        sealed_by=event.actor,
        seal=event.hash,
        expected=body.snapshot,
        seq=event.seq,
    )


def _body(event: Event, kind: type[B]) -> B:
    if not isinstance(event.body, kind):
        raise JournalCorrupt(f"event {event.seq} ({event.kind}) carries the body of another kind.")
    return event.body


def _same(state: RolloutState, _event: Event) -> RolloutState:
    return state


def _request(state: RolloutState, event: Event) -> RolloutState:
    return replace(state, requests=(*state.requests, event))


def _postponed(state: RolloutState, _event: Event) -> RolloutState:
    """The countdown moves by itself, with no driver: a person who postpones must not depend on one."""
    countdown = state.countdown
    if countdown is None or countdown.postponed >= MOST_POSTPONEMENTS:
        return state
    return replace(
        state,
        countdown=replace(countdown, fires_at=countdown.fires_at + countdown.length, postponed=countdown.postponed + 1),
    )


def _amended(state: RolloutState, event: Event) -> RolloutState:
    """Another plan from here on: the phase keeps its clock and its breaches, and is READY only when the new plan says so.

    Whoever approved or signed did so for the plan before.
    """
    body = _body(event, ev.PlanAmended)
    judged_anew = state.run is not None and state.step in {Step.READY, Step.WAITING}
    return replace(
        _done(state, Action.AMEND),
        plan_digest=body.plan_digest,
        plan_blob=body.plan_blob,
        title=body.title,
        owner=body.owner,
        step=Step.BAKING if judged_anew else state.step,
        entering=state.phase if judged_anew else state.entering,
        waiting_for=(),
        verdicts={},
        approvals={},
        signed_approvals=frozenset(),
        gates={},
        gate_signers={},
        signed_gates=frozenset(),
        amendment_approvals={},
        amendments=(*state.amendments, event),
    )


def _waiting(state: RolloutState, event: Event) -> RolloutState:
    body = _body(event, ev.PhaseWaiting)
    return replace(state, step=Step.WAITING, entering=body.index, waiting_for=body.missing)


def _baking(state: RolloutState, event: Event) -> RolloutState:
    body = _body(event, ev.PhaseBaking)
    kept = tuple(hold for hold in state.holds if hold.by is HoldKind.PERSON)
    return replace(
        state,
        holds=kept,
        held_since=body.started_at if kept else None,
        step=Step.BAKING,
        status=Status.STABILISING if body.stabilise else Status.ACTIVE,
        run=PhaseRun(
            index=state.phase,
            attempt=body.attempt,
            started_at=body.started_at,
            of_phase=state.attempts_of.count(state.phase) + 1,
        ),
        attempts=body.attempt,
        attempts_of=(*state.attempts_of, state.phase),
        verdicts={},
        settle_until=None,
    )


def _ready(state: RolloutState, _event: Event) -> RolloutState:
    return replace(state, step=Step.READY)


def _verdict(state: RolloutState, event: Event) -> RolloutState:
    body = _body(event, ev.VerdictChanged)
    if state.run is None or _of_another_attempt(state.run, body.attempt):
        return state
    return replace(state, verdicts={**state.verdicts, key_of(body.criterion, body.segment): body.state})


def _of_another_attempt(run: PhaseRun, attempt: int) -> bool:
    """A verdict that was written just after the next attempt began says nothing about it; 0: not told."""
    return attempt not in {0, run.attempt}


def _latched(state: RolloutState, event: Event) -> RolloutState:
    body = _body(event, ev.BreachLatched)
    if state.run is None or _of_another_attempt(state.run, body.attempt):
        return state
    run = replace(state.run, breaches=(*state.run.breaches, body))
    if body.of_guardrail:
        run = replace(run, breach_seq=event.seq)
    return replace(state, step=_unready(state.step, run), run=run)


def _recorded(state: RolloutState, event: Event) -> RolloutState:
    body = _body(event, ev.SampleRecorded)
    if state.run is None or _of_another_attempt(state.run, body.attempt):
        return state
    taken = Taken(body.at.timestamp(), float(body.canary), float(body.baseline) if body.baseline else None)
    known = state.run.recorded.get(body.criterion, Recorded())
    return replace(state, run=replace(state.run, recorded={**state.run.recorded, body.criterion: known.with_(taken)}))


def _checkpoint(state: RolloutState, event: Event) -> RolloutState:
    body = _body(event, ev.JudgeCheckpoint)
    if state.run is None or _of_another_attempt(state.run, body.attempt):
        return state
    return replace(state, run=replace(state.run, checkpoints=(*state.run.checkpoints, body.blob)))


def _unready(step: Step, run: PhaseRun | None) -> Step:
    """READY does not survive a latched breach; one that is only shown (`info`) decides nothing."""
    counts = run is not None and bool(run.counted_breaches)
    return Step.BAKING if step is Step.READY and counts else step


def _decision(state: RolloutState, event: Event) -> RolloutState:
    body = _body(event, ev.DecisionMade)
    asked = next((request for request in state.requests if request.seq == body.request), None)
    state = replace(state, requests=tuple(request for request in state.requests if request.seq != body.request))
    signed = signed_of(asked.body) if asked is not None else None
    if signed is not None:
        state = replace(state, statements=state.statements | {signed.statement})
    if not body.accepted:
        return _done(state, body.action) if body.request == 0 else state
    match body.action:
        case Action.APPROVE if asked is not None and isinstance(asked.body, ev.ApprovalGiven):
            approval = asked.body
            if approval.amendment:
                agreed = (*state.amendment_approvals.get(approval.amendment, ()), asked.actor)
                return replace(state, amendment_approvals={**state.amendment_approvals, approval.amendment: agreed})
            names = state.approvals.get(approval.phase, ())
            certain = {(approval.phase, asked.actor)} if signed is not None else set()
            return replace(
                state,
                approvals={**state.approvals, approval.phase: (*names, asked.actor)},
                signed_approvals=state.signed_approvals | certain,
            )
        case Action.SIGN if asked is not None and isinstance(asked.body, ev.GateSigned):
            gate = asked.body
            others = state.signed_gates - {gate.gate}
            return replace(
                state,
                gates={**state.gates, gate.gate: gate.go},
                gate_signers={**state.gate_signers, gate.gate: asked.actor},
                signed_gates=others | {gate.gate} if signed is not None else others,
            )
        case Action.ROLLBACK if state.status in _ROLLING_BACK:
            return state
        case Action.ROLLBACK:
            return replace(
                state,
                status=Status.ROLLING_BACK,
                countdown=None,
                accepted=None,
                rollback_why="; ".join(reason.rstrip(".") for reason in body.reasons),
                rollback_by=asked.actor if asked is not None else "policy",
                rollback_at=state.rollback_at or body.at,
            )
        case Action.RESUME:
            state = replace(state, flag_failure="")
            if state.run is not None and any(hold.code == HoldCode.DEADLINE for hold in state.holds):
                state = replace(state, run=replace(state.run, deadline_waived=True))
            return _accept(state, body, asked) if state.hold_by(HoldKind.PERSON) else state
        case Action.BACK:
            return _accept(replace(state, approvals={}, signed_approvals=frozenset(), countdown=None), body, asked)
        case Action.ADVANCE | Action.FINISH | Action.ABORT | Action.HOLD | Action.CHECKED | Action.AMEND:
            return _accept(state, body, asked)
        case _:
            return state


def _accept(state: RolloutState, body: ev.DecisionMade, asked: Event | None) -> RolloutState:
    why = asked.body.why if asked is not None and isinstance(asked.body, ev.Asked) else ""
    actor = asked.actor if asked is not None else "policy"
    glass = asked.body.break_glass if asked is not None and isinstance(asked.body, ev.AdvanceRequested) else ""
    if glass:
        state = replace(state, broken_glass=(*state.broken_glass, BrokenGlass(body.phase, actor, glass, body.at)))
    accepted = Accepted(action=body.action, phase=body.phase, actor=actor, why=why, at=body.at, request=asked, break_glass=glass)
    return replace(state, accepted=accepted)


def _done(state: RolloutState, action: Action) -> RolloutState:
    done = state.accepted is not None and state.accepted.action is action
    return replace(state, accepted=None) if done else state


def _hold_set(state: RolloutState, event: Event) -> RolloutState:
    body = _body(event, ev.HoldSet)
    asked = state.accepted if state.accepted is not None and state.accepted.action is Action.HOLD else None
    actor = asked.actor if asked is not None and body.by is HoldKind.PERSON else event.actor
    hold = Hold(by=body.by, code=body.code, reason=body.reason, since=body.at, actor=actor, seq=event.seq)
    others = tuple(other for other in state.holds if other.by is not body.by)
    before = state.hold_by(body.by)
    if before is not None and before.code == HoldCode.DRIFT and body.code not in _OVER_DRIFT:
        state = replace(state, drifted="", drifted_by=())
    countdown = None if body.by is HoldKind.PERSON or body.code == HoldCode.RECOVERED else state.countdown
    state = _done(state, Action.HOLD) if body.by is HoldKind.PERSON else state
    # A hold may begin before it was journalled (when evidence went missing), but not within one that is counted already.
    counted = state.run.held_until if state.run is not None else None
    began = max(body.at, counted) if counted is not None else body.at
    return replace(state, holds=(*others, hold), held_since=state.held_since or began, countdown=countdown)


def _hold_cleared(state: RolloutState, event: Event) -> RolloutState:
    body = _body(event, ev.HoldCleared)
    state = _done(state, Action.RESUME) if body.by is HoldKind.PERSON else state
    ended = state.hold_by(body.by)
    if ended is not None and ended.code == HoldCode.DRIFT:
        state = replace(state, drifted="", drifted_by=())
    rest = tuple(hold for hold in state.holds if hold.by is not body.by)
    if rest or state.held_since is None:
        return replace(state, holds=rest)
    return replace(_add_held(state, state.held_since, body.at), holds=(), held_since=None)


def _add_held(state: RolloutState, since: datetime, until: datetime) -> RolloutState:
    run = state.run
    if run is None or until <= max(since, run.started_at):
        return state
    return replace(state, run=replace(run, held=run.held + (until - max(since, run.started_at)), held_until=until))


def _countdown(state: RolloutState, event: Event) -> RolloutState:
    body = _body(event, ev.CountdownStarted)
    return replace(
        state,
        countdown=Countdown(
            criterion=body.criterion,
            segment=body.segment,
            reason=body.reason,
            fires_at=body.fires_at,
            length=body.length,
            postponed=0,
        ),
    )


def _ended(state: RolloutState, event: Event) -> RolloutState:
    body = _body(event, ev.RolloutEnded)
    return replace(
        state,
        status=Status(body.status),
        ended_at=body.at,
        ended_why=body.reason,
        countdown=None,
        accepted=None,
        holds=(),
        held_since=None,
        requests=() if Status(body.status).final else state.requests,
    )


def _intent(state: RolloutState, event: Event) -> RolloutState:
    body = _body(event, ev.FlagIntent)
    entering = body.index if body.index >= 0 else state.entering
    step = Step.APPLYING if body.purpose in _STEPS else state.step
    came_from = state.step if state.step is not Step.APPLYING else state.came_from
    return replace(
        state,
        step=step,
        entering=entering,
        came_from=came_from,
        open_intent=OpenIntent(seq=event.seq, intent=body, unknown="", tries=0),
        waiting_for=(),
        accepted=None,
        flag_failure="",
    )


def _settled(state: RolloutState, event: Event) -> RolloutState:
    """Applied, or found already so. A step forward that lands after a breach was latched does not shake the breach off."""
    body = _body(event, ev.FlagSettled)
    open_intent = state.open_intent
    if open_intent is None or open_intent.seq != body.intent:
        return replace(state, expected=body.state or state.expected)
    state = replace(
        state,
        open_intent=None,
        expected=body.state,
        flag_failure="",
        drifted="",
        drifted_by=(),
        settle_until=body.settle_until,
        last_change=body.at,
        settled_seq=event.seq,
    )
    if open_intent.intent.purpose not in _STEPS:
        return replace(state, rollback_settled=True)
    advanced = open_intent.intent.purpose is Purpose.ADVANCE
    breached = advanced and state.guardrail_breach is not None
    return replace(
        state,
        phase=open_intent.intent.index,
        entering=open_intent.intent.index,
        step=Step.SETTLING,
        run=state.run if breached else None,
        countdown=state.countdown if breached else None,
        status=Status.ACTIVE,
    )


def _not_settled(state: RolloutState, event: Event) -> RolloutState:
    """It definitely did not happen: back to where the step came from, with the reason."""
    body = _body(event, ev.FlagOutcome)
    if state.open_intent is None or state.open_intent.seq != body.intent:
        return state
    purpose = state.open_intent.intent.purpose
    state = replace(state, flag_failure=body.why, open_intent=None)
    if purpose not in _STEPS:
        return replace(state, rollback_tries=state.rollback_tries + 1, rollback_tried_at=body.at, rollback_settled=False)
    entering = state.phase if state.came_from in _SERVED else state.phase + 1
    return replace(state, step=_unready(state.came_from, state.run), entering=entering)


def _unknown(state: RolloutState, event: Event) -> RolloutState:
    body = _body(event, ev.FlagUnknown)
    if state.open_intent is None or state.open_intent.seq != body.intent:
        return state
    tried = replace(state.open_intent, unknown=body.why, look_at=body.look_at, not_applied=False)
    if tried.intent.purpose in _STEPS:
        return replace(state, open_intent=tried)
    return replace(state, open_intent=tried, rollback_tries=state.rollback_tries + 1, rollback_tried_at=body.at)


def _drifted(state: RolloutState, event: Event) -> RolloutState:
    body = _body(event, ev.FlagDrifted)
    return replace(state, drifted=body.actual, drifted_by=body.who, rollback_settled=False)


def _reconciled(state: RolloutState, event: Event) -> RolloutState:
    body = _body(event, ev.FlagReconciled)
    match body.found:
        case Reality.APPLIED:
            return _settled(state, event)
        case Reality.FOREIGN:
            return _not_settled(state, event)
        case Reality.NOT_APPLIED:
            if state.open_intent is None or state.open_intent.seq != body.intent:
                return state
            tried = replace(state.open_intent, unknown="", look_at=None, not_applied=True, tries=state.open_intent.tries + 1)
            return replace(state, open_intent=tried)


_ROLLING_BACK = frozenset({Status.ROLLING_BACK, Status.ROLLBACK_UNKNOWN})
_OVER_DRIFT = frozenset({HoldCode.DRIFT, HoldCode.BREACH, HoldCode.RECOVERED})
"""Codes of automatic holds that drift does not outrank: they may stand while the flag is still drifted."""
_SERVED = frozenset({Step.BAKING, Step.READY, Step.SETTLING})
_STEPS = frozenset({Purpose.ADVANCE, Purpose.BACK})
_BEFORE_SEAL = frozenset({Kind.LEASE_TAKEN, Kind.LEASE_RELEASED, Kind.HEAD_WITNESSED, Kind.JOURNAL_RECOVERED})

_APPLY: Mapping[Kind, Callable[[RolloutState, Event], RolloutState]] = {
    Kind.ADVANCE_REQUESTED: _request,
    Kind.BACK_REQUESTED: _request,
    Kind.HOLD_REQUESTED: _request,
    Kind.RESUME_REQUESTED: _request,
    Kind.ROLLBACK_REQUESTED: _request,
    Kind.ABORT_REQUESTED: _request,
    Kind.APPROVAL_GIVEN: _request,
    Kind.GATE_SIGNED: _request,
    Kind.COUNTDOWN_POSTPONED: _postponed,
    Kind.ROLLBACK_CHECKED: _request,
    Kind.NOTE_ADDED: _same,
    Kind.AMEND_REQUESTED: _request,
    Kind.PLAN_AMENDED: _amended,
    Kind.PHASE_WAITING: _waiting,
    Kind.PHASE_BAKING: _baking,
    Kind.PHASE_READY: _ready,
    Kind.VERDICT_CHANGED: _verdict,
    Kind.BREACH_LATCHED: _latched,
    Kind.SAMPLE_RECORDED: _recorded,
    Kind.JUDGE_CHECKPOINT: _checkpoint,
    Kind.DECISION_MADE: _decision,
    Kind.HOLD_SET: _hold_set,
    Kind.HOLD_CLEARED: _hold_cleared,
    Kind.COUNTDOWN_STARTED: _countdown,
    Kind.ROLLOUT_ENDED: _ended,
    Kind.FLAG_INTENT: _intent,
    Kind.FLAG_APPLIED: _settled,
    Kind.FLAG_UNCHANGED: _settled,
    Kind.FLAG_CONFLICT: _not_settled,
    Kind.FLAG_NEEDS_APPROVAL: _not_settled,
    Kind.FLAG_REJECTED: _not_settled,
    Kind.FLAG_FAILED: _not_settled,
    Kind.FLAG_UNKNOWN: _unknown,
    Kind.FLAG_RECONCILED: _reconciled,
    Kind.FLAG_DRIFTED: _drifted,
    Kind.RUN_CREATED: _same,
    Kind.RUN_ENDED: _same,
    Kind.STEP_INTENT: _same,
    Kind.STEP_OK: _same,
    Kind.STEP_FAILED: _same,
    Kind.STEP_UNKNOWN: _same,
    Kind.STEP_RECONCILED: _same,
    Kind.NOTIFIED: _same,
    Kind.LEASE_TAKEN: _same,
    Kind.LEASE_RELEASED: _same,
    Kind.HEAD_WITNESSED: _same,
    Kind.JOURNAL_RECOVERED: _same,
}
