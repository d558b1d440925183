"""The anchor of everything that is drawn: the smallest Textual app with a table. `python minimal.py ROWS`, rows as JSON.

It imports nothing of ours, so that it may be started from any folder.
"""

from __future__ import annotations

import json
import sys
from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import DataTable


class Minimal(App[None]):
    BINDINGS: ClassVar[list[BindingType]] = [Binding("j", "down", "down"), Binding("k", "up", "up")]

    def __init__(self, rows: list[list[str]]) -> None:
        super().__init__()
        self._rows = rows

    def compose(self) -> ComposeResult:
        yield DataTable[str](cursor_type="row")

    def on_mount(self) -> None:
        table = self.query_one(DataTable)
        table.add_columns("", "rollout", "phase", "cohort", "verdict", "criteria", "bake", "next")
        for row in self._rows:
            table.add_row(*row)

    def action_down(self) -> None:
        self.query_one(DataTable).action_cursor_down()

    def action_up(self) -> None:
        self.query_one(DataTable).action_cursor_up()


if __name__ == "__main__":
    Minimal(json.loads(sys.argv[1])).run()
