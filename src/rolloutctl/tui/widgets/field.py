"""Text fields of dialogs and filters."""

from __future__ import annotations

from typing import cast

from textual.content import Content
from textual.widgets import Checkbox, Input

from rolloutctl.keymap import DEFAULTS
from rolloutctl.tui.shell import Shell


class Field(Input):
    """One compact line. The key that confirms the dialog round it (`!`) is never text here."""

    def __init__(self, placeholder: str, *, id: str) -> None:  # noqa: A002 - Textual's name
        super().__init__(placeholder=placeholder, id=id, compact=True, select_on_focus=False)

    @property
    def takes_capitals(self) -> bool:
        """A text that has begun keeps its letters; otherwise `R` opens the rollback."""
        return bool(self.value)

    def check_consume_key(self, key: str, character: str | None) -> bool:
        # Asked of default keys, too, before those are exchanged for what the config says.
        confirms = {DEFAULTS["dialog.confirm"], cast("Shell", self.app).keys["dialog.confirm"]}
        return confirms.isdisjoint({key, character}) and super().check_consume_key(key, character)


class ArmingField(Field):
    """Takes a name or a word, which have no capitals: `R` always opens the rollback."""

    @property
    def takes_capitals(self) -> bool:
        return False


class Filter(Field):
    """Out of sight and out of reach of every other way to the focus until `open`."""

    def __init__(self, placeholder: str) -> None:
        super().__init__(placeholder, id="filter")
        self.can_focus = False
        self.add_class("-hidden")

    def open(self) -> None:
        self.can_focus = True
        self.remove_class("-hidden")
        self.focus()

    def settle(self) -> None:
        """To be called with every draw: once something else has the focus only `open` gives it back."""
        focused = self.screen.focused
        if focused is not None and focused is not self:
            self.can_focus = False
        self.set_class(not (self.can_focus or self.value), "-hidden")


class Check(Checkbox):
    """A box that is empty until it is ticked, also where there are no colours to tell (Textual only dims its mark)."""

    def render(self) -> Content:
        tick = "✔" if cast("Shell", self.app).unicode else "x"
        return Content.assemble(Content(f"[{tick}] " if self.value else "[ ] "), self.label)
