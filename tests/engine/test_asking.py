"""What a command is told: refused here where it can be, journalled and answered otherwise, and never an exception."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from rolloutctl.config import Config
from rolloutctl.engine.engine import Drives, Engine
from rolloutctl.engine.once.sealing import seal
from rolloutctl.engine.view.commands import Command, CommandKind
from rolloutctl.errors import ExitCode, JournalUnreachable
from rolloutctl.model.cohort import OFF, Cohort
from rolloutctl.model.events import RollbackRequested
from rolloutctl.model.kinds import Kind
from rolloutctl.model.state import Status, Step
from rolloutctl.ports import Journal

from .worlds import PLAN, TestWorld, plan, until

SLOWLY = PLAN.replace('countdown = "1s"', 'countdown = "1h"')
Start = Callable[..., Awaitable[Engine]]


@pytest.fixture
def world(tmp_path: Path) -> TestWorld:
    return TestWorld(tmp_path)


@pytest.fixture
async def start(world: TestWorld) -> AsyncIterator[Start]:
    engines: list[Engine] = []

    async def begin(text: str = PLAN, *, sealed: bool = False, drives: Drives = Drives.FREE, actor: str = "ana") -> Engine:
        engine = world.engine(drives=drives, actor=actor)
        engines.append(engine)
        if not sealed:
            await seal(engine.world, plan(text), text, adopt=False)
        await engine.start()
        await until(engine, "read", lambda s: s.flag.read_at is not None)
        return engine

    yield begin
    for engine in engines:
        await engine.stop()
        await engine.close()


def ask(kind: CommandKind, **more: str) -> Command:
    return Command(kind, "checkout#1", **more)


async def test_a_rollout_that_is_not_there(start: Start) -> None:
    engine = await start()
    reply = await engine.command(Command(CommandKind.ADVANCE, "chekout#1"))
    assert reply.code is ExitCode.INVALID
    assert 'there is no rollout "chekout#1"' in reply.sentence


@pytest.mark.parametrize("kind", [CommandKind.POSTPONE, CommandKind.ABORT, CommandKind.CHECKED])
async def test_what_needs_a_reason_is_not_journalled_without_one(start: Start, kind: CommandKind) -> None:
    engine = await start()
    reply = await engine.command(ask(kind, why="  "))
    assert reply.code is ExitCode.REFUSED
    assert "needs a reason" in reply.sentence
    events = await engine.world.journal.call(lambda journal: journal.read("rollout/checkout#1"))
    assert {event.kind for event in events} <= {Kind.ROLLOUT_SEALED, Kind.LEASE_TAKEN}


async def test_a_viewer_changes_nothing(start: Start, world: TestWorld) -> None:
    world.config = Config.model_validate(
        {
            "ui": {"interval": "200ms"},
            "operators": {"ana": {"role": "operator"}, "vic": {"role": "viewer"}},
            "environments": {"production": {"write": "operator"}},
        }
    )
    await start()
    other = await start(sealed=True, actor="vic", drives=Drives.NONE)
    for kind in (CommandKind.ADVANCE, CommandKind.HOLD, CommandKind.ROLLBACK):
        reply = await other.command(ask(kind))
        assert reply.code is ExitCode.REFUSED
        assert "vic" in reply.sentence
    assert world.provider.writes == []


async def test_a_note_is_answered_with_its_event(start: Start) -> None:
    engine = await start()
    reply = await engine.command(ask(CommandKind.NOTE, why="the graph looks odd"))
    assert (reply.code, reply.sentence) == (ExitCode.OK, f"noted as event {reply.seq}")


async def test_hold_and_resume_and_back(start: Start, world: TestWorld) -> None:
    engine = await start()
    assert (await engine.command(ask(CommandKind.ADVANCE))).code is ExitCode.OK
    await until(engine, "baking", lambda s: s.state.step in {Step.BAKING, Step.READY})
    assert (await engine.command(ask(CommandKind.HOLD, why="lunch"))).code is ExitCode.OK
    reply = await engine.command(ask(CommandKind.ADVANCE))
    assert reply.code in {ExitCode.NOT_YET, ExitCode.REFUSED}
    assert (await engine.command(ask(CommandKind.RESUME))).code is ExitCode.OK
    assert (await engine.command(ask(CommandKind.BACK))).code is ExitCode.OK
    await until(engine, "again", lambda s: s.state.attempts == 2 and s.state.step in {Step.BAKING, Step.READY})
    assert world.provider.cohort == Cohort(percent=5)


async def test_a_countdown_may_be_postponed_twice_and_the_answer_says_how_long(start: Start, world: TestWorld) -> None:
    engine = await start(SLOWLY)
    reply = await engine.command(ask(CommandKind.POSTPONE, why="looking"))
    assert "no countdown is running" in reply.sentence
    await engine.command(ask(CommandKind.ADVANCE))
    await until(engine, "baking", lambda s: s.state.step is Step.BAKING)
    world.source.value = 50.0
    await until(engine, "countdown", lambda s: s.state.countdown is not None)
    for _ in range(2):
        reply = await engine.command(ask(CommandKind.POSTPONE, why="looking"))
        assert reply.code is ExitCode.OK
        assert reply.sentence.startswith("rolls back in ")
    reply = await engine.command(ask(CommandKind.POSTPONE, why="still looking"))
    assert reply.code is ExitCode.REFUSED
    assert "postponed 2 times already" in reply.sentence


async def test_abort_leaves_the_exposure_and_finishes_have_no_next_phase(start: Start, world: TestWorld) -> None:
    engine = await start()
    await engine.command(ask(CommandKind.ADVANCE))
    await until(engine, "baking", lambda s: s.state.step in {Step.BAKING, Step.READY})
    assert (await engine.command(ask(CommandKind.ABORT, why="not today"))).code is ExitCode.OK
    await until(engine, "aborted", lambda s: s.state.status is Status.ABORTED)
    assert world.provider.cohort == Cohort(percent=5)
    reply = await engine.command(ask(CommandKind.ADVANCE))
    assert reply.code is ExitCode.REFUSED
    assert "there is no next phase" in reply.sentence


async def test_an_old_rollout_does_not_roll_back_what_a_new_one_serves(start: Start, world: TestWorld) -> None:
    engine = await start()
    assert (await engine.command(ask(CommandKind.ABORT, why="not today"))).code is ExitCode.OK
    await until(engine, "aborted", lambda s: s.state.status is Status.ABORTED)
    await seal(engine.world, plan(), PLAN, adopt=False)
    await engine.sync()
    reply = await engine.command(ask(CommandKind.ROLLBACK, why="the old one"))
    assert reply.code is ExitCode.REFUSED
    assert "checkout#2 is active" in reply.sentence


async def test_without_a_journal_the_flag_is_turned_off_all_the_same(start: Start, world: TestWorld) -> None:
    engine = await start()
    await engine.command(ask(CommandKind.ADVANCE))
    await until(engine, "baking", lambda s: s.state.step in {Step.BAKING, Step.READY})
    sound = engine.world.journal.call

    async def full(call: Callable[[Journal], object]) -> object:
        raise JournalUnreachable("the disk is full.")

    engine.world.journal.call = full  # type: ignore[assignment, method-assign]
    reply = await engine.command(ask(CommandKind.ROLLBACK, why="errors"))
    engine.world.journal.call = sound  # type: ignore[method-assign]
    assert reply.code is ExitCode.OK
    assert "The journal cannot be written (the disk is full.)" in reply.sentence
    assert world.provider.cohort == OFF
    assert world.recorded[0] == "FlagIntent"


async def test_the_driver_turns_it_off_when_the_journal_fails_in_the_middle_of_a_rollback(start: Start, world: TestWorld) -> None:
    """The request was journalled, and then nothing can be written any more."""
    engine = await start()
    await engine.command(ask(CommandKind.ADVANCE))
    await until(engine, "baking", lambda s: s.state.step in {Step.BAKING, Step.READY})
    real = engine.world.journal.call

    async def failing(call: Callable[[Journal], object]) -> object:
        if "commit" in call.__qualname__:
            raise JournalUnreachable("the disk is full.")
        return await real(call)

    engine.world.journal.call = failing  # type: ignore[assignment, method-assign]
    await engine.world.append("rollout/checkout#1", RollbackRequested(why="errors"))
    seen = await until(engine, "off", lambda s: world.provider.cohort == OFF and bool(s.errors))
    assert any("Recorded in" in error and "the disk is full" in error for error in seen.errors)
    engine.world.journal.call = real  # type: ignore[method-assign]
    ended = await until(engine, "rolled back", lambda s: s.state.status is Status.ROLLED_BACK)
    kinds = [event.kind for event in await real(lambda journal: journal.read("rollout/checkout#1"))]
    assert kinds[-1] is Kind.ROLLOUT_ENDED
    assert ended.state.rollback_why
