"""One rollout: what, where, may I, why not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import BindingType
from textual.containers import Container, VerticalScroll
from textual.widget import Widget
from textual.widgets import DataTable

from rolloutctl.engine.view.snapshot import RolloutSnapshot
from rolloutctl.model.verdict import Verdict
from rolloutctl.tui.bind import bound, fixed
from rolloutctl.tui.draw import criteria
from rolloutctl.tui.draw import rollout as lines
from rolloutctl.tui.draw.ink import Ink, Line, line, page, span
from rolloutctl.tui.draw.numbers import scale_of, unit_of
from rolloutctl.tui.draw.plot import Curves, curves
from rolloutctl.tui.draw.rail import rail
from rolloutctl.tui.draw.why import why
from rolloutctl.tui.screens.base import ACTS, BaseScreen
from rolloutctl.tui.screens.explain import ExplainScreen
from rolloutctl.tui.screens.journal import JournalScreen
from rolloutctl.tui.widgets.lines import Lines
from rolloutctl.tui.widgets.plot import Plot
from rolloutctl.tui.widgets.table import Table

_PANES = ("criteria", "plot", "why")


class WhyPane(VerticalScroll, can_focus=True):
    """The reasons, scrolling."""


class RolloutScreen(BaseScreen):
    CSS_PATH = "rollout.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        *ACTS,
        bound("rollout.explain", "explain", "explain", "Everything about the criterion under the cursor"),
        bound("rollout.journal", "journal", "journal", "The rollout's events"),
        bound("rollout.zoom", "zoom", "zoom", "Zoom the pane in focus; esc or the same key goes back"),
        bound("rollout.criteria", "pane(0)", "criteria", "Go to the criteria", show=False),
        bound("rollout.plot", "pane(1)", "plot", "Go to the plot", show=False),
        bound("rollout.why", "pane(2)", "why", "Go to the reasons", show=False),
        bound("rollout.copy", "copy", "copy", "Copy this page as text", show=False),
        fixed("escape", "leave", "back", "Back to the fleet"),
    ]

    def __init__(self, rollout_id: str) -> None:
        super().__init__()
        self.rollout_id = rollout_id

    def body(self) -> Iterable[Widget]:
        yield Lines(id="title")
        yield Lines(id="state")
        yield Lines(id="rail")
        yield Lines(id="facts")
        yield Lines(id="errors")
        yield Table(id="criteria")
        yield Container(Plot(id="plot"), WhyPane(Lines(id="why-text"), id="why"), id="lower")

    def on_mount(self) -> None:
        table = self.query_one(Table)
        table.focus()

    def target(self) -> str | None:
        return self.rollout_id

    def _verdict(self, rollout: RolloutSnapshot) -> Verdict | None:
        at = self.query_one(Table).at
        found = next((verdict for verdict in rollout.verdicts if verdict.key == at), None)
        return found or (rollout.verdicts[0] if rollout.verdicts else None)

    def draw(self) -> None:
        rollout, when, cells = self.selected(), self.shell.when(), self.size.width - 2
        if rollout is None:
            gone = f"{self.rollout_id} is not in the newest snapshot."
            self.query_one("#title", Lines).show([line(span(gone, Ink.WARN))])
            return
        table = self.query_one(Table)
        columns = criteria.columns(cells - 2, rollout)
        table.show(columns, [criteria.row(rollout, verdict, columns, when) for verdict in rollout.verdicts])
        judged = f"judged {when.age(rollout.judged_at)} ago" if rollout.judged_at is not None else "not judged yet"
        self.shell.entitle(table, "exit criteria", judged)
        for name, drawn in self._lines(rollout, cells).items():
            self.query_one(f"#{name}", Lines).show(drawn)
        self._draw_panes(rollout)

    def _lines(self, rollout: RolloutSnapshot, cells: int) -> dict[str, tuple[Line, ...]]:
        when = self.shell.when()
        return {
            "title": (lines.title(rollout, cells),),
            "state": lines.state_lines(rollout, when, cells, self.shell.keys),
            "rail": (rail(rollout, cells),),
            "facts": lines.facts(rollout, when, cells),
            "errors": lines.errors(rollout, when, cells)[:4],
        }

    def _draw_panes(self, rollout: RolloutSnapshot) -> None:
        verdict, when = self._verdict(rollout), self.shell.when()
        pane = self.query_one("#why")
        self.query_one("#why-text", Lines).show(why(rollout, verdict, when, max(12, pane.size.width - 1)))
        criterion = criteria.criterion_of(rollout, verdict) if verdict is not None else None
        drawn = curves(verdict.evidence.cells, scale_of(criterion), unit_of(criterion)) if verdict is not None else Curves()
        name = criteria.name_of(criterion, verdict) if verdict is not None else "no criterion"
        small = self.has_class("-narrow") and self.has_class("-short")
        self.shell.entitle(pane, f"why · {self.shell.keys['rollout.plot']} shows the plot" if small else "why")
        self.query_one(Plot).show(drawn, name, when)

    def on_data_table_row_highlighted(self) -> None:
        rollout = self.selected()
        if rollout is not None:
            self._draw_panes(rollout)

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        event.stop()
        self.action_explain()

    def copied(self) -> str:
        rollout = self.selected()
        if rollout is None:
            return ""
        drawn = [one for block in self._lines(rollout, 400).values() for one in block]
        columns = criteria.columns(120, rollout)
        rows = [criteria.row(rollout, verdict, columns, self.shell.when()) for verdict in rollout.verdicts]
        drawn += [tuple(part for cell in row.cells for part in (*cell, span("  "))) for row in rows]
        return page(drawn)

    def action_explain(self) -> None:
        rollout = self.selected()
        verdict = self._verdict(rollout) if rollout is not None else None
        if verdict is None:
            self.shell.refuse("nothing is judged yet: there is no criterion to explain")
            return
        self.app.push_screen(ExplainScreen(self.rollout_id, verdict.key))

    def action_journal(self) -> None:
        self.app.push_screen(JournalScreen(self.rollout_id))

    def action_pane(self, index: int) -> None:
        self._zoom(None)
        self.set_class(_PANES[index] == "plot", "-plot")
        # At once rather than with `focus()`, which a quick zoom would overtake.
        self.set_focus(self.query_one(f"#{_PANES[index]}"))
        self.call_after_refresh(self.redraw)

    def action_zoom(self) -> None:
        focused = self.focused.id if self.focused is not None else None
        self._zoom(None if self.has_class("-zoom") else focused)

    def _zoom(self, pane: str | None) -> None:
        """Only this pane, under the header and the state line, which must never be out of sight."""
        self.set_class(pane is not None, "-zoom")
        for name in _PANES:
            self.set_class(name == pane, f"-zoom-{name}")
        self.call_after_refresh(self.redraw)

    def action_leave(self) -> None:
        if self.has_class("-zoom"):
            self._zoom(None)
        else:
            super().action_leave()
