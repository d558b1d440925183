"""The loop on a real journal file: a rollout from seal to done, to rollback, through crashes and lost answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rolloutctl.engine.engine import Drives, Engine
from rolloutctl.engine.once.sealing import seal
from rolloutctl.engine.view.commands import Command, CommandKind
from rolloutctl.engine.view.snapshot import Driving
from rolloutctl.errors import ExitCode, Refused
from rolloutctl.model.cohort import OFF, Cohort
from rolloutctl.model.kinds import Kind
from rolloutctl.model.outcome import ForeignEdit
from rolloutctl.model.state import Status, Step

from .worlds import PLAN, TestWorld, plan, until

Start = Callable[..., Awaitable[Engine]]


@pytest.fixture
def world(tmp_path: Path) -> TestWorld:
    return TestWorld(tmp_path)


@pytest.fixture
async def start(world: TestWorld) -> AsyncIterator[Start]:
    """Starts engines and ends them; the first one seals the plan."""
    engines: list[Engine] = []

    async def begin(text: str = PLAN, *, sealed: bool = False, holder: str = "one", drives: Drives = Drives.FREE) -> Engine:
        engine = world.engine(holder=holder, drives=drives)
        engines.append(engine)
        if not sealed:
            await seal(engine.world, plan(text), text, adopt=False)
        await engine.start()
        return engine

    yield begin
    for engine in engines:
        await engine.stop()
        await engine.close()


async def advance(engine: Engine, to: str = "") -> None:
    reply = await engine.command(Command(CommandKind.ADVANCE, "checkout#1", to=to))
    assert reply.code is ExitCode.OK, reply


async def kinds(engine: Engine) -> list[Kind]:
    events = await engine.world.journal.call(lambda journal: journal.read("rollout/checkout#1"))
    return [event.kind for event in events]


async def test_a_rollout_goes_from_off_to_everyone_and_is_done(start: Start, world: TestWorld) -> None:
    engine = await start()
    await until(engine, "read", lambda s: s.flag.read_at is not None)
    await advance(engine, "five")
    await until(engine, "ready", lambda s: s.state.step is Step.READY)
    assert world.provider.cohort == Cohort(percent=5)
    await advance(engine, "everyone")
    await until(engine, "ready at everyone", lambda s: s.state.phase == 1 and s.state.step is Step.READY)
    assert world.provider.cohort == Cohort(percent=100)
    await advance(engine, "done")
    ended = await until(engine, "done", lambda s: s.state.status is Status.DONE)
    assert ended.state.phase == 1
    assert [w.split()[0] for w in world.provider.writes] == ["5", "100"]


async def test_not_ready_is_refused_with_every_reason(start: Start) -> None:
    engine = await start(PLAN.replace('bake = "1s"\ndeadline = "1h"\n[[phases]]', 'bake = "1h"\ndeadline = "4h"\n[[phases]]'))
    await until(engine, "read", lambda s: s.flag.read_at is not None)
    await advance(engine)
    await until(engine, "judged", lambda s: s.phase_verdict is not None and s.state.step is Step.BAKING)
    reply = await engine.command(Command(CommandKind.ADVANCE, "checkout#1"))
    assert reply.code is ExitCode.NOT_YET
    assert any("Bakes" in reason for reason in reply.reasons)


async def test_a_breach_counts_down_and_rolls_back_by_itself(start: Start, world: TestWorld) -> None:
    engine = await start()
    await until(engine, "read", lambda s: s.flag.read_at is not None)
    await advance(engine)
    await until(engine, "baking", lambda s: s.state.step is Step.BAKING)
    world.source.value = 50.0
    await until(engine, "countdown", lambda s: s.state.countdown is not None)
    ended = await until(engine, "rolled back", lambda s: s.state.status is Status.ROLLED_BACK)
    assert world.provider.cohort == OFF
    assert "queue" in ended.state.rollback_why
    written = await kinds(engine)
    assert written.index(Kind.BREACH_LATCHED) < written.index(Kind.COUNTDOWN_STARTED) < written.index(Kind.ROLLOUT_ENDED)


async def test_a_rollback_does_not_wait_for_a_hanging_source(start: Start, world: TestWorld) -> None:
    engine = await start()
    await until(engine, "read", lambda s: s.flag.read_at is not None)
    await advance(engine)
    await until(engine, "baking", lambda s: s.state.step is Step.BAKING)
    world.source.hang_s = 30.0
    await asyncio.sleep(0.3)
    reply = await asyncio.wait_for(engine.command(Command(CommandKind.ROLLBACK, "checkout#1", why="looks bad")), 2)
    assert reply.code is ExitCode.OK
    await until(engine, "rolled back", lambda s: s.state.status is Status.ROLLED_BACK, within_s=3)
    assert world.provider.cohort == OFF


async def test_a_rollback_interrupts_a_change_that_hangs(start: Start, world: TestWorld) -> None:
    engine = await start()
    await until(engine, "read", lambda s: s.flag.read_at is not None)
    world.provider.slow_s = 20.0
    await advance(engine)
    await until(engine, "applying", lambda s: s.state.step is Step.APPLYING)
    reply = await asyncio.wait_for(engine.command(Command(CommandKind.ROLLBACK, "checkout#1")), 2)
    assert reply.code is ExitCode.OK
    await until(engine, "rolled back", lambda s: s.state.status is Status.ROLLED_BACK, within_s=3)
    assert Kind.FLAG_UNKNOWN in await kinds(engine)


@pytest.mark.parametrize("lost", ["request", "answer"])
async def test_a_lost_answer_is_read_back_and_the_change_arrives_once(start: Start, world: TestWorld, lost: str) -> None:
    engine = await start()
    await until(engine, "read", lambda s: s.flag.read_at is not None)
    world.provider.lose = [lost]
    await advance(engine)
    await until(engine, "baking", lambda s: s.state.step in {Step.BAKING, Step.READY})
    assert len(world.provider.writes) == 1
    written = await kinds(engine)
    assert written.index(Kind.FLAG_UNKNOWN) < written.index(Kind.FLAG_RECONCILED)


async def test_somebody_elses_change_is_drift_and_holds(start: Start, world: TestWorld) -> None:
    engine = await start()
    await until(engine, "read", lambda s: s.flag.read_at is not None)
    await advance(engine)
    await until(engine, "baking", lambda s: s.state.step in {Step.BAKING, Step.READY})
    world.provider.cohort = Cohort(percent=60)
    world.provider.strangers = [ForeignEdit("9", datetime.now(UTC), "bo", "raised it")]
    held = await until(engine, "held", lambda s: s.state.held)
    assert held.state.holds[0].code == "drift"
    assert "bo: raised it" in held.state.holds[0].reason
    world.provider.cohort = Cohort(percent=5)
    await until(engine, "over", lambda s: not s.state.held)


async def test_exposure_after_a_rollback_is_turned_off_again(start: Start, world: TestWorld) -> None:
    engine = await start()
    await until(engine, "read", lambda s: s.flag.read_at is not None)
    await advance(engine)
    await until(engine, "baking", lambda s: s.state.step in {Step.BAKING, Step.READY})
    await engine.command(Command(CommandKind.ROLLBACK, "checkout#1"))
    await until(engine, "rolled back", lambda s: s.state.status is Status.ROLLED_BACK)
    world.provider.cohort = Cohort(percent=100)
    for _ in range(60):
        await asyncio.sleep(0.05)
        if world.provider.cohort == OFF:
            break
    assert world.provider.cohort == OFF
    assert Kind.FLAG_DRIFTED in await kinds(engine)


async def test_no_data_holds_and_never_passes(start: Start, world: TestWorld) -> None:
    world.source.value = None
    engine = await start()
    await until(engine, "read", lambda s: s.flag.read_at is not None)
    await advance(engine)
    held = await until(engine, "held", lambda s: s.state.held, within_s=15)
    assert held.state.holds[0].code == "evidence"
    assert held.state.step is Step.BAKING


async def test_two_drivers_one_lease(start: Start, world: TestWorld) -> None:
    first = await start()
    await until(first, "drives", lambda s: s.driver.driving is Driving.HERE)
    second = await start(sealed=True, holder="two")
    await until(second, "sees who drives", lambda s: s.driver.driving is Driving.ELSEWHERE)
    assert first.drives() == ("checkout#1",)
    assert second.drives() == ()
    reply = await second.command(Command(CommandKind.HOLD, "checkout#1", why="wait"))
    assert reply.code is ExitCode.OK
    await until(first, "held", lambda s: s.state.held)


async def test_a_rollback_takes_the_lease_over(start: Start, world: TestWorld) -> None:
    first = await start()
    await until(first, "read", lambda s: s.flag.read_at is not None)
    await advance(first)
    await until(first, "baking", lambda s: s.state.step in {Step.BAKING, Step.READY})
    second = await start(sealed=True, holder="two", drives=Drives.NONE)
    reply = await second.command(Command(CommandKind.ROLLBACK, "checkout#1", why="now"))
    assert reply.code is ExitCode.OK
    await until(second, "rolled back", lambda s: s.state.status is Status.ROLLED_BACK)
    assert world.provider.cohort == OFF


async def test_a_new_driver_goes_on_where_the_old_one_stopped(start: Start, world: TestWorld) -> None:
    first = await start()
    await until(first, "read", lambda s: s.flag.read_at is not None)
    await advance(first)
    await until(first, "baking", lambda s: s.state.step in {Step.BAKING, Step.READY})
    await first.stop()
    second = await start(sealed=True, holder="two")
    await until(second, "ready", lambda s: s.state.step is Step.READY)
    await advance(second, "everyone")
    await until(second, "ready at everyone", lambda s: s.state.phase == 1 and s.state.step is Step.READY)


async def test_only_one_active_rollout_per_flag(start: Start) -> None:
    engine = await start()
    with pytest.raises(Refused, match="one active rollout per flag"):
        await seal(engine.world, plan(), PLAN, adopt=False)


async def test_a_flag_that_is_on_is_not_started(start: Start, world: TestWorld) -> None:
    world.provider.cohort = Cohort(percent=3)
    engine = world.engine()
    with pytest.raises(Refused, match="is not off"):
        await seal(engine.world, plan(), PLAN, adopt=False)
    sealed = await seal(engine.world, plan(), PLAN, adopt=True)
    assert sealed.snapshot.cohort == Cohort(percent=3)
    await engine.close()


async def test_a_flag_server_that_is_down_never_counts_as_rolled_back(start: Start, world: TestWorld) -> None:
    engine = await start()
    await until(engine, "read", lambda s: s.flag.read_at is not None)
    await advance(engine)
    await until(engine, "baking", lambda s: s.state.step in {Step.BAKING, Step.READY})
    world.provider.down = True
    await engine.command(Command(CommandKind.ROLLBACK, "checkout#1"))
    unknown = await until(engine, "unknown", lambda s: s.state.status is Status.ROLLBACK_UNKNOWN, within_s=15)
    assert "refuses" in unknown.state.ended_why
    world.provider.down = False
    await until(engine, "rolled back", lambda s: s.state.status is Status.ROLLED_BACK, within_s=15)
    assert world.provider.cohort == OFF


async def test_a_source_that_is_down_holds_and_the_bake_clock_stands_still(start: Start, world: TestWorld) -> None:
    engine = await start(PLAN.replace('bake = "1s"', 'bake = "8s"'))
    await until(engine, "read", lambda s: s.flag.read_at is not None)
    await advance(engine)
    await until(engine, "judged", lambda s: s.phase_verdict is not None and s.state.step is Step.BAKING)
    world.source.down = True
    held = await until(engine, "held", lambda s: s.state.held, within_s=15)
    assert held.state.holds[0].code == "evidence"
    baked = held.baked
    await asyncio.sleep(1.5)
    still = await until(engine, "still held", lambda s: s.state.held)
    assert still.baked == baked
    world.source.down = False
    await until(engine, "over", lambda s: not s.state.held)


@pytest.mark.parametrize("ending", [CommandKind.ABORT, CommandKind.ADVANCE])
async def test_a_rollout_that_ended_with_people_on_the_canary_can_be_rolled_back(
    start: Start, world: TestWorld, ending: CommandKind
) -> None:
    engine = await start(PLAN.split('[[phases]]\nname = "everyone"')[0])
    await until(engine, "read", lambda s: s.flag.read_at is not None)
    await advance(engine)
    await until(engine, "ready", lambda s: s.state.step is Step.READY)
    await engine.command(Command(ending, "checkout#1", why="enough", to="done"))
    ended = await until(engine, "ended", lambda s: s.state.status.final)
    assert ended.rollback is not None
    assert world.provider.cohort == Cohort(percent=5)
    reply = await engine.command(Command(CommandKind.ROLLBACK, "checkout#1", why="after all"))
    assert reply.code is ExitCode.OK
    await until(engine, "rolled back", lambda s: s.state.status is Status.ROLLED_BACK)
    assert world.provider.cohort == OFF


async def test_a_second_rollback_looks_and_leaves_nothing_unanswered(start: Start, world: TestWorld) -> None:
    engine = await start()
    await until(engine, "read", lambda s: s.flag.read_at is not None)
    await advance(engine)
    await until(engine, "baking", lambda s: s.state.step in {Step.BAKING, Step.READY})
    await engine.command(Command(CommandKind.ROLLBACK, "checkout#1"))
    await until(engine, "rolled back", lambda s: s.state.status is Status.ROLLED_BACK)
    world.provider.cohort = Cohort(percent=5)
    reply = await engine.command(Command(CommandKind.ROLLBACK, "checkout#1", why="once more"))
    assert reply.code is ExitCode.OK
    assert world.provider.cohort == OFF
    again = await until(engine, "still rolled back", lambda s: s.state.status is Status.ROLLED_BACK)
    assert again.state.requests == ()
    assert world.recorded
