"""Raw counters of both arms from one look to the next: only samples behind the known ones are read.

Invariant: every sample that was read is still there, unchanged, and none has come between them. Where that is not so, or the
series are others than before, `grow` says so and the phase has to be gone through again. The rules are those of `increments`
and `presence`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from rolloutctl.judge.increments import EDGE, TICK_S, Labels, Span
from rolloutctl.judge.rates.counts import Floats
from rolloutctl.judge.sightings import NEVER
from rolloutctl.model.samples import Samples, Series

SETTLED = 22
"""Samples in the phase after which a series' scrape interval is no longer asked."""


@dataclass(slots=True)
class _Cursor:
    """One series, read up to `known` samples."""

    series: Series
    times: Floats
    values: Floats
    known: int
    newest: float
    counted_at: float
    """Of the newest sample that is a number."""
    value: float
    place: int
    """Of its segment and host in a cell's row."""
    host: int
    segment: str
    settled: bool
    """Later samples cannot change what it says about how often it is scraped."""


@dataclass(slots=True)
class Selector:
    """One selector's series. `kind` is its place in a cell's rows; `dates`: its samples tell when the arm was seen."""

    kind: int
    arm: int
    dates: bool
    cursors: list[_Cursor] = field(default_factory=list)


@dataclass(slots=True)
class Growth:
    """`hosts` and `segments` are the axes; a cell's rows are all and bad events of the canary, then of the baseline."""

    span: Span
    labels: Labels
    max_age: float
    hosts: tuple[Sequence[str], Sequence[str]]
    segments: Sequence[str]
    next: int
    """The cell that closes next."""
    selectors: list[Selector] = field(default_factory=list)
    cells: dict[int, list[list[float]]] = field(default_factory=dict)
    """Increments of cells that are not closed."""
    seen: tuple[dict[str, list[float]], dict[str, list[float]]] = field(default_factory=lambda: ({}, {}))
    """By arm and host: sample times, from the last one before the newest closed cell's end on."""
    newest: tuple[dict[str, float], dict[str, float]] = field(default_factory=lambda: ({}, {}))
    """By arm and segment."""
    begins: float = 0.0
    """Increments from samples before it do not count."""

    def __post_init__(self) -> None:
        self.begins = self.span.origin - TICK_S

    def begin(self, selector: Selector, samples: Samples, until: float) -> bool:
        """Read the selector's series for the first time; False: they cannot be followed."""
        self.selectors.append(selector)
        labels = set()
        for series in samples.series:
            times, values = series.arrays()
            segment, host = self.labels.place(series)
            hosts = self.hosts[selector.arm]
            ordered = len(times) > 0 and bool((times[1:] > times[:-1]).all())
            if series.labels in labels or series.histograms or not ordered or segment not in self.segments or host not in hosts:
                return False
            labels.add(series.labels)
            known = int(np.searchsorted(self._cells(times), self.next))
            numbers = np.flatnonzero(np.isfinite(values[:known]))
            last = int(numbers[-1]) if len(numbers) else -1
            cursor = _Cursor(
                series=series,
                times=times[:known],
                values=values[:known],
                known=known,
                newest=float(times[known - 1]) if known else NEVER,
                counted_at=float(times[last]) if last >= 0 else NEVER,
                value=float(values[last]) if last >= 0 else 0.0,
                place=self.segments.index(segment) * len(hosts) + hosts.index(host),
                host=hosts.index(host),
                segment=segment,
                settled=not selector.dates or len(times) - int(np.searchsorted(times, self.span.start - TICK_S)) >= SETTLED,
            )
            if selector.dates:
                self.seen[selector.arm].setdefault(host, [])
                self._date(selector.arm, cursor, times[max(0, known - 1) : known].tolist())
                if not cursor.settled and float(times[-1]) >= until - self.max_age:
                    return False
            selector.cursors.append(cursor)
            if not self._read(selector, cursor, series, until):
                return False
        return True

    def _cells(self, times: Floats) -> Floats:
        found: Floats = np.ceil((times - self.span.start) / self.span.length - EDGE) - 1
        return found

    def grow(self, answers: Sequence[Samples], until: float) -> bool:
        """Read what is new up to `until`; False: something else has changed."""
        for selector, samples in zip(self.selectors, answers, strict=True):
            series = samples.series
            if len(series) != len(selector.cursors):
                return False
            for cursor, one in zip(selector.cursors, series, strict=True):
                if one is not cursor.series and not self._read(selector, cursor, one, until):
                    return False
        return True

    def _read(self, selector: Selector, cursor: _Cursor, series: Series, until: float) -> bool:
        times, values = series.arrays()
        known = cursor.known
        before = cursor.series
        if series.histograms or (series.labels is not before.labels and series.labels != before.labels):
            return False
        when, what = cursor.times, cursor.values
        size = len(times)
        if values.base is what.base and times.base is when.base and what.base is not None and when.base is not None and known:
            # Buffers only grow: what was read there is still there.
            if size < known or times.item(known - 1) != cursor.newest:
                return False
        elif not _same(cursor, times, values):
            return False
        # Nearly always there is one: to slice for it would cost more than all the rest.
        fresh = (times.item(known),) if size == known + 1 else times[known:].tolist()
        if fresh and not cursor.settled and before is not series:
            return False
        start, length, last = self.span.start, self.span.length, cursor.value
        for at, time in enumerate(fresh, known):
            value = values.item(at)
            if not (cursor.newest < time <= until and math.isfinite(value)):
                return False
            cell = math.ceil((time - start) / length - EDGE) - 1
            if cell < self.next:
                return False
            if cursor.counted_at >= self.begins:
                rows = self.cells.get(cell) or self._open(cell)
                rows[selector.kind][cursor.place] += value - last if value >= last else value
            cursor.newest = cursor.counted_at = time
            cursor.value = last = value
        cursor.series, cursor.times, cursor.values, cursor.known = series, times, values, size
        if fresh and selector.dates:
            self._date(selector.arm, cursor, fresh)
        return True

    def _open(self, cell: int) -> list[list[float]]:
        rows = [[0.0] * (len(self.segments) * len(self.hosts[arm])) for arm in (0, 0, 1, 1)]
        self.cells[cell] = rows
        return rows

    def _date(self, arm: int, cursor: _Cursor, times: Sequence[float]) -> None:
        mine = self.seen[arm][self.hosts[arm][cursor.host]]
        if mine and times and times[0] <= mine[-1]:
            mine[:] = sorted({*mine, *times})
        else:
            mine += times
        if times:
            newest = self.newest[arm]
            if times[-1] > newest.get(cursor.segment, NEVER):
                newest[cursor.segment] = times[-1]

    def closes(self, now: float) -> bool:
        """Whether the next cell is complete."""
        end = self.span.start + (self.next + 1) * self.span.length
        if end > now + TICK_S:
            return False
        if end + self.max_age <= now + TICK_S:
            return True
        border, oldest = end - TICK_S, end - self.max_age
        waited, earliest, alive = NEVER, math.inf, False
        for hosts in self.seen:
            for times in hosts.values():
                before, after = _around(times, border)
                earliest = min(earliest, after)
                if before > oldest:
                    alive, waited = True, max(waited, after)
        return max(waited if alive else earliest, end) <= now + TICK_S

    def close(self) -> list[list[float]]:
        """The rows of the next cell, which counts as closed from now on."""
        border = self.span.start + (self.next + 1) * self.span.length - TICK_S
        for hosts in self.seen:
            for times in hosts.values():
                place = len(times)
                while place and times[place - 1] >= border:
                    place -= 1
                del times[: max(0, place - 1)]
        rows = self.cells.pop(self.next, None) or self._open(self.next)
        self.cells.pop(self.next, None)
        self.next += 1
        return rows

    def newest_of(self, arm: int, segment: str) -> float:
        """NEVER where there is no sample; an empty segment is the whole arm."""
        mine = self.newest[arm]
        return mine.get(segment, NEVER) if segment else max(mine.values(), default=NEVER)


def _same(cursor: _Cursor, times: Floats, values: Floats) -> bool:
    """Whether what was read is still there."""
    known = cursor.known
    if len(times) < known:
        return False
    return times[:known].tobytes() == cursor.times.tobytes() and values[:known].tobytes() == cursor.values.tobytes()


def _around(times: Sequence[float], border: float) -> tuple[float, float]:
    """The last one before `border`, and the first one from it on."""
    after = math.inf
    for time in reversed(times):
        if time < border:
            return time, after
        after = time
    return NEVER, after
