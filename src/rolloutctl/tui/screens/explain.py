"""Explain: one criterion on one page, with its history from the journal."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future

from rolloutctl.engine.view.snapshot import JournalPage
from rolloutctl.model.events import Event
from rolloutctl.tui.draw.explain import explain
from rolloutctl.tui.draw.ink import Ink, Line, line, span
from rolloutctl.tui.screens.page import PageScreen

_PAGE = 500


class ExplainScreen(PageScreen):
    def __init__(self, rollout_id: str, verdict_key: str) -> None:
        super().__init__()
        self.rollout_id = rollout_id
        self.verdict_key = verdict_key
        self._history: tuple[Event, ...] | None = None
        self._read: tuple[Event, ...] = ()
        self._asking = False
        self._seen = 0
        """The rollout's newest event when the journal was last asked: asked again only when that moves."""
        self._failed = ""

    def target(self) -> str | None:
        return self.rollout_id

    def title_text(self) -> str:
        return f"explain {self.verdict_key}"

    def on_mount(self) -> None:
        self._ask()

    def _ask(self) -> None:
        if not self._asking:
            self._asking = True
            after = self._read[-1].seq if self._read else 0
            self.shell.land(self.shell.engine.events(self.rollout_id, after, _PAGE), self._got)

    def _got(self, future: Future[JournalPage]) -> None:
        self._asking = False
        error = future.exception()
        if error is not None:
            self._failed = str(error)
        else:
            events = future.result().events
            self._read += events
            self._failed = ""
            if len(events) >= _PAGE:
                self._ask()
                return
            self._history = self._read
        self.redraw()

    def draw(self) -> None:
        rollout = self.selected()
        if self._history is not None and rollout is not None and rollout.state.seq != self._seen:
            self._seen = rollout.state.seq
            self._ask()
        super().draw()

    def lines(self, cells: int) -> Sequence[Line]:
        rollout = self.selected()
        verdict = next((v for v in rollout.verdicts if v.key == self.verdict_key), None) if rollout is not None else None
        if rollout is None or verdict is None:
            return [line(span(f"{self.verdict_key} is not judged in the present phase any more.", Ink.WARN))]
        failed = [line(span(f"✖ the journal cannot be read: {self._failed}", Ink.BAD))] if self._failed else []
        return [*explain(rollout, verdict, self._history, self.shell.when(), cells), *failed]
