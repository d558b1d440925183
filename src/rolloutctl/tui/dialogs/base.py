"""The dialog every change goes through.

Rules, in one place: the target is frozen when it opens; Cancel has the focus; what is typed goes into the field that arms;
a word or a reason arms it; only the confirming key (`!`) or a click on the button confirms, and only when armed; esc leaves
without doing anything; the answer stays until it is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from enum import StrEnum
from functools import partial
from typing import ClassVar, cast

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Input

from rolloutctl.engine.view.commands import Command, CommandKind, Reply
from rolloutctl.engine.view.snapshot import RolloutSnapshot
from rolloutctl.tui.bind import bound, fixed
from rolloutctl.tui.draw import marks
from rolloutctl.tui.draw.ink import EMPTY, Ink, Line, line, span, wrap
from rolloutctl.tui.draw.keys import Key
from rolloutctl.tui.draw.proposal import answer
from rolloutctl.tui.listing import keys_here
from rolloutctl.tui.shell import Shell
from rolloutctl.tui.widgets.field import ArmingField, Check, Field
from rolloutctl.tui.widgets.lines import Lines


class Reason(StrEnum):
    """Whether the dialog asks why."""

    NOT_ASKED = "not asked"
    OPTIONAL = "optional"
    REQUIRED = "required"


class Stage(StrEnum):
    ASKING = "asking"
    SENT = "sent"
    ANSWERED = "answered"


class Dialog(ModalScreen[None]):
    BINDINGS: ClassVar[list[BindingType]] = [
        fixed("escape", "close", "leave", "Leave without doing anything", display="esc"),
        bound("dialog.confirm", "confirm", "confirm", "Do what the dialog says, once it is armed", priority=True),
        fixed("pageup,up", "look(-1)", "scroll up", "Scroll the text up"),
        fixed("pagedown,down", "look(1)", "scroll down", "Scroll the text down"),
    ]
    VERTICAL_BREAKPOINTS = [(0, "-tight"), (20, "-short"), (30, "-tall")]  # noqa: RUF012 - Textual's declaration
    REASON: ClassVar[Reason] = Reason.NOT_ASKED
    VERB: ClassVar[str] = "Confirm"
    """What the confirming button says."""

    def __init__(self, target: str) -> None:
        super().__init__()
        self.target = target
        self._agreed: Sequence[Line] = ()
        self.stage = Stage.ASKING
        self.reply: Reply | None = None
        self._sent: CommandKind | None = None
        self._status_rows = 2

    # -- for subclasses ------------------------------------------------------------------------------------------------

    def heading(self) -> str:
        raise NotImplementedError

    def about(self, rollout: RolloutSnapshot, cells: int) -> Sequence[Line]:
        """The exact effect and all reasons."""
        raise NotImplementedError

    def word(self) -> str:
        """What has to be typed; empty: nothing."""
        return ""

    def checks(self) -> tuple[str, ...]:
        """A box to tick for each."""
        return ()

    def barred(self, rollout: RolloutSnapshot) -> str:
        """Why it cannot be confirmed whatever is typed; empty: it can."""
        del rollout
        return ""

    def unfinished(self) -> str:
        """What else has to be filled in."""
        return ""

    def command(self) -> Command:
        raise NotImplementedError

    # -- layout --------------------------------------------------------------------------------------------------------

    @property
    def shell(self) -> Shell:
        return cast("Shell", self.app)

    def compose(self) -> ComposeResult:
        with Vertical(id="box"):
            yield Lines(id="heading")
            with VerticalScroll(id="about", can_focus=False):
                yield Lines(id="text")
            for index, check in enumerate(self.checks()):
                yield Check(self.shell.paint([line(check)]), id=f"check-{index}", compact=True)
            if self.REASON is not Reason.NOT_ASKED:
                optional = "optional, " if self.REASON is Reason.OPTIONAL else ""
                yield Field(f"why ({optional}goes into the journal)", id="why")
            if self.word():
                yield ArmingField(self.word_asked(), id="word")
            yield Lines(id="status")
            with Horizontal(id="buttons"):
                yield Button("Cancel  esc", id="cancel", compact=True)
                confirm = Button(f"{self.VERB}  {self.shell.keys['dialog.confirm']}", id="confirm", compact=True, disabled=True)
                confirm.can_focus = False
                yield confirm

    def word_asked(self) -> str:
        return f"type {self.word()} to arm"

    def on_mount(self) -> None:
        box = self.query_one("#box")
        box.border_title = None
        self.query_one("#cancel", Button).focus()
        self.set_interval(1, self.redraw)
        self.call_after_refresh(self.redraw)

    def on_resize(self) -> None:
        self.call_after_refresh(self.redraw)

    def redraw(self) -> None:
        if not self.is_attached or not self.query("#text"):
            return
        cells = max(20, self.query_one("#about").size.width - 1)
        rollout = self.shell.rollout(self.target)
        self.query_one("#heading", Lines).show([line(span(self.heading(), Ink.STRONG))])
        self.query_one("#text", Lines).show(self._text(rollout, cells))
        status = self._status(cells)[1 if self.has_class("-tight") else 0 :]
        self._status_rows = len(status)
        self.query_one("#status", Lines).show(status)
        self.query_one("#confirm", Button).disabled = bool(self.missing()) or self.stage is not Stage.ASKING
        asking = self.stage is Stage.ASKING
        barred = rollout is None or bool(self.barred(rollout))
        for field in self.query("Input, Check"):
            field.display = asking and not barred
        if not asking:
            self.query_one("#cancel", Button).label = "Close  esc"
            self.query_one("#confirm", Button).display = False
        self._fit()

    def _fit(self) -> None:
        """The text gives way and scrolls, so that fields, status and buttons are always seen."""
        tight = self.has_class("-tight")
        rows = 1 if tight else 2
        fields = sum(rows for field in self.query(Input) if field.display)
        checks = sum(1 for check in self.query(Check) if check.display)
        frame = 4 if self.has_class("-tall") else 2
        others = frame + 2 * rows + fields + checks + self._status_rows + (0 if tight else 1)
        self.query_one("#about").styles.max_height = max(2, self.size.height - others)

    def _text(self, rollout: RolloutSnapshot | None, cells: int) -> Sequence[Line]:
        if rollout is None:
            return wrap(f"{self.target} is not in the newest snapshot.", cells, Ink.WARN)
        if self.stage is Stage.ASKING:
            return self.about(rollout, cells)
        return self.afterwards(rollout, cells)

    def agreed(self, rollout: RolloutSnapshot, cells: int) -> Sequence[Line]:
        """As it was read when it was confirmed."""
        return self._agreed or self.about(rollout, cells)

    def afterwards(self, rollout: RolloutSnapshot, cells: int) -> Sequence[Line]:
        """After it was sent: what was agreed to stays as it was read, and what has come of it by now is said."""
        return (*self.agreed(rollout, cells), EMPTY, now(rollout))

    def _status(self, cells: int) -> Sequence[Line]:
        if self.reply is not None and self._sent is not None:
            return (EMPTY, *answer(self.reply, self._sent, cells))
        if self.stage is Stage.SENT:
            return (EMPTY, line(span("◷ sent, waiting for the answer …", Ink.WAIT)))
        missing = self.missing()
        if missing:
            return (EMPTY, *wrap(missing, cells, first=line(span("○ ", Ink.DIM)), indent=2))
        confirm = span(self.shell.keys["dialog.confirm"], Ink.KEY)
        return (EMPTY, line(span(" ● ARMED ", Ink.CAUTION), "  press ", confirm, " to ", self.VERB.lower()))

    # -- arming --------------------------------------------------------------------------------------------------------

    def missing(self) -> str:
        """What is still needed before `!` does something; empty: armed."""
        rollout = self.shell.rollout(self.target)
        if rollout is None:
            return f"{self.target} is not in the newest snapshot"
        first = self.barred(rollout) or self.unfinished()
        if first:
            return first
        if self.REASON is Reason.REQUIRED and not self.why():
            return "type the reason"
        if self.word() and self.typed() != self.word():
            wrong = self.typed() and not self.word().startswith(self.typed())
            return f'"{self.typed()}" is not "{self.word()}"' if wrong else f"not armed: {self.word_asked()}"
        return ""

    def why(self) -> str:
        return self._value("#why")

    def typed(self) -> str:
        return self._value("#word")

    def _value(self, selector: str) -> str:
        found = self.query(selector)
        return found.first(Input).value.strip() if found else ""

    def ticked(self) -> tuple[str, ...]:
        return tuple(check for index, check in enumerate(self.checks()) if self.query_one(f"#check-{index}", Check).value)

    def on_key(self, event: events.Key) -> None:
        """What is typed while a button has the focus goes into the field that arms, or else the first."""
        fields = [field for field in self.query(Input) if field.display]
        if event.is_printable and event.character and isinstance(self.focused, Button) and fields:
            event.stop()
            field = next((field for field in fields if field.id == "word"), fields[0])
            field.focus()
            field.insert_text_at_cursor(event.character)

    def on_input_changed(self) -> None:
        self.redraw()

    def on_checkbox_changed(self) -> None:
        self.redraw()

    def on_input_submitted(self) -> None:
        """Enter changes nothing: it says what would."""
        if self.missing():
            self.app.bell()
        self.redraw()

    def keys(self) -> list[Key]:
        """For the help page."""
        return keys_here(self, lambda _node, _action: self.missing(), lambda _: False)

    # -- acting --------------------------------------------------------------------------------------------------------

    def on_button_pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "confirm":
            self.action_confirm()
        else:
            self.action_close()

    def action_confirm(self) -> None:
        if self.stage is not Stage.ASKING:
            return
        if self.missing():
            self.app.bell()
            self.redraw()
            return
        rollout = self.shell.rollout(self.target)
        if rollout is not None:
            self._agreed = tuple(self.about(rollout, max(20, self.query_one("#about").size.width - 1)))
        self.stage = Stage.SENT
        self.query_one("#cancel", Button).focus()
        command = self.command()
        self._sent = command.kind
        self.shell.land(self.shell.engine.send(command), partial(self._answered, command.kind))
        self.redraw()

    def _answered(self, kind: CommandKind, future: Future[Reply]) -> None:
        reply = future.result()
        self.reply, self.stage = reply, Stage.ANSWERED
        if self.is_attached:
            self.redraw()
        else:
            mark = marks.of_reply(kind, reply.code)
            self.shell.say(line(span(f"{mark.glyph} {self.VERB.lower()} {self.target}: {mark.word} ", mark.ink), reply.sentence))

    def action_close(self) -> None:
        self.dismiss(None)

    def action_look(self, direction: int) -> None:
        about = self.query_one("#about", VerticalScroll)
        about.scroll_relative(y=direction * max(1, about.size.height - 2), animate=False)


def now(rollout: RolloutSnapshot) -> Line:
    return line(span("now ", Ink.DIM), rollout.state.step.value, "  ", rollout.next)
