"""Keys: ids and defaults agree with the table, other keys from the config work everywhere and are what is shown."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from textual.binding import Binding
from textual.widget import Widget

from rolloutctl.keymap import BINDINGS, DEFAULTS
from rolloutctl.tui.app import RolloutApp
from rolloutctl.tui.dialogs.base import Dialog
from rolloutctl.tui.dialogs.quit import QuitDialog
from rolloutctl.tui.screens.base import BaseScreen
from rolloutctl.tui.screens.fleet import FleetScreen
from rolloutctl.tui.screens.journal import JournalScreen
from rolloutctl.tui.screens.page import PageScreen
from rolloutctl.tui.screens.rollout import RolloutScreen
from rolloutctl.tui.widgets.table import Table

from . import worlds
from .showing import NARROW, shown

CLASSES = (RolloutApp, BaseScreen, FleetScreen, RolloutScreen, JournalScreen, PageScreen, Table, Dialog, QuitDialog)


def bindings() -> Iterator[Binding]:
    for owner in CLASSES:
        for binding in owner.__dict__["BINDINGS"]:
            assert isinstance(binding, Binding)
            yield binding


def test_every_binding_has_a_tooltip_and_every_id_its_default_key() -> None:
    found = list(bindings())
    assert all(binding.tooltip for binding in found)
    assert {binding.id: binding.key for binding in found if binding.id} == DEFAULTS


OTHER = {
    "rollout.advance": "F",
    "app.rollback": "f9",
    "app.quit": "x",
    "app.help": "h",
    "list.down": "n",
    "fleet.filter": "f",
    "dialog.confirm": "$",
    "rollout.hold": "K",
}


async def test_other_keys_act_and_are_shown() -> None:
    going = worlds.fleet(worlds.ready(), worlds.breach())
    async with shown(worlds.FakeHandle(going), size=(120, 60), keys=OTHER) as seen:
        assert "F advance" in seen.text
        assert "f9 roll back" in seen.text
        assert "h help" in seen.text
        assert "F to advance" in seen.text, "the engine's own words name the key as it is bound"
        await seen.press("n")
        assert seen.app.target() == "fraud-model-v12#2"
        assert "f9 now" in seen.text
        assert "K hold" in seen.text
        await seen.press("j", "A", "R", "question_mark", "q")
        assert seen.name == "FleetScreen", "the default keys do nothing any more"
        await seen.press("h")
        assert "f9 opens the rollback from everywhere" in seen.text.replace("\n", " ")
        assert "rollout.advance" in seen.text
        await seen.press("escape", "k", "F")
        assert seen.name == "GoNoGo"
        assert "Advance  $" in seen.text
        await seen.press(*"pricing-cache", "!")
        assert seen.handle.sent == []
        await seen.press("backspace", "$")
        assert [command.rollout for command in seen.handle.sent] == ["pricing-cache#1"]


async def test_the_rollback_key_from_the_config_is_heard_in_dialogs_and_fields() -> None:
    async with shown(worlds.FakeHandle(worlds.five()), keys={"app.rollback": "f9"}) as seen:
        await seen.press("H", *"Reason", "f9")
        assert seen.name == "RollbackDialog"
        await seen.press(*"off", "exclamation_mark")
        assert len(seen.handle.sent) == 1


async def test_ways_out_and_to_the_help_cannot_be_taken_away() -> None:
    async with shown(worlds.FakeHandle(worlds.five()), keys={"app.help": "h", "app.quit": "x", "app.palette": "c"}) as seen:
        await seen.press("f1")
        assert seen.name == "HelpScreen"
        await seen.press("escape", "ctrl+p")
        assert seen.name == "CommandPalette"
        await seen.press("escape", "ctrl+q")
        await seen.pilot.pause(0.2)
        assert seen.handle.stopped


async def test_help_in_a_dialog_lists_the_keys_of_the_dialog() -> None:
    async with shown(worlds.FakeHandle(worlds.five())) as seen:
        await seen.press("H", "f1")
        assert seen.name == "HelpScreen"
        assert "Do what the dialog says, once it is armed" in seen.text
        await seen.press("escape")
        assert seen.name == "HoldDialog"


async def test_help_speaks_only_our_words_and_merges_keys_of_one_action() -> None:
    async with shown(worlds.FakeHandle(worlds.five()), size=(120, 60)) as seen:
        await seen.press("question_mark")
        assert "j ↓" in seen.text
        assert "Cursor" not in seen.text
        assert "Focus Next" not in seen.text
        assert "To the next pane" in seen.text


async def test_tab_and_figures_go_through_the_panes_and_a_quick_zoom_takes_the_right_one() -> None:
    async with shown(worlds.FakeHandle(worlds.five())) as seen:
        await seen.press("enter")
        focused = []
        for _ in range(3):
            await seen.press("tab")
            focused.append(seen.app.focused.id if isinstance(seen.app.focused, Widget) else None)
        assert focused == ["plot", "why", "criteria"]
        await seen.pilot.press("2", "z")
        await seen.settle()
        assert "exit criteria" not in seen.text
        assert "canary 3.0" in seen.text


async def test_doctor_is_one_key_away_and_says_what_is_real() -> None:
    async with shown(worlds.FakeHandle(worlds.fleet(worlds.rollout(), parts=worlds.parts(prometheus=False)))) as seen:
        await seen.press("o")
        assert seen.name == "DoctorScreen"
        for words in ("✖ NOT READY", "prometheus", "connection refused", "admin API token", "last failure", "over: 503"):
            assert words in seen.text
        await seen.press("R")
        assert seen.name == "RollbackDialog", "rolling back works from here, too"


@pytest.mark.parametrize("size", [(120, 36), NARROW], ids=["120x36", "80x24"])
async def test_the_foot_is_one_line_in_every_state(size: tuple[int, int]) -> None:
    for rollout in (worlds.rollout(), worlds.breach(), worlds.held(), worlds.rolled_back(), worlds.rollback_unknown()):
        async with shown(worlds.FakeHandle(worlds.fleet(rollout)), size=size) as seen:
            await seen.press("enter")
            assert seen.app.screen.query_one("#keys").size.height == 1
            assert seen.text.splitlines()[-1].rstrip().endswith("? help")


def test_no_default_key_is_missing_from_the_table() -> None:
    assert len({(entry.default, entry.place) for entry in BINDINGS.values()}) == len(BINDINGS)
