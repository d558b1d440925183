"""Changing the flag: intent committed, request sent, outcome committed; never in another order.

Every function journals through the lease's epoch, so a driver that lost its lease cannot write, and therefore cannot begin
to act. What was sent and got no usable answer is `flag.unknown`; only a fresh read turns that into something else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

from rolloutctl.engine.view.snapshot import FlagReading
from rolloutctl.engine.world.commit import commit
from rolloutctl.engine.world.record import RolloutRecord
from rolloutctl.engine.world.waiting import left_at_once
from rolloutctl.engine.world.world import World
from rolloutctl.errors import InvalidInput, RolloutctlError, Unreachable
from rolloutctl.model import events as ev
from rolloutctl.model import outcome as out
from rolloutctl.model.cohort import OFF, Cohort, CohortState
from rolloutctl.model.kinds import Purpose, Reality
from rolloutctl.plan.model import RollbackTo
from rolloutctl.policy import decision as do
from rolloutctl.policy.rollback import rollback_target
from rolloutctl.ports import Lease, Provider

_NOTHING_SENT = "nothing was sent: "


async def change_flag(world: World, rollout: RolloutRecord, lease: Lease, decision: do.ChangeFlag) -> None:
    """Bring the flag to a phase's cohort: read, compare with what the journal says, smallest patch, read back."""
    want, target = rollout.plan.cohort(decision.index), rollout.state.target
    provider = world.provider(target.provider)
    before: CohortState | None = None
    change: out.Change | None = None
    refusal: ev.FlagOutcome | None = None
    try:
        before = await provider.read(target)
        expected = rollout.state.expected
        if decision.purpose is Purpose.ADVANCE and expected is not None and before.native != expected.native:
            why = f"somebody else changed the flag before this step: it is {before}, it should be {expected}"
            refusal = ev.FlagConflict(intent=0, why=why, state=before, at=world.time.of(rollout.plan).now())
        else:
            change = await provider.plan(before, want, target)
    except Unreachable as error:
        refusal = ev.FlagFailed(intent=0, why=f"{_NOTHING_SENT}{error}", at=world.time.of(rollout.plan).now())
    except RolloutctlError as error:
        refusal = ev.FlagRejected(intent=0, why=f"{_NOTHING_SENT}{error}", at=world.time.of(rollout.plan).now())
    intent = await commit(
        world,
        rollout,
        lease,
        ev.FlagIntent(
            purpose=decision.purpose,
            phase=decision.phase,
            index=decision.index,
            want=want,
            before=str(before) if before is not None else "unknown",
            before_token=before.token if before is not None else "",
            requests=tuple(world.scrub(str(request)) for request in change.requests) if change is not None else (),
            why=decision.why,
        ),
    )
    if refusal is not None or change is None:
        assert refusal is not None
        await commit(world, rollout, lease, refusal.model_copy(update={"intent": intent.seq}))
        return
    reason = decision.why or f"rolloutctl {rollout.id}: phase {decision.phase}"
    await _send(world, rollout, lease, intent.seq, str(want), lambda: provider.apply(change, target, str(intent.seq), reason))


async def turn_off(world: World, rollout: RolloutRecord, lease: Lease, decision: do.TurnOff) -> None:
    """The rollback's effect. No read comes first: off is repeatable and must not wait for anything."""
    restoring = rollout.plan.rollback.to is RollbackTo.SNAPSHOT and rollout.state.snapshot.enabled
    intent = await commit(
        world,
        rollout,
        lease,
        ev.FlagIntent(
            purpose=decision.purpose,
            want=rollback_target(rollout.plan, rollout.state),
            to_snapshot=restoring,
            before=str(rollout.observed.flag.state) if rollout.observed.flag.state is not None else "not read",
            requests=(f"turn {rollout.state.target} {'back to its snapshot' if restoring else 'off'}",),
            why=decision.why,
        ),
    )
    await _off(world, rollout, lease, intent.seq, restoring=restoring)


async def send_again(world: World, rollout: RolloutRecord, lease: Lease) -> None:
    """The open intent has not happened: plan anew from the real state, under the same key."""
    open_intent = rollout.state.open_intent
    if open_intent is None:
        return
    intent, target = open_intent.intent, rollout.state.target
    if intent.purpose in {Purpose.ROLLBACK, Purpose.RESTORE_OFF}:
        await _off(world, rollout, lease, open_intent.seq, restoring=intent.to_snapshot)
        return
    provider = world.provider(target.provider)
    try:
        change = await provider.plan(await provider.read(target), intent.want, target)
    except Unreachable as error:
        await commit(world, rollout, lease, _unknown(world, rollout, provider, open_intent.seq, str(error)))
        return
    except RolloutctlError as error:
        await commit(
            world, rollout, lease, ev.FlagRejected(intent=open_intent.seq, why=str(error), at=world.time.of(rollout.plan).now())
        )
        return
    reason = intent.why or f"rolloutctl {rollout.id}: phase {intent.phase}"
    await _send(
        world,
        rollout,
        lease,
        open_intent.seq,
        str(intent.want),
        lambda: provider.apply(change, target, str(open_intent.seq), reason),
    )


async def reconcile(world: World, rollout: RolloutRecord, lease: Lease) -> str:
    """Read the real state of an open intent and journal what became of it; returns why it could not be read, or nothing."""
    open_intent = rollout.state.open_intent
    if open_intent is None:
        return ""
    intent, target = open_intent.intent, rollout.state.target
    provider = world.provider(target.provider)
    try:
        actual = await provider.read(target)
    except (Unreachable, InvalidInput) as error:
        if intent.purpose in {Purpose.ROLLBACK, Purpose.RESTORE_OFF}:
            await commit(world, rollout, lease, _unknown(world, rollout, provider, open_intent.seq, str(error)))
        return str(error)
    found = _found(rollout, intent, actual)
    await commit(
        world,
        rollout,
        lease,
        ev.FlagReconciled(
            intent=open_intent.seq,
            found=found,
            state=actual,
            why=f"read back: {actual}",
            at=world.time.of(rollout.plan).now(),
            settle_until=world.time.of(rollout.plan).now() + timedelta(seconds=_settle_s(rollout, provider)),
        ),
    )
    _saw(world, rollout, actual)
    return ""


def _saw(world: World, rollout: RolloutRecord, state: CohortState) -> None:
    """A read-back is a reading: views and policy need not wait for the next poll."""
    reading = FlagReading(state=state, read_at=world.clock.now())
    rollout.observed = replace(rollout.observed, flag=reading, flag_change=rollout.state.settled_seq)


def _found(rollout: RolloutRecord, intent: ev.FlagIntent, actual: CohortState) -> Reality:
    """A state between what was before and what is wanted is our own, half done: going on from it is safe."""
    if intent.purpose in {Purpose.ROLLBACK, Purpose.RESTORE_OFF}:
        snapshot = intent.to_snapshot and actual.native == rollout.state.snapshot.native
        return Reality.APPLIED if snapshot or (actual.effective == OFF and not intent.to_snapshot) else Reality.NOT_APPLIED
    if actual.effective == intent.want:
        return Reality.APPLIED
    before = rollout.state.expected
    if before is not None and actual.native == before.native:
        return Reality.NOT_APPLIED
    known = before.effective if before is not None else None
    if actual.effective is not None and known is not None and _between(known, actual.effective, intent.want):
        return Reality.NOT_APPLIED
    return Reality.FOREIGN


def _between(before: Cohort, actual: Cohort, want: Cohort) -> bool:
    low, high = sorted((before.percent, want.percent))
    either = set(before.audiences) | set(want.audiences)
    both = set(before.audiences) & set(want.audiences)
    return actual.percent in {low, high} and both <= set(actual.audiences) <= either


async def _off(world: World, rollout: RolloutRecord, lease: Lease, seq: int, *, restoring: bool) -> None:
    state, target = rollout.state, rollout.state.target
    provider = world.provider(target.provider)
    reason = f"rolloutctl {rollout.id}: {state.rollback_why or 'rollback'}"
    if restoring:
        await _send(world, rollout, lease, seq, "snapshot", lambda: provider.restore(state.snapshot, target, str(seq), reason))
    else:
        await _send(world, rollout, lease, seq, "off", lambda: provider.off(target, str(seq), reason))


async def _send(
    world: World, rollout: RolloutRecord, lease: Lease, seq: int, what: str, call: Callable[[], Awaitable[out.Outcome]]
) -> None:
    target = rollout.state.target
    provider = world.provider(target.provider)
    began = world.clock.monotonic()
    try:
        outcome = await left_at_once(call())
    except asyncio.CancelledError:
        await commit(world, rollout, lease, _unknown(world, rollout, provider, seq, "it was interrupted while it was under way"))
        raise
    world.log(
        target.provider, f"{target.key} in {target.environment} → {what}", type(outcome).__name__, world.clock.monotonic() - began
    )
    await commit(world, rollout, lease, _journalled(world, rollout, provider, seq, outcome))
    if isinstance(outcome, out.Applied | out.Unchanged):
        _saw(world, rollout, outcome.state)


def _journalled(world: World, rollout: RolloutRecord, provider: Provider, seq: int, outcome: out.Outcome) -> ev.Body:
    at = world.time.of(rollout.plan).now()
    settle_until = at + timedelta(seconds=_settle_s(rollout, provider))
    match outcome:
        case out.Applied(state):
            return ev.FlagApplied(intent=seq, state=state, at=at, settle_until=settle_until)
        case out.Unchanged(state):
            return ev.FlagUnchanged(intent=seq, state=state, at=at, settle_until=settle_until)
        case out.Conflict(actual, why):
            return ev.FlagConflict(intent=seq, state=actual, why=why, at=at)
        case out.NeedsApproval(url, why):
            return ev.FlagNeedsApproval(intent=seq, url=url, why=why, at=at)
        case out.Rejected(why):
            return ev.FlagRejected(intent=seq, why=why, at=at)
        case out.RateLimited(retry_after_s, why):
            return ev.FlagFailed(intent=seq, why=f"{why}; again in {retry_after_s:.0f} s", at=at)
        case out.Unavailable(why):
            return ev.FlagFailed(intent=seq, why=f"{_NOTHING_SENT}{why}", at=at)
        case out.Unknown(why):
            return _unknown(world, rollout, provider, seq, why)


def _unknown(world: World, rollout: RolloutRecord, provider: Provider, seq: int, why: str) -> ev.FlagUnknown:
    at = world.time.of(rollout.plan).now()
    wait = timedelta(seconds=min(provider.capabilities.settle_time_s, 15.0))
    return ev.FlagUnknown(intent=seq, why=world.scrub(why), at=at, look_at=at + wait)


def _settle_s(rollout: RolloutRecord, provider: Provider) -> float:
    open_intent = rollout.state.open_intent
    index = open_intent.intent.index if open_intent is not None else rollout.state.entering
    declared = rollout.plan.phases[index].settle_time if 0 <= index < len(rollout.plan.phases) else None
    return declared.total_seconds() if declared is not None else provider.capabilities.settle_time_s
