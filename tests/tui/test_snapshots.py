"""About a dozen whole screens, as pictures: frozen clock, no animation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from rolloutctl.config import Theme
from rolloutctl.engine.view.snapshot import FleetSnapshot

from . import worlds
from .showing import NARROW, WIDE, app_of

CASES: dict[str, tuple[Callable[[], FleetSnapshot], tuple[str, ...], tuple[int, int], Theme]] = {
    "fleet": (worlds.five, (), WIDE, Theme.DARK),
    "fleet-narrow": (worlds.five, (), NARROW, Theme.DARK),
    "fleet-light": (worlds.five, (), WIDE, Theme.LIGHT),
    "fleet-deuteranopia": (worlds.five, (), WIDE, Theme.DEUTERANOPIA),
    "fleet-ansi": (worlds.five, (), NARROW, Theme.ANSI_DARK),
    "fleet-empty": (worlds.fleet, (), NARROW, Theme.DARK),
    "rollout": (worlds.five, ("enter",), WIDE, Theme.DARK),
    "rollout-narrow": (worlds.five, ("enter",), NARROW, Theme.DARK),
    "rollout-unknown": (lambda: worlds.fleet(worlds.rollback_unknown()), ("enter",), NARROW, Theme.DARK),
    "go-no-go": (lambda: worlds.fleet(worlds.ready()), ("A",), NARROW, Theme.DARK),
    "rollback-armed": (worlds.five, ("R", *"off"), NARROW, Theme.DARK),
    "explain": (worlds.five, ("enter", "e"), WIDE, Theme.DARK),
    "journal": (worlds.five, ("l",), NARROW, Theme.DARK),
}


@pytest.mark.parametrize("name", CASES)
def test_screen(name: str, snap_compare: Callable[..., Any]) -> None:
    fleet, keys, size, theme = CASES[name]
    app = app_of(worlds.FakeHandle(fleet()), theme=theme)

    async def before(pilot: Any) -> None:
        await pilot.pause(0.1)
        for key in keys:
            await pilot.press(key)
            await pilot.pause()
        for field in pilot.app.screen.query("Input"):
            field.cursor_blink = False
        await pilot.pause(0.2)

    assert snap_compare(app, terminal_size=size, run_before=before)
