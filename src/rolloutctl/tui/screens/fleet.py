"""The fleet: every rollout, worst first. The cursor stays on its rollout whatever is sorted or filtered."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import DataTable

from rolloutctl.engine.cards.glance import Glance
from rolloutctl.engine.view.snapshot import RolloutSnapshot
from rolloutctl.tui.bind import bound, fixed
from rolloutctl.tui.draw import first
from rolloutctl.tui.draw import fleet as draw
from rolloutctl.tui.draw.drawn import Drawn
from rolloutctl.tui.draw.head import lasting
from rolloutctl.tui.draw.ink import Ink, Line, page, plain, wrap
from rolloutctl.tui.screens.base import ACTS
from rolloutctl.tui.screens.filtered import FilteredScreen
from rolloutctl.tui.widgets.field import Filter
from rolloutctl.tui.widgets.lines import Lines
from rolloutctl.tui.widgets.table import Table

_ENOUGH = 60
"""So many characters tell that two sentences are one, of which a headline may hold only the beginning."""


def _squeezed(text: str) -> str:
    return "".join(text.split())


class FleetScreen(FilteredScreen):
    BINDINGS: ClassVar[list[BindingType]] = [
        bound("fleet.filter", "filter", "filter", "Filter the list; esc shows all again"),
        *ACTS,
        bound("fleet.copy", "copy", "copy", "Copy the list as text", show=False),
        fixed("escape", "leave", "back", "Clear the filter or the last message"),
    ]

    def __init__(self, start_at: str | None = None) -> None:
        super().__init__()
        self._start_at = start_at
        self._drawn = Drawn()

    def body(self) -> Iterable[Widget]:
        yield Filter("filter: words that the row says")
        yield Table(id="rollouts")
        yield Lines(id="peek")
        yield Lines(id="teach")
        yield Lines(id="lasting")

    def _shown(self) -> tuple[RolloutSnapshot, ...]:
        wanted = self.wanted()
        every = self.shell.fleet.rollouts if self.shell.fleet is not None else ()
        if not wanted:
            return every
        return tuple(rollout for rollout in every if draw.matches(rollout, wanted))

    def draw(self) -> None:
        fleet, when = self.shell.fleet, self.shell.when()
        table = self.query_one(Table)
        self.query_one(Filter).settle()
        if fleet is None:
            if self.shell.glance is not None:
                self._draw_glance(self.shell.glance)
            return
        shown = self._shown()
        columns = self._drawn.columns(self.size.width - 4, fleet.rollouts)
        table.show(columns, self._drawn.rows(shown, when, self.shell.keys))
        self.shell.entitle(table, draw.title(fleet, len(shown), self.wanted()), f"every {fleet.interval_s:g}s")
        table.set_class(not fleet.rollouts, "-hidden")
        self.query_one("#teach", Lines).show([] if fleet.rollouts else draw.TEACHES)
        self.query_one("#peek", Lines).show(self._peek())
        self.query_one("#lasting", Lines).show(lasting(fleet, self.size.width - 2))
        if self._start_at is not None and self.shell.rollout(self._start_at) is not None:
            opened, self._start_at = self._start_at, None
            table.point_at(opened)
            self._open(opened)

    def _draw_glance(self, glance: Glance) -> None:
        """While the engine is loaded; its first snapshot replaces every row in its place."""
        table, wanted = self.query_one(Table), self.wanted()
        when, cells = self.shell.when(), self.size.width - 4
        shown = tuple(seen for seen in glance.rollouts if first.matches(seen, wanted))
        table.show(columns := first.columns(cells, glance.rollouts), first.rows(shown, columns, when))
        self.shell.entitle(table, first.title(glance, len(shown), wanted))
        under = next((seen for seen in shown if seen.rollout == table.at), None)
        self.query_one("#peek", Lines).show(first.peek(under, when, cells) if under is not None else ())
        self.query_one("#lasting", Lines).show(first.lasting(glance, self.size.width - 2))
        self.query_one("#teach", Lines).show(())
        self.shell.first_drawn()

    def _open(self, rollout: str) -> None:
        from rolloutctl.tui.screens.rollout import RolloutScreen  # noqa: PLC0415 - loads what draws models

        self.app.push_screen(RolloutScreen(rollout))

    def _peek(self) -> tuple[Line, ...]:
        """The rollout under the cursor in a few lines."""
        rollout = self.selected()
        if rollout is None:
            return ()
        from rolloutctl.tui.draw.rollout import facts, state_lines, title  # noqa: PLC0415 - there is a snapshot: models are loaded

        when, cells = self.shell.when(), self.size.width - 4
        head, standing = title(rollout, cells), state_lines(rollout, when, cells, self.shell.keys)
        worst = rollout.phase_verdict.worst if rollout.phase_verdict is not None else None
        said = worst is not None and _squeezed(worst.why)[:_ENOUGH] in _squeezed(page(standing))
        reason = wrap(worst.why, cells, Ink.DIM) if worst is not None and not said else ()
        return (head, *standing, *reason, *facts(rollout, when, cells))

    def target(self) -> str | None:
        return self.query_one(Table).at

    def copied(self) -> str:
        shown = self._shown()
        columns = draw.columns(120, shown)
        rows = [draw.row(rollout, columns, self.shell.when()) for rollout in shown]
        return "\n".join("  ".join(plain(cell) for cell in row.cells) for row in rows)

    def action_open(self) -> None:
        target = self.target()
        if target is None:
            return
        if self.shell.fleet is None:
            self.shell.refuse("still reading: it can be opened in a moment")
        else:
            self._open(target)

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        event.stop()
        self.action_open()

    def on_data_table_row_highlighted(self) -> None:
        self.call_after_refresh(self.redraw)

    def leave_unfiltered(self) -> None:
        self.shell.hush()
