"""Values of an expression by cell and host, and when the samples behind them were scraped.

An expression goes on giving a host's last value for minutes after the host has died, so a value counts in a cell only if the
host was scraped in it. Series that differ only in host and segment labels are hosts (or, of the same host, averaged); where
they differ in any other label at the same time, nobody said which one is meant.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rolloutctl.judge.presence import Presence, presence
from rolloutctl.judge.rates.counts import Flags, Floats
from rolloutctl.judge.sightings import NEVER
from rolloutctl.judge.unsound import differing
from rolloutctl.model.samples import Samples, Series


@dataclass(frozen=True, slots=True)
class Values:
    """On a regular grid of times: (points, hosts), NaN where there is no number."""

    hosts: tuple[str, ...]
    values: Floats
    broken: Floats
    """Per point: values that were no numbers."""
    several: Flags
    """Per point: series of which only one can be meant."""
    differ_in: tuple[str, ...]
    series: int

    def column(self, host: str) -> Floats:
        return self.values[:, self.hosts.index(host)]

    def on(self, hosts: Sequence[str]) -> Floats:
        """The columns of these hosts in this order; NaN where one has none."""
        found = np.full((len(self.values), len(hosts)), np.nan)
        for at, host in enumerate(hosts):
            if host in self.hosts:
                found[:, at] = self.column(host)
        return found


def values_of(samples: Samples, start: float, step: float, points: int, host: str | None, together: frozenset[str]) -> Values:
    """`together`: labels in which series may differ."""
    series = sorted(samples.series, key=lambda one: one.labels)
    names = tuple(sorted({one.label(host) if host else "" for one in series}))
    sums, numbers = np.zeros((points, len(names))), np.zeros((points, len(names)))
    broken = np.zeros(points)
    kinds: dict[tuple[tuple[str, str], ...], Flags] = {}
    for one in series:
        at, values = _placed(one, start, step, points)
        finite = np.isfinite(values)
        column = names.index(one.label(host) if host else "")
        np.add.at(sums[:, column], at[finite], values[finite])
        np.add.at(numbers[:, column], at[finite], 1.0)
        np.add.at(broken, at[~finite], 1.0)
        kind = tuple(pair for pair in one.labels if pair[0] not in together)
        kinds.setdefault(kind, np.zeros(points, dtype=np.bool_))[at] = True
    several = np.sum(list(kinds.values()), axis=0) > 1 if len(kinds) > 1 else np.zeros(points, dtype=np.bool_)
    means = np.divide(sums, numbers, out=np.full_like(sums, np.nan), where=numbers > 0)
    means[several] = np.nan
    return Values(names, means, broken, several, differing(kinds) if several.any() else (), len(series))


def _placed(series: Series, start: float, step: float, points: int) -> tuple[np.ndarray, Floats]:
    times, values = series.arrays()
    at = np.rint((times - start) / step).astype(np.int64)
    inside = (at >= 0) & (at < points)
    return at[inside], values[inside]


@dataclass(frozen=True, slots=True)
class Scrapes:
    """Of one selector behind a value."""

    selector: str
    seen: Presence | None
    """None: it has no sample at all."""
    newest: Mapping[str, Floats]
    """By host: newest scrape at every point; NEVER where there is none."""

    def of(self, host: str, points: int) -> Floats:
        """Of a host; where the selector's series do not carry it, of most of its hosts."""
        if host in self.newest:
            return self.newest[host]
        if not self.newest:
            return np.full(points, NEVER)
        columns = np.sort(np.stack(list(self.newest.values())), axis=0)
        typical: Floats = columns[(len(columns) - 1) // 2]
        return typical


def scrapes_of(selector: str, samples: Samples, start: float, step: float, points: int, host: str | None) -> Scrapes:
    """From the answer to a TIMESTAMP query."""
    newest: dict[str, Floats] = {}
    times: dict[str, list[Floats]] = {}
    for one in samples.series:
        name = one.label(host) if host else ""
        at, scraped = _placed(one, start, step, points)
        finite = np.isfinite(scraped)
        if not finite.any():
            continue
        into = newest.setdefault(name, np.full(points, NEVER))
        np.maximum.at(into, at[finite], scraped[finite])
        times.setdefault(name, []).append(scraped[finite])
    return Scrapes(selector, presence(times) if times else None, newest)


def by_cell(values: Values, scrapes: Sequence[Scrapes], start: float, step: float, per_cell: int, cells: int) -> Floats:
    """(cells, hosts): the mean of a host's values in a cell in which every selector was scraped at it; NaN otherwise."""
    length = step * per_cell
    points = np.arange(1, cells * per_cell + 1)
    begins = start + (points - 1) // per_cell * length
    found = np.full((cells, len(values.hosts)), np.nan)
    for column, host in enumerate(values.hosts):
        known = values.values[1 : len(points) + 1, column].copy()
        for scrape in scrapes:
            real = scrape.of(host, len(values.values))[1 : len(points) + 1]
            known[real <= begins + 1e-3] = np.nan
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            found[:, column] = np.nanmean(known.reshape(cells, per_cell), axis=1)
    return found
