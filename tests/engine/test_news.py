"""The engine looks into the journal when it is told to: an event of somebody else is seen at once, and an idle one costs nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from rolloutctl.config import Config
from rolloutctl.engine import engine as engine_module
from rolloutctl.engine.engine import Drives, Engine, EngineOptions
from rolloutctl.engine.once.sealing import seal
from rolloutctl.engine.view.snapshot import FleetSnapshot
from rolloutctl.engine.world.journal_thread import JournalThread
from rolloutctl.engine.world.witness import read_witnesses
from rolloutctl.journal.postgres.store import open_postgres
from rolloutctl.journal.sqlite import open_sqlite
from rolloutctl.model.events import NoteAdded
from rolloutctl.ports import Author, Journal

from .worlds import PLAN, TestWorld, plan

STREAM = "rollout/checkout#1"
Opener = Callable[[], Journal]


class Counted(JournalThread):
    calls = 0

    def submit(self, call):  # type: ignore[no-untyped-def]
        self.calls += 1
        return super().submit(call)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=[pytest.mark.service, pytest.mark.xdist_group("postgres")])])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Opener:
    clock = TestWorld(tmp_path).world().clock.now
    if request.param == "sqlite":
        return lambda: open_sqlite(tmp_path / "journal.db", 0o600, clock)
    url: str = request.getfixturevalue("database").url
    return lambda: open_postgres(url, clock)


@pytest.fixture
async def watching(opened: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Engine, Counted]]:
    """A screen that drives and polls nothing, and would look by itself in an hour."""
    monkeypatch.setattr(engine_module, "_FOLLOW_S", 3600.0)
    journal = Counted(opened)
    config = Config.model_validate({"journal": {"lease": "1h"}})
    world = replace(TestWorld(tmp_path, config=config).world(), journal=journal)
    await seal(world, plan(), PLAN, adopt=False)
    snapshots: list[FleetSnapshot] = []
    engine = Engine(world, EngineOptions(drives=Drives.NONE, holder="screen", poll=False), snapshots.append)
    await engine.start()
    yield engine, journal
    await engine.stop()
    await engine.close()


async def seen(engine: Engine, seq: int) -> None:
    await until(lambda: engine.snapshot().journal_seq >= seq)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.01)


async def test_what_somebody_else_journals_is_seen_without_polling(watching: tuple[Engine, Counted], opened: Opener) -> None:
    engine, _ = watching
    other = opened()
    for text in ("one", "two", "three"):
        event = other.append(STREAM, NoteAdded(text=text), Author("ben", "elsewhere"))
        await seen(engine, event.seq)
    other.close()


async def test_an_idle_engine_leaves_the_journal_alone(watching: tuple[Engine, Counted], opened: Opener) -> None:
    engine, journal = watching
    other = opened()
    event = other.append(STREAM, NoteAdded(text="one"), Author("ben", "elsewhere"))
    other.close()
    await seen(engine, event.seq)
    await asyncio.sleep(0.3)
    before = journal.calls
    await asyncio.sleep(1.0)
    assert journal.calls == before


async def test_a_process_that_leaves_witnesses_the_head(tmp_path: Path) -> None:
    world = TestWorld(tmp_path)
    file = tmp_path / "witnesses"
    world.config = world.config.model_copy(update={"journal": world.config.journal.model_copy(update={"witness": str(file)})})
    engine = world.engine(drives=Drives.NONE)
    await seal(engine.world, plan(), PLAN, adopt=False)
    await engine.start()
    await engine.stop()
    receipt = await engine.receipt()
    head = await engine.world.journal.call(lambda journal: journal.head())
    assert (receipt.text, receipt.trouble) == (f"{head[0]} {head[1]}", "")
    assert read_witnesses(file) == [head]
    file.unlink()
    file.mkdir()
    again = await engine.receipt()
    assert (again.text, "cannot be written" in again.trouble) == ("", True)
    await engine.close()


async def test_a_driver_witnesses_while_it_drives(tmp_path: Path) -> None:
    world = TestWorld(tmp_path)
    file = tmp_path / "witnesses"
    world.config = world.config.model_copy(update={"journal": world.config.journal.model_copy(update={"witness": str(file)})})
    engine = world.engine()
    await seal(engine.world, plan(), PLAN, adopt=False)
    await engine.start()
    await until(engine.drives)
    await engine._witness()
    assert read_witnesses(file)
    await engine.stop()
    await engine.close()
