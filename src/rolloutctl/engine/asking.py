"""Commands: refused here where they can be, else journalled as a request, and answered by whoever drives."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Protocol

from rolloutctl.engine.driving.emergency import emergency_off
from rolloutctl.engine.view.commands import Command, CommandKind, Reply
from rolloutctl.engine.world.commit import request
from rolloutctl.engine.world.record import RolloutRecord
from rolloutctl.engine.world.signatures import signed_body
from rolloutctl.engine.world.waiting import wait_a_while
from rolloutctl.engine.world.world import World
from rolloutctl.errors import ExitCode, InvalidInput, JournalUnreachable, Refused, RolloutctlError
from rolloutctl.model import events as ev
from rolloutctl.model.fold import MOST_POSTPONEMENTS
from rolloutctl.model.kinds import Action
from rolloutctl.model.state import Status
from rolloutctl.plan.canonical import plan_digest
from rolloutctl.plan.read import read_plan
from rolloutctl.policy.amending import changes
from rolloutctl.policy.conditions import FINISH, next_phase
from rolloutctl.policy.permission import refusal
from rolloutctl.units import show_clock

if TYPE_CHECKING:
    from rolloutctl.engine.options import EngineOptions

ANSWER_WITHIN_S = 10.0
_NEEDS_WHY = {CommandKind.AMEND, CommandKind.POSTPONE, CommandKind.ABORT, CommandKind.CHECKED}
_TIME_IS_ENOUGH = frozenset({"verdict", "bake", "busy", "held"})
"""Conditions that may come true by themselves: refused for now, not for good."""
_ACTION = {
    CommandKind.ADVANCE: Action.ADVANCE,
    CommandKind.BACK: Action.BACK,
    CommandKind.HOLD: Action.HOLD,
    CommandKind.RESUME: Action.RESUME,
    CommandKind.APPROVE: Action.APPROVE,
    CommandKind.SIGN: Action.SIGN,
    CommandKind.AMEND: Action.AMEND,
    CommandKind.ROLLBACK: Action.ROLLBACK,
    CommandKind.POSTPONE: Action.POSTPONE,
    CommandKind.ABORT: Action.ABORT,
    CommandKind.CHECKED: Action.CHECKED,
    CommandKind.NOTE: Action.HOLD,
}


class Take(Protocol):
    def __call__(self, record: RolloutRecord, *, force: bool) -> Awaitable[bool]: ...


class Asker:
    def __init__(
        self,
        world: World,
        options: EngineOptions,
        sync: Callable[[], Awaitable[bool]],
        find: Callable[[str], RolloutRecord | None],
        all_records: Callable[[], Iterable[RolloutRecord]],
        take: Take,
    ) -> None:
        self._world = world
        self._options = options
        self._sync = sync
        self._find = find
        self._all = all_records
        self._take = take

    async def ask(self, command: Command) -> Reply:
        """Never raises for what a person could cause."""
        try:
            return await self._ask(command)
        except RolloutctlError as error:
            return Reply(error.exit_code, str(error))

    async def _ask(self, command: Command) -> Reply:
        if command.kind is not CommandKind.ROLLBACK:
            await self._sync()
        record = self._find(command.rollout)
        if record is None:
            raise InvalidInput(f'there is no rollout "{command.rollout}" in this journal.')
        why = self._refused(record, command)
        if why:
            return Reply(ExitCode.REFUSED, why, (why,))
        body: ev.Body
        if command.kind is CommandKind.AMEND:
            blob = await self._world.journal.call(lambda journal: journal.put_blob(command.plan_text.encode()))
            body = _amendment(record, command, blob)
        else:
            body = _body(record, command)
        body = await signed_body(self._world, record, body)
        if command.kind is CommandKind.ROLLBACK:
            return await self._rollback(record, body, command)
        if command.kind is CommandKind.POSTPONE:
            return await self._postpone(record, body)
        event = await request(self._world, record, body)
        if command.kind is CommandKind.NOTE:
            return Reply(ExitCode.OK, f"noted as event {event.seq}", seq=event.seq)
        await self._take(record, force=False)
        return await self._answer(record, event.seq)

    def _refused(self, record: RolloutRecord, command: Command) -> str:
        if self._options.read_only:
            return "This screen was started with --read-only; nothing can be changed from it."
        if command.kind in _NEEDS_WHY and not command.why.strip():
            return f"{command.kind} needs a reason; say why."
        state = record.state
        return refusal(self._world.config, self._world.author.actor, state.target.environment, _ACTION[command.kind])

    async def _rollback(self, record: RolloutRecord, body: ev.Body, command: Command) -> Reply:
        """Takes the lease over at once; without a journal the flag is turned off all the same."""
        state = record.state
        other = self._others(record)
        if other and state.status.final:
            return Reply(ExitCode.REFUSED, f"{other} is active on {state.target} now; roll that one back.")
        if state.status is Status.ROLLED_BACK:
            return await self._off_again(record)
        try:
            event = await request(self._world, record, body)
            if record.held is None:
                await self._take(record, force=True)
        except JournalUnreachable as error:
            done = await emergency_off(self._world, state.target, command.why or "rollback while the journal cannot be written")
            return Reply(done.code, f"{done.sentence} The journal cannot be written ({error}); recorded in {done.record}.")
        return await self._answer(record, event.seq)

    def _others(self, record: RolloutRecord) -> str:
        """Another rollout that is active on the same flag; empty: none is."""
        same = (other for other in self._all() if other.state.target == record.state.target and other is not record)
        return next((other.id for other in same if not other.state.status.final), "")

    async def _off_again(self, record: RolloutRecord) -> Reply:
        """Rolling back can be pressed twice: what is off is looked at, and turned off again where it is not."""
        done = await emergency_off(self._world, record.state.target, f"rollback of {record.id}, asked again")
        return Reply(done.code, done.sentence)

    async def _postpone(self, record: RolloutRecord, body: ev.Body) -> Reply:
        countdown = record.state.countdown
        if countdown is None:
            return Reply(ExitCode.REFUSED, "no countdown is running; there is nothing to postpone.")
        if countdown.postponed >= MOST_POSTPONEMENTS:
            return Reply(ExitCode.REFUSED, f"it was postponed {MOST_POSTPONEMENTS} times already; hold it, or let it roll back.")
        event = await request(self._world, record, body)
        moved = record.state.countdown
        if moved is None:
            return Reply(ExitCode.FAILED, "the countdown ended before it could be postponed.", seq=event.seq)
        left = show_clock((moved.fires_at - self._world.time.of(record.plan).now()).total_seconds())
        return Reply(ExitCode.OK, f"rolls back in {left} unless it is postponed again or held", seq=event.seq)

    async def _answer(self, record: RolloutRecord, seq: int) -> Reply:
        deadline = self._world.clock.monotonic() + ANSWER_WITHIN_S
        while seq not in record.answers:
            left = deadline - self._world.clock.monotonic()
            if left <= 0:
                who = record.lease_seen.holder if record.lease_seen is not None else "nobody"
                return Reply(
                    ExitCode.NOT_YET,
                    f"Journalled as event {seq}; {who}, who drives, has not answered in {ANSWER_WITHIN_S:.0f} s.",
                    seq=seq,
                )
            await wait_a_while(record.changed, min(left, 1.0))
        decision = record.answers[seq]
        if decision.accepted:
            into = f" → {decision.phase}" if decision.phase else ""
            return Reply(ExitCode.OK, f"{record.id}: {decision.action}{into} accepted", decision.reasons, seq)
        waits = bool(decision.codes) and _TIME_IS_ENOUGH.issuperset(decision.codes)
        code = ExitCode.NOT_YET if waits else ExitCode.REFUSED
        return Reply(code, f"{record.id}: {decision.action} refused: {decision.reasons[0]}", decision.reasons, seq)


def _body(record: RolloutRecord, command: Command) -> ev.Body:
    match command.kind:
        case CommandKind.ADVANCE:
            return ev.AdvanceRequested(why=command.why, to=command.to or _next(record), break_glass=command.break_glass.strip())
        case CommandKind.BACK:
            return ev.BackRequested(why=command.why, to=command.to or _previous(record))
        case CommandKind.HOLD:
            return ev.HoldRequested(why=command.why)
        case CommandKind.RESUME:
            return ev.ResumeRequested(why=command.why)
        case CommandKind.AMEND:
            return _amendment(record, command, "")
        case CommandKind.APPROVE:
            return _approval(record, command)
        case CommandKind.SIGN:
            return ev.GateSigned(why=command.why, gate=command.gate, go=command.go, checks=command.checks)
        case CommandKind.ROLLBACK:
            return ev.RollbackRequested(why=command.why)
        case CommandKind.POSTPONE:
            return ev.CountdownPostponed(why=command.why)
        case CommandKind.ABORT:
            return ev.AbortRequested(why=command.why)
        case CommandKind.CHECKED:
            return ev.RollbackChecked(why=command.why)
        case CommandKind.NOTE:
            return ev.NoteAdded(text=command.why)


def _approval(record: RolloutRecord, command: Command) -> ev.ApprovalGiven:
    if command.plan_text:
        return ev.ApprovalGiven(why=command.why, phase="", amendment=plan_digest(read_plan(command.plan_text, "plan")))
    return ev.ApprovalGiven(why=command.why, phase=command.to or _next(record))


def _amendment(record: RolloutRecord, command: Command, blob: str) -> ev.AmendRequested:
    """`blob` holds the text. Raises PlanInvalid."""
    plan = read_plan(command.plan_text, "plan")
    return ev.AmendRequested(
        why=command.why,
        was_digest=record.state.plan_digest,
        plan_digest=plan_digest(plan),
        plan_blob=blob,
        changes=tuple(map(str, changes(record.plan, plan))),
    )


def _next(record: RolloutRecord) -> str:
    index = next_phase(record.state)
    if index is None:
        raise Refused(f"{record.id} is {record.state.status.words}; there is no next phase.")
    return record.plan.phases[index].name if index < len(record.plan.phases) else FINISH


def _previous(record: RolloutRecord) -> str:
    return record.plan.phases[max(0, record.state.phase - 1)].name
