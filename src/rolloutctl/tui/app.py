"""The app: keys that work everywhere, themes, the first screen. Everything about rollouts is in screens and dialogs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime
from typing import ClassVar
from zoneinfo import ZoneInfo

from textual import events
from textual.binding import Binding, BindingType
from textual.command import CommandPalette
from textual.screen import Screen
from textual.widgets import Input

from rolloutctl.config import Theme
from rolloutctl.engine.handle import EngineHandle, Leaving
from rolloutctl.tui.commands import Commands
from rolloutctl.tui.dialogs.acts import open_dialog
from rolloutctl.tui.dialogs.base import Dialog
from rolloutctl.tui.dialogs.quit import QuitDialog
from rolloutctl.tui.dialogs.rollback import RollbackDialog
from rolloutctl.tui.draw.ink import Ink
from rolloutctl.tui.may import Act, why_not
from rolloutctl.tui.palette import NAMES, THEMES
from rolloutctl.tui.screens.base import BaseScreen
from rolloutctl.tui.screens.fleet import FleetScreen
from rolloutctl.tui.screens.help import HelpScreen, LogScreen
from rolloutctl.tui.screens.journal import JournalScreen
from rolloutctl.tui.shell import Shell
from rolloutctl.tui.widgets.field import Field

INTERVALS_S = (1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0)
SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


class RolloutApp(Shell):
    """`now` gives this machine's time, aware; `start_at` is the id of a rollout to open at once."""

    CSS_PATH = ["app.tcss", "screens/fleet.tcss"]  # noqa: RUF012 - Textual's declaration
    """The first screen's style is loaded here: Textual reads a screen's own only when it is pushed."""
    TITLE = "rolloutctl"
    COMMANDS = {Commands}  # noqa: RUF012 - Textual's declaration
    ENABLE_COMMAND_PALETTE = False
    """Opened by our own bindings, with our own entries only."""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("R", "rollback", "roll back", id="app.rollback", tooltip="Roll back the rollout: works everywhere"),
        Binding("l", "all_journal", "journal", id="app.journal", tooltip="Events of all rollouts"),
        Binding(
            "colon,ctrl+p",
            "palette",
            "commands",
            id="app.palette",
            key_display=":",
            tooltip="Every command by name (also ctrl+p)",
        ),
        Binding("w", "log", "sent", id="app.log", tooltip="Command log: what was sent where"),
        Binding("p", "pause", "pause", id="app.pause", tooltip="Pause polling of what this process does not drive"),
        Binding("r", "refresh", "look again", id="app.refresh", show=False, tooltip="Read sources, flags and journal now"),
        Binding("plus", "interval(1)", "slower", id="app.slower", key_display="+", show=False, tooltip="Poll less often"),
        Binding("minus", "interval(-1)", "faster", id="app.faster", key_display="-", show=False, tooltip="Poll more often"),
        Binding(
            "question_mark", "help", "help", id="app.help", key_display="?", show=False, tooltip="Keys of the focus (also F1)"
        ),
        Binding("f1", "help", "help", show=False, priority=True),
        Binding("q", "leave_app", "quit", id="app.quit", tooltip="Quit; asks who drives on (also ctrl+q)"),
        Binding("ctrl+q", "leave_app", "quit", show=False, priority=True),
        Binding("ctrl+z", "suspend_process", "suspend", show=False, tooltip="Suspend to the shell"),
    ]

    def __init__(
        self,
        engine: EngineHandle,
        *,
        theme: Theme,
        timezone: str | None,
        start_at: str | None = None,
        now: Callable[[], datetime],
        unicode: bool = True,
    ) -> None:
        # NO_COLOR has to be known before Textual decides what to do about ANSI colours.
        no_color = "NO_COLOR" in os.environ
        super().__init__(
            engine,
            now=now,
            zone=ZoneInfo(timezone) if timezone else None,
            unicode=unicode,
            ansi_color=True if no_color else None,
        )
        self.ended_by: signal.Signals | None = None
        self.crash: Exception | None = None
        self._start_at = start_at
        for registered in THEMES:
            self.register_theme(registered)
        self.theme = NAMES[theme]

    def get_default_screen(self) -> Screen[None]:
        return FleetScreen(self._start_at)

    # -- life ----------------------------------------------------------------------------------------------------------

    def on_load(self) -> None:
        """Textual ignores these signals and would leave the terminal raw."""
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            with contextlib.suppress(ValueError, RuntimeError, NotImplementedError):
                loop.add_signal_handler(number, self._ended, number)

    def on_mount(self) -> None:
        self.set_class(not self.unicode, "-ascii")
        self.theme_changed_signal.subscribe(self, lambda _: self.redraw_all())
        self.start_feed()
        self.redraw_all()

    def on_unmount(self) -> None:
        self.stop_feed()

    def _ended(self, number: signal.Signals) -> None:
        self.ended_by = number
        self.exit(return_code=128 + number)

    def _handle_exception(self, error: Exception) -> None:
        """Textual would print a traceback with local variables; `run.py` writes it to a file and says where."""
        if self.crash is None:
            self.crash = error
        super()._handle_exception(error)
        self._exit_renderables.clear()

    # -- keys ----------------------------------------------------------------------------------------------------------

    async def on_event(self, event: events.Event) -> None:
        """`R` is heard before everything else, so that dialogs, fields and the palette cannot swallow it."""
        if isinstance(event, events.Key) and not event.is_forwarded and event.key == "R" and self._hears_rollback():
            event.stop()
            self.action_rollback()
            return
        await super().on_event(event)

    def _hears_rollback(self) -> bool:
        match self.focused:
            case Field() as field:
                return not field.takes_capitals
            case Input() as entry:
                return not entry.value
            case _:
                return True

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "rollback":
            return None if why_not(Act.ROLLBACK, self.fleet, self.rollout(self.target())) else True
        return super().check_action(action, parameters)

    def target(self) -> str | None:
        """Id of the rollout that the topmost screen is about: frozen in a dialog, under the cursor in the fleet."""
        for screen in reversed(self.screen_stack):
            match screen:
                case Dialog():
                    return screen.target
                case BaseScreen() if (target := screen.target()) is not None:
                    return target
                case _:
                    continue
        return None

    def action_rollback(self) -> None:
        if isinstance(self.screen, RollbackDialog):
            return
        target = self.target()
        if target is None:
            self.refuse("no rollout is selected: nothing to roll back")
            return
        if isinstance(self.screen, CommandPalette):
            self.pop_screen()
        open_dialog(self, Act.ROLLBACK, target)

    def action_palette(self) -> None:
        if not isinstance(self.screen, CommandPalette):
            self.push_screen(CommandPalette(id="--command-palette"))

    def action_all_journal(self) -> None:
        self.push_screen(JournalScreen(None))

    def action_log(self) -> None:
        self.push_screen(LogScreen(self.target()))

    def action_help(self) -> None:
        if isinstance(self.screen, HelpScreen):
            return
        shown = next((screen for screen in reversed(self.screen_stack) if isinstance(screen, BaseScreen)), None)
        if shown is not None:
            self.push_screen(HelpScreen(shown.keys(), self.target()))

    def action_refresh(self) -> None:
        self.engine.refresh()
        self.say("looking again …", Ink.DIM)

    def action_pause(self) -> None:
        if self.fleet is not None:
            self.engine.set_paused(not self.fleet.paused)

    def action_interval(self, direction: int) -> None:
        if self.fleet is None:
            return
        now = self.fleet.interval_s
        steps = [step for step in INTERVALS_S if (step > now if direction > 0 else step < now)]
        if steps:
            chosen = steps[0] if direction > 0 else steps[-1]
            self.engine.set_interval(chosen)
            self.say(f"polling every {chosen:g}s", Ink.DIM)

    def action_help_quit(self) -> None:
        self.say("q quits", Ink.DIM)

    def action_leave_app(self) -> None:
        if isinstance(self.screen, QuitDialog):
            return
        drives = self.engine.drives()
        if drives:
            self.push_screen(QuitDialog(drives))
        else:
            self.land(self.stop_engine(Leaving.RELEASE), self._stopped)

    def _stopped(self, future: Future[str]) -> None:
        error = future.exception()
        self.exit(0, message=f"{error}" if error is not None else future.result() or None)
