"""From records to the immutable snapshots that views draw."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from rolloutctl.engine.showing import proposals
from rolloutctl.engine.view.snapshot import Driver, Driving, RolloutSnapshot
from rolloutctl.engine.world.facts import facts_of
from rolloutctl.engine.world.record import RolloutRecord
from rolloutctl.engine.world.world import World
from rolloutctl.model.kinds import Action, HoldKind
from rolloutctl.model.state import WORST_FIRST, RolloutState, Status, Step
from rolloutctl.model.verdict import PhaseState
from rolloutctl.plan.model import Advance, Plan
from rolloutctl.policy.conditions import FINISH
from rolloutctl.policy.facts import Facts
from rolloutctl.policy.permission import refusal
from rolloutctl.units import show_clock

_VERDICT_ORDER = (PhaseState.BREACH, PhaseState.HOLD, PhaseState.PENDING, PhaseState.READY)


def snapshot_of(world: World, rollout: RolloutRecord, person: str) -> RolloutSnapshot:
    state, plan, observed = rollout.state, rollout.plan, rollout.observed
    facts, time = facts_of(world, rollout), world.time.of(plan)
    phase = plan.phases[state.phase] if state.phase >= 0 else plan.phases[0]
    deadline = None
    if state.judged and state.run is not None and not state.run.deadline_waived:
        deadline = state.run.started_at + phase.deadline_or_default
    return RolloutSnapshot(
        plan=plan,
        state=state,
        at=world.clock.now(),
        source_now=time.now() if time.asked and not observed.source_error else None,
        verdicts=facts.verdicts,
        phase_verdict=facts.phase_verdict,
        judged_at=observed.judgement.at - time.offset if observed.judgement is not None else None,
        flag=observed.flag,
        exposure=observed.exposure,
        driver=_driver(world, rollout),
        baked=min(state.baked(facts.now), phase.bake),
        bake=phase.bake,
        deadline_at=deadline,
        next=next_words(plan, state, facts),
        advance=proposals.advance(plan, state, facts, person, observed.exposure.requests_per_s, observed.next_requests),
        back=proposals.back(plan, state, facts, person),
        rollback=proposals.rollback(plan, state, facts, person),
        errors=tuple(_errors(rollout, facts)),
        proof=facts.proof,
        refused=_refused(world, state, person),
    )


def _refused(world: World, state: RolloutState, person: str) -> Mapping[Action, str]:
    asked = {action: refusal(world.config, person, state.target.environment, action) for action in Action}
    return {action: why for action, why in asked.items() if why}


def worst_first(rollouts: Iterable[RolloutSnapshot]) -> tuple[RolloutSnapshot, ...]:
    def rank(snapshot: RolloutSnapshot) -> tuple[int, int, int, str]:
        state = snapshot.state
        verdict = _VERDICT_ORDER.index(snapshot.phase_verdict.state) if snapshot.phase_verdict is not None else 2
        calm = 0 if state.countdown is not None else 1
        return (WORST_FIRST.index(state.status), calm, min(verdict, 1) if state.held else verdict, state.id)

    return tuple(sorted(rollouts, key=rank))


def _driver(world: World, rollout: RolloutRecord) -> Driver:
    state = rollout.state
    if rollout.held is not None:
        return Driver(Driving.HERE, rollout.held.holder, rollout.driving_since)
    if state.status.final and not rollout.watched(world.time.of(rollout.plan).now()):
        return Driver(Driving.NOT_NEEDED, "", None)
    lease = rollout.lease_seen
    if lease is not None and lease.expires_in_s > 0:
        return Driver(Driving.ELSEWHERE, lease.holder, None)
    return Driver(Driving.UNATTENDED, lease.holder if lease is not None else "", rollout.unattended_since)


def _errors(rollout: RolloutRecord, facts: Facts) -> Iterable[str]:
    state = rollout.state
    if rollout.trouble:
        yield rollout.trouble
    if state.flag_failure:
        yield f"The last change of the flag did not happen: {state.flag_failure}"
    if state.open_intent is not None and state.open_intent.unknown:
        yield f"It is unknown whether the last change happened: {state.open_intent.unknown}; it is read back."
    if facts.flag_error:
        yield f"The flag cannot be read: {facts.flag_error}"
    if rollout.observed.source_error and not state.status.final:
        yield f"Metrics source: {rollout.observed.source_error}"


def next_words(plan: Plan, state: RolloutState, facts: Facts) -> str:
    """What happens next, in a few words."""
    match state.status:
        case Status.ROLLING_BACK:
            return "verifying" if state.rollback_settled else "turning it off"
        case Status.ROLLBACK_UNKNOWN:
            return "a person must look"
        case Status.ROLLED_BACK | Status.ABORTED | Status.DONE:
            return "—"
        case _:
            return _next_active(plan, state, facts)


def _next_active(plan: Plan, state: RolloutState, facts: Facts) -> str:
    if state.countdown is not None:
        return f"rolls back in {show_clock((state.countdown.fires_at - facts.now).total_seconds())}"
    if (hold := state.hold_by(HoldKind.PERSON) or state.hold_by(HoldKind.AUTOMATIC)) is not None:
        return f"held {show_clock((facts.now - hold.since).total_seconds())}"
    match state.step:
        case Step.APPLYING:
            return "changing the flag"
        case Step.SETTLING:
            return f"settles in {_left(facts.now, state.settle_until)}"
        case Step.READY:
            return "A to finish" if state.phase + 1 == len(plan.phases) else "A to advance"
        case Step.WAITING:
            return "A to begin" if state.phase < 0 else "waits: " + (state.waiting_for[0] if state.waiting_for else FINISH)
        case Step.BAKING:
            return _baking(plan, state, facts)


def _baking(plan: Plan, state: RolloutState, facts: Facts) -> str:
    phase = plan.phases[state.phase]
    left = (phase.bake - state.baked(facts.now)).total_seconds()
    then = "advance" if phase.advance is Advance.AUTO else "ask"
    if left > 0:
        return f"{show_clock(left)}, then {then}"
    return facts.phase_verdict.why if facts.phase_verdict is not None else "waits for evidence"


def _left(now: datetime, until: datetime | None) -> str:
    return show_clock((until - now).total_seconds()) if until is not None else "a moment"
