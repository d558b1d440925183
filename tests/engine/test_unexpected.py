"""What nobody expected, inside a running engine: it is said, nothing old passes for evidence, and the rest goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from rolloutctl.engine.driving.driver import Driver
from rolloutctl.engine.engine import Drives, Engine
from rolloutctl.engine.looking import judging
from rolloutctl.engine.once.sealing import seal
from rolloutctl.engine.view.commands import Command, CommandKind
from rolloutctl.errors import ExitCode
from rolloutctl.model.cohort import OFF, Cohort
from rolloutctl.model.state import Status, Step

from .worlds import PLAN, TestWorld, plan, until


@pytest.fixture
async def engine(tmp_path) -> AsyncIterator[tuple[Engine, TestWorld]]:
    world = TestWorld(tmp_path)
    running = world.engine(holder="one", drives=Drives.FREE)
    await seal(running.world, plan(PLAN), PLAN, adopt=False)
    await running.start()
    yield running, world
    await running.stop()
    await running.close()


async def ready(engine: Engine) -> None:
    await until(engine, "read", lambda s: s.flag.read_at is not None)
    reply = await engine.command(Command(CommandKind.ADVANCE, "checkout#1", to="five"))
    assert reply.code is ExitCode.OK, reply
    await until(engine, "ready", lambda s: s.state.step is Step.READY)


@pytest.mark.parametrize("where", ["judge", "source"])
async def test_a_look_that_fails_leaves_no_old_verdict(engine, monkeypatch, where: str):
    running, world = engine
    await ready(running)

    def fail(*_: object, **__: object) -> None:
        raise LookupError("nobody expected this")

    if where == "judge":
        monkeypatch.setattr(judging, "look", fail)
        monkeypatch.setattr(judging, "judge_phase", fail)
    else:
        monkeypatch.setattr(world.source, "now", fail)
    blind = await until(running, "blind", lambda s: s.phase_verdict is None)
    assert any("failed unexpectedly (LookupError)" in error for error in blind.errors)
    reply = await running.command(Command(CommandKind.ADVANCE, "checkout#1", to="everyone"))
    assert reply.code is not ExitCode.OK
    assert world.provider.cohort == Cohort(percent=5)
    reply = await running.command(Command(CommandKind.ROLLBACK, "checkout#1", why="it is blind"))
    assert reply.code is ExitCode.OK
    await until(running, "rolled back", lambda s: s.state.status is Status.ROLLED_BACK)
    assert world.provider.cohort == OFF


async def test_looking_goes_on_after_a_look_that_failed(engine, monkeypatch):
    running, world = engine
    await until(running, "read", lambda s: s.flag.read_at is not None)
    with monkeypatch.context() as patched:

        def fail(*_: object) -> None:
            raise LookupError("once")

        patched.setattr(world.provider, "read", fail)
        await until(running, "failed", lambda s: "LookupError" in s.flag.error)
    await until(running, "read again", lambda s: not s.flag.error)


async def test_a_driver_that_fails_lets_the_lease_go_and_is_tried_again(engine, monkeypatch):
    running, world = engine
    await until(running, "driven", lambda _: bool(running.drives()))
    failed: list[str] = []
    before = Driver._work

    async def once(self: Driver):
        if not failed:
            failed.append("yes")
            raise LookupError("nobody expected this")
        return await before(self)

    monkeypatch.setattr(Driver, "_work", once)
    reply = await running.command(Command(CommandKind.NOTE, "checkout#1", why="wake up"))
    assert reply.code is ExitCode.OK
    await until(running, "said", lambda s: bool(failed) and any("Driving failed unexpectedly" in error for error in s.errors))
    await until(running, "driven again", lambda _: bool(running.drives()))
    await ready(running)
    assert world.provider.cohort == Cohort(percent=5)


async def test_what_is_remembered_of_earlier_looks_may_fail_and_all_are_judged_from_their_start(engine, monkeypatch):
    running, _ = engine

    def fail(*_: object) -> None:
        raise LookupError("nobody expected this")

    monkeypatch.setattr(judging, "look", fail)
    await ready(running)
