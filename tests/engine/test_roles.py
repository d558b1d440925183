"""Every command in every role: the engine refuses, the screen dims with the same reason, and nothing gets into the journal.

Who may do what is said here a second time, as a table, so that the rule and its users are checked against it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from rolloutctl.config import Config, OperatorRole, Write
from rolloutctl.engine.config.settings import Settings
from rolloutctl.engine.engine import Drives, Engine
from rolloutctl.engine.once.sealing import seal
from rolloutctl.engine.view.commands import Command, CommandKind
from rolloutctl.engine.wiring import Options, engine_options
from rolloutctl.errors import ExitCode
from rolloutctl.model.kinds import Action
from rolloutctl.policy.permission import refusal
from rolloutctl.telling import clause
from rolloutctl.tui.may import Act, why_not

from .worlds import PLAN, TestWorld, plan

ROLLOUT = "checkout#1"
EVERYWHERE = frozenset({CommandKind.ROLLBACK, CommandKind.HOLD, CommandKind.CHECKED, CommandKind.NOTE})
"""What no `write` of an environment keeps an operator from."""
APPROVERS = frozenset({CommandKind.APPROVE})
ACT = {
    CommandKind.ADVANCE: Act.ADVANCE,
    CommandKind.BACK: Act.BACK,
    CommandKind.HOLD: Act.HOLD,
    CommandKind.RESUME: Act.RESUME,
    CommandKind.APPROVE: Act.APPROVE,
    CommandKind.SIGN: Act.SIGN,
    CommandKind.ROLLBACK: Act.ROLLBACK,
    CommandKind.POSTPONE: Act.POSTPONE,
    CommandKind.ABORT: Act.ABORT,
    CommandKind.CHECKED: Act.CHECKED,
}


def allowed(role: OperatorRole, write: Write, kind: CommandKind) -> bool:
    if role is OperatorRole.VIEWER:
        return False
    if kind in EVERYWHERE:
        return True
    if kind in APPROVERS and role is not OperatorRole.APPROVER:
        return False
    return write is Write.OPERATOR or (write is Write.APPROVER and role is OperatorRole.APPROVER)


def config(role: OperatorRole, write: Write) -> Config:
    people = {"owner": {"role": "approver"}, "pat": {"role": role}}
    return Config.model_validate(
        {"operators": people, "environments": {"production": {"write": write}}, "journal": {"lease": "2s"}}
    )


@pytest.fixture
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Engine]:
    """Of pat, who drives nothing; the rollout was sealed by somebody who may."""
    role, write = request.param
    world = TestWorld(tmp_path)
    sealing = world.world("owner")
    await seal(sealing, plan(), PLAN, adopt=False)
    sealing.journal.close()
    world.config = config(role, write)
    engine = world.engine(drives=Drives.NONE, actor="pat")
    await engine.start()
    yield engine
    await engine.stop()
    await engine.close()


CELLS = [(role, write) for role in OperatorRole for write in Write]


@pytest.mark.parametrize("engine", CELLS, indirect=True, ids=[f"{role}-{write}" for role, write in CELLS])
async def test_who_may_not_is_refused_and_told_beforehand(engine: Engine, request: pytest.FixtureRequest) -> None:
    role, write = request.node.callspec.params["engine"]
    for kind in CommandKind:
        if allowed(role, write, kind):
            continue
        before = await engine.world.journal.call(lambda journal: journal.head())
        fleet = engine.snapshot()
        seen = fleet.rollouts[0]
        reply = await engine.command(Command(kind, ROLLOUT, why="because", gate="none"))
        assert reply.code is ExitCode.REFUSED, kind
        assert "pat is a" in reply.sentence or "nobody may change production" in reply.sentence
        assert reply.seq == 0
        assert await engine.world.journal.call(lambda journal: journal.head()) == before, f"{kind}: nothing was journalled"
        if kind in ACT:
            told = why_not(ACT[kind], fleet, seen)
            assert told
            assert told in {clause(reply.sentence), "READ-ONLY: pat is a viewer"}, "the key says what the engine says"


@pytest.mark.parametrize("role", [OperatorRole.OPERATOR, OperatorRole.APPROVER])
@pytest.mark.parametrize("write", list(Write))
@pytest.mark.parametrize("kind", list(CommandKind))
def test_who_may_is_not_dimmed_for_the_role(role: OperatorRole, write: Write, kind: CommandKind) -> None:
    action = Action.HOLD if kind is CommandKind.NOTE else Action("sign" if kind is CommandKind.SIGN else kind.value)
    assert bool(refusal(config(role, write), "pat", "production", action)) != allowed(role, write, kind)


@pytest.mark.parametrize("role", list(OperatorRole))
def test_a_viewer_s_process_takes_no_lease(role: OperatorRole, tmp_path: Path) -> None:
    made = Config.model_validate({"operator": {"name": "pat"}, "operators": {"pat": {"role": role}}})
    options = engine_options(Options(Settings(made, {}, (), tmp_path), drives=Drives.FREE))
    assert (options.drives is Drives.NONE) == (role is OperatorRole.VIEWER)


def test_every_command_that_a_key_has_is_in_the_table() -> None:
    assert set(ACT) == set(CommandKind) - {CommandKind.NOTE, CommandKind.AMEND}
    assert set(ACT.values()) == set(Act)
