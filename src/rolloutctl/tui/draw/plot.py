"""The plot of canary and baseline against the bound, in braille dots: numbers in, lines out.

The canary is a solid line, the baseline every other dot (so that they differ without colour), the bound a row of
dashes. A cell without a usable value leaves a gap; a spike shorter than a column keeps its full height.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rolloutctl.model.verdict import Cell
from rolloutctl.tui.draw.digits import digits
from rolloutctl.tui.draw.ink import Ink, Line, Span
from rolloutctl.tui.draw.when import When

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Bit of a braille cell by row and column."""
_DASH = "╌"
_BIGGEST = 1e200
Point = tuple[float, float | None]
"""Unix time and value; None is a gap."""


@dataclass(frozen=True, slots=True)
class Curves:
    """What is drawn, in the shown unit (percent for ratios)."""

    canary: tuple[Point, ...] = ()
    baseline: tuple[Point, ...] = ()
    bound: tuple[Point, ...] = ()
    unit: str = ""

    @property
    def empty(self) -> bool:
        return not any(value is not None for _, value in (*self.canary, *self.baseline))


def curves(cells: Sequence[Cell], scale: float, unit: str) -> Curves:
    def of(pick: Callable[[Cell], float | None]) -> tuple[Point, ...]:
        return tuple((cell.end, _usable(pick(cell), scale)) for cell in cells)

    return Curves(of(lambda c: c.canary), of(lambda c: c.baseline), of(lambda c: c.bound), unit)


def _usable(value: float | None, scale: float) -> float | None:
    """None as well for what no axis can hold: infinities and amounts near the end of the number range."""
    return None if value is None or not abs(value) < _BIGGEST else value * scale


@dataclass(frozen=True, slots=True)
class _Frame:
    """From times and values to dots."""

    start: float
    end: float
    low: float
    high: float
    columns: int
    rows: int

    def x(self, at: float) -> int:
        span = self.end - self.start
        return 0 if span <= 0 else round((at - self.start) / span * (self.columns * 2 - 1))

    def y(self, value: float) -> int:
        """Dot row from the top."""
        bounded = min(self.high, max(self.low, value))
        return round((self.high - bounded) / (self.high - self.low) * (self.rows * 4 - 1))


@dataclass(frozen=True, slots=True)
class Scale:
    """Ends and ticks of the value axis."""

    low: float
    high: float
    ticks: tuple[float, ...]


def scale_of(drawn: Curves, rows: int, before: Scale | None = None) -> Scale | None:
    """None: nothing to draw. The scale `before` stays while everything fits and fills half of it: a plot must not jump."""
    values = [value for _, value in (*drawn.canary, *drawn.baseline, *drawn.bound) if value is not None]
    if drawn.empty or not values:
        return None
    fresh = _scale(min(values), max(values), max(2, min(5, (rows - 1) // 2)))
    if before is None or min(values) < before.low or max(values) > before.high:
        return fresh
    return before if fresh.high - fresh.low >= 0.5 * (before.high - before.low) else fresh


def plot(drawn: Curves, columns: int, rows: int, when: When, scale: Scale | None = None) -> tuple[Line, ...]:
    """`rows` lines of at most `columns` cells, axes included; a sentence when there is nothing to draw or no room."""
    if drawn.empty:
        return ((Span("no value yet in this phase", Ink.DIM),),)
    if columns < 24 or rows < 4:
        return ((Span("no room for the plot: zoom it", Ink.DIM),),)
    scale = scale or scale_of(drawn, rows)
    assert scale is not None
    labels = [f"{digits(tick)} {drawn.unit}".rstrip() for tick in scale.ticks]
    bound = next((value for _, value in reversed(drawn.bound) if value is not None), None)
    shown_bound = f"{digits(bound)} {drawn.unit}".rstrip() if bound is not None else ""
    margin = max(len(label) for label in (*labels, shown_bound))
    times = [at for at, _ in drawn.canary or drawn.baseline]
    frame = _Frame(min(times), max(times), scale.low, scale.high, columns - margin - 1, rows - 1)
    grid = _Grid(frame)
    grid.bound(drawn.bound)
    grid.curve(drawn.baseline, Ink.BASELINE)
    grid.curve(drawn.canary, Ink.CANARY)
    at_row = {min(frame.rows - 1, frame.y(tick) // 4): label for tick, label in zip(scale.ticks, labels, strict=True)}
    if bound is not None:
        # Its dashes stand for the bound alone: a round number beside them would be a lie.
        at_row[min(frame.rows - 1, frame.y(bound) // 4)] = shown_bound
    body = [
        (Span(f"{at_row.get(row, ''):>{margin}}", Ink.DIM), Span("┤" if row in at_row else "│", Ink.DIM), *grid.line(row))
        for row in range(frame.rows)
    ]
    return (*body, (Span(" " * margin + "└" + _clock_axis(frame, when), Ink.DIM),))


def legend(drawn: Curves) -> Line:
    """What is what, with the newest values."""
    parts: list[Span] = []
    for name, sample, points, ink in (
        ("canary", "⠤⠤", drawn.canary, Ink.CANARY),
        ("baseline", "⠄⠄", drawn.baseline, Ink.BASELINE),
        ("bound", _DASH * 2, drawn.bound, Ink.BOUND),
    ):
        if not any(value is not None for _, value in points):
            continue
        newest = points[-1][1]
        shown = "—" if newest is None else f"{digits(newest)} {drawn.unit}".rstrip()
        parts.append(Span(f"{'  ' if parts else ''}{sample} {name} {shown}", ink))
    return tuple(parts)


class _Grid:
    """Dots of the plot's inside; the ink of a cell is that of the last curve through it."""

    def __init__(self, frame: _Frame) -> None:
        self.frame = frame
        self._bits = [[0] * frame.columns for _ in range(frame.rows)]
        self._inks: list[list[Ink | None]] = [[None] * frame.columns for _ in range(frame.rows)]
        self._dashes: set[tuple[int, int]] = set()

    def bound(self, points: Sequence[Point]) -> None:
        """Dashes at the bound's height; where it moves with a baseline, the last known one carries on to the next."""
        known = [(self.frame.x(at) // 2, self.frame.y(value) // 4) for at, value in points if value is not None]
        ends = [column for column, _ in known[1:]] + [self.frame.columns]
        for (column, row), until in zip(known, ends, strict=False):
            self._dashes.update((at, row) for at in range(column, max(column + 1, until)) if at < self.frame.columns)

    def curve(self, points: Sequence[Point], ink: Ink) -> None:
        before: tuple[int, int] | None = None
        for at, value in points:
            if value is None:
                before = None
                continue
            here = (self.frame.x(at), self.frame.y(value))
            for x, y in _segment(before or here, here):
                if ink is not Ink.BASELINE or x % 2 == 0 or before is None:
                    self._dot(x, y, ink)
            before = here

    def _dot(self, x: int, y: int, ink: Ink) -> None:
        self._bits[y // 4][x // 2] |= _DOTS[y % 4][x % 2]
        self._inks[y // 4][x // 2] = ink

    def line(self, row: int) -> Line:
        spans: list[Span] = []
        for column, (bits, ink) in enumerate(zip(self._bits[row], self._inks[row], strict=True)):
            if bits:
                char, shown = chr(0x2800 + bits), ink or Ink.PLAIN
            elif (column, row) in self._dashes:
                char, shown = _DASH, Ink.BOUND
            else:
                char, shown = " ", Ink.PLAIN
            if spans and spans[-1].ink is shown:
                spans[-1] = Span(spans[-1].text + char, shown)
            else:
                spans.append(Span(char, shown))
        return tuple(spans)


def _segment(start: tuple[int, int], end: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """Every dot of a straight line."""
    (x0, y0), (x1, y1) = start, end
    steps = max(abs(x1 - x0), abs(y1 - y0), 1)
    for step in range(steps + 1):
        yield x0 + round((x1 - x0) * step / steps), y0 + round((y1 - y0) * step / steps)


def _scale(low: float, high: float, wanted: int) -> Scale:
    """Round ends and ticks that hold every value; from zero where zero is near, so that heights compare honestly."""
    if low >= 0 and low < high * 0.6:
        low = 0.0
    if high - low <= max(abs(low), abs(high)) * 1e-9 or high - low < 1 / _BIGGEST:
        pad = abs(high) * 0.1 if abs(high) > 1 / _BIGGEST else 1.0
        low, high = low - pad, high + pad
    step = _round_step((high - low) / wanted)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return Scale(first * step, last * step, tuple(index * step for index in range(first, last + 1)))


def _round_step(raw: float) -> float:
    size = 10.0 ** math.floor(math.log10(raw))
    return next(factor * size for factor in (1, 2, 2.5, 5, 10, 20) if factor * size >= raw)


_SECONDS_UNDER_S = 600
"""A shorter stretch shows seconds: four times the same minute say nothing."""


def _clock_axis(frame: _Frame, when: When) -> str:
    """Local times under the plot; the newest one carries the zone."""
    written = when.clock if frame.end - frame.start < _SECONDS_UNDER_S else when.minute
    end = f"{written(frame.end)} {when.zone_of(frame.end)}"
    axis = [" "] * frame.columns
    axis[max(0, frame.columns - len(end)) :] = list(end[-frame.columns :])
    last = frame.columns - len(end) - 2
    for part in range(4):
        label = written(frame.start + (frame.end - frame.start) * part / 4)
        left = round(frame.columns * part / 4)
        free = part == 0 or (left > 0 and axis[left - 2 : left] == [" ", " "])
        if left + len(label) <= last and free:
            axis[left : left + len(label)] = list(label)
    return "".join(axis)
