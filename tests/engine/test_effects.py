"""Every outcome of a change of the flag, as it ends up in the journal: intent first, then what became of it, nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from rolloutctl.engine.driving import effects
from rolloutctl.engine.driving.emergency import emergency_off
from rolloutctl.engine.once.sealing import seal
from rolloutctl.engine.world.commit import commit
from rolloutctl.engine.world.record import RolloutRecord
from rolloutctl.engine.world.world import World
from rolloutctl.errors import ExitCode, InvalidInput, JournalUnreachable, LeaseLost, ProviderUnreachable, RolloutctlError
from rolloutctl.model import events as ev
from rolloutctl.model import outcome as out
from rolloutctl.model.cohort import OFF, Cohort, CohortState, Target
from rolloutctl.model.kinds import HoldKind, Kind, Purpose, Reality
from rolloutctl.policy import decision as do
from rolloutctl.ports import Lease

from .worlds import PLAN, ScriptedProvider, TestWorld, plan, state_of

FIVE, FORTY = Cohort(percent=5), Cohort(percent=40)
STREAM = "rollout/checkout#1"
ENTER_FIVE = do.ChangeFlag(purpose=Purpose.ADVANCE, phase="five", index=0, why="ana asked")
ROLL_BACK = do.TurnOff(purpose=Purpose.ROLLBACK, why="errors")


@dataclass
class Answering(ScriptedProvider):
    """Writes and reads get what the test says, in order; then it does what it is told."""

    answers: list[out.Outcome] = field(default_factory=list)
    reads: list[CohortState | RolloutctlError] = field(default_factory=list)
    planning: RolloutctlError | None = None
    sees: list[out.Verification | RolloutctlError] = field(default_factory=list)
    began: asyncio.Event = field(default_factory=asyncio.Event)
    """A write is under way."""

    async def read(self, target: Target) -> CohortState:
        if not self.reads:
            return await super().read(target)
        found = self.reads.pop(0)
        if isinstance(found, RolloutctlError):
            raise found
        return found

    async def plan(self, state: CohortState, want: Cohort, target: Target) -> out.Change:
        if self.planning is not None:
            raise self.planning
        return await super().plan(state, want, target)

    async def _write(self, want: Cohort, key: str) -> out.Outcome:
        self.began.set()
        return self.answers.pop(0) if self.answers else await super()._write(want, key)

    async def off(self, target: Target, key: str, reason: str) -> out.Outcome:
        return self.answers.pop(0) if self.answers else await super().off(target, key, reason)

    async def verify(self, target: Target, want: Cohort) -> out.Verification:
        if not self.sees:
            return await super().verify(target, want)
        seen = self.sees.pop(0)
        if isinstance(seen, RolloutctlError):
            raise seen
        return seen


@dataclass
class Driven:
    """A sealed rollout whose lease is ours, and no loop that would act by itself."""

    world: World
    record: RolloutRecord
    lease: Lease
    provider: Answering
    recorded: list[str]

    async def events(self) -> list[ev.Event]:
        return list(await self.world.journal.call(lambda journal: journal.read(STREAM)))

    async def newest(self) -> ev.Event:
        return (await self.events())[-1]


@pytest.fixture
async def driven(tmp_path: Path) -> AsyncIterator[Driven]:
    provider = Answering()
    scripted = TestWorld(tmp_path, provider=provider)
    world = scripted.world()
    state = await seal(world, plan(), PLAN, adopt=False)
    lease = await world.journal.call(lambda journal: journal.take_lease(STREAM, "one", 30, world.author, force=False))
    assert lease is not None
    record = RolloutRecord(plan(), state, STREAM, held=lease)
    record.absorb(await world.journal.call(lambda journal: journal.read(STREAM)))
    yield Driven(world, record, lease, provider, scripted.recorded)
    world.journal.close()


OUTCOMES: list[tuple[out.Outcome, Kind, str]] = [
    (out.Applied(state_of(FIVE, 1)), Kind.FLAG_APPLIED, ""),
    (out.Unchanged(state_of(FIVE, 1)), Kind.FLAG_UNCHANGED, ""),
    (out.Conflict(state_of(FORTY, 2), "bob wrote in between"), Kind.FLAG_CONFLICT, "bob wrote in between"),
    (out.NeedsApproval("https://flags.test/cr/7", "a change request"), Kind.FLAG_NEEDS_APPROVAL, "a change request"),
    (out.Rejected("422: no such strategy"), Kind.FLAG_REJECTED, "422: no such strategy"),
    (out.RateLimited(30.0, "too many requests"), Kind.FLAG_FAILED, "too many requests; again in 30 s"),
    (out.Unavailable("refused"), Kind.FLAG_FAILED, "nothing was sent: refused"),
    (out.Unknown("reset"), Kind.FLAG_UNKNOWN, "reset"),
]
BY_KIND = [pytest.param(*case, id=type(case[0]).__name__) for case in OUTCOMES]


@pytest.mark.parametrize(("answer", "kind", "why"), BY_KIND)
async def test_a_step_journals_its_intent_and_then_what_came_of_it(
    driven: Driven, answer: out.Outcome, kind: Kind, why: str
) -> None:
    driven.provider.answers = [answer]
    await effects.change_flag(driven.world, driven.record, driven.lease, ENTER_FIVE)
    intent, outcome = (await driven.events())[-2:]
    assert (intent.kind, outcome.kind) == (Kind.FLAG_INTENT, kind)
    assert isinstance(intent.body, ev.FlagIntent)
    assert (intent.body.want, intent.body.requests) == (FIVE, ("PUT /checkout 5 %",))
    assert isinstance(outcome.body, ev.FlagOutcome)
    assert outcome.body.intent == intent.seq
    assert outcome.body.why == why
    assert driven.world.commands[-1].result == type(answer).__name__
    settled = kind in {Kind.FLAG_APPLIED, Kind.FLAG_UNCHANGED}
    assert (driven.record.observed.flag.state is not None) is settled
    assert (driven.record.state.open_intent is not None) is (kind is Kind.FLAG_UNKNOWN)


@pytest.mark.parametrize(("answer", "kind", "why"), BY_KIND)
async def test_a_rollback_journals_its_intent_and_then_what_came_of_it(
    driven: Driven, answer: out.Outcome, kind: Kind, why: str
) -> None:
    driven.provider.answers = [answer]
    await effects.turn_off(driven.world, driven.record, driven.lease, ROLL_BACK)
    intent, outcome = (await driven.events())[-2:]
    assert (intent.kind, outcome.kind) == (Kind.FLAG_INTENT, kind)
    assert isinstance(intent.body, ev.FlagIntent)
    assert intent.body.before == "not read"
    assert isinstance(outcome.body, ev.FlagOutcome)
    assert outcome.body.why == why


@pytest.mark.parametrize(
    ("error", "kind", "why"),
    [
        (ProviderUnreachable("refused."), Kind.FLAG_FAILED, "nothing was sent: refused."),
        (InvalidInput("no such flag."), Kind.FLAG_REJECTED, "nothing was sent: no such flag."),
    ],
)
async def test_a_flag_that_cannot_be_read_is_not_written(driven: Driven, error: RolloutctlError, kind: Kind, why: str) -> None:
    driven.provider.reads = [error]
    await effects.change_flag(driven.world, driven.record, driven.lease, ENTER_FIVE)
    newest = await driven.newest()
    assert newest.kind is kind
    assert isinstance(newest.body, ev.FlagOutcome)
    assert newest.body.why == why
    assert driven.provider.writes == []


async def test_a_change_that_cannot_be_expressed_is_rejected_before_anything_is_sent(driven: Driven) -> None:
    driven.provider.planning = InvalidInput("this flag server knows whole percents only.")
    await effects.change_flag(driven.world, driven.record, driven.lease, ENTER_FIVE)
    newest = await driven.newest()
    assert newest.kind is Kind.FLAG_REJECTED
    assert driven.provider.writes == []


async def test_a_step_forward_from_somebody_elses_state_is_a_conflict_and_nothing_is_sent(driven: Driven) -> None:
    await effects.change_flag(driven.world, driven.record, driven.lease, ENTER_FIVE)
    driven.provider.cohort, driven.provider.revision = FORTY, 9
    everyone = do.ChangeFlag(purpose=Purpose.ADVANCE, phase="everyone", index=1, why="ana asked")
    await effects.change_flag(driven.world, driven.record, driven.lease, everyone)
    newest = await driven.newest()
    assert isinstance(newest.body, ev.FlagConflict)
    assert "somebody else changed the flag" in newest.body.why
    assert driven.provider.cohort == FORTY


async def test_a_change_that_is_interrupted_is_unknown(driven: Driven) -> None:
    driven.provider.slow_s = 30
    task = asyncio.ensure_future(effects.change_flag(driven.world, driven.record, driven.lease, ENTER_FIVE))
    await driven.provider.began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    newest = await driven.newest()
    assert isinstance(newest.body, ev.FlagUnknown)
    assert newest.body.why == "it was interrupted while it was under way"


async def test_whoever_lost_the_lease_sends_nothing(driven: Driven) -> None:
    world = driven.world
    await world.journal.call(lambda journal: journal.take_lease(STREAM, "two", 30, world.author, force=True))
    for effect in (
        effects.change_flag(world, driven.record, driven.lease, ENTER_FIVE),
        effects.turn_off(world, driven.record, driven.lease, ROLL_BACK),
    ):
        with pytest.raises(LeaseLost):
            await effect
    assert driven.provider.writes == []


async def an_unknown_step(driven: Driven) -> int:
    driven.provider.answers = [out.Unknown("reset")]
    await effects.change_flag(driven.world, driven.record, driven.lease, ENTER_FIVE)
    assert driven.record.state.open_intent is not None
    return driven.record.state.open_intent.seq


@pytest.mark.parametrize(
    ("actual", "found"),
    [
        (state_of(FIVE, 1), Reality.APPLIED),
        (state_of(OFF, 0), Reality.NOT_APPLIED),
        (state_of(FORTY, 3), Reality.FOREIGN),
    ],
)
async def test_what_is_unknown_is_read_back(driven: Driven, actual: CohortState, found: Reality) -> None:
    seq = await an_unknown_step(driven)
    driven.provider.reads = [actual]
    assert await effects.reconcile(driven.world, driven.record, driven.lease) == ""
    newest = await driven.newest()
    assert isinstance(newest.body, ev.FlagReconciled)
    assert (newest.body.intent, newest.body.found) == (seq, found)
    assert driven.record.observed.flag.state == actual


async def test_a_step_that_was_half_done_is_our_own(driven: Driven) -> None:
    """Audiences are there, the percentage is not: going on from it is safe."""
    await effects.change_flag(driven.world, driven.record, driven.lease, ENTER_FIVE)
    driven.provider.answers = [out.Unknown("reset")]
    want = do.ChangeFlag(purpose=Purpose.ADVANCE, phase="everyone", index=1, why="ana asked")
    record = driven.record
    await effects.change_flag(driven.world, record, driven.lease, want)
    assert record.state.open_intent is not None
    half = Cohort(percent=5, audiences=())
    driven.provider.reads = [CohortState(enabled=True, cohort=half, native='{"half": true}')]
    await effects.reconcile(driven.world, record, driven.lease)
    newest = await driven.newest()
    assert isinstance(newest.body, ev.FlagReconciled)
    assert newest.body.found is Reality.NOT_APPLIED


async def test_a_step_that_cannot_be_read_back_stays_open_and_says_why(driven: Driven) -> None:
    await an_unknown_step(driven)
    before = await driven.newest()
    driven.provider.reads = [ProviderUnreachable("refused.")]
    assert await effects.reconcile(driven.world, driven.record, driven.lease) == "refused."
    assert await driven.newest() == before


async def test_a_rollback_that_cannot_be_read_back_is_unknown_again(driven: Driven) -> None:
    driven.provider.answers = [out.Unknown("reset")]
    await effects.turn_off(driven.world, driven.record, driven.lease, ROLL_BACK)
    driven.provider.reads = [ProviderUnreachable("refused.")]
    assert await effects.reconcile(driven.world, driven.record, driven.lease) == "refused."
    newest = await driven.newest()
    assert isinstance(newest.body, ev.FlagUnknown)
    assert newest.body.why == "refused."


async def test_nothing_is_open_so_nothing_is_done(driven: Driven) -> None:
    before = await driven.events()
    assert await effects.reconcile(driven.world, driven.record, driven.lease) == ""
    await effects.send_again(driven.world, driven.record, driven.lease)
    assert await driven.events() == before


async def test_what_is_sent_again_goes_under_the_same_key(driven: Driven) -> None:
    seq = await an_unknown_step(driven)
    await effects.send_again(driven.world, driven.record, driven.lease)
    newest = await driven.newest()
    assert isinstance(newest.body, ev.FlagApplied)
    assert newest.body.intent == seq
    assert driven.provider.writes == [f"5 % {seq}"]


@pytest.mark.parametrize(
    ("error", "kind"),
    [(ProviderUnreachable("refused."), Kind.FLAG_UNKNOWN), (InvalidInput("the flag is gone."), Kind.FLAG_REJECTED)],
)
async def test_what_cannot_be_sent_again(driven: Driven, error: RolloutctlError, kind: Kind) -> None:
    await an_unknown_step(driven)
    driven.provider.reads = [error]
    await effects.send_again(driven.world, driven.record, driven.lease)
    assert (await driven.newest()).kind is kind
    assert driven.provider.writes == []


async def test_a_rollback_is_sent_again_without_a_read(driven: Driven) -> None:
    driven.provider.answers = [out.Unknown("reset")]
    await effects.turn_off(driven.world, driven.record, driven.lease, ROLL_BACK)
    driven.provider.reads = [ProviderUnreachable("refused.")]
    await effects.send_again(driven.world, driven.record, driven.lease)
    assert (await driven.newest()).kind is Kind.FLAG_UNCHANGED
    assert len(driven.provider.reads) == 1


async def test_back_to_the_snapshot_restores_what_was_there(tmp_path: Path) -> None:
    text = PLAN.replace('on_breach = "ask"', 'on_breach = "ask"\nto = "snapshot"')
    provider = Answering(cohort=FORTY)
    world = TestWorld(tmp_path, provider=provider).world()
    state = await seal(world, plan(text), text, adopt=True)
    lease = await world.journal.call(lambda journal: journal.take_lease(STREAM, "one", 30, world.author, force=False))
    assert lease is not None
    record = RolloutRecord(plan(text), state, STREAM, held=lease)
    record.absorb(await world.journal.call(lambda journal: journal.read(STREAM)))
    await effects.change_flag(world, record, lease, ENTER_FIVE)
    provider.answers = [out.Unknown("reset")]
    await effects.turn_off(world, record, lease, ROLL_BACK)
    await effects.reconcile(world, record, lease)
    newest = (await world.journal.call(lambda journal: journal.read(STREAM)))[-1]
    assert isinstance(newest.body, ev.FlagReconciled)
    assert newest.body.found is Reality.NOT_APPLIED, "five per cent is not what was there"
    await effects.send_again(world, record, lease)
    assert provider.cohort == FORTY
    world.journal.close()


EMERGENCIES: list[tuple[out.Outcome, ExitCode, str]] = [
    (out.Applied(state_of(OFF, 1)), ExitCode.OK, "is off; verified"),
    (out.Unchanged(state_of(OFF, 1)), ExitCode.OK, "was off already; verified"),
    (out.Conflict(state_of(FORTY, 2), "bob wrote"), ExitCode.FAILED, "is 40 %: bob wrote"),
    (out.NeedsApproval("https://flags.test/cr/7", "four eyes"), ExitCode.REFUSED, "needs an approval at https://flags.test/cr/7"),
    (out.Rejected("422"), ExitCode.FAILED, "was not changed: 422"),
    (out.RateLimited(30.0, "too many"), ExitCode.NOT_YET, "too many; again in 30 s"),
    (out.Unavailable("refused"), ExitCode.UNREACHABLE, "was not changed: refused"),
    (out.Unknown("reset"), ExitCode.UNKNOWN, "It is unknown whether"),
]


@pytest.mark.parametrize(("answer", "code", "said"), EMERGENCIES, ids=[type(case[0]).__name__ for case in EMERGENCIES])
async def test_without_a_journal_every_outcome_is_said_and_recorded(
    driven: Driven, answer: out.Outcome, code: ExitCode, said: str
) -> None:
    driven.provider.answers = [answer]
    done = await emergency_off(driven.world, driven.record.state.target, "03:00")
    assert (done.code, said in done.sentence) == (code, True), done
    assert done.record.endswith("without-journal.jsonl")
    outcome = {Kind.FLAG_APPLIED: "FlagApplied", Kind.FLAG_UNCHANGED: "FlagUnchanged"}
    assert driven.recorded[0] == "FlagIntent"
    assert len(driven.recorded) == 2
    if isinstance(answer, out.Applied | out.Unchanged):
        assert driven.recorded[1] in outcome.values()
    assert driven.world.commands[-1].what.endswith("→ off")


async def test_off_and_clients_do_not_follow_is_unknown(driven: Driven) -> None:
    driven.provider.sees = [out.Verification(seen=False, how="an SDK still gets 5 %")] * 10
    driven.world.clock.sleep = no_wait  # type: ignore[method-assign]
    done = await emergency_off(driven.world, driven.record.state.target, "03:00")
    assert done.code is ExitCode.UNKNOWN
    assert "clients have not followed yet: an SDK still gets 5 %" in done.sentence


async def test_off_and_clients_cannot_be_looked_at(driven: Driven) -> None:
    driven.provider.sees = [ProviderUnreachable("the front end refuses.")]
    done = await emergency_off(driven.world, driven.record.state.target, "03:00")
    assert done.code is ExitCode.OK
    assert "what clients are served could not be looked at: the front end refuses." in done.sentence


async def test_a_record_that_cannot_be_written_stops_nothing(driven: Driven) -> None:
    def full(_body: ev.Body) -> Path:
        raise JournalUnreachable("the disk is full.")

    driven.world.fallback = full
    driven.provider.cohort = FIVE
    done = await emergency_off(driven.world, driven.record.state.target, "03:00")
    assert (done.code, done.record) == (ExitCode.OK, "")
    assert "No local record could be written: the disk is full." in done.sentence
    assert driven.provider.cohort == OFF


async def no_wait(_seconds: float) -> None:
    await asyncio.sleep(0)


async def test_commit_folds_what_others_wrote_before_it(driven: Driven) -> None:
    await driven.world.append(STREAM, ev.NoteAdded(text="looked at the graph"))
    event = await commit(
        driven.world,
        driven.record,
        driven.lease,
        ev.HoldSet(by=HoldKind.AUTOMATIC, code="x", reason="y", at=driven.world.time.of(driven.record.plan).now()),
    )
    assert driven.record.state.seq == event.seq
    assert driven.record.state.held
