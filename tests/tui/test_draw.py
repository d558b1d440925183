"""Layout as pure functions: whole pages against golden files, small pieces against their rules.

UPDATE_GOLDEN=1 writes the files anew; look at the difference before committing it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from rolloutctl.config import Theme
from rolloutctl.engine.view.commands import CommandKind, Reply
from rolloutctl.engine.view.snapshot import RolloutSnapshot
from rolloutctl.errors import ExitCode
from rolloutctl.model.state import Status
from rolloutctl.model.verdict import PhaseState, PhaseVerdict, State
from rolloutctl.tui.draw import (
    criteria,
    digits,
    doctor,
    explain,
    fleet,
    head,
    journal,
    keys,
    marks,
    numbers,
    plot,
    proposal,
    rail,
    rollout,
    spark,
    why,
)
from rolloutctl.tui.draw.columns import NEXT, Column, Row, fleet_columns
from rolloutctl.tui.draw.ink import Ink, Line, Span, clean, clip, line, pack, page, plain, span, spread, width, wrap
from rolloutctl.tui.draw.when import When
from rolloutctl.tui.may import Act, why_not
from rolloutctl.tui.palette import NAMES, ascii_only, paint, palette_of

from . import worlds

GOLDEN = Path(__file__).parent / "golden"
WHEN = When(worlds.NOW, ZoneInfo(worlds.ZONE))


def _fleet(cells: int) -> list[Line]:
    every = (*worlds.five().rollouts, worlds.unattended(), worlds.rolled_back())
    columns = fleet.columns(cells, every)
    rows = [fleet.row(one, columns, WHEN) for one in every]
    titles = "".join(f"{column.title:<{column.width + 2}}" for column in columns)
    return [line(titles), *(_padded(row, columns) for row in rows)]


def _criteria(cells: int) -> list[Line]:
    one = worlds.breach()
    columns = criteria.columns(cells, one)
    return [_padded(criteria.row(one, verdict, columns, WHEN), columns) for verdict in one.verdicts]


def _padded(row: Row, columns: Sequence[Column]) -> Line:
    cells = zip(row.cells, columns, strict=True)
    return tuple(part for cell, column in cells for part in (*cell, Span(" " * (column.width + 2 - width(cell)))))


def _head(one: RolloutSnapshot, cells: int) -> list[Line]:
    lines = [rollout.title(one, cells), *rollout.state_lines(one, WHEN, cells), rail.rail(one, cells)]
    return [*lines, *rollout.facts(one, WHEN, cells), *rollout.errors(one, WHEN, cells)]


def _heads(cells: int) -> list[Line]:
    every = (
        worlds.rollout(),
        worlds.ready(),
        worlds.breach(),
        worlds.held(),
        worlds.unattended(),
        worlds.rolling_back(),
        worlds.rolled_back(),
        worlds.rollback_unknown(),
        worlds.stabilising(),
        worlds.rollout(flag=replace(worlds.rollout().flag, drift="somebody set 50 %"), plan_file_differs="bake of five"),
    )
    return [drawn for one in every for drawn in (*_head(one, cells), ())]


def _explained() -> list[Line]:
    one = worlds.breach()
    return list(explain.explain(one, one.verdicts[0], worlds.journal(), WHEN, 100))


PAGES: dict[str, Callable[[], Sequence[Line]]] = {
    "fleet-116": lambda: _fleet(116),
    "fleet-76": lambda: _fleet(76),
    "criteria-116": lambda: _criteria(116),
    "criteria-76": lambda: _criteria(76),
    "heads-118": lambda: _heads(118),
    "heads-78": lambda: _heads(78),
    "header-120": lambda: [head.header(worlds.five(), WHEN, 120)],
    "header-80": lambda: [head.header(worlds.fleet(worlds.unattended(), parts=worlds.parts(prometheus=False)), WHEN, 80)],
    "why-40": lambda: [d for v in worlds.breach().verdicts for d in (*why.why(worlds.breach(), v, WHEN, 40), ())],
    "plot-80x12": lambda: plot.plot(plot.curves(worlds.verdict_voice().evidence.cells, 100, "%"), 80, 12, WHEN),
    "plot-gap-80x8": lambda: plot.plot(plot.curves(worlds.verdict_cost().evidence.cells, 1, "USD"), 80, 8, WHEN),
    "explain-100": _explained,
    "event-76": lambda: journal.opened(replace(worlds.journal()[9], prev="0" * 64, hash="f" * 64), WHEN, 76),
    "go-no-go-70": lambda: proposal.whole(worlds.proposal_advance(allowed=False), 70),
    "reply-70": lambda: proposal.answer(
        Reply(ExitCode.REFUSED, "The lease is held by ops-2.", ("it was renewed 4s ago",)), CommandKind.BACK, 70
    ),
    "progress-70": lambda: proposal.rollback_progress(worlds.rolling_back(unknown="no answer"), WHEN, 70),
    "log-76": lambda: keys.command_log(worlds.commands(), WHEN, 76),
    "doctor-100": lambda: doctor.doctor(worlds.fleet(parts=worlds.parts(prometheus=False)), WHEN, 100),
    "doctor-56": lambda: doctor.doctor(worlds.fleet(), WHEN, 56),
}


@pytest.mark.parametrize("name", PAGES)
def test_golden(name: str) -> None:
    drawn = page(PAGES[name]()) + "\n"
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(drawn, encoding="utf-8")
    assert drawn == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("cells", [60, 78, 100, 118])
def test_no_line_of_a_rollout_is_wider_than_the_page(cells: int) -> None:
    for drawn in _heads(cells):
        assert width(drawn) <= cells, plain(drawn)


@given(st.text(max_size=200))
def test_clean_text_holds_nothing_that_moves_the_cursor_or_reorders(text: str) -> None:
    cleaned = clean(text)
    assert cleaned.isprintable() or not any(ord(char) < 32 or 0x7F <= ord(char) <= 0x9F for char in cleaned)
    assert "\u202e" not in cleaned
    assert clean(cleaned) == cleaned


def test_escape_sequences_go_with_what_they_say() -> None:
    assert clean("a\x1b[31mb\x1b]0;title\x07c\x9b1md\r\ne\tf") == "abcd e f"


@given(st.lists(st.text(max_size=30), max_size=5), st.integers(0, 60))
def test_clip_spread_and_wrap_keep_to_their_width(texts: list[str], cells: int) -> None:
    drawn = line(*(span(text) for text in texts))
    assert width(clip(drawn, cells)) <= cells
    if cells >= 10:
        assert width(spread(drawn, line("right"), cells)) <= max(cells, 0)
        joined = plain(drawn)
        if joined.isascii():
            assert all(width(one) <= cells for one in wrap(joined, cells))


def test_pack_never_breaks_a_part() -> None:
    packed = pack([line("one two"), (), line("three"), line("four")], 12)
    assert [plain(one) for one in packed] == ["one two", "three   four"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (1204.4, "1,204"),
        (612.3, "612"),
        (10.04, "10"),
        (3.14159, "3.14"),
        (0.4123, "0.41"),
        (0.00321, "0.0032"),
        (0.0000012, "1.2e−06"),
        (-2.5, "−2.5"),
        (float("nan"), "NaN"),
        (float("-inf"), "−∞"),
    ],
)
def test_digits(value: float, shown: str) -> None:
    assert digits.digits(value) == shown


@pytest.mark.parametrize(("number", "shown"), [(950, "950"), (1904, "1.9k"), (61204, "61k"), (2_400_000, "2.4M")])
def test_count(number: int, shown: str) -> None:
    assert digits.count(number) == shown


def test_bounds_carry_their_unit() -> None:
    by_id = {criterion.id: criterion for criterion in worlds.plan().criteria}
    assert numbers.bounds(by_id["errors"]) == "≤ 1 %"
    assert numbers.bounds(by_id["latency"]) == "≤ 800 ms"
    assert numbers.bounds(by_id["quality"]) == "≥ −2 %"


def test_spark_gaps_flat_lines_and_breaches() -> None:
    assert spark.spark([1, 1.01, 0.99], 3) == "▁▁▁", "a wobble is no mountain"
    assert spark.spark([0, None, 10], 3) == "▁·█"
    assert spark.spark([None, float("nan")], 8) == "··"
    drawn = spark.trend([1, 1, 9], [False, False, True], 12)
    assert plain(drawn) == "▁▁█!"
    assert drawn[-1].ink is Ink.BAD
    assert plain(spark.trend([], [], 12)) == ""


@pytest.mark.parametrize(("share", "shown"), [(0, "▱▱▱▱"), (0.999, "▰▰▰▱"), (1, "▰▰▰▰"), (7, "▰▰▰▰")])
def test_a_bar_is_full_only_at_the_end(share: float, shown: str) -> None:
    assert spark.bar(share, 4) == shown


@given(
    st.lists(st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True)), max_size=60),
    st.integers(1, 130),
    st.integers(1, 40),
)
def test_the_plot_fits_whatever_it_is_given(values: list[float | None], columns: int, rows: int) -> None:
    cells = worlds.cells(lambda i: values[i] if i < len(values) else None, lambda _: 1.0, None, count=max(1, len(values)))
    drawn = plot.plot(plot.curves(cells, 1, "ms"), columns, rows, WHEN)
    if columns >= 40 and rows >= 4:
        assert len(drawn) <= rows
        assert all(width(one) <= columns for one in drawn)


def test_a_gap_in_the_data_is_a_gap_in_the_plot() -> None:
    whole = plot.plot(plot.curves(worlds.cells(lambda _: 5.0, lambda _: None, None, 40), 1, ""), 60, 6, WHEN)
    holed = plot.plot(
        plot.curves(worlds.cells(lambda i: None if 10 < i < 30 else 5.0, lambda _: None, None, 40), 1, ""), 60, 6, WHEN
    )
    assert sum(0x2800 < ord(c) <= 0x28FF for c in page(holed)) < 0.7 * sum(0x2800 < ord(c) <= 0x28FF for c in page(whole))


def test_every_state_has_its_glyph_and_its_own_word() -> None:
    words = [marks.of_verdict(state).word for state in State]
    assert len(set(words)) == len(words)
    glyphs = {state: marks.of_verdict(state).glyph for state in State}
    assert (glyphs[State.PASS], glyphs[State.BREACH], glyphs[State.PENDING], glyphs[State.NO_DATA]) == ("✔", "✖", "◷", "∅")
    for status in Status:
        one = worlds.rollout()
        assert marks.of_rollout(replace(one, state=replace(one.state, status=status))).word


def test_a_latched_breach_stays_a_breach_when_the_source_goes_down() -> None:
    one = worlds.breach_out_of_sight()
    assert fleet.tally(one) == (0, 0, 4, 1)
    for cells, words in ((116, "✖ BREACH ? SOURCE DOWN"), (76, "✖ BREACH ?")):
        columns = criteria.columns(cells, one)
        rows = [_padded(criteria.row(one, verdict, columns, WHEN), columns) for verdict in one.verdicts]
        assert words in plain(rows[0])
        assert "BREACH" not in page(rows[1:])
    assert "It was in breach at 14:10:30 CET" in page(why.why(one, one.verdicts[0], WHEN, 100))


def test_a_latched_breach_without_a_verdict_is_counted() -> None:
    one = worlds.breach_out_of_sight()
    assert fleet.tally(replace(one, verdicts=one.verdicts[1:])) == (0, 0, 4, 1)


def test_a_title_gives_way_to_its_segment() -> None:
    one = worlds.rollout()
    shown = [
        plain(criteria.row(one, replace(worlds.verdict_voice(), segment=segment), criteria.columns(60, one), WHEN).cells[0])
        for segment in ("voice", "web", "x" * 40)
    ]
    assert shown[0].endswith("… · voice")
    assert shown[1].endswith(" · web")
    assert shown[2].startswith("Check… · x")
    assert len({cell_len(text) <= criteria.columns(60, one)[0].width for text in shown}) == 1


def test_exposure_that_is_off_names_what_is_declared_and_fits() -> None:
    off = worlds.rollout(exposure=replace(worlds.rollout().exposure, share=0.0, off_by_more=True, why="x" * 200))
    told = plain(rollout.exposure(off, WHEN))
    assert told == "exposure 0 % of 1,204 rps ⚠ declared: employees + 5 %"


def test_names_then_phases_get_the_room_that_is_left() -> None:
    entering = worlds.rollout(at=worlds.state(worlds.plan(), phase=-1, entering=1))
    columns = {column.key: column for column in fleet.columns(76, [entering])}
    row = plain(tuple(part for cell in fleet.row(entering, tuple(columns.values()), WHEN).cells for part in cell))
    assert "checkout-ranker-v7#1" in row
    assert "→2/5 internal" in row
    assert columns["next"].width >= len("rolls back in 42s")
    assert sum(column.width + 2 for column in columns.values()) <= 76


@pytest.mark.parametrize("cells", range(76, 117, 4))
@pytest.mark.parametrize("name", ["checkout-ranker-v7", "checkout-ranker-with-embeddings-v7"])
def test_a_name_stands_in_full_before_a_column_of_less_worth_gets_room(name: str, cells: int) -> None:
    one = worlds.rollout(worlds.plan(name))
    columns = fleet.columns(cells, [one])
    shown = {column.key: plain(cell) for column, cell in zip(columns, fleet.row(one, columns, WHEN).cells, strict=True)}
    assert shown["rollout"] == f"{name}#1"
    assert shown["verdict"] == "PENDING"
    assert shown["next"] == "35m, then ask"
    assert shown.get("bake", "70 %").endswith("70 %")
    assert shown.get("cohort", "5 %") == "5 %"
    if cells == 96:
        assert "phase" in shown
        assert ("criteria" in shown) == (name == "checkout-ranker-v7")


@given(st.integers(56, 300), st.integers(1, 120), st.integers(1, 60), st.sampled_from([len(status.words) for status in Status]))
def test_columns_fit_whatever_is_in_them(cells: int, name: int, phase: int, verdict: int) -> None:
    columns = {column.key: column.width for column in fleet_columns(cells, name=name, phase=phase, verdict=verdict)}
    assert sum(width + 2 for width in columns.values()) <= cells
    assert columns["next"] >= NEXT
    assert columns["rollout"] >= min(name, 12)
    more = set(columns) - {"state", "rollout", "verdict", "next"}
    assert not more or columns["rollout"] >= name, "a name is cut for no other column"


@pytest.mark.parametrize(("to", "shown"), [("off", "off"), ("snapshot", "30 %")])
def test_a_rolled_back_rollout_serves_what_the_rollback_left(to: str, shown: str) -> None:
    one = worlds.rolled_back()
    of = worlds.plan(rollback={"to": to})
    one = replace(one, plan=of, state=replace(one.state, snapshot=worlds.served(30)))
    columns = fleet.columns(116, [one])
    row = fleet.row(one, columns, WHEN)
    assert plain(row.cells[[column.key for column in columns].index("cohort")]) == shown
    facts = page(rollout.facts(one, WHEN, 118))
    assert "exposure" not in facts
    assert "flag off, read 1s ago" in facts
    assert "✔" not in facts


@given(st.text(alphabet="ab 漢字é…", max_size=80), st.integers(8, 40), st.integers(0, 6), st.integers(0, 6))
def test_wrapped_text_keeps_every_character_and_fits_in_cells(text: str, cells: int, first: int, indent: int) -> None:
    drawn = wrap(text, cells, first=line("x" * first), indent=indent)
    assert all(width(one) <= cells for one in drawn)
    told = "".join(plain(one) for one in drawn).removeprefix("x" * first)
    assert "".join(told.split()) == "".join(text.split())


def test_a_headline_uses_a_second_line_before_it_is_cut() -> None:
    long = " ".join(f"word{number}" for number in range(25))
    one = worlds.rollout(phase_verdict=PhaseVerdict(PhaseState.PENDING, long))
    drawn = rollout.state_lines(one, WHEN, 120)
    assert len(drawn) == 2
    assert "…" not in page(drawn)
    assert "word24" in plain(drawn[1])
    cut = rollout.state_lines(replace(one, phase_verdict=PhaseVerdict(PhaseState.PENDING, long * 3)), WHEN, 120)
    assert len(cut) == 2
    assert plain(cut[1]).endswith("…")
    assert all(width(each) <= 120 for each in (*drawn, *cut))


def test_an_accepted_request_is_asked_not_done() -> None:
    said = page(proposal.answer(Reply(ExitCode.OK, "rollback accepted"), CommandKind.ROLLBACK, 70))
    assert said == "• asked  rollback accepted"
    assert page(proposal.answer(Reply(ExitCode.OK, "held"), CommandKind.HOLD, 70)) == "✔ done  held"
    assert marks.of_reply(CommandKind.ROLLBACK, ExitCode.UNKNOWN) == marks.of_code(ExitCode.UNKNOWN)


def test_the_countdown_runs_by_now_and_says_when_it_is_due() -> None:
    one = worlds.breach()
    later = When(worlds.NOW + timedelta(seconds=30), UTC)
    assert "ROLLS BACK IN 12s" in page(rollout.state_lines(one, later, 100))
    over = When(worlds.NOW + timedelta(seconds=60), UTC)
    assert "ROLLBACK IS DUE" in page(rollout.state_lines(one, over, 100))


def test_times_carry_their_zone_and_the_day_when_it_is_another() -> None:
    assert WHEN.stamp(worlds.NOW) == "14:22:10 CET"
    assert WHEN.stamp(worlds.NOW - timedelta(days=1)) == "2026-03-11 14:22:10 CET"


def test_hints_keep_help_and_never_overflow() -> None:
    many = [keys.Key(chr(97 + index), f"action {index}") for index in range(20)]
    for cells in (60, 80, 120):
        drawn = keys.hints(many, cells)
        assert width(drawn) <= cells
        assert plain(drawn).endswith("? help")


def test_ascii_keeps_every_cell() -> None:
    text = page(PAGES["heads-118"]()) + page(PAGES["plot-80x12"]())
    assert ascii_only(text).isascii()
    assert "?" * 4 not in ascii_only(text)
    assert len(ascii_only(text)) == len(text)
    assert all(cell_len(char) == 1 for char in text if char != "\n")


@pytest.mark.parametrize("theme", Theme)
def test_every_theme_has_every_ink_and_markup_stays_literal(theme: Theme) -> None:
    palette = palette_of(NAMES[theme], dark=True)
    assert set(palette) == set(Ink)
    assert palette[Ink.GOOD] != palette[Ink.BAD]
    assert palette[Ink.ALARM].reverse
    assert paint([line("[bold]x[/]"), line("y")], palette, unicode=True).plain == "[bold]x[/]\ny"


def test_rollback_is_possible_wherever_there_is_something_to_roll_back() -> None:
    read_only = worlds.fleet(worlds.rollout(), read_only=True)
    assert why_not(Act.ROLLBACK, read_only, worlds.rollout()) == ""
    assert why_not(Act.ROLLBACK, read_only, worlds.rollback_unknown()) == ""
    assert "nothing to roll back" in why_not(Act.ROLLBACK, read_only, worlds.rolled_back())
    assert why_not(Act.HOLD, None, None) == "still reading: the engine has not answered yet"
