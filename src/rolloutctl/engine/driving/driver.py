"""Driving one rollout: decide, act, journal, again, until there is nothing to do; then sleep until something changes.

Never awaits a poll. A rollback request interrupts an effect in flight (its outcome is journalled as unknown).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta

from rolloutctl.engine.driving import effects
from rolloutctl.engine.driving.emergency import emergency_off
from rolloutctl.engine.looking.keeping import Keeping
from rolloutctl.engine.world.amended import plan_in, read_proposed
from rolloutctl.engine.world.commit import commit
from rolloutctl.engine.world.facts import facts_of
from rolloutctl.engine.world.observations import Seen
from rolloutctl.engine.world.record import RolloutRecord
from rolloutctl.engine.world.signatures import check_signatures
from rolloutctl.engine.world.waiting import wait_a_while
from rolloutctl.engine.world.world import World
from rolloutctl.errors import ExitCode, JournalUnreachable, LeaseLost, RolloutctlError, Unreachable
from rolloutctl.model import events as ev
from rolloutctl.model.events import Event
from rolloutctl.model.kinds import Action, Kind
from rolloutctl.model.outcome import Verification
from rolloutctl.model.state import Status
from rolloutctl.policy import decision as do
from rolloutctl.policy.amending import changes
from rolloutctl.policy.decide import decide
from rolloutctl.policy.rollback import rollback_target
from rolloutctl.ports import Lease

_LONGEST_SLEEP_S = 5.0
_SHORTEST_SLEEP_S = 0.01
_RETRY_S = 1.0
_STRANGERS_S = 3.0
_STRANGERS_KEPT = 5


class Driver:
    """One rollout that this process holds the lease of; `changed` is called after every step."""

    def __init__(self, world: World, rollout: RolloutRecord, changed: Callable[[], None]) -> None:
        self._world = world
        self._rollout = rollout
        self._changed = changed
        self._look_after: datetime | None = None
        """After a reconciliation that could not read: when to look again."""
        self._stopping = False
        self._turned_off_without_journal = ""

    def stop(self) -> None:
        """Leave after what is in flight is journalled."""
        self._stopping = True
        self._rollout.wake.set()

    async def run(self) -> None:
        """Until cancelled, the lease is lost (raises LeaseLost), or the rollout needs no driver."""
        while not self._over() and not self._left():
            until = await self._work()
            await self._sleep(until)

    def _left(self) -> bool:
        """What was accepted is begun before this driver leaves: nobody may be told yes and see nothing happen."""
        return self._stopping and (self._rollout.state.accepted is None or self._rollout.held is None)

    def _over(self) -> bool:
        state = self._rollout.state
        if state.status is Status.ROLLED_BACK:
            return state.open_intent is None and not self._rollout.watched(self._world.time.of(self._rollout.plan).now())
        return state.status.final and not any(request.kind is Kind.ROLLBACK_REQUESTED for request in state.requests)

    async def _work(self) -> datetime | None:
        """Decide and act until policy waits; returns until when."""
        while not self._left():
            self._rollout.wake.clear()
            lease = self._rollout.held
            if lease is None:
                raise LeaseLost(f"{self._rollout.id} is driven by another process now.")
            await read_proposed(self._world, self._rollout)
            await check_signatures(self._world, self._rollout)
            decision = decide(self._rollout.plan, self._rollout.state, facts_of(self._world, self._rollout))
            if isinstance(decision, do.Wait):
                return decision.until
            if (
                isinstance(decision, do.Reconcile)
                and self._look_after is not None
                and self._world.time.of(self._rollout.plan).now() < self._look_after
            ):
                return self._look_after
            try:
                await self._act(decision, lease)
                self._rollout.trouble = ""
            except LeaseLost:
                raise
            except JournalUnreachable as error:
                self._rollout.trouble = await self._without_journal(decision, error)
                return self._world.time.of(self._rollout.plan).now() + timedelta(seconds=_RETRY_S)
            except RolloutctlError as error:
                self._rollout.trouble = str(error)
                return self._world.time.of(self._rollout.plan).now() + timedelta(seconds=_RETRY_S)
            finally:
                self._changed()
        return None

    async def _sleep(self, until: datetime | None) -> None:
        seconds = _LONGEST_SLEEP_S
        if until is not None:
            seconds = min(seconds, max(0.0, (until - self._world.time.of(self._rollout.plan).now()).total_seconds()))
        await wait_a_while(self._rollout.wake, max(seconds, _SHORTEST_SLEEP_S))

    async def _act(self, decision: do.Decision, lease: Lease) -> None:
        world, rollout = self._world, self._rollout
        match decision:
            case do.ChangeFlag():
                await self._interruptible(effects.change_flag(world, rollout, lease, decision))
            case do.SendAgain():
                await self._interruptible(effects.send_again(world, rollout, lease))
            case do.Decide(action=Action.ROLLBACK, accepted=False):
                # A rollback that is refused interrupts nothing any more.
                rollout.rollback_asked.clear()
                await commit(world, rollout, lease, self._journalled(decision))
            case do.TurnOff():
                rollout.rollback_asked.clear()
                await effects.turn_off(world, rollout, lease, decision)
            case do.Reconcile():
                failure = await effects.reconcile(world, rollout, lease)
                self._look_after = world.time.of(rollout.plan).now() + timedelta(seconds=2) if failure else None
                rollout.trouble = failure
            case do.Verify():
                await self._interruptible(self._verify())
            case do.Amend(request):
                await commit(world, rollout, lease, await self._amended(request))
            case do.NoteDrift(expected, actual):
                who = await self._strangers()
                await commit(
                    world,
                    rollout,
                    lease,
                    ev.FlagDrifted(expected=expected, actual=actual, who=who, at=world.time.of(rollout.plan).now()),
                )
            case do.MarkReady() | do.Decide(action=Action.ADVANCE | Action.FINISH, accepted=True):
                body = self._journalled(decision)
                assert isinstance(body, ev.PhaseReady | ev.DecisionMade)
                await Keeping(world, rollout, rollout.observed.judgement).commit(lease, body)
            case _:
                await commit(world, rollout, lease, self._journalled(decision))

    async def _amended(self, request: Event) -> ev.PlanAmended:
        asked = request.body
        assert isinstance(asked, ev.AmendRequested)
        plan = await self._world.journal.call(lambda journal: plan_in(journal, asked))
        return ev.PlanAmended(
            request=request.seq,
            by=request.actor,
            why=asked.why,
            title=plan.shown,
            owner=plan.owner,
            was_digest=asked.was_digest,
            plan_digest=asked.plan_digest,
            plan_blob=asked.plan_blob,
            changes=tuple(map(str, changes(self._rollout.plan, plan))),
            at=self._world.time.of(plan).now(),
        )

    async def _strangers(self) -> tuple[str, ...]:
        """Who changed the flag since our last change, as far as the flag server tells; never holds anything up for long."""
        state = self._rollout.state
        token = state.expected.token if state.expected is not None else ""
        if not token:
            return ()
        try:
            async with asyncio.timeout(_STRANGERS_S):
                edits = await self._world.provider(state.target.provider).history(state.target, token)
        except (RolloutctlError, TimeoutError):
            return ()
        return tuple(dict.fromkeys(self._world.scrub(f"{edit.who}: {edit.what}") for edit in edits))[:_STRANGERS_KEPT]

    async def _interruptible(self, effect: Awaitable[None]) -> None:
        """Run an effect, and leave it when a rollback is asked for: it writes its own `flag.unknown` on the way out."""
        if self._rollout.state.status in {Status.ROLLING_BACK, Status.ROLLBACK_UNKNOWN, Status.ROLLED_BACK}:
            await effect
            return
        task = asyncio.ensure_future(effect)
        asked = asyncio.ensure_future(self._rollout.rollback_asked.wait())
        try:
            await asyncio.wait({task, asked}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        finally:
            asked.cancel()
            if not task.done():
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    async def _verify(self) -> None:
        world, rollout = self._world, self._rollout
        state, target = rollout.state, rollout.state.target
        rolling = state.status in {Status.ROLLING_BACK, Status.ROLLBACK_UNKNOWN}
        want = rollback_target(rollout.plan, state) if rolling else rollout.plan.cohort(state.phase)
        change = state.settled_seq
        try:
            seen = await world.provider(target.provider).verify(target, want)
        except Unreachable as error:
            seen = Verification(seen=False, how=str(error))
        rollout.observed = replace(rollout.observed, seen=Seen(seen, change, world.time.of(rollout.plan).now()))

    async def _without_journal(self, decision: do.Decision, error: JournalUnreachable) -> str:
        """A journal that cannot be written stops everything but a rollback; returns what to show."""
        rolls_back = isinstance(decision, do.TurnOff) or (
            isinstance(decision, do.Decide) and decision.action is Action.ROLLBACK and decision.accepted
        )
        if not rolls_back or self._turned_off_without_journal:
            return f"{self._turned_off_without_journal} {error}".strip()
        done = await emergency_off(self._world, self._rollout.state.target, "rollback while the journal cannot be written")
        if done.code is ExitCode.OK:
            self._turned_off_without_journal = done.sentence
        return f"{done.sentence} Recorded in {done.record}. {error}"

    def _journalled(self, decision: do.Decision) -> ev.Body:
        at = self._world.time.of(self._rollout.plan).now()
        match decision:
            case do.Decide(action, accepted, reasons, request, phase, codes):
                return ev.DecisionMade(
                    action=action, accepted=accepted, request=request, phase=phase, reasons=reasons, codes=codes, at=at
                )
            case do.ShowWaiting(phase, index, missing):
                return ev.PhaseWaiting(phase=phase, index=index, missing=missing)
            case do.GiveUpIntent(why):
                intent = self._rollout.state.open_intent
                return ev.FlagFailed(intent=intent.seq if intent is not None else 0, why=why, at=at)
            case do.StartBaking(phase, how, stabilise):
                attempt = self._rollout.state.attempts + 1
                return ev.PhaseBaking(phase=phase, attempt=attempt, stabilise=stabilise, started_at=at, how_verified=how)
            case do.MarkReady(phase):
                return ev.PhaseReady(phase=phase, at=at)
            case do.SetHold(by, code, reason, since):
                return ev.HoldSet(by=by, code=code, reason=reason, at=since or at)
            case do.ClearHold(by, reason):
                return ev.HoldCleared(by=by, reason=reason, at=at)
            case do.StartCountdown(criterion, segment, reason, fires_at):
                length = self._rollout.plan.rollback.countdown
                return ev.CountdownStarted(criterion=criterion, segment=segment, reason=reason, fires_at=fires_at, length=length)
            case do.End(status, reason):
                return ev.RolloutEnded(status=status, reason=reason, at=at)
            case _:
                msg = f"{type(decision).__name__} is not journalled by itself"
                raise TypeError(msg)
