"""What every screen and dialog may use of the app: newest snapshot, time, paint, the lasting line, the engine.

Screens import this, the app imports screens: so that neither needs to know the other.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime, tzinfo
from time import monotonic
from typing import Protocol, TypeVar, runtime_checkable

from rich.text import Text
from textual import events
from textual.app import App
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget

from rolloutctl.engine.cards.glance import Glance
from rolloutctl.engine.view.handle import EngineHandle, Leaving
from rolloutctl.engine.view.snapshot import Driving, FleetSnapshot, RolloutSnapshot
from rolloutctl.keymap import keymap
from rolloutctl.tui.draw.ink import EMPTY, Ink, Line, clean, line, span
from rolloutctl.tui.draw.when import When
from rolloutctl.tui.feed import Feed
from rolloutctl.tui.palette import Palette, ascii_only, paint, palette_of

FASTEST_REDRAW_S = 0.1
"""A flood of snapshots is drawn this often at most; keys are handled in between."""
UNTOUCHED_S = 30.0
"""After so long without a key or the mouse nobody is taken to read along by the second."""
REFUSAL_S = 10.0
"""How long a refusal is shown at most."""
T = TypeVar("T")


@runtime_checkable
class Redrawn(Protocol):
    """A screen that draws itself from the shell's newest snapshot."""

    def redraw(self) -> None: ...


@runtime_checkable
class Page(Redrawn, Protocol):
    """A whole screen, about one rollout or none."""

    def target(self) -> str | None: ...


class Shell(App[int]):
    """The part of the app that has no screens."""

    def __init__(
        self,
        engine: EngineHandle,
        *,
        now: Callable[[], datetime],
        zone: tzinfo | None,
        unicode: bool,
        ansi_color: bool | None,
        keys: Mapping[str, str],
        glance: Glance | None = None,
    ) -> None:
        super().__init__(ansi_color=ansi_color)
        self.engine = engine
        self.keys = keymap(keys)
        """Key of every binding, by id; `keys` are those that differ from the default."""
        self.set_keymap(dict(keys))
        self.fleet: FleetSnapshot | None = None
        self.glance = glance
        """What is shown while there is no snapshot."""
        self.said: Line = EMPTY
        """The lasting line: stays until another replaces it or esc clears it; a refusal goes earlier."""
        self._refused: tuple[Page | None, str | None, float] | None = None
        """Page and rollout on which the lasting line refuses something, and when it was said; None: it is no refusal."""
        self.unicode = unicode
        self._now = now
        self._zone = zone
        self._drawn_at = 0.0
        self._touched_at = monotonic()
        self._feed = Feed(engine, self._knock)
        self.stopping: Future[str] | None = None
        """Set once the engine was asked to stop."""

    # -- snapshots ---------------------------------------------------------------------------------------------------

    def start_feed(self) -> None:
        self.fleet = self._feed.start()

    def stop_feed(self) -> None:
        self._feed.stop()

    def _knock(self) -> None:
        # On the engine's thread. The loop may close between the check and the call: then nobody looks any more.
        with contextlib.suppress(RuntimeError):
            self.call_later(self._arrived)

    def _arrived(self) -> None:
        wait = self._drawn_at + FASTEST_REDRAW_S - monotonic()
        if wait > 0:
            self.set_timer(wait, self._take)
        else:
            self._take()

    def _take(self) -> None:
        newest = self._feed.take()
        if newest is not None:
            self.fleet = newest
            self._drawn_at = monotonic()
            self.redraw_all()

    def first_drawn(self) -> None:
        """The rows of the glance stand on the screen: what takes long to load may begin."""

    def redraw_all(self) -> None:
        """Every screen of the stack: those below a dialog are seen, too."""
        for screen in self.screen_stack:
            if isinstance(screen, Redrawn) and screen.is_mounted:
                screen.redraw()

    def rollout(self, rollout_id: str | None) -> RolloutSnapshot | None:
        if self.fleet is None or rollout_id is None:
            return None
        return next((rollout for rollout in self.fleet.rollouts if rollout.id == rollout_id), None)

    # -- time and paint ------------------------------------------------------------------------------------------------

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.InputEvent):
            self._touched_at = monotonic()
        await super().on_event(event)

    @property
    def calm(self) -> bool:
        """Nobody touches it, and nothing that anybody waits for by the second is shown."""
        if monotonic() - self._touched_at < UNTOUCHED_S or self.fleet is None:
            return False
        return not any(
            rollout.state.countdown is not None or rollout.driver.driving is Driving.UNATTENDED for rollout in self.fleet.rollouts
        )

    def when(self) -> When:
        return When(self._now(), self._zone)

    @property
    def plain_cursor(self) -> bool:
        """The row under the cursor is reversed: without colours, or with those of the terminal."""
        return self.no_color or self.theme.startswith("ansi")

    @property
    def inks(self) -> Palette:
        return palette_of(self.theme, dark=self.current_theme.dark)

    def paint(self, lines: Sequence[Line]) -> Text:
        return paint(lines, self.inks, unicode=self.unicode)

    def entitle(self, widget: Widget, title: str, subtitle: str = "") -> None:
        """Write on a widget's border, cleaned and without markup; unchanged words cost nothing."""
        for name, text in (("border_title", title), ("border_subtitle", subtitle)):
            words = Content(clean(text) if self.unicode else ascii_only(clean(text)))
            if (getattr(widget, name) or "") != words.markup:
                setattr(widget, name, words)

    # -- talk ----------------------------------------------------------------------------------------------------------

    def say(self, text: str | Line, ink: Ink = Ink.WARN) -> None:
        self.said = line(span(text, ink)) if isinstance(text, str) else text
        self._refused = None
        self.redraw_all()

    def refuse(self, text: str | Line) -> None:
        """Say why something is not done; it is shown only here, on this rollout, and for a short time."""
        self.say(text)
        self._refused = (*self._place(), monotonic())

    def forget_refusal(self, *, now: bool = False) -> None:
        """Drop a refusal that was said elsewhere or long ago; `now`: any. The caller draws."""
        if self._refused is None:
            return
        page, target, at = self._refused
        if now or (page, target) != self._place() or monotonic() - at >= REFUSAL_S:
            self.said, self._refused = EMPTY, None

    def _place(self) -> tuple[Page | None, str | None]:
        for screen in reversed(self.screen_stack):
            if isinstance(screen, Page) and not isinstance(screen, ModalScreen):
                return screen, screen.target()
        return None, None

    def hush(self) -> bool:
        """Clear the lasting line; False when there was none."""
        had = bool(self.said)
        self.said, self._refused = EMPTY, None
        if had:
            self.redraw_all()
        return had

    def land(self, future: Future[T], then: Callable[[Future[T]], None]) -> None:
        """Call `then(future)` on the screen's thread once it is done; never blocks."""

        def done(finished: Future[T]) -> None:
            with contextlib.suppress(RuntimeError):
                self.call_later(then, finished)

        future.add_done_callback(done)

    def stop_engine(self, leaving: Leaving) -> Future[str]:
        """Ask once; a second ask after a failure asks again."""
        if self.stopping is None or (self.stopping.done() and self.stopping.exception() is not None):
            self.stopping = self.engine.stop(leaving)
        return self.stopping
