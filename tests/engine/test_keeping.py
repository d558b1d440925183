"""A driver keeps what its verdicts rest on: every one of them is judged again from the journal, also by another process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from rolloutctl.engine.engine import Engine
from rolloutctl.engine.evidence import due, recording
from rolloutctl.engine.evidence.replaying import replay
from rolloutctl.engine.looking import keeping
from rolloutctl.engine.once.sealing import seal
from rolloutctl.engine.view.commands import Command, CommandKind
from rolloutctl.errors import ExitCode, JournalUnreachable
from rolloutctl.model import events as ev
from rolloutctl.model.events import Event
from rolloutctl.model.state import Status, Step
from rolloutctl.model.verdict import State

from .worlds import PLAN, TestWorld, plan, until

STREAM = "rollout/checkout#1"


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    made = TestWorld(tmp_path).engine()
    await seal(made.world, plan(PLAN), PLAN, adopt=False)
    await made.start()
    yield made
    await made.stop()
    await made.close()


async def baking(engine: Engine) -> None:
    await until(engine, "read", lambda s: s.flag.read_at is not None)
    reply = await engine.command(Command(CommandKind.ADVANCE, "checkout#1"))
    assert reply.code is ExitCode.OK, reply
    await until(engine, "baking", lambda s: s.state.step in {Step.BAKING, Step.READY})


async def journalled(engine: Engine) -> list[Event]:
    return list(await engine.world.journal.call(lambda journal: journal.read(STREAM)))


async def replayed(engine: Engine) -> dict[type[ev.Body], int]:
    """How many events of each kind were judged again and are the same."""
    found: dict[type[ev.Body], int] = {}
    for event in await journalled(engine):
        if getattr(event.body, "blob", "") and not isinstance(event.body, ev.JudgeCheckpoint):
            again = await engine.world.journal.call(lambda journal, seq=event.seq: replay(journal, seq))
            assert again.differences == (), event
            found[type(event.body)] = found.get(type(event.body), 0) + 1
    return found


async def test_what_a_rollout_rested_on_is_judged_again(engine: Engine) -> None:
    await baking(engine)
    await until(engine, "ready", lambda s: s.state.step is Step.READY)
    reply = await engine.command(Command(CommandKind.ADVANCE, "checkout#1", to="everyone"))
    assert reply.code is ExitCode.OK, reply
    await until(engine, "ready at everyone", lambda s: s.state.phase == 1 and s.state.step is Step.READY)
    found = await replayed(engine)
    assert found[ev.VerdictChanged] >= 2
    assert found[ev.PhaseReady] == 2
    assert found[ev.DecisionMade] >= 1
    without = [event for event in await journalled(engine) if isinstance(event.body, ev.VerdictChanged) and not event.body.blob]
    assert without == []


async def test_a_breach_and_a_source_that_is_down_are_judged_again(engine: Engine) -> None:
    await baking(engine)
    source = engine.world.sources["metrics"]
    source.down = True  # type: ignore[attr-defined]
    await until(engine, "down", lambda s: any(v.state is State.SOURCE_DOWN for v in s.verdicts))
    source.down = False  # type: ignore[attr-defined]
    source.value = 50.0  # type: ignore[attr-defined]
    await until(engine, "rolled back", lambda s: s.state.status is Status.ROLLED_BACK)
    found = await replayed(engine)
    assert found[ev.BreachLatched] == 1
    rolled = [e.body for e in await journalled(engine) if isinstance(e.body, ev.DecisionMade) and e.body.action == "rollback"]
    assert [body.blob for body in rolled] == [""]


async def test_checkpoints_are_journalled_and_the_rest_goes_on_from_them(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(due, "EVERY_S", 0.5)
    monkeypatch.setattr(due, "AFTER_EVIDENCE_S", 0.5)
    monkeypatch.setattr(due, "settled", lambda _plan, now: now - 0.5)
    monkeypatch.setattr(recording, "settled", lambda _plan, now: now - 0.5)
    await baking(engine)

    async def checkpoints() -> int:
        return sum(isinstance(event.body, ev.JudgeCheckpoint) for event in await journalled(engine))

    async with asyncio.timeout(20):
        while await checkpoints() < 3:
            await engine.sync()
            await asyncio.sleep(0.05)
    source = engine.world.sources["metrics"]
    source.value = 50.0  # type: ignore[attr-defined]
    await until(engine, "breach", lambda s: s.state.counted_breach is not None)
    assert (await replayed(engine))[ev.BreachLatched] == 1
    verified = await engine.world.journal.call(lambda journal: journal.verify())
    assert verified.findings == ()


async def test_a_breach_is_journalled_without_evidence_that_cannot_be_made(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(keeping, "_evidence", fails)
    await baking(engine)
    engine.world.sources["metrics"].value = 50.0  # type: ignore[attr-defined]
    await until(engine, "rolled back", lambda s: s.state.status is Status.ROLLED_BACK)
    (breach,) = [event.body for event in await journalled(engine) if isinstance(event.body, ev.BreachLatched)]
    assert breach.blob == ""


async def test_a_breach_is_journalled_where_there_is_no_room_for_its_evidence(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rolloutctl.journal.sqlite import SqliteJournal

    append = SqliteJournal.append_held

    def full(self: SqliteJournal, lease: object, body: object, author: object, contents: object = ()) -> Event:
        if contents:
            raise JournalUnreachable("the disk is full.")
        return append(self, lease, body, author)  # type: ignore[arg-type]

    monkeypatch.setattr(SqliteJournal, "append_held", full)
    await baking(engine)
    engine.world.sources["metrics"].value = 50.0  # type: ignore[attr-defined]
    await until(engine, "rolled back", lambda s: s.state.status is Status.ROLLED_BACK)
    (breach,) = [event.body for event in await journalled(engine) if isinstance(event.body, ev.BreachLatched)]
    assert breach.blob == ""
