"""Raw counters into increments per cell: reset-aware, disjoint, each at the time of the scrape that showed it.

Rules: a counter that falls was reset, and what it shows then is its increment; the first sample of a new series only says
where it begins; a missing scrape's events come with the next one; an interval that began before `origin` is not counted,
because nobody can tell which of its events came after. Samples that are no numbers are left out and counted.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from operator import ge

from rolloutctl.judge.grid import Grid
from rolloutctl.judge.sightings import NEVER, Sightings, joined, sightings
from rolloutctl.model.samples import Samples, Series

_EDGE = 1e-4
"""Of a cell: a sample this close behind a border belongs to the cell before it."""


@dataclass(frozen=True, slots=True)
class Counted:
    """One counter of one arm, whole or one segment."""

    increments: Sequence[float]
    """Per ended cell."""
    broken: Mapping[int, int]
    """Samples that were no numbers, by cell."""
    seen: Sightings
    first: float
    """First sample that counts (`origin` or later); infinite: none yet."""
    series: int
    scrapes: int
    """Samples since the phase's start, broken ones included."""


@dataclass(slots=True)
class _Sum:
    increments: list[float]
    broken: dict[int, int] = field(default_factory=dict)
    latest: dict[int, float] = field(default_factory=dict)
    before: float = NEVER
    hosts: dict[str, float] = field(default_factory=dict)
    first: float = math.inf
    series: int = 0
    scrapes: int = 0


def tidy(samples: Samples, until: float) -> tuple[Series, ...]:
    """One series per set of labels, its samples in order of time, each time once (the last given), none after `until`."""
    by_labels: dict[tuple[tuple[str, str], ...], list[Series]] = {}
    for series in samples.series:
        by_labels.setdefault(series.labels, []).append(series)
    found = []
    for labels, parts in sorted(by_labels.items()):
        series = parts[0]
        ordered = len(parts) == 1 and not any(map(ge, series.times, islice(series.times, 1, None)))
        if not ordered or (series.times and series.times[-1] > until):
            merged = {t: v for part in parts for t, v in zip(part.times, part.values, strict=True) if t <= until}
            series = Series(labels, tuple(sorted(merged)), tuple(merged[t] for t in sorted(merged)))
        if series.times:
            found.append(series)
    return tuple(found)


def count(series: Iterable[Series], grid: Grid, origin: float, host: str | None, segment: str | None) -> dict[str, Counted]:
    """By value of the `segment` label (empty: series without it, or no such label declared). `series` are tidy."""
    sums: dict[str, _Sum] = {}
    for one in series:
        name = one.label(segment) if segment else ""
        into = sums.setdefault(name, _Sum([0.0] * grid.ended))
        _add(into, one, grid, origin, one.label(host) if host else str(one.labels))
    return {name: _counted(into, grid) for name, into in sums.items()}


def _add(into: _Sum, series: Series, grid: Grid, origin: float, host: str) -> None:
    into.series += 1
    into.hosts[host] = max(series.times[-1], into.hosts.get(host, NEVER))
    increments, latest, ended = into.increments, into.latest, len(into.increments)
    start, length, isfinite, ceil = grid.start, grid.length, math.isfinite, math.ceil
    last_time, last = NEVER, 0.0
    for time, value in zip(series.times, series.values, strict=True):
        if time < start:
            into.before = max(into.before, time)
            if isfinite(value):
                last_time, last = time, value
            continue
        cell = max(0, ceil((time - start) / length - _EDGE) - 1)
        into.scrapes += 1
        if not isfinite(value):
            into.broken[cell] = into.broken.get(cell, 0) + 1
            continue
        if time > latest.get(cell, NEVER):
            latest[cell] = time
        if last_time >= origin:
            if cell < ended:
                increments[cell] += value - last if value >= last else value
        elif origin <= time < into.first:
            into.first = time
        last_time, last = time, value


def _counted(total: _Sum, grid: Grid) -> Counted:
    seen = sightings(grid, total.latest, total.before, total.hosts)
    return Counted(total.increments, total.broken, seen, total.first, total.series, total.scrapes)


def whole(parts: Iterable[Counted]) -> Counted | None:
    """All segments as one; None where there is none."""
    known = list(parts)
    seen = joined(part.seen for part in known)
    if seen is None:
        return None
    if len(known) == 1:
        return known[0]
    broken: dict[int, int] = {}
    for part in known:
        for cell, number in part.broken.items():
            broken[cell] = broken.get(cell, 0) + number
    return Counted(
        increments=[sum(values) for values in zip(*(part.increments for part in known), strict=True)],
        broken=broken,
        seen=seen,
        first=min(part.first for part in known),
        series=sum(part.series for part in known),
        scrapes=sum(part.scrapes for part in known),
    )
