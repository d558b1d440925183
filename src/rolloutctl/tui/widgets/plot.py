"""The plot on Textual's Line API: laid out once per change of data or size, then only strips are handed out."""

from __future__ import annotations

from typing import cast

from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

from rolloutctl.tui.draw.ink import Line
from rolloutctl.tui.draw.plot import Curves, Scale, legend, plot, scale_of
from rolloutctl.tui.draw.when import When
from rolloutctl.tui.palette import ascii_only
from rolloutctl.tui.shell import Shell


class Plot(Widget, can_focus=True):
    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._curves = Curves()
        self._when: When | None = None
        self._laid_out: tuple[object, tuple[Line, ...]] = (None, ())
        self._scale: tuple[object, Scale | None] = (None, None)
        """What is plotted at which height, and the scale it has got: kept while that stays the same."""
        self._title = ""

    def show(self, curves: Curves, title: str, when: When) -> None:
        self._when = when
        self._title = title
        cast("Shell", self.app).entitle(self, title)
        if curves != self._curves:
            self._curves = curves
            self.refresh()

    def _lines(self) -> tuple[Line, ...]:
        width, height = self.size
        key = (self._curves, width, height)
        if self._laid_out[0] != key and self._when is not None:
            rows, same = max(0, height - 1), (self._title, height)
            before = self._scale[1] if self._scale[0] == same else None
            self._scale = (same, scale_of(self._curves, rows, before))
            drawn: tuple[Line, ...] = plot(self._curves, width, rows, self._when, self._scale[1])
            head = legend(self._curves)
            self._laid_out = (key, (head, *drawn) if head else drawn)
        return self._laid_out[1]

    def render_line(self, y: int) -> Strip:
        shell = cast("Shell", self.app)
        base = self.rich_style
        lines = self._lines()
        if y >= len(lines):
            return Strip.blank(self.size.width, base)
        segments = [
            Segment(part.text if shell.unicode else ascii_only(part.text), base + shell.inks[part.ink]) for part in lines[y]
        ]
        return Strip(segments).adjust_cell_length(self.size.width, base)
