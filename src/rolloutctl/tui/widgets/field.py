"""Text fields of dialogs and filters."""

from __future__ import annotations

from textual.widgets import Checkbox, Input


class Field(Input):
    """One compact line. `!` confirms the dialog round it and is never text here."""

    def __init__(self, placeholder: str, *, id: str) -> None:  # noqa: A002 - Textual's name
        super().__init__(placeholder=placeholder, id=id, compact=True, select_on_focus=False)

    @property
    def takes_capitals(self) -> bool:
        """A text that has begun keeps its letters; otherwise `R` opens the rollback."""
        return bool(self.value)

    def check_consume_key(self, key: str, character: str | None) -> bool:
        return key != "exclamation_mark" and super().check_consume_key(key, character)


class ArmingField(Field):
    """Takes a name or a word, which have no capitals: `R` always opens the rollback."""

    @property
    def takes_capitals(self) -> bool:
        return False


class Check(Checkbox):
    """A box that is empty until it is ticked."""

    BUTTON_LEFT = "["
    BUTTON_INNER = "✔"
    BUTTON_RIGHT = "]"
