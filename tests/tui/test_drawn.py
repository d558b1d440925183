"""Rows are drawn once per snapshot; what counts by the view's own clock is drawn every time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import cast
from unittest.mock import patch

import pytest

from rolloutctl.engine.view.snapshot import RolloutSnapshot
from rolloutctl.keymap import DEFAULTS
from rolloutctl.tui import shell
from rolloutctl.tui.draw import fleet
from rolloutctl.tui.draw.drawn import Drawn
from rolloutctl.tui.draw.when import When
from rolloutctl.tui.screens import base
from rolloutctl.tui.screens.base import BaseScreen
from tui import worlds
from tui.showing import shown

WHEN = When(worlds.NOW, None)
LATER = When(worlds.NOW + timedelta(seconds=5), None)


def test_the_same_snapshot_gives_the_same_row() -> None:
    drawn, calm = Drawn(), (worlds.ready(), worlds.held())
    columns = drawn.columns(116, calm)
    rows = drawn.rows(calm, WHEN, DEFAULTS)
    assert columns == fleet.columns(116, calm)
    assert rows == [fleet.row(each, columns, WHEN, DEFAULTS) for each in calm]
    with patch.object(fleet, "row", side_effect=AssertionError("drawn again")):
        assert drawn.columns(116, calm) == columns
        assert drawn.rows(calm, LATER, DEFAULTS) == rows
        assert drawn.rows(calm[1:], LATER, DEFAULTS) == rows[1:]


def test_another_snapshot_width_or_keymap_gives_another_row() -> None:
    drawn, ready = Drawn(), worlds.ready()
    drawn.columns(116, (ready,))
    wide = drawn.rows((ready,), WHEN, DEFAULTS)
    assert len(drawn.columns(76, (ready,))) < len(wide[0].cells)
    narrow = drawn.rows((ready,), WHEN, DEFAULTS)
    assert len(narrow[0].cells) < len(wide[0].cells)
    other = {**DEFAULTS, "rollout.advance": "X"}
    assert drawn.rows((ready,), WHEN, other) != narrow
    assert drawn.rows((worlds.rolled_back(ready),), WHEN, other)[0] != narrow[0]


def test_countdowns_and_the_time_without_a_driver_go_on() -> None:
    drawn, ticking = Drawn(), (worlds.breach(), worlds.unattended())
    drawn.columns(116, ticking)
    before = drawn.rows(ticking, WHEN, DEFAULTS)
    after = drawn.rows(ticking, LATER, DEFAULTS)
    assert before[0] != after[0]
    assert after == [fleet.row(each, drawn.columns(116, ticking), LATER, DEFAULTS) for each in ticking]


@pytest.mark.parametrize(
    ("snapshot", "moves"),
    [(worlds.ready, False), (worlds.breach, True), (worlds.unattended, True)],
    ids=["nothing counts", "a countdown", "nobody drives"],
)
async def test_where_nobody_looks_the_second_hand_moves_only_what_somebody_waits_for(
    snapshot: Callable[[], RolloutSnapshot], moves: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with shown(worlds.FakeHandle(worlds.fleet(snapshot()))) as seen:
        screen = cast("BaseScreen", seen.app.screen)
        drawn: list[str] = []
        monkeypatch.setattr(screen, "draw", lambda: drawn.append("drawn"))
        screen.tick()
        drawn.clear()
        screen._second()
        assert drawn, "somebody has touched it just now"
        monkeypatch.setattr(shell, "UNTOUCHED_S", 0.0)
        drawn.clear()
        screen._second()
        assert bool(drawn) == moves
        monkeypatch.setattr(base, "CALM_TICK_S", 0.0)
        screen._second()
        assert drawn, "ages move all the same, in larger steps"
