"""The journal: every event of a rollout or of all, filter, follow, open one, verify the chain."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from typing import ClassVar

from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import DataTable

from rolloutctl.engine.view.snapshot import JournalPage
from rolloutctl.model.events import Event
from rolloutctl.ports import Verified
from rolloutctl.telling import values
from rolloutctl.tui.bind import bound, fixed
from rolloutctl.tui.draw import journal as draw
from rolloutctl.tui.draw.ink import Ink, Line, line, span
from rolloutctl.tui.screens.filtered import FilteredScreen
from rolloutctl.tui.screens.page import PageScreen
from rolloutctl.tui.widgets.field import Filter
from rolloutctl.tui.widgets.table import Table

_PAGE = 500
_KEPT = 2_000
"""Newest events that are held and shown; `rolloutctl journal show` has all."""


class JournalScreen(FilteredScreen):
    CSS_PATH = "journal.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        fixed("enter", "open", "open", "Open the event under the cursor", show=True, display="↵"),
        bound("journal.filter", "filter", "filter", "Filter the events"),
        bound("journal.follow", "follow", "follow", "Keep the newest event under the cursor, or stop that"),
        bound("journal.verify", "verify", "verify chain", "Recompute every hash of the journal"),
        bound("journal.copy", "copy", "copy", "Copy the shown events as text"),
        fixed("escape", "leave", "back", "Clear the filter, or back", show=True, display="esc"),
    ]

    def __init__(self, rollout_id: str | None) -> None:
        super().__init__()
        self.rollout_id = rollout_id
        self.following = True
        self._events: deque[Event] = deque(maxlen=_KEPT)
        self._last = 0
        self._seen = 0
        self._asking = False
        self._failed = ""

    def body(self) -> Iterable[Widget]:
        yield Filter("filter: words of the event")
        yield Table(id="events")

    def on_mount(self) -> None:
        self._ask()

    def target(self) -> str | None:
        return self.rollout_id

    def _ask(self) -> None:
        if not self._asking:
            self._asking = True
            self.shell.land(self.shell.engine.events(self.rollout_id, self._last, _PAGE), self._got)

    def _got(self, future: Future[JournalPage]) -> None:
        self._asking = False
        error = future.exception()
        self._failed = str(error) if error is not None else ""
        if error is None:
            events = future.result().events
            self._events.extend(events)
            self._last = events[-1].seq if events else self._last
            if len(events) >= _PAGE:
                self._ask()
        self.redraw()

    def _newer(self) -> bool:
        """Something was journalled since the last look; asking twice for the same would never end."""
        rollouts = self.shell.fleet.rollouts if self.shell.fleet is not None else ()
        newest = max((r.state.seq for r in rollouts if self.rollout_id in {None, r.id}), default=0)
        moved, self._seen = newest != self._seen, newest
        return moved

    def _shown(self) -> list[Event]:
        wanted = self.wanted()
        return [event for event in self._events if draw.matches(event, wanted)]

    def draw(self) -> None:
        if self._newer():
            self._ask()
        self.query_one(Filter).settle()
        shown, table, when = self._shown(), self.query_one(Table), self.shell.when()
        columns = draw.columns(self.size.width - 4, every=self.rollout_id is None)
        rows = [draw.row(event, columns, when) for event in shown]
        table.show(columns, rows)
        if self.following and rows:
            table.point_at(rows[-1].key)
        whose = self.rollout_id or "all rollouts"
        counted = f"{len(shown)}/{len(self._events)}" if self.wanted() else str(len(self._events))
        zone = when.zone_of(when.now)
        state = "following" if self.following else "not following"
        foot = f"✖ cannot be read: {self._failed}" if self._failed else state
        self.shell.entitle(table, f"journal of {whose} · {counted} events · times in {zone}", foot)

    def copied(self) -> str:
        when = self.shell.when()
        return "\n".join(f"{e.seq} {when.full(e.at)} {e.actor} {e.kind} {values(e)}" for e in self._shown())

    def action_open(self) -> None:
        at = self.query_one(Table).at
        event = next((event for event in self._events if str(event.seq) == at), None)
        if event is not None:
            self.following = False
            self.app.push_screen(EventScreen(event))

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        event.stop()
        self.action_open()

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """Moving away from the newest event stops following."""
        if self.following and self._events and event.data_table.has_focus:
            table = self.query_one(Table)
            self.following = table.cursor_row >= table.row_count - 1

    def action_follow(self) -> None:
        self.following = not self.following
        self.redraw()

    def action_verify(self) -> None:
        self.shell.say("◷ verifying the chain …", Ink.WAIT)
        self.shell.land(self.shell.engine.verify_journal(), self._verified)

    def _verified(self, future: Future[Verified]) -> None:
        error = future.exception()
        if error is not None:
            self.shell.say(f"✖ the journal could not be verified: {error}", Ink.BAD)
            return
        found = future.result()
        if found.findings:
            first = found.findings[0]
            words = f"✖ {len(found.findings)} findings, first at event {first.seq}: {first.what}"
            self.shell.say(words, Ink.BAD)
        else:
            head = f"✔ {found.events} events, head {found.head_seq} {found.head_hash[:12]}… · {found.claims}"
            self.shell.say(head, Ink.GOOD)


class EventScreen(PageScreen):
    def __init__(self, event: Event) -> None:
        super().__init__()
        self._event = event

    def target(self) -> str | None:
        name = self._event.stream.removeprefix("rollout/")
        return name if self.shell.rollout(name) is not None else None

    def title_text(self) -> str:
        return f"event {self._event.seq}"

    def lines(self, cells: int) -> Sequence[Line]:
        head = line(span(values(self._event), Ink.STRONG))
        return [head, (), *draw.opened(self._event, self.shell.when(), cells)]
