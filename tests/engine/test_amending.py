"""An amendment through a whole engine: recorded, in force from its event on, and nothing is sent to the flag server for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from rolloutctl.engine.engine import Drives, Engine
from rolloutctl.engine.once.sealing import seal
from rolloutctl.engine.view.commands import Command, CommandKind
from rolloutctl.errors import ExitCode
from rolloutctl.model import events as ev
from rolloutctl.model.cohort import Cohort
from rolloutctl.model.state import Step
from rolloutctl.plan.canonical import plan_digest

from .worlds import PLAN, TestWorld, plan, until

SLOW = PLAN.replace('bake = "1s"', 'bake = "1h"', 1)
TIGHTER = SLOW.replace('bake = "1h"', 'bake = "2h"', 1)
LOOSER = SLOW.replace("max = 10", "max = 100")
ROLLOUT = "checkout#1"


@pytest.fixture
def world(tmp_path: Path) -> TestWorld:
    return TestWorld(tmp_path)


@pytest.fixture
async def engines(world: TestWorld) -> AsyncIterator[dict[str, Engine]]:
    made = {"ana": world.engine()}
    await seal(made["ana"].world, plan(SLOW), SLOW, adopt=False)
    await made["ana"].start()
    made["ben"] = world.engine(drives=Drives.NONE, holder="two", actor="ben")
    await made["ben"].start()
    yield made
    for engine in reversed(made.values()):
        await engine.stop()
        await engine.close()


def ask(kind: CommandKind, text: str = "", why: str = "sure") -> Command:
    return Command(kind, ROLLOUT, why=why, plan_text=text)


async def baking(engine: Engine) -> None:
    await until(engine, "read", lambda s: s.flag.read_at is not None)
    assert (await engine.command(Command(CommandKind.ADVANCE, ROLLOUT))).code is ExitCode.OK
    await until(engine, "baking", lambda s: s.state.step is Step.BAKING and s.verdicts)


async def test_what_only_asks_for_more_is_in_force_at_once_everywhere(engines: dict[str, Engine], world: TestWorld) -> None:
    ana, ben = engines["ana"], engines["ben"]
    await baking(ana)
    before = world.provider.writes.copy()
    reply = await ben.command(ask(CommandKind.AMEND, TIGHTER))
    assert reply.code is ExitCode.OK, reply.sentence
    for engine in engines.values():
        seen = await until(engine, "amended", lambda s: s.state.amendments and s.verdicts)
        assert seen.state.plan_digest == plan_digest(plan(TIGHTER))
        assert seen.plan == plan(TIGHTER)
        assert seen.state.step is Step.BAKING
    (event,) = seen.state.amendments
    assert isinstance(event.body, ev.PlanAmended)
    assert (event.body.by, event.body.why, event.body.changes) == ("ben", "sure", ('phases.five.bake: "1h" → "2h"',))
    assert (world.provider.writes, world.provider.cohort) == (before, Cohort(percent=5))
    assert (await ana.world.journal.call(lambda journal: journal.verify())).findings == ()


async def test_what_loosens_waits_for_somebody_else_and_is_judged_by_from_then_on(
    engines: dict[str, Engine], world: TestWorld
) -> None:
    ana, ben = engines["ana"], engines["ben"]
    await baking(ana)
    reply = await ana.command(ask(CommandKind.AMEND, LOOSER))
    assert reply.code is ExitCode.REFUSED
    assert "needs 1 approvals of others" in reply.sentence
    assert (await ben.command(ask(CommandKind.APPROVE, LOOSER))).code is ExitCode.OK
    assert (await ana.command(ask(CommandKind.AMEND, LOOSER))).code is ExitCode.OK
    await until(ana, "amended", lambda s: s.state.amendments)
    world.source.value = 50.0
    seen = await until(ana, "judged", lambda s: s.verdicts and s.verdicts[0].evidence.canary == 50.0)
    assert seen.state.counted_breach is None
    assert seen.verdicts[0].state != "BREACH"


async def test_the_next_engine_goes_on_by_the_amended_plan(engines: dict[str, Engine], world: TestWorld) -> None:
    assert (await engines["ben"].command(ask(CommandKind.AMEND, TIGHTER))).code is ExitCode.OK
    await until(engines["ben"], "amended", lambda s: s.state.amendments)
    late = engines["cleo"] = world.engine(drives=Drives.NONE, holder="three", actor="cleo")
    await late.start()
    assert late.snapshot().rollouts[0].plan == plan(TIGHTER)


async def test_refused_without_a_reason_and_for_what_cannot_be_amended(engines: dict[str, Engine]) -> None:
    ana = engines["ana"]
    assert "needs a reason" in (await ana.command(ask(CommandKind.AMEND, TIGHTER, why=" "))).sentence
    other = SLOW.replace('key = "checkout"', 'key = "search"')
    assert "flag.key cannot be amended" in (await ana.command(ask(CommandKind.AMEND, other))).sentence
    assert (await ana.command(ask(CommandKind.AMEND, "nonsense"))).code is ExitCode.INVALID
    assert not ana.records[ROLLOUT].state.amendments


async def test_a_plan_that_is_not_the_one_of_its_digest_is_refused(engines: dict[str, Engine]) -> None:
    ana = engines["ana"]
    state, journal = ana.records[ROLLOUT].state, ana.world.journal
    blob = await journal.call(lambda j: j.put_blob(LOOSER.encode()))
    body = ev.AmendRequested(
        why="x", was_digest=state.plan_digest, plan_digest=plan_digest(plan(TIGHTER)), plan_blob=blob, changes=()
    )
    event = await journal.call(lambda j: j.append("rollout/checkout#1", body, ana.world.author))
    await until(ana, "answered", lambda _: event.seq in ana.records[ROLLOUT].answers)
    answer = ana.records[ROLLOUT].answers[event.seq]
    assert not answer.accepted
    assert "not the plan that its digest names" in answer.reasons[0]
