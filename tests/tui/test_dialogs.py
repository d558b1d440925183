"""Dialogs: nothing is sent unless it was meant; rollback is reachable from everywhere and says how far it is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.widgets import Button, Input

from rolloutctl.engine.view.commands import Command, CommandKind, Reply
from rolloutctl.engine.view.handle import Leaving
from rolloutctl.errors import ExitCode
from rolloutctl.tui.widgets.field import Check

from . import worlds
from .showing import NARROW, WIDE, Shown, shown

SIZES = pytest.mark.parametrize("size", [WIDE, NARROW], ids=["120x36", "80x24"])


def handle_of(*rollouts: object, **changes: object) -> worlds.FakeHandle:
    return worlds.FakeHandle(worlds.fleet(*rollouts), **changes)  # type: ignore[arg-type]


def inside(seen: Shown, selector: str) -> bool:
    """The widget is wholly on the page."""
    region = seen.app.screen.query_one(selector).region
    width, height = seen.app.size
    return region.height > 0 and region.right <= width and region.bottom <= height


@SIZES
async def test_go_no_go_arms_by_the_name_and_confirms_by_another_key(size: tuple[int, int]) -> None:
    async with shown(handle_of(worlds.ready()), size=size) as seen:
        await seen.press("A")
        assert seen.name == "GoNoGo"
        assert isinstance(seen.app.focused, Button)
        assert seen.app.focused.id == "cancel"
        assert "5 % → 30 %, about 300 requests/s" in seen.text
        assert "4 of 4 criteria pass" in seen.text
        assert inside(seen, "#cancel")
        assert inside(seen, "#confirm")
        assert inside(seen, "#word")
        await seen.press("exclamation_mark", "A", "enter")
        assert seen.handle.sent == []
        await seen.press("pagedown", "pagedown")
        assert "PATCH /api/admin" in seen.text, "last, and in reach where there is little room"


@SIZES
async def test_typing_the_name_arms_and_the_reply_stays(size: tuple[int, int]) -> None:
    async with shown(handle_of(worlds.ready()), size=size) as seen:
        await seen.press("A", *"pricing-cache")
        assert "ARMED" in seen.text
        await seen.press("enter", "space")
        assert seen.handle.sent == [], "enter changes nothing, armed or not"
        await seen.press("backspace", "exclamation_mark")
        assert seen.handle.sent == [Command(CommandKind.ADVANCE, "pricing-cache#1", to="thirty")]
        assert "done." in seen.text
        assert "because" in seen.text
        await seen.publish(worlds.fleet(worlds.ready()))
        assert "done." in seen.text
        await seen.press("escape")
        assert seen.name == "FleetScreen"


@SIZES
async def test_after_it_was_sent_go_no_go_shows_how_far_it_is_until_it_is_verified(size: tuple[int, int]) -> None:
    ready = worlds.ready()
    bodies = worlds.step_bodies()
    handle = handle_of(ready)
    async with shown(handle, size=size) as seen:
        await seen.press("A", *"pricing-cache")
        handle.log = worlds.stepped(ready.id)
        await seen.press("exclamation_mark")
        assert "✔ asked     14:22:02 CET  by ana.ruiz, event 213" in seen.text
        assert "◷ intent" in seen.text
        for count, wanted in (
            (2, "✔ intent    14:22:03 CET  event 215"),
            (3, "✔ applied   14:22:03 CET  the flag server says 30 %"),
        ):
            handle.log = worlds.stepped(ready.id, *bodies[:count])
            await seen.publish(worlds.fleet(replace(ready, state=replace(ready.state, seq=213 + count))))
            assert wanted in seen.text
            assert "◷ verified" in seen.text
        assert "until 14:22:19 CET to follow" in seen.text
        handle.log = worlds.stepped(ready.id, *bodies)
        await seen.publish(worlds.fleet(replace(ready, state=replace(ready.state, seq=217))))
        assert "✔ verified  14:22:04 CET  phase thirty bakes: the client API says so" in seen.text


async def test_a_refused_step_shows_no_progress() -> None:
    handle = handle_of(worlds.ready(), reply=Reply(ExitCode.REFUSED, "frozen until Monday.", (), 0))
    async with shown(handle) as seen:
        await seen.press("A", *"pricing-cache", "exclamation_mark")
        assert "frozen until Monday." in seen.text
        assert "◷ intent" not in seen.text


async def test_a_wrong_word_does_not_arm() -> None:
    async with shown(handle_of(worlds.ready())) as seen:
        await seen.press("A", *"pricing-cash", "exclamation_mark")
        assert '"pricing-cash" is not "pricing-cache"' in seen.text
        assert seen.handle.sent == []
        assert seen.app.screen.query_one("#confirm", Button).disabled


async def test_a_proposal_that_is_not_allowed_shows_why_and_cannot_be_armed() -> None:
    async with shown(handle_of(worlds.breach()), size=NARROW) as seen:
        await seen.press("A")
        assert "✖ errors · voice is BREACH" in seen.text
        assert "NO-GO" in seen.text
        assert inside(seen, "#cancel")
        await seen.press(*"fraud-model-v12", "exclamation_mark")
        assert seen.handle.sent == []


async def test_a_rollout_that_moved_on_cannot_be_confirmed() -> None:
    async with shown(handle_of(worlds.ready())) as seen:
        await seen.press("A", *"pricing-cache")
        ready = worlds.ready()
        assert ready.advance is not None
        await seen.publish(worlds.fleet(replace(ready, advance=replace(ready.advance, to="everyone"))))
        assert "has moved on" in seen.text
        await seen.press("exclamation_mark")
        assert seen.handle.sent == []


async def test_the_target_is_frozen_when_the_dialog_opens() -> None:
    async with shown(worlds.FakeHandle(worlds.five())) as seen:
        await seen.press("j", "j", "j", "R")
        assert "Roll back pricing-cache#1" in seen.text
        fleet = worlds.five()
        await seen.publish(replace(fleet, rollouts=tuple(reversed(fleet.rollouts))))
        await seen.publish(replace(fleet, rollouts=fleet.rollouts[:4]))
        await seen.press(*"off", "exclamation_mark")
        assert [command.rollout for command in seen.handle.sent] == ["pricing-cache#1"]


WAYS = {
    "fleet": (),
    "rollout": ("enter",),
    "go/no-go": ("enter", "A"),
    "go/no-go while typing": ("enter", "A", *"fraud"),
    "hold": ("enter", "H"),
    "hold, field in focus": ("enter", "H", "tab", "tab"),
    "explain": ("enter", "e"),
    "journal": ("enter", "l"),
    "event": ("enter", "l", "enter"),
    "help": ("enter", "question_mark"),
    "command log": ("enter", "w"),
    "palette": ("enter", "colon"),
    "filter": ("slash",),
    "zoomed plot": ("enter", "2", "z"),
    "quitting": ("q",),
}


@pytest.mark.parametrize("way", WAYS)
async def test_rollback_is_one_key_from_everywhere(way: str) -> None:
    async with shown(worlds.FakeHandle(worlds.five(), driven=("fraud-model-v12#2",))) as seen:
        for key in WAYS[way]:
            await seen.press(key)
        await seen.pilot.pause(0.05)
        await seen.press("R")
        assert seen.name == "RollbackDialog"
        assert "Roll back fraud-model-v12#2" in seen.text
        await seen.press(*"off", "exclamation_mark")
        assert [(command.kind, command.rollout) for command in seen.handle.sent] == [(CommandKind.ROLLBACK, "fraud-model-v12#2")]


async def test_r_in_a_text_that_has_begun_is_a_letter() -> None:
    async with shown(worlds.FakeHandle(worlds.five())) as seen:
        await seen.press("H", *"by ", "R", "x")
        assert seen.name == "HoldDialog"
        assert seen.app.screen.query_one("#why", Input).value == "by Rx"


@SIZES
async def test_rollback_shows_effect_unknowns_and_progress_until_verified(size: tuple[int, int]) -> None:
    handle = handle_of(worlds.breach(), reply=None)
    async with shown(handle, size=size) as seen:
        await seen.press("R")
        assert "fraud-model-v12 in production: 5 % → off" in seen.text
        assert "ARMED" not in seen.text
        await seen.press(*"off")
        assert "ARMED" in seen.text
        await seen.press("exclamation_mark", "exclamation_mark")
        assert len(handle.sent) == 1, "once, however often it is confirmed"
        assert "◷ intent" in seen.text
        await seen.publish(worlds.fleet(worlds.rolling_back()))
        assert "✔ intent" in seen.text
        assert "◷ applied" in seen.text
        await seen.publish(worlds.fleet(worlds.rolling_back(unknown="no answer within 5 s")))
        assert "? applied" in seen.text
        assert "no answer within 5 s" in seen.text
        await seen.publish(worlds.fleet(worlds.rolled_back()))
        assert "✔ verified" in seen.text
        assert "✔ ROLLED BACK in 3s" in seen.text


async def test_rollback_unknown_says_what_to_do() -> None:
    handle = handle_of(worlds.breach(), reply=None)
    async with shown(handle) as seen:
        await seen.press("R", *"off", "exclamation_mark")
        await seen.publish(worlds.fleet(worlds.rollback_unknown()))
        assert "? ROLLBACK UNKNOWN" in seen.text
        assert "✔ verified" not in seen.text


async def test_a_rollback_that_runs_already_is_shown_and_not_asked_again() -> None:
    async with shown(handle_of(worlds.rolling_back())) as seen:
        await seen.press("R", *"off", "exclamation_mark")
        assert "✔ intent" in seen.text
        assert seen.handle.sent == []


async def test_rollback_without_a_readable_flag_says_what_is_unknown_and_arms_all_the_same() -> None:
    blind = worlds.breach(flag=replace(worlds.breach().flag, error="connection refused"))
    async with shown(handle_of(blind)) as seen:
        await seen.press("R", *"off")
        assert "? not known: what the flag serves now" in seen.text
        assert "ARMED" in seen.text


async def test_rollback_over_a_go_no_go_leaves_it_behind_unsent() -> None:
    async with shown(handle_of(worlds.ready())) as seen:
        await seen.press("A", *"pricing", "R", "escape")
        assert seen.name == "GoNoGo"
        await seen.press("escape")
        assert seen.handle.sent == []


@pytest.mark.parametrize(
    ("key", "typed", "command"),
    [
        ("H", "looks odd", Command(CommandKind.HOLD, "checkout-ranker-v7#1", why="looks odd")),
        ("B", "shadow", Command(CommandKind.BACK, "checkout-ranker-v7#1", to="shadow")),
        ("V", "", Command(CommandKind.APPROVE, "checkout-ranker-v7#1", to="thirty")),
    ],
)
async def test_the_other_dialogs_send_what_they_say(key: str, typed: str, command: Command) -> None:
    async with shown(handle_of(worlds.rollout()), size=NARROW) as seen:
        await seen.press(key)
        assert isinstance(seen.app.focused, Button)
        if typed:
            await seen.press("exclamation_mark")
            assert seen.handle.sent == [], "not before it is armed"
        await seen.press(*(("space" if char == " " else char) for char in typed), "exclamation_mark")
        assert seen.handle.sent == [command]


async def test_resume_postpone_and_checked() -> None:
    async with shown(handle_of(worlds.held())) as seen:
        await seen.press("U")
        assert "NO DATA past its grace" in seen.text
        await seen.press("exclamation_mark")
        assert seen.handle.sent == [Command(CommandKind.RESUME, "search-prompt-3#1")]
    async with shown(handle_of(worlds.breach())) as seen:
        await seen.press("P", "exclamation_mark", *"ok", "exclamation_mark")
        assert seen.handle.sent == [Command(CommandKind.POSTPONE, "fraud-model-v12#2", why="ok")]
    async with shown(handle_of(worlds.rollback_unknown())) as seen:
        await seen.press("C", *"checked", "exclamation_mark")
        assert seen.handle.sent == [], "it needs the reason as well"
        seen.app.screen.query_one("#why", Input).value = "seen in the console"
        await seen.press("exclamation_mark")
        assert seen.handle.sent == [Command(CommandKind.CHECKED, "fraud-model-v12#2", why="seen in the console")]


async def test_signing_go_needs_every_tick_and_no_go_a_reason() -> None:
    async with shown(handle_of(worlds.rollout()), size=NARROW) as seen:
        await seen.press("S", *"go", "exclamation_mark")
        assert "2 of 2 checks are not ticked" in seen.text
        assert seen.handle.sent == []
        assert seen.text.count("[ ]") == 2
        assert "[✔]" not in seen.text
        for check in seen.app.screen.query(Check):
            check.focus()
            await seen.press("space")
        assert seen.text.count("[✔]") == 2
        await seen.press("exclamation_mark")
        assert [(c.kind, c.gate, c.go, len(c.checks)) for c in seen.handle.sent] == [(CommandKind.SIGN, "compliance", True, 2)]
    async with shown(handle_of(worlds.rollout())) as seen:
        await seen.press("S", *"no-go", "exclamation_mark")
        assert "no-go needs a reason" in seen.text
        seen.app.screen.query_one("#why", Input).value = "not signed by legal"
        await seen.press("exclamation_mark")
        assert [(c.go, c.why) for c in seen.handle.sent] == [(False, "not signed by legal")]


async def test_a_refusal_is_shown_with_its_reasons() -> None:
    refused = Reply(ExitCode.REFUSED, "The lease is held by ops-2.", ("ask ops-2",))
    async with shown(handle_of(worlds.rollout(), reply=refused)) as seen:
        await seen.press("H", "x", "exclamation_mark")
        assert "✖ refused" in seen.text
        assert "ops-2" in seen.text


async def test_an_answer_after_the_dialog_is_closed_is_not_lost() -> None:
    from concurrent.futures import Future
    from unittest.mock import patch

    future: Future[Reply] = Future()
    async with shown(handle_of(worlds.rollout())) as seen:
        with patch.object(seen.handle, "send", return_value=future):
            await seen.press("H", "x", "exclamation_mark", "escape")
        assert seen.name == "FleetScreen"
        future.set_result(Reply(ExitCode.OK, "It is held.", (), 9))
        await seen.settle()
        assert "It is held." in seen.text


async def test_a_click_confirms_only_when_armed() -> None:
    async with shown(handle_of(worlds.breach())) as seen:
        await seen.press("R")
        await seen.pilot.click("#confirm")
        assert seen.handle.sent == []
        await seen.press(*"off")
        await seen.pilot.click("#confirm")
        await seen.settle()
        assert len(seen.handle.sent) == 1


async def test_quitting_while_driving_asks_who_drives_on() -> None:
    handle = worlds.FakeHandle(worlds.five(), driven=("fraud-model-v12#2",))
    async with shown(handle) as seen:
        await seen.press("q")
        assert seen.name == "QuitDialog"
        assert "fraud-model-v12#2" in seen.text
        await seen.press("q", "enter")
        assert handle.stopped == []
        await seen.press("q", "escape")
        assert seen.name == "FleetScreen"
        await seen.press("ctrl+q", "D")
        assert handle.stopped == [Leaving.HAND_OVER]
    assert seen.app.return_code == 0


async def test_leaving_unattended_and_a_hand_over_that_fails() -> None:
    handle = worlds.FakeHandle(worlds.five(), driven=("fraud-model-v12#2",), stop_error=RuntimeError("cannot start a process"))
    async with shown(handle) as seen:
        await seen.press("q", "D")
        assert "cannot start a process" in seen.text
        handle.stop_error = None
        await seen.press("U")
        assert handle.stopped == [Leaving.HAND_OVER, Leaving.RELEASE]


async def test_quitting_without_driving_asks_nothing() -> None:
    async with shown(worlds.FakeHandle(worlds.five())) as seen:
        await seen.press("q")
        assert seen.handle.stopped == [Leaving.RELEASE]
    assert seen.app.return_code == 0
