"""Whether a window has enough events for its ratio to count, and what would make it enough."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rolloutctl.judge.grid import Grid
from rolloutctl.judge.threshold import Missing
from rolloutctl.judge.words import count as events
from rolloutctl.judge.words import rate, span, span_long
from rolloutctl.model.samples import Arm
from rolloutctl.model.verdict import State


@dataclass(frozen=True, slots=True)
class Window:
    """Per closed cell: sums over the window that ends there, and the share of its samples that were no numbers."""

    bad: Sequence[float]
    total: Sequence[float]
    broken: Sequence[float]
    first: float
    """First sample that counts."""
    newest: Sequence[float]
    """Newest sample at the cell's end."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """Of one arm of a ratio, whole or one segment."""

    arm: Arm
    window: Window | None
    """None: the arm has no series."""
    other: Window | None
    """The other arm's."""
    fewest: int
    """Events a window needs."""
    grid: Grid
    window_s: float
    deadline: float
    """Unix s; a verdict after it is none in time."""

    def low(self, cell: int) -> Missing | None:
        """LOW_TRAFFIC as of a closed cell: at the rate of its window there will never be enough in time."""
        covered = self._covered(cell)
        if self.window is None or covered < self.grid.length:
            return None
        total = self.window.total[cell]
        per_second = total / covered
        needed_s = self.fewest / per_second if per_second else math.inf
        in_window = needed_s <= self.window_s + self.grid.length / 2
        if in_window and self.grid.end(cell) + needed_s - covered <= self.deadline:
            return None
        if total == 0:
            return self._none(cell, covered)
        return Missing(
            State.LOW_TRAFFIC,
            f"{rate(per_second)}: {events(total)} of the {self.arm} in the last {span(covered)}, where "
            f"{events(self.fewest)} are needed in {span(self.window_s)}.",
            f"At this rate {events(self.fewest)} take {span_long(needed_s)}: a longer window, more exposure, "
            "or a smaller min_total.",
        )

    def _none(self, cell: int, covered: float) -> Missing:
        there = self.other.total[cell] if self.other else 0.0
        hint = f", while the other arm has {rate(there / self.window_s)}" if there > 0 else ""
        return Missing(
            State.LOW_TRAFFIC,
            f"no traffic: 0 requests of the {self.arm} in {span(covered)}{hint}; {events(self.fewest)} are needed.",
            f"Requests that reach the {self.arm}; check that the flag and the routing send it any.",
        )

    def needs_more(self, cell: int) -> tuple[str, str]:
        """Why it is not enough yet, and when it will be."""
        total = self.window.total[cell] if self.window else 0.0
        covered = self._covered(cell)
        more = f"needs about {events(max(1.0, self.fewest - total))} more requests of the {self.arm}"
        if total <= 0 or covered <= 0:
            return f"{more}; none counted yet.", "Two scrapes with traffic between them."
        seconds = (self.fewest - total) / (total / covered)
        return (
            f"{more}: {events(total)} of {events(self.fewest)} so far, {rate(total / covered)}.",
            f"Enough in about {span(seconds)} at this rate.",
        )

    def _covered(self, cell: int) -> float:
        """Seconds of the window that samples can tell about."""
        if self.window is None:
            return 0.0
        begin = self.grid.end(cell) - self.window_s
        if self.window.first >= begin:
            return max(0.0, self.window.newest[cell] - self.window.first)
        # The first increment inside the window began before it, by a scrape interval at most.
        return max(0.0, min(self.window_s, self.window.newest[cell] - begin + self.grid.length))
