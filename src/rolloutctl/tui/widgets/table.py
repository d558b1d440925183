"""A table of inked rows with explicit keys and widths that repaints only the cells that changed.

Textual's `update_cell` repaints the whole table; this writes the changed cells and refreshes their rows. The cursor
stays on its row's key when rows come, go or change places.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, cast

from rich.text import Text
from textual.binding import BindingType
from textual.widgets import DataTable
from textual.widgets.data_table import ColumnKey, RowKey

from rolloutctl.tui.bind import bound, fixed
from rolloutctl.tui.draw.columns import Column, Row
from rolloutctl.tui.shell import Shell


class Table(DataTable[Text]):
    BINDINGS: ClassVar[list[BindingType]] = [
        fixed("enter", "select_cursor", "open", "Open what is under the cursor", show=True, display="↵"),
        bound("list.down", "cursor_down", "down", "To the next row", show=False),
        bound("list.up", "cursor_up", "up", "To the row before", show=False),
        bound("list.first", "scroll_top", "first row", "To the first row", show=False),
        bound("list.last", "scroll_bottom", "last row", "To the last row", show=False),
    ]

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, cursor_type="row", cursor_foreground_priority="renderable", cell_padding=1)
        self._columns_shown: tuple[Column, ...] = ()
        self._rows_shown: tuple[Row, ...] = ()
        self._theme_shown = ""

    @property
    def at(self) -> str | None:
        """Key of the row under the cursor."""
        if 0 <= self.cursor_row < len(self._rows_shown):
            return self._rows_shown[self.cursor_row].key
        return None

    def show(self, columns: tuple[Column, ...], rows: Sequence[Row]) -> None:
        shell = cast("Shell", self.app)
        wanted = tuple(rows)
        if shell.theme != self._theme_shown:
            self._theme_shown, self._columns_shown, self._rows_shown = shell.theme, (), ()
            # Reversed inks in a reversed row would be a patchwork: there the row has one colour.
            self.cursor_foreground_priority = "css" if shell.plain_cursor else "renderable"
        same_rows = [row.key for row in wanted] == [row.key for row in self._rows_shown]
        if columns == self._columns_shown and same_rows:
            self._change(wanted)
        else:
            self._refill(columns, wanted)

    def _change(self, rows: tuple[Row, ...]) -> None:
        shell = cast("Shell", self.app)
        for index, (before, after) in enumerate(zip(self._rows_shown, rows, strict=True)):
            if before is after or before.cells == after.cells:
                continue
            for column, old, new in zip(self._columns_shown, before.cells, after.cells, strict=True):
                if old != new:
                    self._data[RowKey(after.key)][ColumnKey(column.key)] = shell.paint([new])
            self._update_count += 1
            self.refresh_row(index)
        self._rows_shown = rows

    def _refill(self, columns: tuple[Column, ...], rows: tuple[Row, ...]) -> None:
        shell = cast("Shell", self.app)
        kept, top = self.at, self.scroll_y
        with self.app.batch_update():
            self.clear(columns=columns != self._columns_shown)
            if columns != self._columns_shown:
                for column in columns:
                    self.add_column(Text(column.title), key=column.key, width=column.width)
            for row in rows:
                self.add_row(*(shell.paint([cell]) for cell in row.cells), key=row.key)
            self._columns_shown, self._rows_shown = columns, rows
            self.point_at(kept)
            self.scroll_to(y=top, animate=False, force=True)

    def point_at(self, key: str | None) -> None:
        """Put the cursor on the row with `key`, if there is one."""
        index = next((index for index, row in enumerate(self._rows_shown) if row.key == key), None)
        if index is not None:
            self.move_cursor(row=index, animate=False)
