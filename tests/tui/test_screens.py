"""What a person relies on in fleet, rollout, explain, journal, help: at both sizes the screens are made for."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from unittest.mock import patch

import pytest
from textual.widgets import DataTable

from rolloutctl.config import OperatorRole
from rolloutctl.engine.view.snapshot import FlagReading
from rolloutctl.model.verdict import PhaseState, PhaseVerdict, State
from rolloutctl.tui import shell
from rolloutctl.tui.widgets.field import Filter
from rolloutctl.tui.widgets.table import Table

from . import worlds
from .showing import NARROW, WIDE, Shown, shown

SIZES = pytest.mark.parametrize("size", [WIDE, NARROW], ids=["120x36", "80x24"])


@SIZES
async def test_fleet_shows_every_rollout_with_glyph_and_word(size: tuple[int, int]) -> None:
    async with shown(worlds.FakeHandle(worlds.five()), size=size) as seen:
        for name, glyph, word in (
            ("fraud-model-v12#2", "✖", "BREACH"),
            ("search-prompt-3#1", "⚠", "NO DATA"),
            ("pricing-cache#1", "✔", "READY"),
            ("invoice-ocr#1", "•", "STABILISING"),
        ):
            row = next(line for line in seen.text.splitlines() if name in line and word in line)
            assert glyph in row
        assert "ana.ruiz · WRITE" in seen.text
        assert "rolls back in 42s" in seen.text
        assert "? help" in seen.text
        assert "R roll back" in seen.text


async def test_an_empty_fleet_teaches() -> None:
    async with shown(worlds.FakeHandle(worlds.fleet())) as seen:
        assert "rolloutctl start PLAN.toml" in seen.text
        assert "rolloutctl demo" in seen.text
        await seen.press("R")
        assert "no rollout is selected" in seen.said


@SIZES
async def test_filter_counts_and_esc_shows_all_again(size: tuple[int, int]) -> None:
    async with shown(worlds.FakeHandle(worlds.five()), size=size) as seen:
        await seen.press("slash", *"pricing")
        assert "rollouts 1/5 · filter pricing" in seen.text
        assert seen.app.target() == "pricing-cache#1"
        await seen.press("enter", "escape")
        assert "rollouts 5" in seen.text
        assert seen.app.screen.query_one(Filter).value == ""


async def test_the_cursor_stays_on_its_rollout_when_rows_change_places() -> None:
    async with shown(worlds.FakeHandle(worlds.five())) as seen:
        await seen.press("j", "j")
        assert seen.app.target() == "checkout-ranker-v7#1"
        fleet = worlds.five()
        await seen.publish(replace(fleet, rollouts=tuple(reversed(fleet.rollouts))))
        assert seen.app.target() == "checkout-ranker-v7#1"
        await seen.press("G")
        assert seen.app.target() == "fraud-model-v12#2"
        await seen.press("g")
        assert seen.app.target() == "invoice-ocr#1"


async def test_only_changed_cells_are_written() -> None:
    async with shown(worlds.FakeHandle(worlds.five())) as seen:
        table = seen.app.screen.query_one(Table)
        fleet = worlds.five()
        changed = replace(fleet.rollouts[2], next="34m, then ask")
        with (
            patch.object(Table, "clear", side_effect=AssertionError("refilled")),
            patch.object(Table, "refresh_row") as refreshed,
        ):
            await seen.publish(replace(fleet, rollouts=(*fleet.rollouts[:2], changed, *fleet.rollouts[3:])))
        assert [call.args for call in refreshed.call_args_list] == [(2,)]
        assert "34m, then ask" in str(table.get_row("checkout-ranker-v7#1")[-1])


def test_private_names_of_the_table_are_there() -> None:
    """`Table` writes cells past `update_cell`; this fails when Textual renames what that needs."""
    made: DataTable[str] = DataTable()
    assert isinstance(made._data, dict)
    assert isinstance(made._update_count, int)


@SIZES
async def test_rollout_says_what_where_may_i_and_why_not(size: tuple[int, int]) -> None:
    async with shown(worlds.FakeHandle(worlds.five()), size=size) as seen:
        await seen.press("enter")
        assert seen.name == "RolloutScreen"
        for words in (
            "fraud-model-v12#2",
            "6.9.4 → 7.2.0",
            "ROLLS BACK IN 42s",
            "five 5 %",
            "read 3s ago",
            "exposure 4.9 %",
            "3.1 %",
        ):
            assert words in seen.text
        assert "failed in" in seen.text, "the why pane"
        await seen.press("escape")
        assert seen.name == "FleetScreen"


async def test_start_at_opens_the_rollout_over_the_fleet() -> None:
    async with shown(worlds.FakeHandle(worlds.five()), start_at="pricing-cache#1") as seen:
        assert seen.name == "RolloutScreen"
        assert seen.app.target() == "pricing-cache#1"
        await seen.press("escape")
        assert seen.app.target() == "pricing-cache#1", "the fleet's cursor is there, too"


async def test_selecting_a_criterion_changes_plot_and_why() -> None:
    async with shown(worlds.FakeHandle(worlds.five())) as seen:
        await seen.press("enter")
        assert "beyond it for 12m" in seen.text
        assert "bound 1 %" in seen.text
        await seen.press("j")
        assert "returned nothing" in seen.text
        assert "bound 3.2 USD" in seen.text


@SIZES
async def test_zoom_keeps_the_state_line(size: tuple[int, int]) -> None:
    async with shown(worlds.FakeHandle(worlds.five()), size=size) as seen:
        await seen.press("enter", "2", "z")
        assert "exit criteria" not in seen.text
        assert "ROLLS BACK IN 42s" in seen.text
        await seen.press("escape")
        assert "exit criteria" in seen.text
        assert seen.name == "RolloutScreen"


async def test_narrow_and_short_swaps_plot_and_why() -> None:
    async with shown(worlds.FakeHandle(worlds.five()), size=NARROW) as seen:
        await seen.press("enter")
        assert "2 shows the plot" in seen.text
        await seen.press("2")
        assert "canary 3.0" in seen.text
        await seen.press("3")
        assert "failed in" in seen.text


async def test_unattended_and_unknown_are_loud() -> None:
    async with shown(worlds.FakeHandle(worlds.fleet(worlds.rollback_unknown(), worlds.unattended()))) as seen:
        assert "UNATTENDED 6m" in seen.text
        await seen.press("enter")
        assert "? ROLLBACK UNKNOWN" in seen.text
        assert "Look at the flag yourself: unleash: fraud-model-v12 in production" in seen.text
        assert "C says that a person has checked" in seen.text
        await seen.press("escape", "j", "enter")
        assert "UNATTENDED for 6m" in seen.text
        assert "rolloutctl drive" in seen.text


async def test_markup_and_escapes_in_foreign_text_are_literal_and_harmless() -> None:
    evil = '[bold red]rate(x[5m])[/] {a="b"} \x1b[31mred\x1b]0;title\x07 \u202eabc\nnext'
    verdict = replace(worlds.verdict_voice(), segment="[link=x]voice", why=evil)
    one = worlds.rollout(verdicts=(verdict,), errors=(evil,), flag=FlagReading(None, None, evil))
    async with shown(worlds.FakeHandle(worlds.fleet(one, notice="[b]demo[/b]"))) as seen:
        assert "[b]demo[/b]" in seen.text
        await seen.press("enter")
        assert "✖ [bold red]rate(x[5m])[/]" in seen.text
        assert "[link=x]voice" in seen.text
        assert "\x1b" not in seen.text
        assert "\u202e" not in seen.text
        assert "title" not in seen.text
        await seen.press("e")
        assert "rate(x[5m])" in seen.text


async def test_errors_stay_and_go_when_they_are_over() -> None:
    broken = worlds.rollout(errors=("unleash does not answer: connection refused",))
    async with shown(worlds.FakeHandle(worlds.fleet(broken))) as seen:
        await seen.press("enter")
        await seen.publish(worlds.fleet(broken))
        assert "connection refused" in seen.text
        await seen.publish(worlds.fleet(worlds.rollout()))
        assert "connection refused" not in seen.text


async def test_pause_is_loud_and_shows_the_age_of_the_data() -> None:
    async with shown(worlds.FakeHandle(worlds.five())) as seen:
        await seen.press("p")
        await seen.pilot.pause(0.15)
        assert seen.handle.pauses == [True]
        assert "PAUSED · data 2s old" in seen.text
        await seen.press("p")
        await seen.pilot.pause(0.15)
        assert seen.handle.pauses == [True, False]
        assert "PAUSED" not in seen.text


async def test_old_data_is_loud_even_when_nobody_paused() -> None:
    async with shown(worlds.FakeHandle(worlds.fleet(worlds.rollout(), at=worlds.ago(minutes=3)))) as seen:
        assert "DATA 3m OLD" in seen.text


async def test_interval_refresh_and_copy() -> None:
    async with shown(worlds.FakeHandle(worlds.five())) as seen:
        await seen.press("plus")
        await seen.pilot.pause(0.15)
        await seen.press("minus", "r", "y")
        assert seen.handle.intervals == [30.0, 15.0]
        assert seen.handle.refreshed == 1
        assert "fraud-model-v12#2" in seen.app.clipboard
        assert "\x1b" not in seen.app.clipboard


async def test_explain_holds_everything_and_copies_as_text() -> None:
    async with shown(worlds.FakeHandle(worlds.five())) as seen:
        await seen.press("enter", "e", "y")
        for words in (
            "✖ BREACH since 2026-03-12 14:10:30 CET",
            "would change  Nothing in this phase",
            'http_requests_total{job="checkout",channel="voice",code=~"5..",version="7.2.0"}[3600s]',
            "newest sample 2026-03-12 14:22:04 CET, 6s ago",
            "✖ latched",
            "beyond the bound of 1 %",
        ):
            assert words in seen.app.clipboard


async def test_explain_asks_the_journal_again_only_when_something_is_new() -> None:
    async with shown(worlds.FakeHandle(worlds.five())) as seen:
        with patch.object(seen.handle, "events", wraps=seen.handle.events) as asked:
            await seen.press("enter", "e")
            before = asked.call_count
            await seen.publish(worlds.five())
            assert asked.call_count == before
            newer = worlds.breach()
            await seen.publish(worlds.fleet(replace(newer, state=replace(newer.state, seq=213))))
            assert asked.call_count == before + 1


@SIZES
async def test_journal_lists_filters_opens_and_verifies(size: tuple[int, int]) -> None:
    async with shown(worlds.FakeHandle(worlds.five()), size=size) as seen:
        await seen.press("enter", "l")
        assert "journal of fraud-model-v12#2 · 11 events" in seen.text
        assert "countdown.started" in seen.text
        await seen.press("v")
        assert "11 events, head 11" in seen.said
        await seen.press("slash", *"breach.latched", "enter")
        assert "1/11 events" in seen.text
        await seen.press("enter")
        assert seen.name == "EventScreen"
        assert '"role": "guardrail"' in seen.text
        assert worlds.journal()[9].hash[:40] in seen.text.replace("\n", "")


async def test_journal_follows_until_the_cursor_is_moved() -> None:
    handle = worlds.FakeHandle(worlds.five())
    full = handle.log
    handle.log = full[:9]
    async with shown(handle) as seen:
        await seen.press("enter", "l")
        table = seen.app.screen.query_one(Table)
        assert table.at == "9"
        handle.log = full[:10]
        moved = worlds.breach()
        await seen.publish(worlds.fleet(replace(moved, state=replace(moved.state, seq=300))))
        assert table.at == "10"
        await seen.press("k")
        handle.log = full
        await seen.publish(worlds.fleet(replace(moved, state=replace(moved.state, seq=301))))
        assert table.row_count == 11
        assert table.at == "9"


async def test_a_journal_that_cannot_be_read_says_so() -> None:
    handle = worlds.FakeHandle(worlds.five())
    async with shown(handle) as seen:
        with patch.object(handle, "events", side_effect=lambda *_: _failed("the database is locked")):
            await seen.press("enter", "l")
        assert "cannot be read: the database is locked" in seen.text


def _failed(why: str) -> object:
    from concurrent.futures import Future

    future: Future[object] = Future()
    future.set_exception(RuntimeError(why))
    return future


async def test_help_is_made_from_the_bindings_of_where_it_was_asked() -> None:
    async with shown(worlds.FakeHandle(worlds.five()), size=(120, 60)) as seen:
        await seen.press("enter", "question_mark")
        assert "Hold: nothing advances" in seen.text
        assert "Resume: end the hold (not now: it is not held)" in seen.text
        assert "Lower case looks" in seen.text
        await seen.press("escape", "escape", "f1")
        assert "Filter the list" in seen.text


async def test_command_log_is_one_key_away() -> None:
    async with shown(worlds.FakeHandle(worlds.five())) as seen:
        await seen.press("w")
        assert "GET /api/admin/projects/default/features/fraud-model-v12" in seen.text
        assert "200  12 ms" in seen.text


@pytest.mark.parametrize("key", ["colon", "ctrl+p"])
async def test_palette_opens_a_dialog_and_sends_nothing(key: str) -> None:
    async with shown(worlds.FakeHandle(worlds.five())) as seen:
        await seen.press("enter", key)
        assert seen.name == "CommandPalette"
        await seen.press(*"abort")
        await seen.pilot.pause(0.6)
        await seen.press("enter")
        await seen.pilot.pause(0.2)
        assert seen.name == "AbortDialog"
        assert seen.handle.sent == []


@pytest.mark.parametrize(
    ("changes", "why"),
    [({"read_only": True}, "started with --read-only"), ({"role": OperatorRole.VIEWER}, "ana.ruiz is a viewer")],
)
async def test_dimmed_keys_say_why(changes: dict[str, object], why: str) -> None:
    async with shown(worlds.FakeHandle(worlds.fleet(worlds.rollout(), **changes))) as seen:
        assert "READ-ONLY" in seen.text
        assert seen.app.screen.active_bindings["A"].enabled is False
        await seen.press("A")
        assert seen.name == "FleetScreen"
        assert why in seen.said
        assert why in seen.text, "it lasts"
        await seen.press("escape")
        assert why not in seen.text


async def test_a_dimmed_key_names_its_own_reason() -> None:
    async with shown(worlds.FakeHandle(worlds.fleet(worlds.rollout()))) as seen:
        await seen.press("enter", "P")
        assert "no countdown is running" in seen.said
        await seen.press("U")
        assert "it is not held" in seen.said


async def _resize(seen: Shown, width: int, height: int) -> None:
    await seen.pilot.resize_terminal(width, height)
    await seen.settle()


async def test_a_filter_opens_by_its_key_only_whatever_the_size_was_in_between() -> None:
    async with shown(worlds.FakeHandle(worlds.five()), size=NARROW) as seen:
        await seen.press("enter")
        await _resize(seen, 58, 15)
        await _resize(seen, *NARROW)
        await seen.press("escape", "j", "A")
        assert seen.name == "GoNoGo"
        assert seen.app.screen_stack[0].query_one(Filter).value == ""
        assert not seen.app.screen_stack[0].query_one(Filter).display
        assert seen.app.target() == "search-prompt-3#1", "the keys go to the list"


@pytest.mark.parametrize("filtered", [False, True])
async def test_the_focus_comes_back_with_the_room(filtered: bool) -> None:
    async with shown(worlds.FakeHandle(worlds.five()), size=NARROW) as seen:
        if filtered:
            await seen.press("slash", "o", "enter")
        await _resize(seen, 58, 15)
        await seen.press("x")
        await _resize(seen, *NARROW)
        assert isinstance(seen.app.focused, Table)
        await seen.press("tab", "shift+tab", "x")
        assert seen.app.screen.query_one(Filter).value == ("o" if filtered else "")


async def test_a_refusal_goes_with_its_page_its_rollout_and_the_next_act() -> None:
    going = worlds.fleet(worlds.rollout(), worlds.ready())
    async with shown(worlds.FakeHandle(going)) as seen:
        await seen.press("enter", "P")
        assert "no countdown is running" in seen.text
        await seen.press("e")
        assert seen.name == "ExplainScreen"
        assert "no countdown is running" not in seen.text
        await seen.press("escape")
        assert "no countdown is running" not in seen.text
        await seen.press("P", "H", "escape")
        assert seen.name == "RolloutScreen"
        assert "no countdown is running" not in seen.text, "another act was tried"
        await seen.press("escape", "P")
        assert "no countdown is running" in seen.text
        await seen.press("j")
        assert seen.app.target() == "pricing-cache#1"
        assert "no countdown is running" not in seen.text, "another rollout"


async def test_a_refusal_is_over_after_a_while_and_other_words_last() -> None:
    async with shown(worlds.FakeHandle(worlds.fleet(worlds.rollout()))) as seen:
        await seen.press("P")
        with patch.object(shell, "REFUSAL_S", 0.0):
            await seen.publish(worlds.fleet(worlds.rollout()))
            assert "no countdown is running" not in seen.text
            await seen.press("y")
            await seen.publish(worlds.fleet(worlds.rollout()))
            assert "copied 1 lines" in seen.text


async def test_the_preview_says_a_sentence_once() -> None:
    one = worlds.breach()
    worst = one.verdicts[0]
    pending = replace(
        one, state=replace(one.state, countdown=None), phase_verdict=PhaseVerdict(PhaseState.HOLD, worst.why, worst)
    )
    async with shown(worlds.FakeHandle(worlds.fleet(pending))) as seen:
        assert seen.text.count("3.1 % of 1,904 requests") == 1
    async with shown(worlds.FakeHandle(worlds.fleet(one))) as seen:
        assert seen.text.count("3.1 % of 1,904 requests") == 1, "where the headline does not say it"


async def test_too_small_says_so_and_still_rolls_back() -> None:
    async with shown(worlds.FakeHandle(worlds.five()), size=(59, 15)) as seen:
        assert "59x15 is too small" in seen.text
        await seen.press("R")
        assert seen.name == "RollbackDialog"


async def test_lower_case_enter_space_and_ctrl_letters_change_nothing() -> None:
    async with shown(worlds.FakeHandle(worlds.fleet(worlds.ready()))) as seen:
        for key in "abcdefghijkmnostuvxyz":
            await seen.pilot.press(key)
        await seen.press("enter", "space", "ctrl+a", "ctrl+b", "ctrl+r", "ctrl+s", "ctrl+u")
        assert seen.handle.sent == []
        assert seen.handle.stopped == []


async def test_a_flood_of_snapshots_leaves_the_screen_quick_and_never_blocks_the_engine() -> None:
    handle = worlds.FakeHandle(worlds.five())
    async with shown(handle) as seen:
        fleet, stop = worlds.five(), threading.Event()
        waited: list[float] = []

        def flood() -> None:
            for number in range(20_000):
                if stop.is_set():
                    return
                began = time.perf_counter()
                handle.publish(
                    replace(fleet, rollouts=(replace(fleet.rollouts[0], next=f"number {number}"), *fleet.rollouts[1:]))
                )
                waited.append(time.perf_counter() - began)

        thread = threading.Thread(target=flood)
        thread.start()
        began = time.perf_counter()
        await seen.press("j", "enter")
        took = time.perf_counter() - began
        stop.set()
        thread.join()
        assert seen.name == "RolloutScreen"
        assert took < 20, "keys are heard in between, however busy the machine"
        assert sorted(waited)[len(waited) // 2] < 0.01, "the engine's thread only stores and knocks"
        await seen.pilot.pause(0.3)
        assert seen.app.fleet is handle.now, "the newest one wins"


async def test_without_unicode_nothing_else_is_shown() -> None:
    async with shown(worlds.FakeHandle(worlds.five()), unicode=False) as seen:
        await seen.press("enter")
        assert "ROLLS BACK IN 42s" in seen.text
        odd = {char for char in seen.text if ord(char) > 126} - {" "}
        assert odd == set()


async def test_states_of_missing_evidence_each_show_their_own_word() -> None:
    for state in (State.STALE, State.AMBIGUOUS, State.SOURCE_DOWN, State.ONE_HOST, State.LOW_TRAFFIC, State.NOT_A_NUMBER):
        one = worlds.rollout(verdicts=(replace(worlds.verdict_cost(), state=state),))
        async with shown(worlds.FakeHandle(worlds.fleet(one))) as seen:
            await seen.press("enter")
            assert state.words in seen.text


@pytest.mark.parametrize("keys", [(), ("enter",), ("l",), ("o",), ("question_mark",), ("enter", "e")])
async def test_every_screen_has_one_second_hand(keys: tuple[str, ...]) -> None:
    """Textual runs `on_mount` of every class of a screen by itself; a call to the base's would run it twice."""
    async with shown(worlds.FakeHandle(worlds.five())) as seen:
        await seen.press(*keys)
        seconds = [timer for timer in seen.app.screen._timers if timer._interval == 1 and timer._repeat is None]
        assert len(seconds) == 1
