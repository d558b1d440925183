"""The app: keys that work everywhere, themes, the first screen. Everything about rollouts is in screens and dialogs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, TypeGuard
from zoneinfo import ZoneInfo

from rich.console import RenderableType
from textual import events
from textual.binding import BindingType
from textual.command import CommandPalette, Provider
from textual.screen import ModalScreen, Screen
from textual.widgets import Input

from rolloutctl.engine.cards.glance import Glance
from rolloutctl.engine.view.handle import EngineHandle, Leaving
from rolloutctl.errors import ExitCode
from rolloutctl.tui.bind import bound, fixed
from rolloutctl.tui.dialogs.acts import open_dialog
from rolloutctl.tui.draw.ink import Ink
from rolloutctl.tui.may import Act, why_not
from rolloutctl.tui.palette import NAMES, THEMES
from rolloutctl.tui.screens.base import BaseScreen
from rolloutctl.tui.screens.fleet import FleetScreen
from rolloutctl.tui.shell import Shell
from rolloutctl.tui.widgets.field import Field

if TYPE_CHECKING:
    from rolloutctl.config import Theme
    from rolloutctl.tui.dialogs.base import Dialog


INTERVALS_S = (1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0)
SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
_BEGIN_S = 1.0
"""Loading begins after so long at the latest."""


def _commands() -> type[Provider]:
    from rolloutctl.tui.commands import Commands  # noqa: PLC0415 - asked for when the palette is opened

    return Commands


def _is_dialog(screen: Screen[Any]) -> TypeGuard[Dialog]:
    if not isinstance(screen, ModalScreen):
        return False
    from rolloutctl.tui.dialogs.base import Dialog as Loaded  # noqa: PLC0415 - none can be open before

    return isinstance(screen, Loaded)


class RolloutApp(Shell):
    """`now` gives this machine's time, aware; `start_at` is the id of a rollout to open at once; `keys` are `[ui.keys]`."""

    CSS_PATH = ["app.tcss", "screens/fleet.tcss"]  # noqa: RUF012 - Textual's declaration
    """The first screen's style is loaded here: Textual reads a screen's own only when it is pushed."""
    TITLE = "rolloutctl"
    COMMANDS = {_commands}  # noqa: RUF012 - Textual's declaration
    ENABLE_COMMAND_PALETTE = False
    """Opened by our own bindings, with our own entries only."""
    BINDINGS: ClassVar[list[BindingType]] = [
        bound("app.rollback", "rollback", "roll back", "Roll back the rollout: works everywhere"),
        bound("app.journal", "all_journal", "journal", "Events of all rollouts"),
        bound("app.palette", "palette", "commands", "Every command by name"),
        fixed("ctrl+p", "palette", "commands", "Every command by name"),
        bound("app.log", "log", "sent", "Command log: what was sent where"),
        bound("app.doctor", "doctor", "doctor", "Sources, providers and journal: ready, how fast, last error"),
        bound("app.pause", "pause", "pause", "Pause polling of what this process does not drive"),
        bound("app.refresh", "refresh", "look again", "Read sources, flags and journal now", show=False),
        bound("app.slower", "interval(1)", "slower", "Poll less often", show=False),
        bound("app.faster", "interval(-1)", "faster", "Poll more often", show=False),
        bound("app.help", "help", "help", "Keys of the focus", show=False),
        fixed("f1", "help", "help", "Keys of the focus", priority=True),
        bound("app.quit", "leave_app", "quit", "Quit; asks who drives on"),
        fixed("ctrl+q", "leave_app", "quit", "Quit; asks who drives on", priority=True),
        fixed("ctrl+z", "suspend_process", "suspend", "Suspend to the shell"),
    ]

    def __init__(
        self,
        engine: EngineHandle,
        *,
        theme: Theme | str,
        timezone: str | None,
        start_at: str | None = None,
        now: Callable[[], datetime],
        unicode: bool = True,
        keys: Mapping[str, str] | None = None,
        glance: Glance | None = None,
        begin: Callable[[], None] | None = None,
    ) -> None:
        # NO_COLOR has to be known before Textual decides what to do about ANSI colours.
        no_color = "NO_COLOR" in os.environ
        super().__init__(
            engine,
            now=now,
            zone=ZoneInfo(timezone) if timezone else None,
            unicode=unicode,
            ansi_color=True if no_color else None,
            keys=keys or {},
            glance=glance,
        )
        self.ended_by: signal.Signals | None = None
        self.crash: Exception | None = None
        self._start_at = start_at
        self._begin = begin
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
        # Back from ctrl+z the terminal's screen is empty, and Textual would write only what changes from then on.
        self.app_resume_signal.subscribe(self, lambda _: self.refresh(layout=True))
        self.start_feed()
        if self._begin is not None:
            # Whatever becomes of the first rows: somebody has to drive.
            self.set_timer(_BEGIN_S, self._begin)
        self.redraw_all()

    def first_drawn(self) -> None:
        """Loading takes the interpreter from the screen, so it waits for the paint."""
        if self._begin is not None:
            self.call_after_refresh(self._begin)

    def not_started(self) -> None:
        """On the thread that loads: whoever ran the app says why, on the terminal as it was."""
        with contextlib.suppress(RuntimeError):
            self.call_later(self.exit, return_code=ExitCode.FAILED)

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

    def action_suspend_process(self) -> None:
        """As ctrl+z does it elsewhere: the whole foreground group stops, so that the shell is back under `make`, too."""
        if not self.is_headless:
            # The terminal is given back first: the shell may go on as soon as its own child has stopped.
            # One signal for all, and one that a quick `fg` takes back: nobody stops after the others were continued.
            with self.suspend(), _without_handlers(signal.SIGCONT):
                os.killpg(os.getpgrp(), signal.SIGSTOP)

    def panic(self, *renderables: RenderableType) -> None:
        """Called by Textual's thread that reads the keyboard, with a rendered traceback instead of the error."""
        if self.crash is None:
            traces = [trace for each in renderables if (trace := getattr(each, "trace", None)) is not None]
            said = [f"{stack.exc_type}: {stack.exc_value}" for trace in traces for stack in trace.stacks]
            self.crash = RuntimeError(f"the terminal's input could not be read: {'; '.join(said)}")
        super().panic(*renderables)
        self._exit_renderables.clear()

    # -- keys ----------------------------------------------------------------------------------------------------------

    async def on_event(self, event: events.Event) -> None:
        """The key that rolls back is heard before everything else, so that dialogs, fields and the palette cannot swallow it."""
        if isinstance(event, events.Key) and not event.is_forwarded and self._is_rollback(event.key) and self._hears_rollback():
            event.stop()
            self.action_rollback()
            return
        await super().on_event(event)

    def _is_rollback(self, key: str) -> bool:
        return key == self.keys["app.rollback"]

    def _hears_rollback(self) -> bool:
        if len(self.keys["app.rollback"]) > 1:
            return True  # a function key is no letter of any text
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
                case ModalScreen() if _is_dialog(screen):
                    return screen.target
                case BaseScreen() if (target := screen.target()) is not None:
                    return target
                case _:
                    continue
        return None

    def action_rollback(self) -> None:
        if isinstance(self.screen, ModalScreen):
            from rolloutctl.tui.dialogs.rollback import RollbackDialog  # noqa: PLC0415 - there is a dialog: it is loaded

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
        from rolloutctl.tui.screens.journal import JournalScreen  # noqa: PLC0415 - loads the models of events

        self.push_screen(JournalScreen(None))

    def action_log(self) -> None:
        from rolloutctl.tui.screens.help import LogScreen  # noqa: PLC0415 - loaded when it is opened

        self.push_screen(LogScreen(self.target()))

    def action_doctor(self) -> None:
        from rolloutctl.tui.screens.doctor import DoctorScreen  # noqa: PLC0415 - loaded when it is opened

        if not isinstance(self.screen, DoctorScreen):
            self.push_screen(DoctorScreen(self.target()))

    def action_help(self) -> None:
        from rolloutctl.tui.screens.help import HelpScreen  # noqa: PLC0415 - loaded when it is opened

        if isinstance(self.screen, HelpScreen):
            return
        shown = next(
            (screen for screen in reversed(self.screen_stack) if isinstance(screen, BaseScreen) or _is_dialog(screen)), None
        )
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
        if self.fleet is None:
            self.land(self.stop_engine(Leaving.RELEASE), self._stopped)
            return
        from rolloutctl.tui.dialogs.quit import QuitDialog  # noqa: PLC0415 - loaded when it is opened

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


@contextmanager
def _without_handlers(*numbers: signal.Signals) -> Iterator[None]:
    """The driver's own would give the terminal back and take it once more, on a thread that decides when."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
