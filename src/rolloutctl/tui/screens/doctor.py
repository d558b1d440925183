"""Doctor: what this process is connected to, how each part is, and how it last failed."""

from __future__ import annotations

from collections.abc import Sequence

from rolloutctl.tui.draw.doctor import doctor
from rolloutctl.tui.draw.ink import Ink, Line, line, span
from rolloutctl.tui.screens.page import PageScreen


class DoctorScreen(PageScreen):
    def __init__(self, target: str | None) -> None:
        """`target`: the rollout that was selected when the page was opened; rolling back is about it."""
        super().__init__()
        self._target = target

    def target(self) -> str | None:
        return self._target

    def title_text(self) -> str:
        return "doctor: sources, providers, journal"

    def lines(self, cells: int) -> Sequence[Line]:
        if self.shell.fleet is None:
            return [line(span("waiting for the engine", Ink.WAIT))]
        return doctor(self.shell.fleet, self.shell.when(), cells)
