"""What a look sees depends on the source and its clock, not on the machine that looks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rolloutctl.engine.engine import Drives, Engine
from rolloutctl.engine.once.sealing import seal
from rolloutctl.engine.view.commands import Command, CommandKind
from rolloutctl.engine.world.clock import SystemClock
from rolloutctl.errors import ExitCode
from rolloutctl.model.state import Step
from rolloutctl.model.verdict import State

from .worlds import PLAN, TestWorld, plan, until


@pytest.fixture(params=[-300.0, 300.0], ids=["five minutes behind", "five minutes ahead"])
async def skewed(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Engine]:
    true = SystemClock.now
    monkeypatch.setattr(SystemClock, "now", lambda clock: true(clock) + timedelta(seconds=request.param))
    running = TestWorld(tmp_path).engine(holder="one", drives=Drives.FREE)
    await seal(running.world, plan(PLAN), PLAN, adopt=False)
    await running.start()
    yield running
    await running.stop()
    await running.close()


async def test_a_clock_that_is_off_by_five_minutes_changes_no_verdict(skewed: Engine) -> None:
    before = datetime.now(UTC)
    await until(skewed, "read", lambda s: s.flag.read_at is not None)
    reply = await skewed.command(Command(CommandKind.ADVANCE, "checkout#1", to="five"))
    assert reply.code is ExitCode.OK, reply
    ready = await until(skewed, "ready", lambda s: s.state.step is Step.READY)
    run = ready.state.run
    assert run is not None
    after = datetime.now(UTC)
    assert before <= run.started_at <= after, "the phase begins by the source's clock"
    for verdict in ready.verdicts:
        assert verdict.state is State.PASS, verdict
        assert verdict.since is not None
        assert run.started_at.timestamp() <= verdict.since <= after.timestamp()
        assert verdict.evidence.age_s is not None
        assert verdict.evidence.age_s < (after - before).total_seconds() + 60
