"""Narrow, too small, and a terminal that changes its size while one looks: every page and dialog."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rolloutctl.config import OperatorRole
from rolloutctl.model.kinds import Action
from rolloutctl.tui.screens.base import SMALLEST, BaseScreen

from . import worlds
from .showing import NARROW, WIDE, Shown, shown

PAGES: dict[str, tuple[str, ...]] = {
    "FleetScreen": (),
    "RolloutScreen": ("enter",),
    "ExplainScreen": ("enter", "e"),
    "JournalScreen": ("l",),
    "EventScreen": ("enter", "l", "enter"),
    "HelpScreen": ("question_mark",),
    "LogScreen": ("w",),
    "DoctorScreen": ("o",),
    "CommandPalette": ("colon",),
    "HoldDialog": ("H",),
    "BackDialog": ("B",),
    "PostponeDialog": ("P",),
    "GoNoGo": ("A",),
    "SignDialog": ("S",),
    "RollbackDialog": ("R",),
}
SMALLEST_THERE_IS = (60, 16)


@pytest.mark.parametrize("size", [SMALLEST_THERE_IS, NARROW, WIDE], ids=["60x16", "80x24", "120x36"])
@pytest.mark.parametrize("page", PAGES)
async def test_every_page_fits(page: str, size: tuple[int, int]) -> None:
    async with shown(worlds.FakeHandle(worlds.five()), size=size) as seen:
        await seen.press(*PAGES[page])
        await seen.pilot.pause(0.1)
        assert seen.name == page
        lines = seen.text.splitlines()
        assert len(lines) == size[1]
        if page.endswith("Dialog") or page == "GoNoGo":
            for button in ("Cancel  esc", "!"):
                assert button in seen.text, "the buttons are always in sight"
            box = seen.app.screen.query_one("#box").region
            assert box.y >= 0
            assert box.bottom <= size[1]
        elif page != "CommandPalette":
            assert lines[-1].rstrip().endswith("? help")
            assert "BACK IN 42s" in lines[0], "a countdown is seen from everywhere"


@pytest.mark.parametrize("page", [name for name in PAGES if name.endswith("Screen")])
async def test_too_small_says_so_on_every_page_and_comes_back(page: str) -> None:
    async with shown(worlds.FakeHandle(worlds.five()), size=NARROW) as seen:
        await seen.press(*PAGES[page])
        before = seen.text
        await _resize(seen, 59, 15)
        assert "59x15 is too small: 60x16 is needed." in seen.text
        assert "R still rolls back, q quits." in seen.text
        await _resize(seen, *NARROW)
        assert seen.text == before
        await _resize(seen, 20, 5)
        await seen.press("R")
        assert seen.name == "RollbackDialog"


async def _resize(seen: Shown, width: int, height: int) -> None:
    await seen.pilot.resize_terminal(width, height)
    await seen.settle()
    await seen.settle()


@pytest.mark.parametrize("page", ["FleetScreen", "RolloutScreen", "ExplainScreen", "JournalScreen", "GoNoGo", "CommandPalette"])
async def test_a_storm_of_sizes_ends_in_the_right_layout(page: str) -> None:
    async with shown(worlds.FakeHandle(worlds.five()), size=WIDE) as seen:
        await seen.press(*PAGES[page])
        await seen.pilot.pause(0.1)
        calm = seen.text
        sizes = [(120, 36), (61, 17), (200, 60), (40, 10), (99, 29), (100, 30), (1, 1), (300, 12), (80, 24), (59, 40)]
        for width, height in sizes * 2:
            await seen.pilot.resize_terminal(width, height)
        await _resize(seen, *WIDE)
        await seen.pilot.pause(0.2)
        assert seen.name == page
        assert seen.text == calm


async def test_breakpoints_are_where_they_are_said_to_be() -> None:
    async with shown(worlds.FakeHandle(worlds.five()), size=(100, 30)) as seen:
        assert seen.app.screen.has_class("-wide", "-tall")
        await _resize(seen, 99, 29)
        assert seen.app.screen.has_class("-narrow", "-short")
        assert isinstance(seen.app.screen, BaseScreen)
        assert not seen.app.screen.has_class("-tiny")
        assert SMALLEST == SMALLEST_THERE_IS


NOBODY = "nobody may change production (config, [environments.production] write); a rollback is always possible."
REFUSED = {action: NOBODY for action in Action if action not in {Action.ROLLBACK, Action.HOLD, Action.CHECKED}}


async def test_write_in_the_header_follows_the_environment() -> None:
    closed = worlds.rollout(refused=REFUSED)
    async with shown(worlds.FakeHandle(worlds.fleet(closed))) as seen:
        assert "READ-ONLY" in seen.text.splitlines()[0]
        assert seen.app.screen.active_bindings["A"].enabled is False
        await seen.press("A")
        assert "no advance: nobody may change production" in seen.said
        await seen.press("H")
        assert seen.name == "HoldDialog", "what is allowed is not dimmed"
        await seen.press("escape", "R")
        assert seen.name == "RollbackDialog"


async def test_the_header_says_where_one_may_write_and_where_not() -> None:
    of = worlds.plan("geo-lookup")
    staging = of.model_copy(update={"flag": of.flag.model_copy(update={"environment": "staging"})})
    fleet = worlds.fleet(worlds.rollout(staging), worlds.rollout(refused=REFUSED))
    async with shown(worlds.FakeHandle(fleet)) as seen:
        assert "WRITE  READ-ONLY in production" in seen.text.splitlines()[0]
        await seen.publish(replace(fleet, role=OperatorRole.VIEWER))
        assert "WRITE" not in seen.text.splitlines()[0]


async def test_what_is_loud_is_loud_on_every_page_and_stays_when_there_is_no_room() -> None:
    fleet = worlds.fleet(worlds.breach(), worlds.unattended(), paused=True)
    async with shown(worlds.FakeHandle(fleet), size=SMALLEST_THERE_IS) as seen:
        assert "ROLLS BACK IN 42s" in seen.text.splitlines()[0]
        assert "UNATTENDED" in seen.text.splitlines()[0]
    async with shown(worlds.FakeHandle(fleet)) as seen:
        await seen.press("w")
        head = seen.text.splitlines()[0]
        for words in ("ROLLS BACK IN 42s", "UNATTENDED", "PAUSED · data 2s old"):
            assert words in head


async def test_an_ended_rollout_shows_no_way_back_and_no_dead_keys() -> None:
    async with shown(worlds.FakeHandle(worlds.fleet(worlds.rolled_back()))) as seen:
        await seen.press("enter")
        assert "a breach counts down" not in seen.text
        assert "A advance" not in seen.text
        await seen.press("A")
        assert "is ROLLED BACK" in seen.said
