"""The screen before there is an engine: rows of cards, keys that work, and the first snapshot in their place."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import termios
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from carded import House
from engine.test_coming import Loading
from faults.terminals import AtTerminal
from rolloutctl.engine.cards.glance import Glance, Seen
from rolloutctl.engine.cards.making import card_of
from rolloutctl.engine.config.files import RawConfig
from rolloutctl.errors import ExitCode
from rolloutctl.tui.app import RolloutApp
from rolloutctl.tui.widgets.table import Table

from . import worlds
from .showing import WIDE, Shown

TESTS = Path(__file__).parents[1]


def glance_of(*, without_card: str = "") -> Glance:
    seen = [Seen(r.id, card_of(r.plan, r.state) if r.id != without_card else None, None) for r in worlds.five().rollouts]
    return Glance(RawConfig((), {}, "", Path("journal.db")), (421, "ab"), tuple(seen))


@asynccontextmanager
async def first(glance: Glance, loading: Loading, size: tuple[int, int] = WIDE) -> AsyncIterator[Shown]:
    def begin() -> None:
        loading.coming.begin(app.not_started)

    app = RolloutApp(loading.coming, theme="dark", timezone=worlds.ZONE, now=lambda: worlds.NOW, glance=glance, begin=begin)
    app.animation_level = "none"
    async with app.run_test(size=size) as pilot:
        shown = Shown(app, pilot, loading.engine)
        await pilot.pause(0.05)
        await shown.settle()
        try:
            yield shown
        finally:
            loading.go_on.set()


@pytest.mark.parametrize("size", [WIDE, (80, 24), (60, 16)])
async def test_every_rollout_of_the_cards_has_its_row(size: tuple[int, int]):
    async with first(glance_of(), Loading(), size) as seen:
        assert "rollouts 5 · from the journal, being read …" in seen.text
        assert all(rollout.id[:9] in seen.text for rollout in worlds.five().rollouts)


async def test_one_without_a_card_is_being_read():
    async with first(glance_of(without_card="fraud-model-v12#2"), Loading()) as seen:
        line = next(text for text in seen.text.splitlines() if "fraud-model-v12#2" in text)
        assert "reading …" in line


async def test_loading_begins_behind_the_first_rows():
    loading = Loading()
    async with first(glance_of(), loading) as seen:
        assert loading.loads == 1
        assert seen.app.fleet is None


async def test_the_cursor_moves_and_the_filter_filters():
    async with first(glance_of(), Loading()) as seen:
        table = seen.app.screen.query_one(Table)
        before = table.at
        await seen.press("j")
        assert table.at != before
        await seen.press("k")
        assert table.at == before
        await seen.press("/", *"fraud")
        assert "rollouts 1/5 · filter fraud" in seen.text
        assert "fraud-model-v12#2" in seen.text


async def test_the_help_opens():
    async with first(glance_of(), Loading()) as seen:
        await seen.press("question_mark")
        assert seen.name == "HelpScreen"


@pytest.mark.parametrize("key", ["A", "H", "R"])
async def test_acts_are_refused_with_the_reason(key: str):
    loading = Loading()
    async with first(glance_of(), loading) as seen:
        await seen.press(key)
        assert "still reading" in seen.said
        assert seen.name == "FleetScreen"
        assert loading.engine.sent == []


async def test_enter_opens_nothing_yet():
    async with first(glance_of(), Loading()) as seen:
        await seen.press("enter")
        assert "still reading" in seen.said
        assert seen.name == "FleetScreen"


async def test_the_first_snapshot_takes_the_place_of_the_cards_and_the_cursor_stays():
    loading = Loading()
    async with first(glance_of(), loading) as seen:
        await seen.press("j", "j")
        table = seen.app.screen.query_one(Table)
        chosen = table.at
        loading.come()
        await seen.pilot.pause(0.2)
        await seen.settle()
        assert table.at == chosen
        assert "being read" not in seen.text
        assert "WRITE" in seen.text
        await seen.press("R")
        assert seen.name == "RollbackDialog" or "nothing to roll back" in seen.said


async def test_quitting_meanwhile_starts_no_engine():
    loading = Loading()
    async with first(glance_of(), loading) as seen:
        await seen.press("q")
        loading.come()
        await seen.pilot.pause(0.1)
        assert seen.app.return_code == 0
    assert loading.engine.started == 0


async def test_what_keeps_the_engine_from_starting_ends_the_screen():
    loading = Loading(RuntimeError("no"))
    async with first(glance_of(), loading) as seen:
        loading.come()
        await seen.pilot.pause(0.1)
        assert seen.app.return_code == 1
        assert seen.app.crash is None


# -- at a terminal -----------------------------------------------------------------------------------------------------

PROGRAM = """
import sys
from rolloutctl.__main__ import main
from rolloutctl.engine import thread
from rolloutctl.errors import JournalUnreachable
def start(self):
    raise JournalUnreachable("the journal has gone away.", remedy="Look for it.")
if sys.argv.pop(1) == "fails":
    thread.EngineThread.start = start
main()
"""


@contextmanager
def at_terminal(house: House, ending: str) -> Iterator[AtTerminal]:
    house.journal.close()
    master, slave = os.openpty()
    termios.tcsetwinsize(slave, (40, 120))
    before = termios.tcgetattr(slave)
    env = os.environ | {"TERM": "xterm-256color", "LANG": "C.UTF-8", "PYTHONIOENCODING": "utf-8"}
    env |= {f"XDG_{name}_HOME": str(house.folder) for name in ("CONFIG", "STATE", "CACHE", "DATA")}
    command = [sys.executable, "-c", PROGRAM, ending, "--config", str(house.config), "--read-only"]
    process = subprocess.Popen(
        command, stdin=slave, stdout=slave, stderr=slave, env=env, cwd=house.folder, start_new_session=True
    )
    try:
        yield AtTerminal(process, master, slave, before)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(10)
        os.close(master)
        os.close(slave)


@pytest.mark.parametrize("carded", [True, False])
def test_a_journal_that_cannot_be_opened_is_said_on_the_persons_own_screen(tmp_path: Path, *, carded: bool):
    house = House(tmp_path)
    if carded:
        house.keep()
    with at_terminal(house, "fails") as seen:
        assert seen.wait() == ExitCode.UNREACHABLE
        after = seen.seen.split(b"\x1b[?1049l")[-1]
        assert b"the journal has gone away." in after
        assert b"Traceback" not in seen.seen
        assert termios.tcgetattr(seen.slave) == seen.before
        assert (b"being read" in seen.seen) is carded


def test_quitting_on_the_first_frame_gives_the_terminal_back(tmp_path: Path):
    house = House(tmp_path)
    house.keep()
    with at_terminal(house, "runs") as seen:
        seen.read(b"from the journal, being read")
        seen.type(b"q")
        assert seen.wait() == 0
        assert termios.tcgetattr(seen.slave) == seen.before


def test_a_signal_on_the_first_frame(tmp_path: Path):
    house = House(tmp_path)
    house.keep()
    with at_terminal(house, "runs") as seen:
        seen.read(b"from the journal, being read")
        seen.process.send_signal(signal.SIGTERM)
        assert seen.wait() == 128 + signal.SIGTERM
        assert termios.tcgetattr(seen.slave) == seen.before


def test_the_engine_takes_the_place_of_the_cards(tmp_path: Path):
    house = House(tmp_path)
    house.keep()
    with at_terminal(house, "runs") as seen:
        seen.read(b"from the journal, being read")
        seen.read(b"READ-ONLY")
        seen.type(b"q")
        assert seen.wait() == 0
