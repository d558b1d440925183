"""Quitting while this process drives asks who drives on."""

from __future__ import annotations

from concurrent.futures import Future
from typing import ClassVar, cast

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button

from rolloutctl.engine.view.handle import Leaving
from rolloutctl.tui.bind import bound, fixed
from rolloutctl.tui.draw.ink import EMPTY, Ink, Line, line, span, wrap
from rolloutctl.tui.shell import Shell
from rolloutctl.tui.widgets.lines import Lines


class QuitDialog(ModalScreen[None]):
    VERTICAL_BREAKPOINTS = [(0, "-tight"), (20, "-short"), (30, "-tall")]  # noqa: RUF012 - Textual's declaration
    BINDINGS: ClassVar[list[BindingType]] = [
        fixed("escape", "stay", "stay", "Stay: nothing happens", display="esc"),
        bound("quit.hand_over", "leave('hand over')", "hand over", "A background `rolloutctl drive` takes the rollouts"),
        bound("quit.release", "leave('release')", "leave unattended", "The rollouts become UNATTENDED"),
    ]

    def __init__(self, drives: tuple[str, ...]) -> None:
        super().__init__()
        self.drives = drives
        self.leaving: Leaving | None = None
        self.failed = ""

    @property
    def shell(self) -> Shell:
        return cast("Shell", self.app)

    def compose(self) -> ComposeResult:
        keys = self.shell.keys
        with Vertical(id="box"):
            yield Lines(id="heading")
            yield Lines(id="text")
            with Horizontal(id="buttons"):
                yield Button("Stay  esc", id="stay", compact=True)
                for label, name in (
                    (f"Hand over  {keys['quit.hand_over']}", "hand-over"),
                    (f"Leave unattended  {keys['quit.release']}", "release"),
                ):
                    button = Button(label, id=name, compact=True)
                    button.can_focus = False
                    yield button

    def on_mount(self) -> None:
        self.query_one("#stay", Button).focus()
        self.redraw()

    def redraw(self) -> None:
        if not self.query("#text"):
            return
        self.query_one("#heading", Lines).show([line(span("You are driving. Who drives on?", Ink.STRONG))])
        self.query_one("#text", Lines).show(self._text())

    def _text(self) -> list[Line]:
        if self.leaving is not None:
            return [line(span(f"◷ leaving ({self.leaving.value}): the request in flight is finished first …", Ink.WAIT))]
        cells, keys = 68, self.shell.keys
        lines: list[Line] = [line(span(f"  {name}", Ink.ACCENT)) for name in self.drives]
        lines += [EMPTY]
        lines += wrap(
            "a background `rolloutctl drive` takes them; nothing stops",
            cells,
            first=line(span(f"{keys['quit.hand_over']:<3}hand over         ", Ink.KEY)),
            indent=21,
        )
        text = "they become UNATTENDED: no step, no countdown, until somebody drives"
        lines += wrap(text, cells, first=line(span(f"{keys['quit.release']:<3}leave unattended  ", Ink.KEY)), indent=21)
        lines += wrap("go on watching", cells, first=line(span("esc  stay            ", Ink.KEY)))
        return [*lines, *wrap(self.failed, cells, Ink.BAD)]

    def on_button_pressed(self, event: Button.Pressed) -> None:
        match event.button.id:
            case "hand-over":
                self.action_leave(Leaving.HAND_OVER.value)
            case "release":
                self.action_leave(Leaving.RELEASE.value)
            case _:
                self.action_stay()

    def action_stay(self) -> None:
        if self.leaving is None:
            self.dismiss(None)

    def action_leave(self, how: str) -> None:
        if self.leaving is None:
            self.leaving = Leaving(how)
            self.shell.land(self.shell.stop_engine(self.leaving), self._left)
            self.redraw()

    def _left(self, future: Future[str]) -> None:
        error = future.exception()
        if error is None:
            self.shell.exit(0, message=future.result())
            return
        self.leaving, self.failed = None, f"✖ {error}"
        self.redraw()
