"""A scrolling page of inked lines: base of explain, help, command log and an opened event."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.widget import Widget

from rolloutctl.tui.bind import bound, fixed
from rolloutctl.tui.draw.ink import Line, page
from rolloutctl.tui.screens.base import BaseScreen
from rolloutctl.tui.widgets.lines import Lines


class PageScreen(BaseScreen):
    CSS_PATH = "page.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        bound("page.down", "scroll('down')", "down", "Scroll down", show=False),
        bound("page.up", "scroll('up')", "up", "Scroll up", show=False),
        bound("page.top", "scroll('home')", "top", "To the top", show=False),
        bound("page.end", "scroll('end')", "end", "To the end", show=False),
        fixed("down", "scroll('down')", "down", "Scroll down"),
        fixed("up", "scroll('up')", "up", "Scroll up"),
        fixed("home", "scroll('home')", "top", "To the top"),
        fixed("end", "scroll('end')", "end", "To the end"),
        fixed("pagedown,space", "scroll('page_down')", "page down", "A page on"),
        fixed("pageup", "scroll('page_up')", "page up", "A page back"),
        bound("page.copy", "copy", "copy", "Copy this page as text"),
        fixed("escape", "leave", "back", "Back", show=True, display="esc"),
    ]

    def title_text(self) -> str:
        raise NotImplementedError

    def lines(self, cells: int) -> Sequence[Line]:
        raise NotImplementedError

    def body(self) -> Iterable[Widget]:
        yield VerticalScroll(Lines(id="page"), id="scroll")

    def on_mount(self) -> None:
        self.query_one("#scroll").focus()

    def draw(self) -> None:
        scroll = self.query_one("#scroll")
        self.shell.entitle(scroll, self.title_text())
        self.query_one("#page", Lines).show(self.lines(max(20, self.size.width - 5)))

    def copied(self) -> str:
        return page(self.lines(100))

    def action_scroll(self, where: str) -> None:
        scroll = self.query_one("#scroll", VerticalScroll)
        {
            "down": scroll.scroll_down,
            "up": scroll.scroll_up,
            "home": scroll.scroll_home,
            "end": scroll.scroll_end,
            "page_down": scroll.scroll_page_down,
            "page_up": scroll.scroll_page_up,
        }[where](animate=False)
