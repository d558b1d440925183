"""Help: the keys of the focus, from the bindings themselves; and the command log."""

from __future__ import annotations

from collections.abc import Sequence

from rolloutctl.tui.draw.ink import EMPTY, Ink, Line, line, span, wrap
from rolloutctl.tui.draw.keys import Key, command_log, conventions, help_page
from rolloutctl.tui.screens.page import PageScreen


class HelpScreen(PageScreen):
    def __init__(self, keys: Sequence[Key], target: str | None) -> None:
        """`keys` as they were where help was asked for."""
        super().__init__()
        self._keys = tuple(keys)
        self._target = target

    def target(self) -> str | None:
        return self._target

    def title_text(self) -> str:
        return "keys"

    def lines(self, cells: int) -> Sequence[Line]:
        known = conventions(self.shell.keys)
        rules = [drawn for rule in known for drawn in wrap(rule, cells, Ink.DIM, first=line("  "), indent=2)]
        return [*help_page(self._keys, cells), EMPTY, line(span("Rules", Ink.STRONG)), *rules]


class LogScreen(PageScreen):
    def __init__(self, target: str | None) -> None:
        super().__init__()
        self._target = target

    def target(self) -> str | None:
        return self._target

    def title_text(self) -> str:
        when = self.shell.when()
        return f"command log: what was sent where, newest first · times in {when.zone_of(when.now)}"

    def lines(self, cells: int) -> Sequence[Line]:
        sent = self.shell.fleet.commands if self.shell.fleet is not None else ()
        return command_log(sent, self.shell.when(), cells)
