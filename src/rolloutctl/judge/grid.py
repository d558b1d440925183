"""The cells of a phase: when they begin and end, when they are closed, and sums over windows of them.

Cells are half open, (start, end], numbered from 0 at the phase's start. Every function runs in time linear in its input.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, islice
from operator import sub
from statistics import median_low

_TICK_S = 0.002
"""Sources answer in milliseconds; a sample this close to a border is on it."""
_CALIBRATION = 20
"""Intervals of a series that decide how often it is scraped: only its first ones, so that the grid does not move later."""
SAMPLED = _CALIBRATION + 1
"""First samples of a series that are looked at for it."""
_LATE = 0.1
"""Share of a step by which scrapes may be slower than the plan's grid before cells get longer."""


@dataclass(frozen=True, slots=True)
class Grid:
    start: float
    length: float
    now: float

    @property
    def ended(self) -> int:
        """How many cells lie wholly in the past."""
        return max(0, math.floor((self.now - self.start + _TICK_S) / self.length))

    def end(self, cell: int) -> float:
        return self.start + (cell + 1) * self.length

    def first_after(self, time: float) -> int:
        """The first cell that ends after `time`."""
        return max(0, math.floor((time - self.start + _TICK_S) / self.length))

    def cells(self, seconds: float) -> int:
        """How many cells cover at least `seconds`, one or more."""
        return max(1, math.ceil((seconds - _TICK_S) / self.length))


def cell_length(step: float, arms: Iterable[Iterable[Sequence[float]]]) -> float:
    """The plan's step, or the scrape interval of the slowest arm where that is longer, in whole steps.

    `arms` are sample times of the series of each arm. Whole steps keep looks on the plan's grid.
    """
    slowest = step
    for series in arms:
        typical = [interval for times in series if (interval := _interval(times)) is not None]
        slowest = max(slowest, median_low(typical)) if typical else slowest
    return step * max(1, math.ceil(slowest / step - _LATE))


def _interval(times: Sequence[float]) -> float | None:
    first = times[: _CALIBRATION + 1]
    return median_low(map(sub, islice(first, 1, None), first)) if len(first) > 2 else None


def closed_cells(grid: Grid, newest: Sequence[float], max_age: float) -> int:
    """How many cells are closed: every live host has a sample past their end, or `max_age` has passed since.

    `newest` holds the newest sample time of each host; a host that was silent for `max_age` before a cell's end is not
    waited for.
    """
    cell = min(grid.ended, max(0, math.floor((grid.now - max_age - grid.start + _TICK_S) / grid.length)))
    while cell < grid.ended:
        end = grid.end(cell)
        live = [time for time in newest if time > end - max_age]
        if not live or min(live) < end - _TICK_S:
            break
        cell += 1
    return cell


def sliding_sums(values: Sequence[float], width: int) -> list[float]:
    """For every index the sum of the `width` values that end there (fewer at the beginning).

    Sums are never differences of larger sums, so one huge value does not spoil those after it.
    """
    if width >= len(values):
        return list(accumulate(values))
    heads: list[float] = []
    tails: list[float] = []
    for begin in range(0, len(values), width):
        block = values[begin : begin + width]
        heads += accumulate(block)
        tails += reversed(list(accumulate(reversed(block))))
    sums = heads[:width]
    for index in range(width, len(values)):
        first = index - width + 1
        sums.append(heads[index] if first % width == 0 else tails[first] + heads[index])
    return sums
