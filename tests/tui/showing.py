"""The app on a made-up engine, in a headless terminal."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from textual.pilot import Pilot
from textual.widget import Widget

from rolloutctl.config import Theme
from rolloutctl.engine.view.snapshot import FleetSnapshot
from rolloutctl.tui.app import RolloutApp
from rolloutctl.tui.draw.ink import plain

from . import worlds

WIDE, NARROW = (120, 36), (80, 24)


def app_of(
    handle: worlds.FakeHandle,
    *,
    start_at: str | None = None,
    theme: Theme = Theme.DARK,
    unicode: bool = True,
    keys: Mapping[str, str] | None = None,
) -> RolloutApp:
    app = RolloutApp(
        handle, theme=theme, timezone=worlds.ZONE, start_at=start_at, now=lambda: worlds.NOW, unicode=unicode, keys=keys
    )
    app.animation_level = "none"
    return app


@dataclass
class Shown:
    app: RolloutApp
    pilot: Pilot[int]
    handle: worlds.FakeHandle

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.settle()

    async def settle(self) -> None:
        await self.pilot.pause()
        await self.pilot.pause()

    async def publish(self, snapshot: FleetSnapshot) -> None:
        """From another thread, as the engine does, and drawn."""
        self.handle.publish_elsewhere(snapshot)
        await self.pilot.pause(0.15)
        await self.settle()

    @property
    def text(self) -> str:
        """What stands on the topmost screen, dialogs included."""
        return "\n".join(_text(self.app.screen))

    @property
    def under(self) -> str:
        """What stands on the first screen."""
        return "\n".join(_text(self.app.screen_stack[0]))

    @property
    def name(self) -> str:
        return type(self.app.screen).__name__

    @property
    def said(self) -> str:
        return plain(self.app.said)


def _text(root: Widget) -> Iterator[str]:
    width, height = root.app.size
    lines = root._compositor.render_strips()  # type: ignore[attr-defined]
    for strip in lines[:height]:
        yield strip.text[:width].rstrip()


@asynccontextmanager
async def shown(
    handle: worlds.FakeHandle,
    *,
    size: tuple[int, int] = WIDE,
    start_at: str | None = None,
    unicode: bool = True,
    theme: Theme = Theme.DARK,
    keys: Mapping[str, str] | None = None,
) -> AsyncIterator[Shown]:
    app = app_of(handle, start_at=start_at, unicode=unicode, theme=theme, keys=keys)
    async with app.run_test(size=size) as pilot:
        seen = Shown(app, pilot, handle)
        await pilot.pause(0.05)
        await seen.settle()
        yield seen
