"""Values of an expression on the phase's grid: one number per arm and grid time, from however many series there are.

Series that differ only in host (and, unless judged apart, segment) labels are averaged. Where series differ in any other
label at the same time, nobody said which one is meant: that time has no value, and the labels are named.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rolloutctl.judge.grid import Grid
from rolloutctl.judge.sightings import NEVER, Sightings, sightings
from rolloutctl.judge.unsound import differing
from rolloutctl.model.samples import Samples, Series


@dataclass(frozen=True, slots=True)
class Points:
    """Of one arm, whole or one segment; the sequences have one entry per grid time, the phase's start first."""

    sums: Sequence[float]
    """Sum of the numbers at that time; 0 where there is none."""
    numbers: Sequence[int]
    """How many series gave a number."""
    broken: Sequence[int]
    """How many gave something that is none."""
    several: Sequence[bool]
    """Series were there of which only one can be meant."""
    differ_in: tuple[str, ...]
    """Labels in which they differ."""
    series: int

    def mean(self, point: int) -> float | None:
        if self.several[point] or not self.numbers[point]:
            return None
        return self.sums[point] / self.numbers[point]


@dataclass(slots=True)
class _Building:
    sums: list[float]
    numbers: list[int]
    broken: list[int]
    kinds: dict[tuple[tuple[str, str], ...], set[int]] = field(default_factory=dict)
    series: int = 0


def points(samples: Samples, start: float, step: float, size: int, together: frozenset[str]) -> Points | None:
    """Values at `size` grid times from `start` on; None where no series has any. `together` are labels to average over."""
    building = _Building([0.0] * size, [0] * size, [0] * size)
    for series in sorted(samples.series, key=lambda one: one.labels):
        _add(building, series, start, step, size, together)
    if not building.series:
        return None
    several = [False] * size
    if len(building.kinds) > 1:
        seen = [0] * size
        for present in building.kinds.values():
            for point in present:
                seen[point] += 1
        several = [number > 1 for number in seen]
    labels = differing(building.kinds) if any(several) else ()
    return Points(building.sums, building.numbers, building.broken, several, labels, building.series)


def _add(building: _Building, series: Series, start: float, step: float, size: int, together: frozenset[str]) -> None:
    kind = tuple(pair for pair in series.labels if pair[0] not in together)
    present: set[int] = set()
    for time, value in zip(series.times, series.values, strict=True):
        point = round((time - start) / step)
        if not 0 <= point < size or point in present:
            continue
        present.add(point)
        if math.isfinite(value):
            building.sums[point] += value
            building.numbers[point] += 1
        else:
            building.broken[point] += 1
    if present:
        building.series += 1
        building.kinds.setdefault(kind, set()).update(present)


@dataclass(frozen=True, slots=True)
class Dated:
    """When the samples behind an arm's value were scraped."""

    seen: Sightings | None
    """Of the selector that is behind the most; None: one of them has no sample at all."""
    missing: str
    """That selector."""
    real: Sequence[float]
    """At every grid time, the scrape that at least half of the series have reached; NEVER: none."""


def dated(by_selector: Mapping[str, Samples], grid: Grid, step: float, size: int, host: str | None) -> Dated:
    """From the answers of TIMESTAMP queries: at every grid time the newest sample's time, per series."""
    seen: Sightings | None = None
    real = [math.inf] * size
    for selector, samples in by_selector.items():
        newest, typical, hosts = _scrapes(samples, grid.start, step, size, host)
        if not hosts:
            return Dated(None, selector, [NEVER] * size)
        real = [min(a, b) for a, b in zip(real, typical, strict=True)]
        one = _seen(newest, hosts, grid, step)
        seen = one if seen is None else _further_behind(seen, one)
    return Dated(seen, "", [NEVER if math.isinf(time) else time for time in real])


def _scrapes(
    samples: Samples, start: float, step: float, size: int, host: str | None
) -> tuple[list[float], list[float], dict[str, float]]:
    """Newest and lower median of the series' scrape times at each grid time, and the newest of each host."""
    columns: list[list[float]] = [[] for _ in range(size)]
    hosts: dict[str, float] = {}
    for series in samples.series:
        name = series.label(host) if host else str(series.labels)
        for time, scraped in zip(series.times, series.values, strict=True):
            point = round((time - start) / step)
            if 0 <= point < size and math.isfinite(scraped):
                columns[point].append(scraped)
                if scraped > hosts.get(name, NEVER):
                    hosts[name] = scraped
    newest = [max(column, default=NEVER) for column in columns]
    typical = [sorted(column)[(len(column) - 1) // 2] if column else NEVER for column in columns]
    return newest, typical, hosts


def _seen(newest: Sequence[float], hosts: Mapping[str, float], grid: Grid, step: float) -> Sightings:
    per_cell = round(grid.length / step)
    in_cells = {(point - 1) // per_cell: NEVER for point in range(1, len(newest))}
    for point in range(1, len(newest)):
        cell = (point - 1) // per_cell
        in_cells[cell] = max(in_cells[cell], newest[point])
    return sightings(grid, in_cells, newest[0] if newest else NEVER, dict(hosts))


def _further_behind(one: Sightings, other: Sightings) -> Sightings:
    """A value is as old as its oldest input."""
    hosts = {name: min(one.hosts.get(name, math.inf), other.hosts.get(name, math.inf)) for name in {*one.hosts, *other.hosts}}
    by_cell = [min(a, b) for a, b in zip(one.by_cell, other.by_cell, strict=True)]
    return Sightings(by_cell, hosts, min(one.newest, other.newest))


def scrape_times(samples: Samples) -> list[list[float]]:
    """Of each series, the distinct scrapes that a TIMESTAMP answer shows, oldest first."""
    return [sorted({scraped for scraped in series.values if math.isfinite(scraped)}) for series in samples.series]
