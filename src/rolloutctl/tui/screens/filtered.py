"""A list that is filtered in place: what both lists of the program do with their filter, and how they leave it."""

from __future__ import annotations

from rolloutctl.tui.screens.base import BaseScreen
from rolloutctl.tui.widgets.field import Filter
from rolloutctl.tui.widgets.table import Table


class FilteredScreen(BaseScreen):
    """Its body has one `Filter` and one `Table`."""

    def on_mount(self) -> None:
        self.query_one(Table).focus()

    def wanted(self) -> str:
        """What is typed into the filter; empty: everything is shown."""
        return self.query_one(Filter).value.strip()

    def action_filter(self) -> None:
        self.query_one(Filter).open()

    def on_input_changed(self) -> None:
        self.redraw()

    def on_input_submitted(self) -> None:
        self.query_one(Table).focus()

    def action_leave(self) -> None:
        filtering = self.query_one(Filter)
        if filtering.has_focus or filtering.value:
            filtering.value = ""
            self.query_one(Table).focus()
            self.redraw()
        else:
            self.leave_unfiltered()

    def leave_unfiltered(self) -> None:
        super().action_leave()
