"""Inked lines in a widget; unchanged lines cost nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from textual.widgets import Static

from rolloutctl.tui.draw.ink import Line, width
from rolloutctl.tui.shell import Shell


class Lines(Static):
    """`show` replaces the content; nothing is parsed as markup."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__("", id=id, classes=classes, markup=False)
        self._shown: tuple[str, tuple[Line, ...]] | None = None

    def show(self, lines: Sequence[Line]) -> None:
        shell = cast("Shell", self.app)
        wanted = (shell.theme, tuple(lines))
        if wanted == self._shown:
            return
        before, self._shown = self._shown, wanted
        self.set_class(not lines, "-hidden")
        self.update(shell.paint(lines), layout=before is None or not self._same_room(before[1], wanted[1]))

    def _same_room(self, before: tuple[Line, ...], now: tuple[Line, ...]) -> bool:
        """As many lines, none of which has to be broken: nothing else on the screen needs another place."""
        return len(before) == len(now) and all(width(each) <= self.size.width for each in (*before, *now))
